"""Projection: pictures into the space that a generator starts from, by gradient descent.

Karras et al. 2020, arXiv 1912.04958, section 5, with distances of pixels in place of a network's.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf


def projected(
    pictures: Callable[[tf.Tensor], tf.Tensor],
    target: tf.Tensor,
    start: tf.Tensor,
    num_steps: int,
    learning_rate: float,
) -> np.ndarray:
    """Finds vectors whose pictures are near given ones, each by itself.

    Near is in mean squared error, of pixels and of means of 2x2 and 4x4 of them, so that coarse
    features are found first. Adam's steps become shorter along a cosine.

    Args:
        pictures: from vectors `[n, d]` to pictures, differentiable.
        target: float32 `[n, height, width, channels]`.
        start: float32 `[n, d]`.
        num_steps: of the descent, at least 1.
        learning_rate: of the first step.

    Returns:
        float32 `[n, d]`.
    """
    found = keras.Variable(start)
    optimizer = keras.optimizers.Adam(
        keras.optimizers.schedules.CosineDecay(learning_rate, num_steps)
    )

    @tf.function(autograph=False)
    def slope(vectors: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(vectors)
            difference = pictures(vectors) - target
            errors = [
                tf.reduce_mean(_means(difference, side) ** 2, [1, 2, 3]) for side in (1, 2, 4)
            ]
            # A sum over examples: each goes its own way.
            error = tf.reduce_sum(tf.add_n(errors))
        return tape.gradient(error, vectors)

    for _ in range(num_steps):
        optimizer.apply([slope(tf.convert_to_tensor(found))], [found])
    return found.numpy()


def _means(pictures: tf.Tensor, side: int) -> tf.Tensor:
    return tf.nn.avg_pool2d(pictures, side, side, "SAME")
