"""Pictures in a folder, as arrays of one size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_gen import memory
from keras_gen.files import reason

_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")


def read_folder(
    path: Path, size: Sequence[int]
) -> tuple[np.ndarray, np.ndarray | None, list[str] | None]:
    """Reads all pictures of a folder, in the order of their names.

    Args:
        path: of a folder that exists; its subfolders, if it has any, are classes.
        size: (height, width) to bring them to.

    Returns:
        uint8 `[n, height, width, 3]`; labels int32 `[n]` and the names of the classes, both `None`
        where there are none.

    Raises:
        ValueError: there is no picture in it, one cannot be read, or they do not fit into memory.
    """
    classes = sorted(each.name for each in path.iterdir() if each.is_dir()) or None
    places = [path / name for name in classes] if classes else [path]
    files = [
        [file for file in sorted(place.rglob("*")) if file.suffix.lower() in _SUFFIXES]
        for place in places
    ]
    count = sum(map(len, files))
    if not count:
        raise ValueError(
            f"data must name a folder with pictures ({', '.join(_SUFFIXES)}), {path} has none."
        )
    memory.require("resize", 2 * count * size[0] * size[1] * 3, f"the {count} pictures of {path}")
    memory.require("resize", 4 * size[0] * size[1] * 3, "a picture")
    pictures = np.empty((count, *size, 3), np.uint8)
    for picture, file in zip(pictures, (file for each in files for file in each), strict=True):
        picture[:] = _read(file, size)
    labels = np.repeat(np.arange(len(files), dtype=np.int32), [*map(len, files)])
    return pictures, labels if classes else None, classes


def _read(path: Path, size: Sequence[int]) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(path) as picture:  # its header alone
            width, height = picture.size
        memory.require("data", 5 * width * height * 3, f"the picture {path}")
        decoded = tf.io.decode_image(path.read_bytes(), channels=3, expand_animations=False)
    except memory.TooLargeError:
        raise
    except Exception as error:  # each decoder has its own
        raise ValueError(f"{path} must be a picture that can be read: {_why(error)}.") from error
    return resized(decoded.numpy()[None], size)[0]


def resized(images: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Resizes uint8 images `[n, height, width, channels]` to (height, width), antialiased."""
    values = len(images) * size[0] * size[1] * images.shape[-1]
    memory.require("resize", 2 * 4 * values, f"the {len(images)} pictures")
    floats = tf.image.resize(images, tuple(size), antialias=True)
    return np.clip(np.rint(floats.numpy()), 0, 255).astype(np.uint8)


def _why(error: Exception) -> str:
    # TensorFlow puts the name of an operation in braces before its words, and its name after them.
    return reason(error).rpartition("}} ")[2].partition(" [Op:")[0].rstrip(".")
