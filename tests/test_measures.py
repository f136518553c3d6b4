"""Baselines, statistics of samples, and pictures."""

import textwrap

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_gen import metrics
from keras_gen.adversarial import DCGAN
from keras_gen.autoregressive import CharRNN, WaveNet
from keras_gen.callbacks import SampleGrid
from keras_gen.formats import Images, images


def test_baselines():
    assert metrics.uniform_bits_per_dim(16) == 4.0
    rng = np.random.default_rng(0)
    # Two pixels: a fair coin, and one that is always 1.
    x = np.stack([rng.integers(0, 2, 4000), np.ones(4000, int)], axis=1).reshape(-1, 1, 2, 1)
    bits = metrics.histogram_bits_per_dim(x[:2000], x[2000:], levels=2)
    assert bits == pytest.approx(0.5, abs=0.01)
    # What was never seen is unlikely, but possible.
    surprise = metrics.histogram_bits_per_dim(x[:2000, :, 1:], 1 - x[:1, :, 1:], levels=2)
    assert surprise == pytest.approx(np.log2(2002))


def test_frechet_distance_of_gaussians():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200_000, 3)) * [1.0, 2.0, 0.5]
    y = rng.standard_normal((200_000, 3)) * [1.0, 1.0, 0.5] + [3.0, 0.0, 0.0]
    # |m|^2 + sum of (s_x - s_y)^2 where covariances commute.
    assert metrics.frechet_distance(x, y) == pytest.approx(9.0 + 1.0, rel=0.02)
    assert metrics.frechet_distance(x, x) == pytest.approx(0.0, abs=1e-8)
    with pytest.raises(ValueError, match="x and y must be"):
        metrics.frechet_distance(x, y[:, :2])


def test_sample_statistics():
    x = np.random.default_rng(0).integers(0, 256, (500, 3, 3, 1), dtype=np.uint8)
    same = metrics.sample_statistics(x, x, 256)
    assert all(value == pytest.approx(0.0, abs=1e-8) for value in same.values())
    darker = metrics.sample_statistics(x // 2, x, 256)
    assert darker["mean_difference"] == pytest.approx(0.25, abs=0.02)
    assert darker["pixel_frechet_distance"] > 0.05


def test_a_grid():
    x = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((5, 2, 3, 1), np.uint8)
    grid = images.grid(x, levels=5, columns=3)
    assert grid.shape == (2 * 3 - 1, 3 * 4 - 1, 1)
    assert grid[0, 0] == 0
    assert grid[3, 4] == 255
    assert grid[2, 0] == 128  # the gap


def test_a_file_of_pictures(tmp_path):
    x = np.zeros((4, 8, 8, 3), np.uint8)
    x[..., 1] = 1
    path = Images((8, 8, 3), levels=2).write(x, tmp_path / "new" / "a.png")
    picture = Image.open(path)
    assert min(picture.size) >= 480
    assert picture.getpixel((0, 0)) == (0, 255, 0)
    assert [p.name for p in path.parent.iterdir()] == ["a.png"]
    with pytest.raises(ValueError, match="images must have 1 or 3 channels"):
        Images((8, 8, 2), levels=2).write(x[..., :2], tmp_path / "b.png")
    with pytest.raises(ValueError, match="output must be a place that can be written"):
        Images((8, 8, 3), levels=2).write(x, path / "b.png")


@pytest.mark.parametrize("channels", [1, 2])
def test_sample_grids_where_there_are_pictures_to_show(channels, tmp_path):
    model = DCGAN((8, 8, channels), levels=2, filters=2, latent_dim=2, num_classes=3, seed=0)
    model.compile()
    x = np.zeros((4, 8, 8, channels), np.uint8)
    callback = SampleGrid(tmp_path / "logs", num_samples=4)
    model.fit(x, np.arange(4) % 3, epochs=2, verbose=0, callbacks=[callback])
    if channels == 2:
        assert not (tmp_path / "logs").exists()
        return
    (path,) = (tmp_path / "logs").iterdir()
    shown = [
        tf.image.decode_png(value.tensor.string_val[2]).numpy()
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
    ]
    assert [picture.shape for picture in shown] == [(17, 17, 1)] * 2
    drawn = model.sample(4, labels=np.arange(4) % 3, seed=0)
    np.testing.assert_array_equal(shown[-1], images.grid(drawn, levels=2))


@pytest.mark.parametrize("kind", ["text", "sound"])
def test_texts_and_sounds_in_the_grids_place(kind, tmp_path):
    if kind == "text":
        model = CharRNN("ab\n", length=6, units=2, embedding_dim=2, num_layers=1)
        x = model.format.code_points(["ab\nba\n"] * 4)
    else:
        model = WaveNet(16, 8000, filters=2, skip_filters=2, num_blocks=1, layers_per_block=1)
        x = np.zeros((4, 16), np.float32)
    model.compile()
    model.fit(x, verbose=0, callbacks=[SampleGrid(tmp_path / "logs", num_samples=3, seed=1)])
    (path,) = (tmp_path / "logs").iterdir()
    (value,) = (
        value
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
    )
    drawn, shown = model.sample(3, seed=1), value.tensor.string_val
    if kind == "text":
        texts = [textwrap.dedent(text.decode()) for text in shown]
        assert [text.split("\n") for text in texts] == [
            text.split("\n") for text in model.format.strings(drawn)
        ]
    else:
        sounds = [tf.audio.decode_wav(wav).audio[:, 0] for wav in shown[::2]]
        np.testing.assert_allclose(sounds, drawn, atol=1e-4)
