"""The last layers of a pixel network: from features to a likelihood's parameters."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from keras_gen.ancestral_sampling import joined
from keras_gen.autoregressive.layers.masked_dense import MaskedDense
from keras_gen.autoregressive.layers.stepwise import Begun, Place, StepWeights, StepwiseLayer


class Head(StepwiseLayer):
    """Twice ReLU and a masked 1x1 convolution (van den Oord et al. 2016, arXiv 1601.06759).

    Args:
        inputs: features in, a multiple of `channels`.
        hidden: features between the two, a multiple of `channels`.
        channels: of the image.
        num_parameters: of the likelihood of one value.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(
        self, inputs: int, hidden: int, channels: int, num_parameters: int, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.channels, self.num_parameters = channels, num_parameters
        self.hidden = MaskedDense(inputs, hidden, channels, dtype=self.dtype_policy, name="hidden")
        self.logits = MaskedDense(
            hidden, channels * num_parameters, channels, dtype="float32", name="logits"
        )
        self.built = True

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """Maps `[n, height, width, inputs]` to `[n, height, width, channels, num_parameters]`."""
        parameters = self.logits(tf.nn.relu(self.hidden(tf.nn.relu(features))))
        return tf.reshape(
            parameters, [-1, *features.shape[1:-1], self.channels, self.num_parameters]
        )

    def step_weights(self, labels: tf.Tensor | None = None) -> StepWeights:
        hidden, logits = self.hidden.step_weights(), self.logits.step_weights()
        return StepWeights(None, list(zip(hidden, logits, strict=True)))

    def begin_row(self, row: tf.Tensor, stream: Any, row_cache: Any, weights: Any) -> Begun:
        return Begun(features=(), cache=(), row_cache=row_cache, stream=stream)

    def step(self, inputs: list[tf.Tensor], place: Place) -> tf.Tensor:
        """The parameters of a pixel's next channel, `[n, num_parameters]`."""
        of_hidden, of_logits = place.weights
        hidden = place.column.setdefault("hidden", [])
        hidden.append(tf.nn.relu(self.hidden.step(tf.nn.relu(joined(inputs)), of_hidden)))
        return self.logits.step(joined(hidden), of_logits)
