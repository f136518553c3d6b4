"""Texts in windows, and sounds of one length and rate."""

import numpy as np
import pytest

from keras_gen import data
from keras_gen.formats import Sound


def test_a_text_file(tmp_path):
    text = "".join(chr(97 + i % 26) for i in range(2000)) + "é"
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    splits = {}
    for split in ("train", "validation", "test"):
        x, labels, description = data.load_arrays(f"text:{tmp_path / 'a.txt'}", split, length=30)
        assert labels is None
        assert x.dtype == np.int32
        splits[split] = "".join(map(chr, x.reshape(-1)))
    assert (description.format.name, description.length) == ("text", 30)
    assert description.num_classes is None
    assert description.vocabulary == "abcdefghijklmnopqrstuvwxyzé"
    # In the text's own order, and nothing in two splits.
    assert splits["train"] == text[: 30 * 60]
    assert splits["validation"] == text[1801 : 1801 + 90]
    assert splits["test"] == text[1901 : 1901 + 90]


def test_the_text_that_comes_with_python():
    dataset, description = data.load("text", batch_size=8)
    batch = next(dataset.as_numpy_iterator())
    assert batch.shape == (8, 500)
    assert "The " in "".join(map(chr, batch.reshape(-1)))
    assert description.count > 500


def test_sounds_there_and_back(tmp_path):
    sounds = np.random.default_rng(0).uniform(-1, 1, (2, 50)).astype(np.float32)
    data.write_wav(tmp_path / "a.wav", sounds, 1000, pause=0.01)
    sound, rate = data.read_wav(tmp_path / "a.wav")
    assert rate == 1000
    expected = np.concatenate([sounds, np.zeros((2, 10))], axis=1).reshape(-1)
    np.testing.assert_allclose(sound, expected, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32], ids=str)
def test_kinds_of_wav_files(dtype, tmp_path):
    from scipy.io import wavfile

    wave = np.sin(np.arange(100) / 5)
    stored = {
        np.uint8: lambda x: np.rint(x * 127 + 128),
        np.int16: lambda x: np.rint(x * 32767),
        np.int32: lambda x: np.rint(x * 2147483647),
        np.float32: lambda x: x,
    }[dtype](wave).astype(dtype)
    wavfile.write(tmp_path / "a.wav", 8000, np.stack([stored, stored], axis=1))
    sound, _ = data.read_wav(tmp_path / "a.wav")
    np.testing.assert_allclose(sound, wave, atol=0.02)


def test_a_folder_of_sounds(tmp_path):
    for digit in (3, 7):
        for i in range(20):
            sound = np.full((1, 40 + i), digit / 10, np.float32)
            data.write_wav(tmp_path / f"{digit}_anna_{i}.wav", sound, 1000, pause=0.0)
    name = f"audio:{tmp_path}"
    x, labels, description = data.load_arrays(name, length=50)
    assert description.counts == {"train": 32, "test": 4, "validation": 4}
    assert (description.num_classes, description.sample_rate) == (2, 1000)
    np.testing.assert_allclose(x[:, 0], np.where(labels == 0, 0.3, 0.7), atol=1e-4)
    # Shorter ones end in silence, and longer ones are cut.
    assert x.shape == (32, 50)
    assert (x[:, -1] == 0).any()
    assert (x[:, -1] != 0).any()
    assert data.load_arrays(name)[0].shape[1] == 59
    # At half the rate, half the samples.
    halved, _, description = data.load_arrays(name, sample_rate=500)
    assert (halved.shape[1], description.sample_rate) == (30, 500)
    np.testing.assert_allclose(halved[:, 10], x[:, 20], atol=0.02)


def test_classes_by_subfolder_or_none(tmp_path):
    for folder in ("b", "a"):
        (tmp_path / "by_folder" / folder).mkdir(parents=True)
        for i in range(10):
            path = tmp_path / "by_folder" / folder / f"{i}.wav"
            data.write_wav(path, np.zeros((1, 5)), 1000)
    assert data.load_arrays(f"audio:{tmp_path / 'by_folder'}")[2].num_classes == 2
    (tmp_path / "plain").mkdir()
    for i in range(10):
        data.write_wav(tmp_path / "plain" / f"{i}.wav", np.zeros((1, 5)), 1000)
    assert data.load_arrays(f"audio:{tmp_path / 'plain'}")[1] is None


