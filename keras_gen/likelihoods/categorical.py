"""Categorical: one logit for each of a value's levels."""

from __future__ import annotations

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from keras_gen.likelihoods.likelihood import Likelihood


@keras.saving.register_keras_serializable("keras_gen")
class Categorical(Likelihood):
    """The likelihood of values in `[0, levels)`, with no order assumed: a softmax.

    Args:
        levels: how many values there are, 2 to 256.

    Raises:
        ValueError: `levels` is out of range.

    Example:
        >>> Categorical(256).num_parameters
        256
    """

    def __init__(self, levels: int = 256):
        if not 2 <= levels <= 256:
            raise ValueError(f"levels must be 2 to 256, received {levels}.")
        self.levels = levels
        self.num_parameters = levels

    def distribution(self, parameters):
        return tfp.distributions.Categorical(logits=parameters)

    def log_prob(self, parameters, x):
        return log_prob_of_choice(parameters, x)

    def noise(self, noise, shape, stream=0, step=0):
        return noise.gumbel((*shape, self.levels), stream, step)

    def draw(self, parameters, noise, temperature):
        return tf.cast(choose(parameters, noise, temperature), tf.uint8)


def log_prob_of_choice(logits: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """The log-probability of integers `[...]` under a softmax of `[..., k]`: float32, in nats."""
    # Not as a softmax and its logarithm, which is what a cross-entropy of integers becomes in ONNX:
    # far from the mode that is minus infinity.
    log_probs = tf.nn.log_softmax(tf.cast(logits, tf.float32))
    return tf.reduce_sum(log_probs * tf.one_hot(tf.cast(x, tf.int32), logits.shape[-1]), axis=-1)


def choose(logits: tf.Tensor, noise: tf.Tensor, temperature: tf.Tensor) -> tf.Tensor:
    """Draws integers from a softmax of `[..., k]` by Gumbel noise of its shape: int32 `[...]`."""
    # argmax(logits / t + g) = argmax(logits + t g), and the latter allows t = 0, the mode.
    perturbed = logits + tf.expand_dims(temperature, -1) * noise
    return tf.argmax(perturbed, axis=-1, output_type=tf.int32)
