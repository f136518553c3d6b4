"""Files that are damaged, or say of themselves what is not so: named in one sentence."""

import io
import os
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

from damage import flip
from keras_gen import data, memory


def refused(name, path, **arguments) -> str:
    """Why data are refused; the message names the file, in one line."""
    with pytest.raises(ValueError) as caught:
        data.load_arrays(name, **arguments)
    message = str(caught.value)
    assert str(path) in message
    assert len(message.splitlines()) == 1
    return message


# ---- arrays --------------------------------------------------------------------------------------

IMAGES = np.random.default_rng(0).integers(0, 255, (40, 4, 4, 1)).astype(np.uint8)


def npz_of(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def claiming(shape, dtype="|u1", body=b"0" * 100) -> bytes:
    """An archive whose array says that it has another shape than it has."""
    file, header = io.BytesIO(), io.BytesIO()
    description = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, description)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("train.npy", header.getvalue() + body)
    return file.getvalue()


NPZ = {
    "flipped": flip(npz_of(train=IMAGES), 400),
    "truncated": npz_of(train=IMAGES)[:400],
    "garbage": b"x" * 1000,
    "empty": b"",
    "a billion images": claiming((10**9, 4, 4, 1)),
    "a trillion values": claiming((10**12,)),
    "a negative size": claiming((-100,)),
    "more than was written": claiming((10, 5, 1, 1)),
    "objects": npz_of(train=np.array([{}], dtype=object)),
    "two shapes": npz_of(train=IMAGES, test=IMAGES[:, :2]),
    "no images": npz_of(train=IMAGES[:0]),
    "no images in a split": npz_of(train=IMAGES, validation=IMAGES[:0]),
    "floats": npz_of(train=IMAGES / 255.0),
    "other names": npz_of(pictures=IMAGES),
}


@pytest.mark.parametrize("content", NPZ.values(), ids=NPZ)
def test_npz_files(content, tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    assert "must" in refused(f"npz:{path}", path)


def test_sizes_are_looked_at_before_memory_is_taken(tmp_path, monkeypatch):
    # Two megabytes that unfold to two gigabytes, on a machine that has one.
    path = tmp_path / "a.npz"
    header = io.BytesIO()
    description = {"descr": "|u1", "fortran_order": False, "shape": (2**15, 2**8, 2**8, 1)}
    np.lib.format.write_array_header_1_0(header, description)
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("train.npy", "w", force_zip64=True) as member,
    ):
        member.write(header.getvalue())
        for _ in range(2**7):
            member.write(bytes(2**24))
    assert path.stat().st_size < 3 * 10**6

    class OneGigabyte:
        available = 10**9

    monkeypatch.setattr(memory.psutil, "virtual_memory", OneGigabyte)
    tracemalloc.start()
    try:
        assert "data must be smaller" in refused(f"npz:{path}", path)
        assert tracemalloc.get_traced_memory()[1] < 10**8  # the peak, in bytes
    finally:
        tracemalloc.stop()


# ---- pictures ------------------------------------------------------------------------------------


def picture(kind) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def of_size(png, side) -> bytes:
    return png[:16] + struct.pack(">II", side, side) + png[24:]


PICTURES = {
    "garbage.png": b"garbage",
    "truncated.png": picture("PNG")[:300],
    "flipped.png": flip(picture("PNG"), 2000),
    "empty.png": b"",
    "text.png": b"no picture\n" * 50,
    "truncated.jpg": picture("JPEG")[:300],
    "huge.png": of_size(picture("PNG"), 60_000),
    "garbage.gif": b"GIF89a" + b"\xff" * 30,
    "garbage.bmp": b"BM" + b"\xff" * 60,
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures(name, tmp_path):
    for i in range(10):
        Image.new("RGB", (8, 8), (i, 0, 0)).save(tmp_path / f"{i}.png")
    (tmp_path / name).write_bytes(PICTURES[name])
    message = refused(f"folder:{tmp_path}", tmp_path / name, resize=(4, 4))
    assert "must be a picture that can be read" in message


def test_a_mislabelled_picture_is_read_for_what_it_is(tmp_path):
    for i in range(9):
        Image.new("RGB", (8, 8), (i, 0, 0)).save(tmp_path / f"{i}.png")
    (tmp_path / "a.png").write_bytes(picture("JPEG"))
    counts = data.load_arrays(f"folder:{tmp_path}", resize=(4, 4))[2].counts
    assert sum(counts.values()) == 10


def test_folders_without_pictures(tmp_path):
    assert "has none" in refused(f"folder:{tmp_path}", tmp_path, resize=(4, 4))
    (tmp_path / "a.png").mkdir()
    assert "has none" in refused(f"folder:{tmp_path}", tmp_path, resize=(4, 4))


# ---- sounds --------------------------------------------------------------------------------------


def wav(samples, rate=1000) -> bytes:
    file = io.BytesIO()
    wavfile.write(file, rate, samples)
    return file.getvalue()


GOOD = wav(np.arange(200, dtype=np.int16))
WAVS = {
    "a cut header": GOOD[:20],
    "a header alone": GOOD[:44],
    "empty": b"",
    "a word": b"RIFF",
    "no channels": GOOD[:22] + b"\0\0" + GOOD[24:],
    "no rate": GOOD[:24] + bytes(8) + GOOD[32:],
    "NaN": wav(np.array([0.0, np.nan], np.float32)),
    "infinite": wav(np.array([0.0, np.inf], np.float32)),
    "no samples": wav(np.zeros(0, np.int16)),
    "a rate of gigahertz": wav(np.zeros(9, np.int8).astype(np.uint8), 2 * 10**9),
}


@pytest.mark.parametrize("content", WAVS.values(), ids=WAVS)
def test_wav_files(content, tmp_path):
    for i in range(10):
        data.write_wav(tmp_path / f"{i}.wav", np.zeros((1, 9)), 1000)
    path = tmp_path / "x.wav"
    path.write_bytes(content)
    assert f"{path} must" in refused(f"audio:{tmp_path}", path)


def test_a_folder_that_is_called_a_wav_file(tmp_path):
    (tmp_path / "x.wav").mkdir()
    assert "Is a directory" in refused(f"audio:{tmp_path}", tmp_path / "x.wav")


def test_a_sound_that_is_cut_short_is_named(tmp_path):
    (tmp_path / "x.wav").write_bytes(GOOD[:-100])
    with pytest.warns(UserWarning, match=r"x\.wav is cut short"):
        sound, _ = data.read_wav(tmp_path / "x.wav")
    assert len(sound) == 150


def test_sounds_that_would_not_fit(tmp_path):
    for i in range(10):
        data.write_wav(tmp_path / f"{i}.wav", np.zeros((1, 9)), 1000)
    name = f"audio:{tmp_path}"
    with pytest.raises(ValueError, match="length must be smaller: the 10 sounds would take 8,000"):
        data.load_arrays(name, length=10**11)
    # Whose filter alone would take minutes for each.
    with pytest.raises(ValueError, match="sample_rate must stand to the sounds' own, 1000 Hz"):
        data.load_arrays(name, sample_rate=999_999)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_files_that_may_not_be_read(tmp_path):
    (tmp_path / "a.txt").write_text("abc" * 100)
    (tmp_path / "a.txt").chmod(0)
    refused(f"text:{tmp_path / 'a.txt'}", tmp_path / "a.txt")
