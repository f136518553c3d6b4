"""Blocks of the U-Net of Pix2Pix: strided convolutions that halve and double a picture's sides.

Isola, Zhu, Zhou, Efros 2017, arXiv 1611.07004, section 6.1.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from keras_gen.adversarial.layers.patch_gan import KERNEL_STDDEV
from keras_gen.layers.dropout import dropped

_DROPPED = 0.5


class _StridedBlock(keras.layers.Layer):
    """A strided convolution of 4x4, and its normalisation.

    Args:
        layer: the class of the convolution.
        filters: of it.
        normalization: a layer, or `None`.
        activation: of the convolution, or `None`.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(
        self,
        layer: type,
        filters: int,
        normalization: keras.layers.Layer | None,
        activation: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.convolution = layer(
            filters,
            4,
            2,
            padding="same",
            activation=activation,
            use_bias=normalization is None,
            kernel_initializer=keras.initializers.RandomNormal(stddev=KERNEL_STDDEV),
            dtype=self.dtype_policy,
        )
        self.normalization = normalization

    def _convolved(self, x: tf.Tensor, training: bool) -> tf.Tensor:
        x = self.convolution(x)
        return x if self.normalization is None else self.normalization(x, training=training)


class Down(_StridedBlock):
    """Halves a picture's sides: convolution, normalisation, leaky rectifier."""

    def __init__(
        self, filters: int, normalization: keras.layers.Layer | None, **kwargs: Any
    ) -> None:
        super().__init__(keras.layers.Conv2D, filters, normalization, **kwargs)

    def call(self, x: tf.Tensor, context: Any = None, training: bool = False) -> tf.Tensor:
        return tf.nn.leaky_relu(self._convolved(x, training), 0.2)


class Up(_StridedBlock):
    """Doubles a picture's sides: transposed convolution, normalisation, dropout, rectifier.

    Args:
        filters: of the convolution.
        normalization: a layer; `None`, of the last block, leaves the rectifier out too.
        stream: of the noise that drops; `None` drops nothing.
        **kwargs: of `_StridedBlock`.
    """

    def __init__(
        self,
        filters: int,
        normalization: keras.layers.Layer | None,
        stream: int | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(keras.layers.Conv2DTranspose, filters, normalization, **kwargs)
        self.stream = stream

    def call(self, x: tf.Tensor, context: Any = None, training: bool = False) -> tf.Tensor:
        x = self._convolved(x, training)
        if self.normalization is None:
            return x
        if self.stream is not None and context is not None:
            x = dropped(x, _DROPPED, context, self.stream)
        return tf.nn.relu(x)
