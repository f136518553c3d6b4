"""The losses of the two-player game, as objects: what each player minimises.

A loss is given what the discriminator says of real and of generated examples, and gives a loss per
example. What it says may be one logit, `[n]`, or a patch of them, `[n, ...]`, whose mean counts.
"""

from __future__ import annotations

import abc
from typing import ClassVar

import keras
import tensorflow as tf

from keras_gen.record import Record


class AdversarialLoss(Record, abc.ABC):
    """The loss of both players.

    Attributes:
        generator_sees_real: whether the generator's loss looks at real examples; where it does not,
            they are not shown to the discriminator in the generator's step.
        threshold: outputs above it call an example real; `None` where outputs have no zero and
            only the difference of a real and a generated example says something.
    """

    generator_sees_real: ClassVar[bool] = False
    threshold: ClassVar[float | None] = 0.0

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

    def told_apart(self, real: tf.Tensor, fake: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Where the discriminator is right: bools of the shapes of `real` and of `fake`."""
        if self.threshold is None:
            return real > fake, real > fake
        return real > self.threshold, fake <= self.threshold


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
class LeastSquares(AdversarialLoss):
    """The game of squared errors: real examples are called 1, generated ones 0.

    Each is half a squared error, as in the paper's equation 9 (a = 0, b = c = 1).

    Example:
        >>> model = DCGAN((28, 28, 1), adversarial_loss=LeastSquares())

    Mao, Li, Xie, Lau, Wang, Smolley 2017, "Least Squares Generative Adversarial Networks", arXiv
    1611.04076.
    """

    threshold = 0.5

    def discriminator(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        return 0.5 * ((real - 1.0) ** 2 + fake**2)

    def generator(self, real: tf.Tensor | None, fake: tf.Tensor) -> tf.Tensor:
        return 0.5 * (fake - 1.0) ** 2


@keras.saving.register_keras_serializable("keras_gen")
class Hinge(AdversarialLoss):
    """The game with a margin: what the discriminator calls right by 1 or more teaches it nothing.

    Example:
        >>> model = DCGAN((28, 28, 1), adversarial_loss=Hinge())

    Lim & Ye 2017, "Geometric GAN", arXiv 1705.02894.
    """

    def discriminator(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        return tf.nn.relu(1.0 - real) + tf.nn.relu(1.0 + fake)

    def generator(self, real: tf.Tensor | None, fake: tf.Tensor) -> tf.Tensor:
        return -fake


@keras.saving.register_keras_serializable("keras_gen")
class Wasserstein(AdversarialLoss):
    """The discriminator as a critic, whose mean outputs differ by a distance of distributions.

    The distance holds for critics of bounded slope alone, and without a bound the loss has none:
    give a penalty on the slope with it.

    Example:
        >>> model = DCGAN(
        ...     (28, 28, 1),
        ...     adversarial_loss=Wasserstein(),
        ...     penalties=[GradientPenalty()],
        ...     discriminator_steps=5,
        ... )

    Arjovsky, Chintala, Bottou 2017, arXiv 1701.07875.
    """

    threshold = None

    def discriminator(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        return fake - real

    def generator(self, real: tf.Tensor | None, fake: tf.Tensor) -> tf.Tensor:
        return -fake


@keras.saving.register_keras_serializable("keras_gen")
class RelativisticPaired(AdversarialLoss):
    """The game of pairs: which of a real and a generated example is the real one?

    Example i of a batch is paired with the generated example i. Both players see both, and the
    generator is pulled as long as any of its examples is told from its partner.

    Example:
        >>> model = DCGAN(
        ...     (28, 28, 1), adversarial_loss=RelativisticPaired(), penalties=[R1(), R2()]
        ... )

    Jolicoeur-Martineau 2018, "The Relativistic Discriminator", arXiv 1807.00734; with R1 and R2,
    Huang et al. 2024, "The GAN is dead; long live the GAN!", arXiv 2501.05441.
    """

    generator_sees_real = True
    threshold = None

    def discriminator(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        return tf.nn.softplus(fake - real)

    def generator(self, real: tf.Tensor | None, fake: tf.Tensor) -> tf.Tensor:
        return tf.nn.softplus(real - fake)
