"""The last layers of a pixel network: from features to a likelihood's parameters."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from keras_gen.autoregressive.masked_dense import MaskedDense, joined


class Head(keras.layers.Layer):
    """Twice ReLU and a masked 1x1 convolution (van den Oord et al. 2016, arXiv 1601.06759).

    Args:
        inputs: features in, a multiple of `channels`.
        hidden: features between the two, a multiple of `channels`.
        channels: of the image.
        num_parameters: of the likelihood of one value.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, inputs: int, hidden: int, channels: int, num_parameters: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.channels, self.num_parameters = channels, num_parameters
        self.hidden = MaskedDense(inputs, hidden, channels, dtype=self.dtype_policy, name="hidden")
        self.logits = MaskedDense(
            hidden, channels * num_parameters, channels, dtype="float32", name="logits"
        )
        self.built = True

    def call(self, features):
        """Maps `[n, height, width, inputs]` to `[n, height, width, channels, num_parameters]`."""
        parameters = self.logits(tf.nn.relu(self.hidden(tf.nn.relu(features))))
        return tf.reshape(
            parameters, [-1, *features.shape[1:-1], self.channels, self.num_parameters]
        )

    def step_weights(self) -> tuple[list, list]:
        """The weights of `step`, by channel."""
        return self.hidden.step_weights(), self.logits.step_weights()

    def step(self, features: list[tf.Tensor], hidden: list[tf.Tensor], weights) -> tf.Tensor:
        """The parameters of a pixel's next channel.

        Args:
            features: of the channels so far and this one, each `[n, inputs / channels]`.
            hidden: what earlier calls for the pixel left here; this one adds to it.
            weights: from `step_weights`.

        Returns:
            `[n, num_parameters]`.
        """
        channel = len(hidden)
        of_hidden, of_logits = (by_channel[channel] for by_channel in weights)
        hidden.append(tf.nn.relu(self.hidden.step(tf.nn.relu(joined(features)), of_hidden)))
        return self.logits.step(joined(hidden), of_logits)
