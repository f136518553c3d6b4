"""Penalties on the slope of a discriminator, as objects: what keeps the game from running away.

A penalty looks at the gradient of what the discriminator says of an example with respect to that
example, so each example must be judged by itself: batch normalisation, which mixes a batch, makes
the gradient meaningless (Gulrajani et al. 2017, section 4).
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import TYPE_CHECKING

import keras
import tensorflow as tf

from keras_gen import checks
from keras_gen.record import Record

if TYPE_CHECKING:
    from keras_gen.adversarial.adversarial_model import Play

# From examples as the discriminator sees them to one number an example.
Judge = Callable[[tf.Tensor], tf.Tensor]

PENALTY_STREAM = 1  # of the step's noise


class Penalty(Record, abc.ABC):
    """What the discriminator minimises beside its loss.

    Args:
        weight: that the penalty is multiplied by.
        interval: of training steps between two penalties, each then `interval` times as heavy
            (Karras et al. 2020, arXiv 1912.04958, section 3.1); in evaluation every example has
            its penalty.
    """

    def __init__(self, weight: float, interval: int = 1) -> None:
        self.weight = checks.not_negative("weight", weight)
        self.interval = checks.positive("interval", interval)

    @abc.abstractmethod
    def of(self, judge: Judge, play: Play) -> tf.Tensor:
        """The penalty of each example, without its weight: float32 `[n]`.

        Args:
            judge: the discriminator, from examples to `[n]`.
            play: the exchange; its `seen_real` and `seen_fake` are what `judge` was shown.
        """

    def __call__(
        self, judge: Judge, play: Play, steps: tf.Tensor, branches: bool = True
    ) -> tf.Tensor:
        """The weighted penalty of each example: float32 `[n]`.

        Args:
            judge: the discriminator, from examples to `[n]`.
            play: the exchange.
            steps: int scalar, training steps before this one.
            branches: whether a step without a penalty may leave it out; XLA has no gradient of a
                branch over sizes that are unknown, and multiplies it by zero.
        """
        if self.interval == 1 or not play.training:
            return self.weight * self.of(judge, play)
        is_due, weight = steps % self.interval == 0, self.weight * self.interval
        if not branches:
            return tf.cast(is_due, tf.float32) * weight * self.of(judge, play)
        return tf.cond(
            is_due,
            lambda: weight * self.of(judge, play),
            lambda: tf.zeros(tf.shape(play.seen_real)[:1]),
        )


def squared_slope(judge: Judge, x: tf.Tensor) -> tf.Tensor:
    """The squared length of the gradient of `judge` at each example: float32 `[n]`."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        output = judge(x)
    # Through the gathering of packs it comes as slices.
    gradient = tf.cast(tf.convert_to_tensor(tape.gradient(output, x)), tf.float32)
    return tf.reduce_sum(gradient**2, axis=range(1, x.shape.rank))


def _distance_from_one(squared: tf.Tensor) -> tf.Tensor:
    # A square root has no gradient at 0.
    return (tf.sqrt(squared + 1e-12) - 1.0) ** 2


@keras.saving.register_keras_serializable("keras_gen")
class GradientPenalty(Penalty):
    """Slopes of 1 between real and generated examples: E[(|grad D(x)| - 1)^2].

    x lies anywhere on the line between a real and a generated example.

    Args:
        weight: lambda.
        interval: see `Penalty`.

    Example:
        >>> model = DCGAN(
        ...     (28, 28, 1),
        ...     adversarial_loss=Wasserstein(),
        ...     penalties=[GradientPenalty(10.0)],
        ...     discriminator_steps=5,
        ... )

    Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville 2017, "Improved Training of Wasserstein GANs",
    arXiv 1704.00028.
    """

    def __init__(self, weight: float = 10.0, interval: int = 1) -> None:
        super().__init__(weight, interval)

    def of(self, judge: Judge, play: Play) -> tf.Tensor:
        ones = (1,) * (play.seen_real.shape.rank - 1)
        share = play.noise.uniform(ones, stream=PENALTY_STREAM)
        between = play.seen_real + share * (play.seen_fake - play.seen_real)
        return _distance_from_one(squared_slope(judge, between))


@keras.saving.register_keras_serializable("keras_gen")
class DRAGAN(Penalty):
    """Slopes of 1 around real examples: E[(|grad D(x + delta)| - 1)^2], delta normal.

    The authors' code draws delta uniform, in proportion to the deviation of all values of a batch;
    the paper's algorithm 1 draws it normal with a fixed scale, and so does this.

    Args:
        weight: lambda.
        scale: the deviation of delta, in units of data as the discriminator sees it: pictures lie
            in [-1, 1].
        interval: see `Penalty`.

    Example:
        >>> model = DCGAN((28, 28, 1), penalties=[DRAGAN()])

    Kodali, Abernethy, Hays, Kira 2017, "On Convergence and Stability of GANs", arXiv 1705.07215.
    """

    def __init__(self, weight: float = 10.0, scale: float = 0.25, interval: int = 1) -> None:
        super().__init__(weight, interval)
        self.scale = checks.not_negative("scale", scale)

    def of(self, judge: Judge, play: Play) -> tf.Tensor:
        delta = play.noise.normal(play.seen_real.shape[1:], stream=PENALTY_STREAM)
        return _distance_from_one(squared_slope(judge, play.seen_real + self.scale * delta))


@keras.saving.register_keras_serializable("keras_gen")
class R1(Penalty):
    """Slopes of 0 at real examples: E[|grad D(x)|^2] / 2.

    Args:
        weight: gamma.
        interval: see `Penalty`; 16 is that of Karras et al. 2020.

    Example:
        >>> model = DCGAN((28, 28, 1), penalties=[R1(10.0, interval=16)])

    Mescheder, Geiger, Nowozin 2018, "Which Training Methods for GANs do actually Converge?", arXiv
    1801.04406.
    """

    def __init__(self, weight: float = 10.0, interval: int = 1) -> None:
        super().__init__(weight, interval)

    def of(self, judge: Judge, play: Play) -> tf.Tensor:
        return 0.5 * squared_slope(judge, play.seen_real)


@keras.saving.register_keras_serializable("keras_gen")
class R2(R1):
    """Slopes of 0 at generated examples: E[|grad D(G(z))|^2] / 2.

    Args:
        weight: gamma.
        interval: see `Penalty`.

    Example:
        >>> model = DCGAN((28, 28, 1), penalties=[R1(), R2()])

    Mescheder et al. 2018, arXiv 1801.04406.
    """

    def of(self, judge: Judge, play: Play) -> tf.Tensor:
        return 0.5 * squared_slope(judge, play.seen_fake)
