"""The losses of the two-player game, as objects: what each player minimises.

A loss is given what the discriminator says of real and of generated examples, and gives a loss per
example. What it says may be one logit, `[n]`, or a patch of them, `[n, ...]`, whose mean counts.
"""

from __future__ import annotations

import abc

import keras
import tensorflow as tf


class AdversarialLoss(abc.ABC):
    """The loss of both players.

    Attributes:
        generator_sees_real: whether the generator's loss looks at real examples; where it does not,
            they are not shown to the discriminator in the generator's step.
    """

    generator_sees_real: bool = False

    @abc.abstractmethod
    def discriminator(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        """What the discriminator minimises: float32, of the shape of `real`."""

    @abc.abstractmethod
    def generator(self, real: tf.Tensor | None, fake: tf.Tensor) -> tf.Tensor:
        """What the generator minimises: float32, of the shape of `fake`.

        Args:
            real: outputs for real examples; `None` unless `generator_sees_real`.
            fake: outputs for generated examples.
        """

    def get_config(self) -> dict:
        """The constructor's arguments; most losses have none."""
        return {}

    @classmethod
    def from_config(cls, config: dict) -> AdversarialLoss:
        """Builds the loss from what `get_config` gave."""
        return cls(**config)


@keras.saving.register_keras_serializable("keras_gen")
class Minimax(AdversarialLoss):
    """The zero-sum game: the generator minimises log(1 - D(G(z))).

    Example:
        >>> model = DCGAN((28, 28, 1), adversarial_loss=Minimax())

    Goodfellow et al. 2014, arXiv 1406.2661, equation 1.
    """

    def discriminator(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        # -log D(x) - log(1 - D(G(z))): the cross-entropy of telling real from generated.
        return tf.nn.softplus(-real) + tf.nn.softplus(fake)

    def generator(self, real: tf.Tensor | None, fake: tf.Tensor) -> tf.Tensor:
        return -tf.nn.softplus(fake)


@keras.saving.register_keras_serializable("keras_gen")
class NonSaturating(Minimax):
    """The game in which the generator minimises -log D(G(z)), and so learns when it is losing.

    Example:
        >>> model = DCGAN((28, 28, 1), adversarial_loss=NonSaturating())

    Goodfellow et al. 2014, arXiv 1406.2661, section 3.
    """

    def generator(self, real: tf.Tensor | None, fake: tf.Tensor) -> tf.Tensor:
        return tf.nn.softplus(-fake)


@keras.saving.register_keras_serializable("keras_gen")
class Wasserstein(AdversarialLoss):
    """The discriminator as a critic, whose mean outputs differ by a distance of distributions.

    The distance holds for critics of bounded slope alone, and without a bound the loss has none: a
    penalty on the slope comes from a subclass's `discriminator_terms`.

    Example:
        >>> class WGAN(DCGAN):
        ...     def discriminator_terms(self, play):
        ...         return {"penalty": 10.0 * penalty_of_slope(self, play)}
        >>> model = WGAN((28, 28, 1), adversarial_loss=Wasserstein(), discriminator_steps=5)

    Arjovsky, Chintala, Bottou 2017, arXiv 1701.07875.
    """

    def discriminator(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        return fake - real

    def generator(self, real: tf.Tensor | None, fake: tf.Tensor) -> tf.Tensor:
        return -fake
