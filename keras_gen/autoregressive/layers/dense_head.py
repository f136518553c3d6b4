"""The last layers of a sequence model: from features to logits."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_gen.autoregressive.layers.stepwise import Begun, Place, StepWeights, StepwiseLayer


class DenseHead(StepwiseLayer):
    """Dense layers with ReLU between them, the last one in float32.

    Args:
        sizes: numbers of features: those that come in, those after each layer.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, sizes: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dense = []
        for i, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
            is_last = i == len(sizes) - 2
            layer = keras.layers.Dense(
                outputs, dtype="float32" if is_last else self.dtype_policy, name=f"dense_{i + 1}"
            )
            layer.build((None, inputs))
            self.dense.append(layer)
        self.built = True

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """Maps `[n, time, features in]` to logits, float32 `[n, time, features out]`."""
        for i, layer in enumerate(self.dense):
            features = layer(tf.nn.relu(features) if i else features)
        return features

    def step_weights(self, labels: tf.Tensor | None = None) -> StepWeights:
        weights = [
            tuple(tf.cast(part, tf.float32) for part in (layer.kernel, layer.bias))
            for layer in self.dense
        ]
        return StepWeights(None, [weights])

    def begin_row(self, row: tf.Tensor, stream: Any, row_cache: Any, weights: Any) -> Begun:
        return Begun((), (), row_cache, stream)

    def step(self, inputs: list[tf.Tensor], place: Place) -> tf.Tensor:
        features = inputs[-1]
        for i, (kernel, bias) in enumerate(place.weights):
            features = tf.matmul(tf.nn.relu(features) if i else features, kernel)
            features = tf.nn.bias_add(features, bias)
        return features
