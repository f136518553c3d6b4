"""The generative adversarial network as it was first drawn: points of the line or the plane.

Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville, Bengio 2014, "Generative
Adversarial Networks", arXiv 1406.2661.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from keras_gen import checks
from keras_gen.adversarial.judgement import Judgement
from keras_gen.adversarial.latent_gan import LatentGAN
from keras_gen.adversarial.penalties import R1, Penalty
from keras_gen.formats import Points
from keras_gen.signature import NUMBER


@keras.saving.register_keras_serializable("keras_gen")
class GAN(LatentGAN):
    """Vectors of real numbers from dense networks: the game to watch and to measure.

    Both networks have the same hidden layers, of ReLU in the generator and LeakyReLU in the
    discriminator; the paper's discriminator has maxout units and dropout. The paper's game, with
    `penalties=()` and `average_decay=None`, is the one whose generator loses modes; by default the
    discriminator has the penalty R1 and the generator's weights are averaged, which keeps them.
    Data should have a scale of about 1.

    Args:
        dim: numbers of a vector.
        latent_dim: length of the latent vector.
        units: of the hidden layers of either network.
        penalties: of the discriminator; `None` is R1 with a weight of 0.1.
        average_decay: of the average of the generator's weights; `None` keeps none.
        num_classes: of the labels that both networks see; `None` is unconditional.
        **kwargs: of `LatentGAN`: `latent_distribution`, `conditioning`, `packing`; of
            `AdversarialModel`: `adversarial_loss`, `discriminator_steps`; and of `Model`: `seed`
            (of the latent vectors in training).

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> model = GAN(2)
        >>> model.compile()
        >>> model.fit(points, batch_size=256, epochs=50)
        >>> model.sample(1000, seed=0).shape
        (1000, 2)

    Goodfellow et al. 2014, arXiv 1406.2661.
    """

    sample_output = decode_output = NUMBER
    default_optimizer: ClassVar[dict[str, float]] = {"learning_rate": 1e-3, "beta_1": 0.5}

    # ---- networks --------------------------------------------------------------------------------

    def __init__(
        self,
        dim: int,
        *,
        latent_dim: int = 2,
        units: Sequence[int] = (128, 128, 128),
        penalties: Sequence[Penalty] | None = None,
        average_decay: float | None = 0.999,
        num_classes: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            latent_dim=latent_dim,
            penalties=[R1(0.1)] if penalties is None else penalties,
            average_decay=average_decay,
            num_classes=num_classes,
            **kwargs,
        )
        if self.augmentation is not None:
            raise ValueError(
                f"augmentation must be None: it is of pictures, received {self.augmentation!r}."
            )
        self.format = Points(dim)
        self.dim = dim
        self.units = checks.sizes("units", units)
        self.generator = keras.Sequential(
            [
                keras.Input((latent_dim + (num_classes or 0),)),
                *self._hidden(keras.layers.ReLU),
                keras.layers.Dense(dim, dtype="float32"),
            ],
            name="generator",
        )
        self.discriminator = keras.Sequential(
            [
                keras.Input((self.discriminator_channels(dim),)),
                *self._hidden(lambda **kwargs: keras.layers.LeakyReLU(0.2, **kwargs)),
            ],
            name="discriminator",
        )
        self.judgement = Judgement(
            self.discriminator.output_shape[-1], num_classes, self.conditioning, name="judgement"
        )
        self.finish_build()

    def _hidden(self, activation: Any) -> list[keras.layers.Layer]:
        policy = self.dtype_policy
        return [
            layer
            for units in self.units
            for layer in (
                keras.layers.Dense(units, kernel_initializer="he_normal", dtype=policy),
                activation(dtype=policy),
            )
        ]

    # ---- what is watched -------------------------------------------------------------------------

    def probability_of_real(self, x: np.ndarray, labels: Any = None) -> np.ndarray:
        """D(x): how probable the discriminator finds it that a point is real.

        Against a generator of density q it should be p / (p + q) (Goodfellow et al. 2014,
        proposition 1), where the loss is that of the paper.

        Args:
            x: float `[n, dim]`.
            labels: ints in `[0, num_classes)`, `[n]`; of a conditional model only.

        Returns:
            float32 `[n]` in (0, 1).

        Raises:
            ValueError: an argument is of another shape or kind, or out of range.

        Example:
            >>> model.probability_of_real(np.linspace(-3.0, 3.0, 100)[:, None])
        """
        x = tf.constant(self.check_data(x))
        conditions = self._conditions(x, {"labels": labels})
        return tf.sigmoid(self.validity(self.discriminate(x, conditions, False))).numpy()
