"""Averages of weights over training steps, kept beside the weights that learn."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import keras
import tensorflow as tf

if TYPE_CHECKING:
    from keras_gen.model import Model


class Averages:
    """A twin of each weight, which follows it slowly: `twin = d twin + (1 - d) weight`.

    In the first steps d is less, (1 + t) / (10 + t) at step t, so that what weights began with is
    soon forgotten (as in `tf.train.ExponentialMovingAverage`).

    Twins are variables of the model, saved with it; no network is copied. What reads the averages
    runs the same code within `reading`.

    Args:
        model: that the weights, and then the twins, belong to.
        decay: d, in (0, 1).

    Polyak & Juditsky 1992; of generators, Yazici et al. 2019, arXiv 1806.04498.
    """

    def __init__(self, model: Model, decay: float) -> None:
        self.model, self.decay = model, decay
        self.weights: list[keras.Variable] = []
        self.twins: list[keras.Variable] = []

    def add(self, weights: Sequence[keras.Variable]) -> None:
        """Gives a twin to each weight that has none yet."""
        known = {id(weight) for weight in self.weights}
        new = [weight for weight in weights if id(weight) not in known]
        self.weights += new
        self.twins += [
            self.model.add_weight(
                weight.shape,
                lambda shape, dtype=None, weight=weight: keras.ops.copy(weight.value),
                dtype=weight.dtype,
                trainable=False,
                aggregation="only_first_replica",
                name=f"{weight.name}_average",
            )
            for weight in new
        ]

    def update(self, steps: tf.Tensor) -> None:
        """Takes in the weights as they are after a step.

        Args:
            steps: how many there were, with this one.
        """
        steps = tf.cast(steps, tf.float32)
        share = 1.0 - tf.minimum(self.decay, (1.0 + steps) / (10.0 + steps))
        for twin, weight in zip(self.twins, self.weights, strict=True):
            twin.assign(twin.value + tf.cast(share, twin.dtype) * (weight.value - twin.value))


@contextlib.contextmanager
def reading(averages: Sequence[Averages]) -> Iterator[None]:
    """Within it, whatever reads a weight that has an average reads that."""
    pairs = [
        (weight, twin.value)
        for each in averages
        for weight, twin in zip(each.weights, each.twins, strict=True)
    ]
    with keras.StatelessScope(state_mapping=pairs):
        yield
