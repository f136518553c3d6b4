"""Dropout that draws from a step's seeded noise."""

from __future__ import annotations

import tensorflow as tf

from keras_gen.random import Noise


def dropped(x: tf.Tensor, share: float, noise: Noise, stream: int) -> tf.Tensor:
    """Sets values to zero at random, and makes the others as much greater.

    Unlike Keras's layer it draws by example: any number of replicas takes the same step.

    Args:
        x: float `[n, ...]`, of known sizes but for n.
        share: of values that are dropped, in [0, 1).
        noise: of the step.
        stream: of the noise.

    Returns:
        Of the shape and dtype of `x`.

    Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov 2014.
    """
    kept = noise.uniform(x.shape[1:], stream) >= share
    return tf.where(kept, x / (1.0 - share), tf.zeros_like(x))
