"""Self-attention over a picture: each place looks at all others.

Zhang, Goodfellow, Metaxas, Odena 2019, "Self-Attention Generative Adversarial Networks", arXiv
1805.08318.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

# Channels of queries and keys, and of values, are the picture's divided by these.
_KEYS, _VALUES = 8, 2


class SelfAttention(keras.layers.Layer):
    """Adds to each place of a picture a mean of values at all places, weighted by likeness.

    Keys and values are pooled, the greatest of 2x2 places, as in the authors' code. What is added
    is multiplied by a gain that starts at 0, so that a network learns from its neighbourhoods
    first.

    Args:
        convolution: makes the four convolutions of 1x1: `keras.layers.Conv2D`, or a layer like it.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(
        self, convolution: Callable[..., keras.layers.Layer] = keras.layers.Conv2D, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._convolution = convolution

    def build(self, input_shape: Any) -> None:
        channels = input_shape[-1]
        narrow, half = max(1, channels // _KEYS), max(1, channels // _VALUES)

        def linear(name: str, inputs: int, outputs: int) -> keras.layers.Layer:
            layer = self._convolution(
                outputs, 1, use_bias=False, name=name, dtype=self.dtype_policy
            )
            layer.build((*input_shape[:-1], inputs))
            return layer

        self.query = linear("query", channels, narrow)
        self.key = linear("key", channels, narrow)
        self.value = linear("value", channels, half)
        self.output_projection = linear("output_projection", half, channels)
        self.gain = self.add_weight((), "zeros", name="gain")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Attends.

        Args:
            x: `[n, height, width, channels]`.

        Returns:
            Of the shape of `x`.
        """
        query = _places(self.query(x))
        key, value = (_places(_pooled(layer(x))) for layer in (self.key, self.value))
        # In float32: half precision would round what nears 1.
        likeness = tf.cast(tf.matmul(query, key, transpose_b=True), tf.float32)
        weights = tf.cast(tf.nn.softmax(likeness), value.dtype)
        shape = tf.concat([tf.shape(x)[:3], tf.shape(value)[2:]], axis=0)
        seen = tf.reshape(tf.matmul(weights, value), shape)
        seen.set_shape([*x.shape[:3], value.shape[2]])
        return x + tf.cast(self.gain, x.dtype) * self.output_projection(seen)


def _pooled(x: tf.Tensor) -> tf.Tensor:
    return tf.nn.max_pool2d(x, 2, 2, "SAME")


def _places(x: tf.Tensor) -> tf.Tensor:
    """`[n, height, width, channels]` as `[n, places, channels]`."""
    return tf.reshape(x, [tf.shape(x)[0], -1, x.shape[3]])
