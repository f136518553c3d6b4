"""The generative adversarial network: a game whose generator starts from a latent vector.

Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville, Bengio 2014, "Generative
Adversarial Networks", arXiv 1406.2661.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from keras_gen import checks
from keras_gen.adversarial.adversarial_model import AdversarialModel, Play
from keras_gen.adversarial.judgement import CONDITIONINGS, Judgement
from keras_gen.adversarial.packing import packed, unpacked
from keras_gen.generative_model import GenerativeModel
from keras_gen.latent_model import LatentModel
from keras_gen.layers.labels import with_labels
from keras_gen.model import Conditions
from keras_gen.random import Noise
from keras_gen.signature import ROUNDED, Input

tfd = tfp.distributions


# How the prior of latent vectors may be spread: both about zero.
DISTRIBUTIONS = ("normal", "uniform")


class LatentGAN(AdversarialModel, LatentModel, GenerativeModel):
    """A game over data of any format, from latent vectors.

    A subclass sets `format` and builds `self.generator`, from latent vectors (with one-hot labels
    appended) to data as networks see it (pictures in [-1, 1]), `self.discriminator`, from
    `discriminator_channels` of such data to features `[n, d]`, and `self.judgement` of them.
    `model(z)` is `decode`.

    Args:
        latent_dim: length of the latent vector.
        latent_distribution: "normal", or "uniform" over [-1, 1].
        conditioning: how labels enter the discriminator: "concatenation", "auxiliary" or
            "projection" (see `Judgement`).
        packing: m, examples that the discriminator sees at once, consecutive ones of a batch, for
            more variety (PacGAN: Lin et al. 2018, arXiv 1712.04086); 1 is the plain game. Penalties
            are then on the slope with respect to each example of a pack.
        **kwargs: of `AdversarialModel`.

    Raises:
        ValueError: an argument is out of range, or packing where labels are judged one by one.
    """

    discriminator: keras.Model
    judgement: Judgement
    sample_output = decode_output = ROUNDED

    def __init__(
        self,
        *,
        latent_dim: int,
        latent_distribution: str = "normal",
        conditioning: str = "concatenation",
        packing: int = 1,
        **kwargs: Any,
    ) -> None:
        if conditioning == "auxiliary":
            self.terms = {**self.terms, "class_loss": "nats", "generated_class_loss": "nats"}
        super().__init__(latent_dim=latent_dim, **kwargs)
        self.latent_distribution = checks.one_of(
            "latent_distribution", latent_distribution, DISTRIBUTIONS
        )
        self.conditioning = checks.one_of("conditioning", conditioning, CONDITIONINGS)
        if conditioning != "concatenation" and self.num_classes is None:
            raise ValueError(
                "conditioning must be 'concatenation' where num_classes is None, received "
                f"{conditioning!r}."
            )
        self.packing = checks.positive("packing", packing)
        if packing > 1 and conditioning != "concatenation":
            raise ValueError(
                f"packing must be 1 where labels are judged one by one, as conditioning="
                f"{conditioning!r} does, received {packing}."
            )

    def check_batch_size(self, batch_size: int) -> None:
        super().check_batch_size(batch_size)
        if batch_size // self.discriminator_steps % self.packing:
            raise ValueError(
                f"batch_size must be a multiple of {self.discriminator_steps * self.packing}, "
                f"packs of {self.packing} for each of {self.discriminator_steps} steps, received "
                f"{batch_size}."
            )

    def prior(self) -> tfp.distributions.Distribution:
        if self.latent_distribution == "normal":
            return super().prior()
        edge = tf.ones([self.latent_dim])
        return tfd.Independent(tfd.Uniform(-edge, edge), 1)

    def _draw_latents(self, noise: Noise) -> tf.Tensor:
        if self.latent_distribution == "normal":
            return super()._draw_latents(noise)
        return 2.0 * noise.uniform((self.latent_dim,)) - 1.0

    def setting_inputs(self) -> dict[str, Input]:
        """`truncation`: latents are multiplied by it; 1 changes nothing, 0 draws the centre."""
        return self.truncation_input()

    def from_latents(
        self, latents: tf.Tensor, conditions: Conditions, training: bool = False
    ) -> tf.Tensor:
        """G(z), as the discriminator sees it."""
        latents = tf.cast(latents, self.compute_dtype)
        inputs = with_labels(latents, conditions.get("labels"), self.num_classes)
        return self.generator(inputs, training=training)

    def generate(
        self, x: tf.Tensor, conditions: Conditions, noise: Noise, training: bool
    ) -> tf.Tensor:
        return self.from_latents(self._draw_latents(noise), conditions, training)

    def discriminator_channels(self, channels: int) -> int:
        """How many channels the discriminator sees where data has so many: of labels, of packs."""
        return self.packing * (channels + (self._appended_classes or 0))

    @property
    def _appended_classes(self) -> int | None:
        return self.num_classes if self.conditioning == "concatenation" else None

    def discriminate(self, data: tf.Tensor, conditions: Conditions, training: bool) -> Any:
        labels = conditions.get("labels")
        inputs = packed(with_labels(data, labels, self._appended_classes), self.packing, training)
        judged = self.judgement(self.discriminator(inputs, training=training), labels)
        return unpacked(judged, self.packing, tf.shape(data)[0], training)

    def discriminator_weights(self) -> list[keras.Variable]:
        # Its last layer is frozen with it.
        last = self.judgement.trainable_variables if self.discriminator.trainable else []
        return [*super().discriminator_weights(), *last]

    # ---- AC-GAN: both players want labels to be recognised --------------------------------------

    def validity(self, output: Any) -> Any:
        return output["validity"] if self.judgement.kind == "auxiliary" else output

    def generator_terms(self, play: Play) -> dict[str, tf.Tensor]:
        if self.judgement.kind != "auxiliary":
            return {}
        return {"generated_class_loss": self._class_loss(play.fake_output, play)}

    def discriminator_terms(self, play: Play) -> dict[str, tf.Tensor]:
        if self.judgement.kind != "auxiliary":
            return {}
        # Of real and generated examples, as in Odena et al. 2017.
        outputs = (play.real_output, play.fake_output)
        return {"class_loss": tf.add_n([self._class_loss(each, play) for each in outputs])}

    @staticmethod
    def _class_loss(output: dict[str, tf.Tensor], play: Play) -> tf.Tensor:
        return tf.nn.sparse_softmax_cross_entropy_with_logits(
            play.conditions["labels"], output["classes"]
        )

    # ---- draws ----------------------------------------------------------------------------------

    def draw(
        self, noise: Noise, conditions: Conditions, settings: dict[str, tf.Tensor]
    ) -> tf.Tensor:
        return self._decode(self._draw_truncated(noise, settings), conditions)

    def _decode(self, latents: Any, conditions: Conditions) -> tf.Tensor:
        return self.format.from_unit(self.from_latents(latents, conditions))

    def forward_input(self) -> Input:
        return self.latent_inputs()["latents"]

    def forward(self, x: tf.Tensor, conditions: Conditions) -> tf.Tensor:
        return self._decode(x, conditions)
