"""Layers with an equalised learning rate: kernels start alike, and are scaled as they are read.

Karras, Aila, Laine, Lehtinen 2018, "Progressive Growing of GANs for Improved Quality, Stability,
and Variation", arXiv 1710.10196, section 4.1.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf


class _EqualizedLayer(keras.layers.Layer):
    """A layer of Keras with a kernel and a bias, which reads them scaled.

    Kernels are stored as unit normals and multiplied by He's constant, gain / sqrt(fan in), at run
    time. An optimizer such as Adam takes steps of one size, whatever a weight's range, so with one
    range for all kernels all of them learn at one speed.

    Args:
        *args: of the layer of Keras.
        gain: sqrt(2) before a rectifier (He et al. 2015, arXiv 1502.01852), 1 where the layer is
            linear.
        rate: how fast this layer learns beside others: what is stored is as many times larger, and
            is multiplied by it (Karras et al. 2019, arXiv 1812.04948, appendix C).
        **kwargs: of the layer of Keras, but for the initializer of the kernel.
    """

    _kernel: keras.Variable

    def __init__(
        self, *args: Any, gain: float = math.sqrt(2.0), rate: float = 1.0, **kwargs: Any
    ) -> None:
        start = keras.initializers.RandomNormal(stddev=1.0 / rate)
        super().__init__(*args, kernel_initializer=start, **kwargs)
        self.gain, self.rate = gain, rate
        self._bias: Any = None

    @property
    def kernel(self) -> tf.Tensor:
        """The kernel as it is used: of a deviation of gain / sqrt(fan in) at the start."""
        fan_in = math.prod(self._kernel.shape[:-1])
        return self._kernel * (self.gain * self.rate / math.sqrt(fan_in))

    @property
    def bias(self) -> tf.Tensor | None:
        """The bias as it is used."""
        return None if self._bias is None else self._bias * self.rate

    @bias.setter
    def bias(self, variable: keras.Variable | None) -> None:  # Keras's layers make it
        self._bias = variable

    # Keras's layers would save what `kernel` gives.

    def save_own_variables(self, store: Any) -> None:
        keras.layers.Layer.save_own_variables(self, store)

    def load_own_variables(self, store: Any) -> None:
        keras.layers.Layer.load_own_variables(self, store)


class EqualizedDense(_EqualizedLayer, keras.layers.Dense):
    """A dense layer with an equalised learning rate.

    Args:
        units: of the layer; this and other arguments are those of `keras.layers.Dense`.
        gain: sqrt(2) before a rectifier, 1 where the layer is linear.
        rate: how fast the layer learns beside others.

    Example:
        >>> EqualizedDense(64, gain=1.0)
    """


class EqualizedConv2D(_EqualizedLayer, keras.layers.Conv2D):
    """A convolution with an equalised learning rate.

    Args:
        filters: of the layer; this and other arguments are those of `keras.layers.Conv2D`.
        gain: sqrt(2) before a rectifier, 1 where the layer is linear.
        rate: how fast the layer learns beside others.

    Example:
        >>> EqualizedConv2D(64, 3, padding="same")
    """
