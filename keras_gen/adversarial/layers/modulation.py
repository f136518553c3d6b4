"""Convolutions whose kernels are modulated by a style, one for each example.

Karras, Laine, Aittala, Hellsten, Lehtinen, Aila 2020, "Analyzing and Improving the Image Quality of
StyleGAN", arXiv 1912.04958, section 2.2.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from keras_gen.adversarial.layers.equalized import EqualizedDense


class ModulatedConv2D(keras.layers.Layer):
    """A convolution whose input channels are weighted by a style.

    The kernel w'_ijk = s_i w_ijk of an example is demodulated: each output channel is divided by
    the length of its kernel, so that inputs of unit variance give outputs of unit variance. Scaling
    inputs by s, and outputs by the lengths, gives the same with one kernel for all examples.

    Args:
        filters: of the output.
        size: of the kernel.
        demodulate: whether outputs are divided.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, filters: int, size: int, demodulate: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters, self.size, self.demodulate = filters, size, demodulate

    def build(self, input_shape: Any, style_shape: Any) -> None:
        channels = input_shape[-1]
        start = keras.initializers.RandomNormal(stddev=1.0)
        shape = (self.size, self.size, channels, self.filters)
        self.kernel = self.add_weight(shape, start, name="kernel")
        # In float32: half precision has no room for the squares of styles.
        self.scales = EqualizedDense(
            channels, gain=1.0, bias_initializer="ones", dtype="float32", name="scales"
        )
        self.scales.build(style_shape)

    def call(self, x: tf.Tensor, style: tf.Tensor) -> tf.Tensor:
        """Convolves.

        Args:
            x: `[n, height, width, channels]`.
            style: float32 `[n, style_dim]`.

        Returns:
            `[n, height, width, filters]`.
        """
        fan_in = math.prod(self.kernel.shape[:-1])
        kernel = tf.convert_to_tensor(self.kernel) / math.sqrt(fan_in)  # an equalised rate
        scales = self.scales(style)
        y = tf.nn.conv2d(x * tf.cast(scales, x.dtype)[:, None, None], kernel, 1, "SAME")
        if not self.demodulate:
            return y
        squares = tf.reduce_sum(tf.cast(kernel, tf.float32) ** 2, axis=(0, 1))
        lengths = tf.matmul(scales**2, squares)  # [n, filters], squared
        return y * tf.cast(tf.math.rsqrt(lengths + 1e-8), y.dtype)[:, None, None]


class StyledConv2D(keras.layers.Layer):
    """A modulated convolution of 3x3, noise for each pixel, a bias, and a leaky rectifier.

    The noise's strength is learned, and starts at 0.

    Args:
        filters: of the output.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, filters: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.convolution = ModulatedConv2D(filters, 3, dtype=self.dtype_policy, name="convolution")

    def build(self, input_shape: Any, style_shape: Any) -> None:
        self.convolution.build(input_shape, style_shape)
        self.bias = self.add_weight((self.filters,), "zeros", name="bias")
        self.strength = self.add_weight((), "zeros", name="strength")

    def call(self, x: tf.Tensor, style: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        """Convolves.

        Args:
            x: `[n, height, width, channels]`.
            style: float32 `[n, style_dim]`.
            noise: float `[n, height, width, 1]`; `None` is none.

        Returns:
            `[n, height, width, filters]`, of about the variance of `x`.
        """
        y = self.convolution(x, style) + tf.convert_to_tensor(self.bias)
        if noise is not None:
            y += tf.cast(noise, y.dtype) * tf.cast(self.strength, y.dtype)
        return math.sqrt(2.0) * tf.nn.leaky_relu(y, 0.2)


def doubled(x: tf.Tensor) -> tf.Tensor:
    """Doubles both sides, linearly between pixels: the filter [1, 3, 3, 1] of the authors' code.

    Args:
        x: `[n, height, width, channels]`.

    Returns:
        `[n, 2 * height, 2 * width, channels]`.
    """
    # In plain operations: TensorFlow's own has no second derivative.
    return _doubled_along(_doubled_along(x, 1), 2)


def _doubled_along(x: tf.Tensor, axis: int) -> tf.Tensor:
    size = x.shape[axis]
    before = tf.concat([_part(x, axis, 0, 1), _part(x, axis, 0, size - 1)], axis)
    after = tf.concat([_part(x, axis, 1, size), _part(x, axis, size - 1, size)], axis)
    pairs = tf.stack([0.25 * before + 0.75 * x, 0.75 * x + 0.25 * after], axis=axis + 1)
    shape = [-1, *x.shape[1:]]
    shape[axis] = 2 * size
    return tf.reshape(pairs, shape)


def _part(x: tf.Tensor, axis: int, begin: int, end: int) -> tf.Tensor:
    return x[:, begin:end] if axis == 1 else x[:, :, begin:end]
