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
    files, labels, classes = _files_of(path)
    count = len(files)
    memory.require("resize", 2 * count * size[0] * size[1] * 3, f"the {count} pictures of {path}")
    memory.require("resize", 4 * size[0] * size[1] * 3, "a picture")
    pictures = np.empty((count, *size, 3), np.uint8)
    for picture, file in zip(pictures, files, strict=True):
        picture[:] = resized(read_picture(file)[None], size)[0]
    return pictures, labels, classes


def read_crops(
    path: Path, size: Sequence[int]
) -> tuple[np.ndarray, np.ndarray | None, list[str] | None, np.ndarray]:
    """Cuts pieces out of all pictures of a folder: so many that they would cover each twice.

    Their places are random, and the same each time.

    Args:
        path: of a folder that exists; its subfolders, if it has any, are classes.
        size: (height, width) of a piece.

    Returns:
        uint8 `[n, height, width, 3]`; labels int32 `[n]` and the names of the classes, both `None`
        where there are none; and the number of the picture that each is of, int `[n]`, ascending.

    Raises:
        ValueError: there is no picture in it, one cannot be read or is smaller than a piece, or
            the pieces do not fit into memory.
    """
    files, labels, classes = _files_of(path)
    height, width = size
    sides = np.array([_sides(file) for file in files])
    for file, (its_height, its_width) in zip(files, sides, strict=True):
        if its_height < height or its_width < width:
            raise ValueError(
                f"crop must fit into every picture, received {height} x {width}; {file} has "
                f"{its_height} x {its_width} pixels."
            )
    counts = -(-2 * sides.prod(axis=1) // (height * width))
    memory.require("crop", 2 * counts.sum() * height * width * 3, f"the crops of {path}")
    crops = np.empty((counts.sum(), height, width, 3), np.uint8)
    rng = np.random.default_rng(0)
    empty = iter(crops)
    for file, count in zip(files, counts, strict=True):
        picture = read_picture(file)
        for top, left in rng.integers(0, np.subtract(picture.shape[:2], size) + 1, (count, 2)):
            next(empty)[:] = picture[top : top + height, left : left + width]
    groups = np.repeat(np.arange(len(files)), counts)
    return crops, None if labels is None else labels[groups], classes, groups


def _files_of(path: Path) -> tuple[list[Path], np.ndarray | None, list[str] | None]:
    """The pictures of a folder, their labels, and the names of the classes."""
    classes = sorted(each.name for each in path.iterdir() if each.is_dir()) or None
    places = [path / name for name in classes] if classes else [path]
    files = [
        [file for file in sorted(place.rglob("*")) if file.suffix.lower() in _SUFFIXES]
        for place in places
    ]
    if not any(files):
        raise ValueError(
            f"data must name a folder with pictures ({', '.join(_SUFFIXES)}), {path} has none."
        )
    labels = np.repeat(np.arange(len(files), dtype=np.int32), [*map(len, files)])
    return [file for each in files for file in each], labels if classes else None, classes


def _sides(path: Path) -> tuple[int, int]:
    """(height, width) of a picture, of its header alone."""
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return picture.height, picture.width
    except Exception as error:  # each decoder has its own
        raise ValueError(f"{path} must be a picture that can be read: {_why(error)}.") from error


def read_picture(path: Path, channels: int = 3) -> np.ndarray:
    """Reads a picture.

    Args:
        path: of a file.
        channels: 3 are colours, 1 is brightness.

    Returns:
        uint8 `[height, width, channels]`.

    Raises:
        ValueError: it cannot be read, or does not fit into memory.
    """
    height, width = _sides(path)
    try:
        memory.require("data", 5 * width * height * 3, f"the picture {path}")
        decoded = tf.io.decode_image(path.read_bytes(), channels=channels, expand_animations=False)
    except memory.TooLargeError:
        raise
    except Exception as error:  # each decoder has its own
        raise ValueError(f"{path} must be a picture that can be read: {_why(error)}.") from error
    return decoded.numpy()


def resized(images: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Resizes uint8 images `[n, height, width, channels]` to (height, width), antialiased."""
    values = len(images) * size[0] * size[1] * images.shape[-1]
    memory.require("resize", 2 * 4 * values, f"the {len(images)} pictures")
    floats = tf.image.resize(images, tuple(size), antialias=True)
    return np.clip(np.rint(floats.numpy()), 0, 255).astype(np.uint8)


def _why(error: Exception) -> str:
    # TensorFlow puts the name of an operation in braces before its words, and its name after them.
    return reason(error).rpartition("}} ")[2].partition(" [Op:")[0].rstrip(".")
