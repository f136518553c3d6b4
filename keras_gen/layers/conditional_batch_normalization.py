"""Batch normalisation whose gain and bias depend on what an example comes with.

De Vries, Strub, Mary, Larochelle, Pietquin, Courville 2017, "Modulating early visual processing by
language", arXiv 1707.00683; in generators, Miyato & Koyama 2018, arXiv 1802.05637.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


class ConditionalBatchNormalization(keras.layers.Layer):
    """Normalises channels over a batch, then scales and shifts each example by its own condition.

    The gain is 1 plus a linear function of the condition, the bias another. Moments are those of
    the global batch, on any number of replicas.

    Args:
        dense: makes the two linear functions: `keras.layers.Dense`, or a layer like it.
        momentum: of the moving moments.
        epsilon: added to the variance.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(
        self,
        dense: Callable[..., keras.layers.Layer] = keras.layers.Dense,
        momentum: float = 0.9,
        epsilon: float = 1e-4,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._dense = dense
        self.normalization = keras.layers.BatchNormalization(
            momentum=momentum,
            epsilon=epsilon,
            center=False,
            scale=False,
            synchronized=True,
            dtype=self.dtype_policy,
        )

    def build(self, x_shape: Any, condition_shape: Any) -> None:
        self.normalization.build(x_shape)
        linear = {"use_bias": False, "dtype": self.dtype_policy}
        self.gain = self._dense(x_shape[-1], name="gain", **linear)
        self.bias = self._dense(x_shape[-1], name="bias", **linear)
        for layer in (self.gain, self.bias):
            layer.build(condition_shape)

    def call(self, x: tf.Tensor, condition: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Normalises a batch.

        Args:
            x: `[n, ..., channels]`.
            condition: `[n, features]`.
            training: whether moments are the batch's own.

        Returns:
            Of the shape of `x`.
        """
        shape = [-1, *[1] * (x.shape.rank - 2), x.shape[-1]]
        gain, bias = (tf.reshape(layer(condition), shape) for layer in (self.gain, self.bias))
        return self.normalization(x, training=training) * (1.0 + gain) + bias
