"""A variant of a model: it fixes its parent's loss and normalisation, and adds a penalty."""

import keras
import tensorflow as tf

from keras_gen import DCGAN, Wasserstein


@keras.saving.register_keras_serializable("toys")
class WGANGP(DCGAN):
    """Wasserstein GAN with gradient penalty (Gulrajani et al. 2017, arXiv 1704.00028)."""

    terms = DCGAN.terms | {"gradient_penalty": "1"}

    def __init__(self, image_shape, *, penalty_weight=10.0, **kwargs):
        fixed = {"adversarial_loss": Wasserstein(), "discriminator_normalization": "layer"}
        super().__init__(image_shape, **fixed, **kwargs)
        self.penalty_weight = penalty_weight

    def discriminator_terms(self, play):
        share = tf.cast(play.noise.uniform((1, 1, 1), stream=1), play.real.dtype)
        between = play.real + share * (play.fake - play.real)
        with tf.GradientTape() as tape:
            tape.watch(between)
            output = self.discriminate(between, play.conditions, play.training)
        gradient = tf.cast(tape.gradient(output, between), tf.float32)
        slope = tf.sqrt(tf.reduce_sum(gradient**2, axis=[1, 2, 3]) + 1e-12)
        return {"gradient_penalty": self.penalty_weight * (slope - 1.0) ** 2}
