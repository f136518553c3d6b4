"""The generative adversarial network: a game whose generator starts from a latent vector.

Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville, Bengio 2014, "Generative
Adversarial Networks", arXiv 1406.2661.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from keras_gen.adversarial.adversarial_model import AdversarialModel
from keras_gen.generative_model import GenerativeModel
from keras_gen.latent_model import LatentModel
from keras_gen.layers.labels import with_labels
from keras_gen.model import Conditions
from keras_gen.random import Noise
from keras_gen.signature import ROUNDED, Input


class GAN(AdversarialModel, LatentModel, GenerativeModel):
    """A game over data of any format, from latent vectors.

    A subclass sets `format` and builds `self.generator`, from latent vectors (with one-hot labels
    appended) to data as networks see it (pictures in [-1, 1]), and `self.discriminator`, from such
    data (with one-hot labels appended to each pixel) to logits `[n, 1]`. `model(z)` is `decode`.

    Args:
        latent_dim: length of the latent vector.
        **kwargs: of `AdversarialModel`.
    """

    sample_output = decode_output = ROUNDED

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

    def discriminate(self, data: tf.Tensor, conditions: Conditions, training: bool) -> tf.Tensor:
        inputs = with_labels(data, conditions.get("labels"), self.num_classes)
        return tf.cast(self.discriminator(inputs, training=training), tf.float32)[:, 0]

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
