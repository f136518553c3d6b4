"""What models of images share: the shape and levels of their data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_gen import checks
from keras_gen.generative_model import GenerativeModel
from keras_gen.signature import Input


class ImageModel(GenerativeModel):
    """A generative model of images: uint8 `[n, height, width, channels]` in `[0, levels)`.

    Args:
        image_shape: (height, width, channels).
        levels: how many values a channel takes, 2 to 256.
        **kwargs: of `GenerativeModel`.
    """

    def __init__(self, image_shape: Sequence[int], *, levels: int = 256, **kwargs: Any):
        super().__init__(**kwargs)
        self.image_shape = checks.image_shape(image_shape)
        self.levels = checks.in_range("levels", levels, 2, 256)

    @property
    def num_dimensions(self) -> int:
        """The number of values in an image."""
        return math.prod(self.image_shape)

    data_name = "images"

    def data_input(self) -> Input:
        return Input((None, *self.image_shape), "uint8", 0, self.levels - 1)

    def check_data(self, x, name="x"):
        x = checks.integers(name, x, 0, self.levels - 1)
        return checks.shaped(name, x, (None, *self.image_shape)).astype(np.uint8, copy=False)

    def unpack(self, data):
        x, labels = super().unpack(data)
        checks.shaped("x", x, (None, *self.image_shape))
        if x.dtype.is_floating:
            raise ValueError(
                f"x must be integers in [0, {self.levels}), received dtype {x.dtype.name}."
            )
        if self.levels <= x.dtype.max:
            x = tf.cast(checks.in_graph("x", tf.cast(x, tf.int32), self.levels), x.dtype)
        return x, labels

    def to_unit(self, x: tf.Tensor, dtype: Any = None) -> tf.Tensor:
        """Scales stored values to [-1, 1]."""
        # In float32: half precision would merge levels.
        unit = tf.cast(x, tf.float32) * (2.0 / (self.levels - 1)) - 1.0
        return tf.cast(unit, dtype or self.compute_dtype)

    def to_stored(self, y: tf.Tensor) -> tf.Tensor:
        """Scales [-1, 1] back to stored values, rounded and clipped: uint8."""
        value = tf.round((tf.cast(y, tf.float32) + 1.0) * ((self.levels - 1) / 2.0))
        return tf.cast(tf.clip_by_value(value, 0.0, self.levels - 1.0), tf.uint8)

    def bits_per_dim(self, nats: tf.Tensor) -> tf.Tensor:
        """Converts nats an image into bits per dimension."""
        return nats / (self.num_dimensions * math.log(2.0))
