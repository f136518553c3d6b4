"""Reflection padding: pictures continued beyond their edges as mirrors would show them."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class ReflectionPadding(keras.layers.Layer):
    """Pads pictures by reflection, so that a convolution meets no black frame.

    Args:
        size: pixels on each side; pictures must have more.
        **kwargs: of `keras.layers.Layer`.

    Example:
        >>> ReflectionPadding(3)(tf.zeros([1, 8, 8, 3])).shape
        TensorShape([1, 14, 14, 3])
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = size

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Pads.

        Args:
            x: `[n, height, width, channels]`.

        Returns:
            `[n, height + 2 * size, width + 2 * size, channels]`.
        """
        both = [self.size, self.size]
        return tf.pad(x, [[0, 0], both, both, [0, 0]], mode="REFLECT")
