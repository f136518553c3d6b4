"""Minibatch standard deviation: the discriminator sees how much pictures of a batch differ.

Karras, Aila, Laine, Lehtinen 2018, arXiv 1710.10196, section 3, after the minibatch discrimination
of Salimans et al. 2016, arXiv 1606.03498.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from keras_gen.global_batch import group_means


class MinibatchDeviation(keras.layers.Layer):
    """Adds a feature: how much a group's examples differ, averaged over all features and places.

    A group is consecutive examples of the global batch. In evaluation each example stands alone,
    and the feature is that of a group whose examples are equal: 1e-4.

    Args:
        size: examples of a group; 4 is that of the authors' code.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, size: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = size

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Appends the feature.

        Args:
            x: `[n, height, width, features]`.
            training: whether examples see each other.

        Returns:
            `[n, height, width, features + 1]`.
        """
        exact = tf.cast(x, tf.float32)  # half precision has no room for squares
        difference = exact - group_means(exact, self.size, training)
        variance = group_means(difference**2, self.size, training)
        # A square root has no gradient at 0.
        deviation = tf.reduce_mean(tf.sqrt(variance + 1e-8), axis=[1, 2, 3], keepdims=True)
        feature = tf.cast(deviation, x.dtype) * tf.ones_like(x[..., :1])
        return tf.concat([x, feature], axis=-1)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (*input_shape[:-1], input_shape[-1] + 1)
