"""SRGAN: an SRResNet that goes on learning from a discriminator, for detail in place of a mean.

Ledig, Theis, Huszar, Caballero, Cunningham, Acosta, Aitken, Tejani, Totz, Wang, Shi 2017,
"Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network", arXiv
1609.04802.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf

from keras_gen import checks
from keras_gen.adversarial.adversarial_model import AdversarialModel, Play
from keras_gen.adversarial.sr_resnet import SRResNet
from keras_gen.adversarial.super_resolution import SuperResolution
from keras_gen.model import Conditions
from keras_gen.random import Noise
from keras_gen.stages import Stage, StagedModel

# Of the discriminator's convolutions after the first: how many times as many filters, and stride.
_CONVOLUTIONS = ((1, 2), (2, 1), (2, 2), (4, 1), (4, 2), (8, 1), (8, 2))
_HIDDEN = 16  # units of its dense layer, times as many as filters


@keras.saving.register_keras_serializable("keras_gen")
class SRGAN(SuperResolution, AdversarialModel, StagedModel):
    """Larger pictures with the detail of real ones: an SRResNet trained on as a generator.

    Two stages: `resnet`, an `SRResNet`, learns the mean by itself; then the whole learns, where
    its network is the generator, from a content loss and a discriminator. The weights that the
    first stage ends with are those that the second begins with, and goes on changing: save
    `model.resnet` before, where both are wanted.

    The discriminator is the paper's, but that it averages over the picture before its dense layers
    where the paper's flattens crops of 96 pixels: so it judges pictures of any size. It has no
    batch normalisation where there are penalties, which look at each example by itself.

    Args:
        image_shape: (height, width, channels) of training pictures, such as crops of 96 pixels;
            both sides may be `None`.
        levels: how many values a channel takes, 2 to 256.
        scale: how many times as large a picture becomes, 2 or 4.
        filters: of `SRResNet`.
        num_blocks: of `SRResNet`.
        normalization: of `SRResNet`.
        learn_difference: of `SRResNet`.
        discriminator_filters: of the discriminator's first convolutions; its last have 8 times as
            many.
        adversarial_weight: of the adversarial loss beside the content loss, which weighs 1. The
            paper's features of VGG are divided by 12.75, so that they weigh about as pixels do.
        **kwargs: of `AdversarialModel`: `adversarial_loss`, `penalties`, `discriminator_steps`,
            `augmentation`; and of `Model`: `seed`.

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> model = SRGAN((96, 96, 3), scale=4)
        >>> model.resnet.compile()
        >>> model.resnet.fit(model.stage_data("resnet", crops), epochs=20)
        >>> model.compile(content_network=features)
        >>> model.fit(crops, epochs=5)
        >>> upscaled = model.upscale(photos)

    Ledig et al. 2017, arXiv 1609.04802.
    """

    terms: Mapping[str, str] = {**AdversarialModel.terms, "content": "squared error"}
    default_optimizer: ClassVar[dict[str, float]] = {"learning_rate": 1e-4}

    # ---- networks --------------------------------------------------------------------------------

    def __init__(
        self,
        image_shape: Sequence[int | None],
        levels: int = 256,
        *,
        scale: int = 4,
        filters: int = 64,
        num_blocks: int = 16,
        normalization: str | None = "batch",
        learn_difference: bool = False,
        discriminator_filters: int = 64,
        adversarial_weight: float = 1e-3,
        **kwargs: Any,
    ) -> None:
        super().__init__(image_shape, levels, scale=scale, **kwargs)
        if self.average_decay is not None:
            # The first stage would leave the averages behind.
            raise ValueError(
                f"average_decay must be None: {type(self).__name__} shares its network with its "
                f"first stage, received {self.average_decay}."
            )
        self.adversarial_weight = checks.not_negative("adversarial_weight", adversarial_weight)
        self.discriminator_filters = checks.positive("discriminator_filters", discriminator_filters)
        self.resnet = SRResNet(
            image_shape,
            levels,
            scale=scale,
            filters=filters,
            num_blocks=num_blocks,
            normalization=normalization,
            learn_difference=learn_difference,
            seed=self.seed,
            dtype=self.dtype_policy,
            name="resnet",
        )
        self.filters, self.num_blocks = self.resnet.filters, self.resnet.num_blocks
        self.normalization = self.resnet.normalization
        self.learn_difference = self.resnet.learn_difference
        self.generator = self.resnet.network
        self.discriminator = self._build_discriminator()
        self.finish_build()

    def _build_discriminator(self) -> keras.Model:
        policy, filters = self.dtype_policy, self.discriminator_filters

        def leaky() -> keras.layers.Layer:
            return keras.layers.LeakyReLU(0.2, dtype=policy)

        stages: list[keras.layers.Layer] = []
        for times, stride in _CONVOLUTIONS:
            stages.append(
                keras.layers.Conv2D(
                    times * filters,
                    3,
                    stride,
                    padding="same",
                    use_bias=bool(self.penalties),
                    dtype=policy,
                )
            )
            if not self.penalties:
                stages.append(keras.layers.BatchNormalization(synchronized=True, dtype=policy))
            stages.append(leaky())
        return keras.Sequential(
            [
                keras.Input((None, None, self.image_shape[-1])),
                keras.layers.Conv2D(filters, 3, padding="same", dtype=policy),
                leaky(),
                *stages,
                keras.layers.GlobalAveragePooling2D(dtype=policy),
                keras.layers.Dense(_HIDDEN * filters, dtype=policy),
                leaky(),
                keras.layers.Dense(1, dtype="float32"),
            ],
            name="discriminator",
        )

    # ---- objective -------------------------------------------------------------------------------

    def stages(self) -> list[Stage]:
        return [
            Stage("resnet", self.resnet, lambda x, _: (x, {})),
            Stage("gan", self, lambda x, conditions: (x, conditions)),
        ]

    def enlarge(self, small: tf.Tensor, training: bool) -> tf.Tensor:
        return self.resnet.enlarge(small, training)

    def generate(
        self, x: tf.Tensor, conditions: Conditions, noise: Noise, training: bool
    ) -> tf.Tensor:
        return self.enlarge(self.downsize(x), training)

    def discriminate(self, data: tf.Tensor, conditions: Conditions, training: bool) -> tf.Tensor:
        return self.discriminator(tf.cast(data, self.compute_dtype), training=training)

    def generator_terms(self, play: Play) -> dict[str, tf.Tensor]:
        return {"content": self.content_error(play.real, play.fake)}
