"""ProgressiveGAN: a GAN that grows, from pictures of 4x4 to their own size, within one `fit`.

Karras, Aila, Laine, Lehtinen 2018, "Progressive Growing of GANs for Improved Quality, Stability,
and Variation", arXiv 1710.10196.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf

from keras_gen import checks
from keras_gen.adversarial.adversarial_model import Play
from keras_gen.adversarial.judgement import Judgement
from keras_gen.adversarial.latent_gan import LatentGAN
from keras_gen.adversarial.layers.growing import (
    GrowingDiscriminator,
    GrowingGenerator,
    Growth,
    enlarged,
    faded,
    pooled,
)
from keras_gen.adversarial.layers.pixel_norm import pixel_norm
from keras_gen.adversarial.losses import AdversarialLoss, Wasserstein
from keras_gen.adversarial.penalties import GradientPenalty, Penalty
from keras_gen.formats import Images
from keras_gen.global_batch import place_in_global_batch
from keras_gen.model import Conditions
from keras_gen.phases import PhasedModel
from keras_gen.random import Noise

# The least side of the smallest picture, and the least and the greatest of the whole one.
_FIRST, _SMALLEST, _LARGEST = 4, 8, 1024
_DRIFT = 0.001  # the paper's, for a critic whose outputs have no zero


@keras.saving.register_keras_serializable("keras_gen")
class ProgressiveGAN(LatentGAN, PhasedModel):
    """Images from networks that grow while they learn: coarse pictures first, then their details.

    The smallest pictures have the least sides, from 4 on, that halving gives: 32 starts at 4, 28 at
    7. After `stable_images` real pictures both networks get layers for twice the sides, which fade
    in over `fade_images` pictures, and learn for `stable_images` more, and so on; the last size
    lasts as long as `fit` does. Pictures are counted over calls of `fit`, in the saved
    `images_seen`. Samples always have `image_shape`: smaller ones are enlarged.

    Both networks have equalised learning rates, the generator normalises the features of each
    pixel, and the discriminator sees how much pictures of a batch differ. The loss is the paper's,
    that of WGAN-GP with a drift term; `adversarial_loss=NonSaturating(), penalties=[R1(10.0)]` is
    another good one. Latent vectors lie on a sphere, their mean square is 1; `truncation` makes
    them shorter.

    Args:
        image_shape: (height, width, channels), even sides of 8 to 1024.
        levels: how many values a channel takes, 2 to 256.
        latent_dim: length of the latent vector.
        filters: at the image's own scale; they double with each halving of the image. The paper has
            16 at 1024x1024.
        max_filters: that they do not exceed.
        fade_images: real pictures over which the layers of a size fade in; the paper's are 800 000.
        stable_images: real pictures that each size learns from after that; likewise.
        adversarial_loss: an object of `keras_gen.adversarial.losses`; `None` is `Wasserstein()`.
        penalties: of the discriminator; `None` is `GradientPenalty()` with the paper's loss, and
            nothing with another.
        drift: weight of the squared outputs for real pictures; `None` is the paper's 0.001 with its
            loss, and 0 with another.
        average_decay: of the average of the generator's weights, which samples come from; `None`
            keeps none.
        num_classes: of the labels that both networks see; `None` is unconditional.
        **kwargs: of `LatentGAN`: `conditioning`, `packing`; of `AdversarialModel`:
            `discriminator_steps`, `augmentation`; and of `Model`: `seed` (of the latent vectors in
            training).

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> model = ProgressiveGAN((32, 32, 3))
        >>> model.compile()
        >>> model.fit(images, batch_size=32, epochs=30)
        >>> model.sample(16, seed=0).shape
        (16, 32, 32, 3)

    Karras, Aila, Laine, Lehtinen 2018, arXiv 1710.10196.
    """

    default_optimizer: ClassVar[dict[str, float]] = {
        "learning_rate": 1e-3,
        "beta_1": 0.0,
        "beta_2": 0.99,
        "epsilon": 1e-8,
    }

    # ---- networks --------------------------------------------------------------------------------

    def __init__(
        self,
        image_shape: Sequence[int],
        levels: int = 256,
        *,
        latent_dim: int = 128,
        filters: int = 32,
        max_filters: int = 512,
        fade_images: int = 100_000,
        stable_images: int = 100_000,
        adversarial_loss: AdversarialLoss | None = None,
        penalties: Sequence[Penalty] | None = None,
        drift: float | None = None,
        average_decay: float | None = 0.999,
        num_classes: int | None = None,
        **kwargs: Any,
    ) -> None:
        if adversarial_loss is None:
            adversarial_loss = Wasserstein()
        of_paper = isinstance(adversarial_loss, Wasserstein)
        if penalties is None:
            penalties = [GradientPenalty()] if of_paper else []
        if drift is None:
            drift = _DRIFT if of_paper else 0.0
        if checks.not_negative("drift", drift):
            self.terms = {**self.terms, "drift": "weighted"}
        super().__init__(
            latent_dim=latent_dim,
            adversarial_loss=adversarial_loss,
            penalties=penalties,
            average_decay=average_decay,
            num_classes=num_classes,
            **kwargs,
        )
        self.drift = drift
        self.format = Images(image_shape, levels)
        self.image_shape, self.levels = self.format.image_shape, levels
        height, width, channels = self.image_shape
        if not all(_SMALLEST <= side <= _LARGEST and side % 2 == 0 for side in (height, width)):
            raise ValueError(
                f"image_shape must have even sides of {_SMALLEST} to {_LARGEST}, received "
                f"{self.image_shape}."
            )
        self.filters = checks.positive("filters", filters)
        self.max_filters = checks.positive("max_filters", max_filters)
        self.fade_images = checks.in_range("fade_images", fade_images, 0, 1 << 40)
        self.stable_images = checks.in_range("stable_images", stable_images, 1, 1 << 40)
        self.images_seen = self._counter("images_seen")

        self.num_doublings = _halvings(height, width)
        shared: dict[str, Any] = {
            "smallest": (height // 2**self.num_doublings, width // 2**self.num_doublings),
            "filters": [
                min(filters * 2 ** (self.num_doublings - level), max_filters)
                for level in range(self.num_doublings + 1)
            ],
            "growth": self._growth,
            "dtype": self.dtype_policy,
        }
        self.generator = GrowingGenerator(
            latent_dim + (num_classes or 0), channels, name="generator", **shared
        )
        self.discriminator = GrowingDiscriminator(
            self.discriminator_channels(channels), name="discriminator", **shared
        )
        self.judgement = Judgement(
            self.discriminator.num_features,
            num_classes,
            self.conditioning,
            keras.initializers.RandomNormal(stddev=1.0),
            name="judgement",
        )
        self.finish_build()

    # ---- phases: even ones are stable, odd ones fade to the next size ----------------------------

    def phase_begins(self) -> list[int]:
        """How many real pictures are seen before each phase begins: the first one learns level 0.

        Phase 2 l learns level l, whose sides are 2^l times the smallest; before it, phase 2 l - 1
        fades that level in.
        """
        begins = [0]
        for _ in range(self.num_doublings):
            begins += [begins[-1] + self.stable_images]
            begins += [begins[-1] + self.fade_images]
        return begins

    def progress(self) -> int:
        return int(self.images_seen.numpy())

    def phase_at(self, progress: int) -> int:
        return bisect.bisect_right(self.phase_begins(), progress) - 1

    def phase_weights(self, phase: int) -> list[keras.Variable]:
        level, fading = (phase + 1) // 2, phase % 2 == 1
        return [
            *self.generator.weights_at(level, fading),
            *self.discriminator.weights_at(level, fading),
            *self.judgement.trainable_variables,
        ]

    def _growth(self) -> Growth:
        """How far both networks have grown: in a fade, alpha follows the pictures seen."""
        phase = self.phase
        level = (phase + 1) // 2
        if phase % 2 == 0:
            return Growth(level, None)
        since = tf.cast(self.images_seen.value - self.phase_begins()[phase], tf.float32)
        return Growth(level, tf.clip_by_value(since / max(self.fade_images, 1), 0.0, 1.0))

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        logs = super().train_step(data)
        _, count = place_in_global_batch(tf.shape(self.unpack(data)[0])[0])
        self.images_seen.assign(self.images_seen + tf.cast(count, tf.int64))
        return logs

    # ---- objective and sampling ------------------------------------------------------------------

    def real(self, x: tf.Tensor, conditions: Conditions) -> tf.Tensor:
        """Pictures of the phase's size; while that fades in, as coarse as what is generated."""
        level, alpha = self._growth()
        pictures = pooled(super().real(x, conditions), 2 ** (self.num_doublings - level))
        if alpha is None:
            return pictures
        return faded(enlarged(pooled(pictures, 2), 2), pictures, alpha)

    def discriminator_terms(self, play: Play) -> dict[str, tf.Tensor]:
        terms = super().discriminator_terms(play)
        if not self.drift:
            return terms
        return terms | {"drift": self.drift * self.validity(play.real_output) ** 2}

    def _draw_latents(self, noise: Noise) -> tf.Tensor:
        return pixel_norm(super()._draw_latents(noise))

    def _decode(self, latents: Any, conditions: Conditions) -> tf.Tensor:
        pictures = self.from_latents(latents, conditions)
        factor = 2 ** (self.num_doublings - self._growth().level)
        return self.format.from_unit(enlarged(pictures, factor))


def _halvings(height: int, width: int) -> int:
    """How often both sides can be halved without a remainder and stay at 4 or more."""
    times = 0
    while height % 2 == 0 and width % 2 == 0 and min(height, width) >= 2 * _FIRST:
        height, width, times = height // 2, width // 2, times + 1
    return times
