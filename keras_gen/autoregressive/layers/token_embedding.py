"""The first layer of a sequence model: from tokens to features."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from keras_gen.autoregressive.layers.stepwise import Begun, Place, StepWeights, StepwiseLayer


class TokenEmbedding(StepwiseLayer):
    """Looks up a vector for each token, and for the beginning, which counts as one token more.

    Args:
        num_tokens: how many different tokens there are.
        filters: features of a token.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, num_tokens: int, filters: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.vectors = self.add_weight((num_tokens + 1, filters), "uniform", name="vectors")
        self.built = True

    def call(
        self, tokens: tf.Tensor, stream: Any = None, labels: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, Any]:
        """Maps `[n, time]` to `[n, time, filters]`, and hands on the stream."""
        return tf.gather(tf.convert_to_tensor(self.vectors), tokens), stream

    def step_weights(self, labels: tf.Tensor | None = None) -> StepWeights:
        return StepWeights(None, [tf.convert_to_tensor(self.vectors)])

    def begin_row(self, row: tf.Tensor, stream: Any, row_cache: Any, weights: Any) -> Begun:
        return Begun((), (), row_cache, stream)

    def step(self, inputs: list[tf.Tensor], place: Place) -> tf.Tensor:
        return tf.gather(place.weights, inputs[-1])
