"""Grids of images as PNG."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

_GAP = 1  # pixels between images, before magnification
_LEAST_SIDE = 480  # of a picture, in pixels: smaller grids are magnified


def grid(images: np.ndarray, levels: int, columns: int | None = None) -> np.ndarray:
    """Lays images out on a grid.

    Args:
        images: ints `[n, height, width, channels]` in `[0, levels)`; 1 or 3 channels.
        levels: how many values a channel takes; the least is black, the greatest white.
        columns: images a row; `None` makes a square.

    Returns:
        uint8 `[grid height, grid width, channels]`.

    Raises:
        ValueError: the images have neither 1 nor 3 channels.
    """
    n, height, width, channels = images.shape
    if channels not in (1, 3):
        raise ValueError(f"images must have 1 or 3 channels, received {channels}.")
    columns = columns or math.ceil(math.sqrt(n))
    rows = -(-n // columns)
    scaled = np.rint(images.astype(np.float32) * (255.0 / (levels - 1))).astype(np.uint8)
    cells = np.full((rows * columns, height + _GAP, width + _GAP, channels), 128, np.uint8)
    cells[:n, :height, :width] = scaled
    cells = cells.reshape(rows, columns, height + _GAP, width + _GAP, channels)
    joined = cells.transpose(0, 2, 1, 3, 4).reshape(
        rows * (height + _GAP), columns * (width + _GAP), channels
    )
    return joined[:-_GAP, :-_GAP]


def save_grid(images: np.ndarray, filepath: Any, levels: int, columns: int | None = None) -> Path:
    """Writes images as a grid in a PNG file, magnified to be looked at.

    Args:
        images: ints `[n, height, width, channels]` in `[0, levels)`.
        filepath: of the PNG file; its folder is made where missing.
        levels: how many values a channel takes.
        columns: images a row; `None` makes a square.

    Returns:
        The path.

    Raises:
        ValueError: the place cannot be written.

    Example:
        >>> save_grid(model.sample(64), "samples.png", levels=model.levels)
    """
    from PIL import Image

    picture = grid(images, levels, columns)
    times = max(1, math.ceil(_LEAST_SIDE / max(picture.shape[:2])))
    picture = picture.repeat(times, axis=0).repeat(times, axis=1)
    path = Path(filepath)
    beside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(
            beside, format="PNG"
        )
        beside.replace(path)
    except OSError as error:
        raise ValueError(
            f"filepath must be a place that can be written, received {path}: {error.strerror}."
        ) from error
    return path
