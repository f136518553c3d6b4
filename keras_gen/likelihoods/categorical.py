"""Categorical: one logit for each of a value's levels."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from keras_gen import checks
from keras_gen.ancestral_sampling import Given
from keras_gen.likelihoods.likelihood import Likelihood
from keras_gen.random import MOST_CHOICES, Noise


@keras.saving.register_keras_serializable("keras_gen")
class Categorical(Likelihood):
    """The likelihood of values in `[0, levels)`, with no order assumed: a softmax.

    Args:
        levels: how many values there are, 2 to 262,144.

    Raises:
        ValueError: `levels` is out of range.

    Example:
        >>> Categorical(256).num_parameters
        256
    """

    levels: int

    def __init__(self, levels: int = 256) -> None:
        self.levels = checks.in_range("levels", levels, 2, MOST_CHOICES)
        self.num_parameters = self.levels

    def distribution(self, parameters: tf.Tensor) -> tfp.distributions.Distribution:
        return tfp.distributions.Categorical(logits=parameters)

    def log_prob(self, parameters: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        # Not as a softmax and its logarithm, which is what a cross-entropy of integers becomes in
        # ONNX: far from the mode that is minus infinity.
        log_probs = tf.nn.log_softmax(tf.cast(parameters, tf.float32))
        is_it = tf.range(self.levels) == tf.cast(x, tf.int32)[..., None]
        # Chosen, not multiplied by zeros: what can not be has minus infinity.
        return tf.reduce_sum(tf.where(is_it, log_probs, 0.0), axis=-1)

    def noise(
        self, noise: Noise, shape: Sequence[int], stream: int = 0, step: int | tf.Tensor = 0
    ) -> tf.Tensor:
        return noise.gumbel((*shape, self.levels), stream, step)

    def draw(
        self,
        parameters: tf.Tensor,
        noise: tf.Tensor,
        temperature: tf.Tensor,
        known: Given | None = None,
    ) -> tf.Tensor:
        # argmax(logits / t + g) = argmax(logits + t g), and the latter allows t = 0, the mode.
        return self.mode(parameters + tf.expand_dims(temperature, -1) * noise)

    def mode(self, parameters: tf.Tensor) -> tf.Tensor:
        return tf.argmax(parameters, axis=-1, output_type=tf.int32)
