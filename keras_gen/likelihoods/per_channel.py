"""Whole pixels whose channels are independent, given the network's outputs."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from keras_gen import checks
from keras_gen.ancestral_sampling import Given
from keras_gen.likelihoods.likelihood import Likelihood
from keras_gen.random import Noise


@keras.saving.register_keras_serializable("keras_gen")
class PerChannel(Likelihood):
    """The likelihood of a pixel as the product of one likelihood for each channel.

    Args:
        likelihood: of a channel's value.
        channels: of a pixel.

    Example:
        >>> PerChannel(Bernoulli(), channels=1).num_parameters
        1
    """

    def __init__(self, likelihood: Likelihood, channels: int) -> None:
        self.likelihood = likelihood
        self.channels = channels = checks.positive("channels", channels)
        self.event_shape = (channels,)
        self.levels = likelihood.levels
        self.dtype, self.draw_output = likelihood.dtype, likelihood.draw_output
        self.num_parameters = channels * likelihood.num_parameters

    def _by_channel(self, x: tf.Tensor) -> tf.Tensor:
        """From `[..., channels * k]` to `[..., channels, k]`."""
        shape = [self.channels, x.shape[-1] // self.channels]
        return tf.reshape(x, tf.concat([tf.shape(x)[:-1], shape], axis=0))

    def distribution(self, parameters: tf.Tensor) -> tfp.distributions.Distribution:
        distribution = self.likelihood.distribution(self._by_channel(parameters))
        return tfp.distributions.Independent(distribution, 1)

    def log_prob(self, parameters: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        return self.likelihood.log_prob(self._by_channel(parameters), x)

    def noise(
        self, noise: Noise, shape: Sequence[int], stream: int = 0, step: int | tf.Tensor = 0
    ) -> tf.Tensor:
        drawn = self.likelihood.noise(noise, (*shape, self.channels), stream, step)
        return tf.reshape(drawn, [-1, *shape, self.channels * drawn.shape[-1]])

    def draw(
        self,
        parameters: tf.Tensor,
        noise: tf.Tensor,
        temperature: tf.Tensor,
        known: Given | None = None,
    ) -> tf.Tensor:
        temperature = tf.expand_dims(temperature, -1)
        return self.likelihood.draw(
            self._by_channel(parameters), self._by_channel(noise), temperature
        )

    def mode(self, parameters: tf.Tensor) -> tf.Tensor:
        return self.likelihood.mode(self._by_channel(parameters))

    def get_config(self) -> dict:
        likelihood = keras.saving.serialize_keras_object(self.likelihood)
        return {"likelihood": likelihood, "channels": self.channels}

    @classmethod
    def from_config(cls, config: dict) -> PerChannel:
        likelihood = keras.saving.deserialize_keras_object(config["likelihood"])
        return cls(likelihood, config["channels"])
