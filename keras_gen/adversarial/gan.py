"""The generative adversarial network: a game whose generator starts from a latent vector.

Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville, Bengio 2014, "Generative
Adversarial Networks", arXiv 1406.2661.
"""

from __future__ import annotations

import tensorflow as tf

from keras_gen.adversarial.adversarial_model import AdversarialModel
from keras_gen.generative_model import GenerativeModel
from keras_gen.latent_model import LatentModel
from keras_gen.layers.labels import with_labels
from keras_gen.model import Conditions
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

    def setting_inputs(self):
        """`truncation`: latents are multiplied by it; 1 changes nothing, 0 draws the centre."""
        return {"truncation": Input((None,), "float32", minimum=0.0, default=1.0)}

    def from_latents(self, latents: tf.Tensor, conditions: Conditions, training: bool = False):
        """G(z), as the discriminator sees it."""
        latents = tf.cast(latents, self.compute_dtype)
        inputs = with_labels(latents, conditions.get("labels"), self.num_classes)
        return self.generator(inputs, training=training)

    def generate(self, x, conditions, noise, training):
        return self.from_latents(self._draw_latents(noise), conditions, training)

    def discriminate(self, data, conditions, training):
        inputs = with_labels(data, conditions.get("labels"), self.num_classes)
        return tf.cast(self.discriminator(inputs, training=training), tf.float32)[:, 0]

    def draw(self, noise, conditions, settings):
        latents = self._draw_latents(noise) * settings["truncation"][:, None]
        return self._decode(latents, conditions)

    def _decode(self, latents, conditions):
        return self.format.from_unit(self.from_latents(latents, conditions))

    # ---- the forward pass takes latents ----------------------------------------------------------

    def call(self, inputs, training=False):
        """Decodes latents: `[n, latent_dim]`, or a dict of them as "x" and of conditions."""
        given = dict(inputs) if isinstance(inputs, dict) else {"x": inputs}
        latents = tf.cast(tf.convert_to_tensor(given.pop("x")), tf.float32)
        with self.reading_averages():
            return self._decode(latents, self._conditions(latents, given))
