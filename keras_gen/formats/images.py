"""Pictures: grids of values that have an order, black to white."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen import checks
from keras_gen.files import write_beside
from keras_gen.formats.format import Tokenized
from keras_gen.signature import Input

_GAP = 1  # pixels between pictures, before magnification
_LEAST_SIDE = 480  # of a file's picture, in pixels: smaller ones are magnified


class Grid(Tokenized):
    """Whole numbers on a grid, `[n, height, width, channels]` in `[0, levels)`.

    Args:
        image_shape: (height, width, channels); both sides may be `None`, free.
        levels: how many values there are.
        multiple_of: what divides free sides.
        shortest: the least free side; `None` is any.

    Raises:
        ValueError: an argument is out of range.
    """

    most_levels: int
    ordered: bool  # whether near values mean near things
    hint: str | None = None  # what to say to who gives floats
    suffix = ".png"

    def __init__(
        self,
        image_shape: Sequence[int | None],
        levels: int = 256,
        multiple_of: int = 1,
        shortest: int | None = None,
    ) -> None:
        self.image_shape = checks.image_shape(image_shape, free_sides=True)
        self.levels = checks.in_range("levels", levels, 2, self.most_levels)
        self.multiple_of = checks.positive("multiple_of", multiple_of)
        self.shortest = None if shortest is None else checks.positive("shortest", shortest)
        # As a sequence: in raster order, a token for each channel.
        self.num_tokens = self.levels
        if None not in self.image_shape:
            self.length = math.prod(self.image_shape)
            self.row = math.prod(self.image_shape[1:])

    def input(self) -> Input:
        shape = (None, *self.image_shape)
        free: dict[str, Any] = {}
        if None in self.image_shape:
            free = {"multiple_of": self.multiple_of, "shortest": self.shortest}
        return Input(shape, self.dtype, 0, self.levels - 1, hint=self.hint, **free)

    def to_tokens(self, x: tf.Tensor) -> tf.Tensor:
        return tf.reshape(tf.cast(x, tf.int32), [-1, self.length])

    def from_tokens(self, tokens: tf.Tensor) -> tf.Tensor:
        return self.store(tf.reshape(tokens, [-1, *self.image_shape]))

    def summary(self) -> Callable[[str, np.ndarray], Any] | None:
        if self.image_shape[-1] not in (1, 3):
            return None
        return lambda name, examples: tf.summary.image(name, grid(examples, self.levels)[None])

    def write(self, examples: np.ndarray, path: Any, columns: int | None = None) -> Path:
        from PIL import Image

        picture = grid(examples, self.levels, columns)
        times = max(1, math.ceil(_LEAST_SIDE / max(picture.shape[:2])))
        picture = picture.repeat(times, axis=0).repeat(times, axis=1)
        image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
        return write_beside(path, lambda beside: image.save(beside, format="PNG"))


@keras.saving.register_keras_serializable("keras_gen")
class Images(Grid):
    """Pictures as they are stored: uint8 `[n, height, width, channels]` in `[0, levels)`.

    Args:
        image_shape: (height, width, channels); both sides may be `None`, free.
        levels: how many values a channel takes, 2 to 256.
        multiple_of: what divides free sides.
        shortest: the least free side; `None` is any.

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> Images((28, 28, 1), levels=2).write(model.sample(64), "samples.png")
    """

    name = "images"
    dtype = "uint8"
    hint = "give pixels as they are stored, the model scales them by itself"
    ordered = True
    most_levels = 256

    def options(self, length: int | None = None) -> dict[str, Any]:
        return {"image_shape": self.image_shape, "levels": self.levels}

    def to_unit(self, x: tf.Tensor, dtype: Any = "float32") -> tf.Tensor:
        """Scales stored values to [-1, 1]."""
        # In float32: half precision would merge levels.
        unit = tf.cast(x, tf.float32) * (2.0 / (self.levels - 1)) - 1.0
        return tf.cast(unit, dtype)

    def from_unit(self, y: tf.Tensor) -> tf.Tensor:
        """Scales [-1, 1] back to stored values, rounded and clipped."""
        return self.store((tf.cast(y, tf.float32) + 1.0) * ((self.levels - 1) / 2.0))

    def store(self, values: tf.Tensor) -> tf.Tensor:
        if values.dtype.is_floating:
            values = tf.clip_by_value(tf.round(values), 0.0, self.levels - 1.0)
        return tf.cast(values, self.dtype)


def grid(images: np.ndarray, levels: int, columns: int | None = None) -> np.ndarray:
    """Lays images out as one picture.

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
        raise ValueError(f"images must have 1 or 3 channels to be shown, received {channels}.")
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
