"""Pixel shuffle: channels become pixels, so that a network can work at the small scale."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class PixelShuffle(keras.layers.Layer):
    """Enlarges feature maps: `scale * scale` channels become a square of pixels.

    It is the inverse of `tf.nn.space_to_depth`.

    Args:
        scale: the factor of both sides.
        **kwargs: of `keras.layers.Layer`.

    Example:
        >>> PixelShuffle(2)(tf.zeros([1, 8, 8, 12])).shape
        TensorShape([1, 16, 16, 3])

    Shi, Caballero, Huszar, Totz, Aitken, Bishop, Rueckert, Wang 2016, "Real-Time Single Image and
    Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network", arXiv
    1609.05158.
    """

    def __init__(self, scale: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Shuffles.

        Args:
            x: `[n, height, width, scale * scale * channels]`.

        Returns:
            `[n, scale * height, scale * width, channels]`.
        """
        return tf.nn.depth_to_space(x, self.scale)