def test_spoken_digits(shared_data):
    x, labels, description = data.load_arrays(f"audio:{shared_data / 'fsdd'}", length=4000)
    assert x.shape == (800, 4000)
    assert np.abs(x).max() <= 1.0
    assert (description.sample_rate, description.num_classes) == (8000, 10)
    assert len(set(labels)) == 10


class TestLogMelSpectrogram:
    def test_a_tone_is_loud_in_its_band_alone(self):
        time = np.arange(4000) / 8000
        tones = np.stack([np.sin(2 * np.pi * hertz * time) for hertz in (300, 1000, 3000)])
        mels = data.log_mel_spectrogram(tones, 8000, hop=80, channels=20)[:, 5:-5]
        assert mels.shape == (3, 40, 20)
        loudest = mels.argmax(axis=2)
        assert (loudest == loudest[:, :1]).all()
        assert (np.diff(loudest[:, 0]) > 2).all()
        assert np.abs(mels.max(axis=2) - 1.0).max() < 0.15
        # Ten times quieter is 20 decibels less.
        quiet = data.log_mel_spectrogram(tones / 10, 8000, hop=80, channels=20)[:, 5:-5]
        np.testing.assert_allclose(mels.max(axis=2) - quiet.max(axis=2), 0.4, atol=1e-3)

    def test_frames_stand_where_they_say(self):
        click = np.zeros((1, 95))
        click[0, 60] = 1.0
        mels = data.log_mel_spectrogram(click, 1000, hop=10, channels=4)
        assert mels.shape == (1, 10, 4)
        np.testing.assert_array_equal(mels[0, :4], -1.0)
        assert (mels[0].mean(axis=1).argmax()) == 6
        with pytest.raises(ValueError, match="hop must be at least 1, received 0"):
            data.log_mel_spectrogram(click, 1000, hop=0)


def test_what_is_refused(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"not a sound")
    with pytest.raises(ValueError, match="must be a WAV file"):
        data.load_arrays(f"audio:{tmp_path}")
    (tmp_path / "a.wav").unlink()
    with pytest.raises(ValueError, match=r"must name a folder with .wav files"):
        data.load_arrays(f"audio:{tmp_path}")
    for rate in (1000, 2000):
        data.write_wav(tmp_path / f"{rate}.wav", np.zeros((1, 5)), rate)
    with pytest.raises(ValueError, match="sample_rate must be given: the sounds have 2 different"):
        data.load_arrays(f"audio:{tmp_path}")
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="must be UTF-8 text"):
        data.load_arrays(f"text:{tmp_path / 'a.txt'}")
    (tmp_path / "a.txt").write_text("abc")
    with pytest.raises(ValueError, match=r"length must be at most \d, the characters of"):
        data.load_arrays(f"text:{tmp_path / 'a.txt'}", length=10)
    with pytest.raises(ValueError, match="length must be at least 1, received 0"):
        data.load_arrays("text", length=0)
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(ValueError, match=r"a.txt must hold more text: its train split has none"):
        data.load_arrays(f"text:{tmp_path / 'a.txt'}")


def test_sounds_of_tfds(tmp_path):
    import tensorflow_datasets as tfds

    with tfds.testing.mock_data(num_examples=30):
        x, labels, description = data.load_arrays("tfds:spoken_digit", length=50)
        with pytest.raises(ValueError, match="resize must not be given: tfds:spoken_digit has no"):
            data.load_arrays("tfds:spoken_digit", resize=(8, 8))
        with pytest.raises(ValueError, match="length must not be given: tfds:mnist has no use for"):
            data.load_arrays("tfds:mnist", length=50)
    assert x.dtype == np.float32
    assert x.shape == (24, 50)
    assert labels.shape == (24,)
    assert description.format == Sound(8000)
