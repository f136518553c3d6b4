"""Bernoulli: binary values, one logit each."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from keras_gen.ancestral_sampling import Given
from keras_gen.likelihoods.likelihood import Likelihood
from keras_gen.random import Noise


@keras.saving.register_keras_serializable("keras_gen")
class Bernoulli(Likelihood):
    """The likelihood of values in {0, 1}.

    Example:
        >>> float(Bernoulli().log_prob(tf.zeros([1]), tf.constant(1)))  # log(1/2)
        -0.6931471824645996
    """

    num_parameters = 1
    levels = 2

    def distribution(self, parameters: tf.Tensor) -> tfp.distributions.Distribution:
        return tfp.distributions.Bernoulli(logits=parameters[..., 0])

    def log_prob(self, parameters: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        # What the distribution computes, without an operation of TFP's that ONNX lacks (MulNoNan).
        sign = 2.0 * tf.cast(x, tf.float32) - 1.0
        return -tf.nn.softplus(-sign * tf.cast(parameters[..., 0], tf.float32))

    def noise(
        self, noise: Noise, shape: Sequence[int], stream: int = 0, step: int | tf.Tensor = 0
    ) -> tf.Tensor:
        return noise.logistic((*shape, 1), stream, step)

    def draw(
        self,
        parameters: tf.Tensor,
        noise: tf.Tensor,
        temperature: tf.Tensor,
        known: Given | None = None,
    ) -> tf.Tensor:
        # A logistic number is the difference of two Gumbels: this is the Gumbel-max rule.
        return tf.cast(parameters[..., 0] + temperature * noise[..., 0] > 0.0, tf.int32)

    def mode(self, parameters: tf.Tensor) -> tf.Tensor:
        return tf.cast(parameters[..., 0] > 0.0, tf.int32)
