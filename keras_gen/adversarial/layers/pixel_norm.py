"""Pixel normalisation: the features of each place are brought to one length.

Karras, Aila, Laine, Lehtinen 2018, arXiv 1710.10196, section 4.2.
"""

from __future__ import annotations

import keras
import tensorflow as tf


def pixel_norm(x: tf.Tensor) -> tf.Tensor:
    """Divides vectors by the root of their mean square, which is 1 afterwards.

    Args:
        x: float `[..., features]`.

    Returns:
        Of the shape and dtype of `x`.
    """
    exact = tf.cast(x, tf.float32)  # half precision has no room for squares, nor for the 1e-8
    mean_square = tf.reduce_mean(exact**2, axis=-1, keepdims=True)
    return tf.cast(exact * tf.math.rsqrt(mean_square + 1e-8), x.dtype)


class PixelNorm(keras.layers.Layer):
    """`pixel_norm` as a layer; it has no weights."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return pixel_norm(x)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape
