"""The adversarial game: two networks, two optimizers, one `fit`.

Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville, Bengio 2014, "Generative
Adversarial Networks", arXiv 1406.2661.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf

from keras_gen import checks
from keras_gen.adversarial.losses import non_saturating
from keras_gen.latent_model import LatentImageModel
from keras_gen.layers.labels import with_labels
from keras_gen.signature import ROUNDED

# Stream of the generator's noise in training; those of the discriminator's steps follow.
_GENERATOR_STREAM = 0


class GAN(LatentImageModel):
    """The game of a generator and a discriminator, whatever their networks.

    A subclass builds `self.generator`, from latent vectors (with one-hot labels appended) to images
    in [-1, 1], and `self.discriminator`, from such images (with one-hot labels appended to each
    pixel) to logits `[n, 1]`.

    Args:
        image_shape: (height, width, channels).
        latent_dim: length of the latent vector.
        adversarial_loss: a function of `keras_gen.adversarial.losses`, or one like them: its
            generator's loss must depend on generated examples alone.
        discriminator_steps: steps of the discriminator for one of the generator, each on the same
            real batch and on images from new noise.
        **kwargs: of `LatentImageModel`.
    """

    terms = ("loss", "generator_loss", "discriminator_loss")
    sample_output = decode_output = ROUNDED
    num_optimizers = 2
    default_optimizer: ClassVar[dict[str, float]] = {"learning_rate": 2e-4, "beta_1": 0.5}

    def __init__(
        self,
        image_shape: Sequence[int],
        *,
        latent_dim: int,
        adversarial_loss: Callable = non_saturating,
        discriminator_steps: int = 1,
        **kwargs: Any,
    ):
        super().__init__(image_shape, latent_dim=latent_dim, **kwargs)
        if not callable(adversarial_loss):
            raise ValueError(f"adversarial_loss must be a function, received {adversarial_loss!r}.")
        self.adversarial_loss = adversarial_loss
        self.discriminator_steps = checks.positive("discriminator_steps", discriminator_steps)

    # ---- two optimizers --------------------------------------------------------------------------

    def compile(self, generator_optimizer=None, discriminator_optimizer=None, **kwargs: Any):
        """Prepares both players for training.

        Args:
            generator_optimizer: a Keras optimizer, or `None` for Adam with a learning rate of 2e-4
                and beta_1 of 0.5 (Radford et al. 2016). With `use_ema`, `fit` ends with the
                generator's averaged weights, as Keras does for any model.
            discriminator_optimizer: likewise; another object.
            **kwargs: of `GenerativeModel.compile`.

        Raises:
            ValueError: both players were given the same optimizer.

        Example:
            >>> model.compile(keras.optimizers.Adam(1e-4), keras.optimizers.Adam(4e-4))
        """
        generator_optimizer, discriminator_optimizer = (
            keras.optimizers.Adam(**self.default_optimizer, name=name)
            if optimizer is None
            else keras.optimizers.get(optimizer)
            for optimizer, name in (
                (generator_optimizer, "generator_adam"),
                (discriminator_optimizer, "discriminator_adam"),
            )
        )
        if generator_optimizer is discriminator_optimizer:
            raise ValueError(
                "discriminator_optimizer must be another object than generator_optimizer: "
                "an optimizer keeps slots for the weights of one player."
            )
        super().compile(optimizer=generator_optimizer, **kwargs)
        scaled = keras.optimizers.LossScaleOptimizer
        if isinstance(self.optimizer, scaled) and not isinstance(discriminator_optimizer, scaled):
            discriminator_optimizer = keras.optimizers.LossScaleOptimizer(discriminator_optimizer)
        self.discriminator_optimizer = discriminator_optimizer
        self.generator_optimizer.build(self.generator.trainable_variables)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)

        # At the end of `fit`, Keras hands the optimizer all weights of the model, to be replaced by
        # their averages; this one averages the generator's.
        finalize = self.generator_optimizer.finalize_variable_values
        self.generator_optimizer.finalize_variable_values = lambda _: finalize(
            self.generator.trainable_variables
        )

    @property
    def generator_optimizer(self) -> keras.optimizers.Optimizer:
        """The generator's optimizer: to Keras's callbacks, the model's."""
        return self.optimizer

    def get_compile_config(self) -> dict:
        config = super().get_compile_config()
        if config:
            optimizer = self.discriminator_optimizer
            optimizer = getattr(optimizer, "inner_optimizer", optimizer)
            config["generator_optimizer"] = config.pop("optimizer")
            config["discriminator_optimizer"] = keras.optimizers.serialize(optimizer)
        return config

    def compile_from_config(self, config: dict) -> None:
        self.compile(**keras.saving.deserialize_keras_object(config))

    # ---- the game --------------------------------------------------------------------------------

    def generate(self, latents: tf.Tensor, labels: tf.Tensor | None, training: bool = False):
        """G(z): images in [-1, 1], `[n, height, width, channels]`."""
        latents = tf.cast(latents, self.compute_dtype)
        return self.generator(with_labels(latents, labels, self.num_classes), training=training)

    def discriminate(self, images: tf.Tensor, labels: tf.Tensor | None, training: bool = False):
        """The logit of D(x), float32 `[n]`, of images in [-1, 1]."""
        images = with_labels(images, labels, self.num_classes)
        return tf.cast(self.discriminator(images, training=training), tf.float32)[:, 0]

    def play(self, x, labels, fakes, training: bool) -> dict[str, tf.Tensor]:
        """Both losses, per example, of stored images and of generated ones in [-1, 1]."""
        # Real and generated images are normalised apart, as Radford et al. train.
        real_logits = self.discriminate(self.to_unit(x), labels, training)
        fake_logits = self.discriminate(fakes, labels, training)
        discriminator_loss, generator_loss = self.adversarial_loss(real_logits, fake_logits)
        return {"generator_loss": generator_loss, "discriminator_loss": discriminator_loss}

    def fakes(self, x, labels, training: bool, stream: int = _GENERATOR_STREAM) -> tf.Tensor:
        """As many generated images as there are in a batch, in [-1, 1]."""
        latents = self.noise_for(x, training, stream).normal((self.latent_dim,))
        return self.generate(latents, labels, training)

    def objective(self, x, labels, training):
        losses = self.play(x, labels, self.fakes(x, labels, training), training)
        return {"loss": losses["generator_loss"] + losses["discriminator_loss"], **losses}

    def train_step(self, data):
        x, labels = self.unpack(data)

        for step in range(self.discriminator_steps):
            fakes = self.fakes(x, labels, True, _GENERATOR_STREAM + 1 + step)

            def of_discriminator(fakes=fakes):
                losses = self.play(x, labels, fakes, training=True)
                return {"loss": losses["discriminator_loss"], **losses}

            played = self.descend(
                self.discriminator_optimizer,
                self.discriminator.trainable_variables,
                of_discriminator,
            )

        def of_generator():
            fakes = self.fakes(x, labels, training=True)
            fake_logits = self.discriminate(fakes, labels, training=True)
            # The generator's loss must not see real examples; one that does shows as NaN.
            unseen = tf.fill(tf.shape(fake_logits), float("nan"))
            _, generator_loss = self.adversarial_loss(unseen, fake_logits)
            return {"loss": generator_loss}

        generator_loss = self.descend(
            self.generator_optimizer, self.generator.trainable_variables, of_generator
        )["loss"]
        return self.report(
            {
                "loss": generator_loss + played["discriminator_loss"],
                "generator_loss": generator_loss,
                "discriminator_loss": played["discriminator_loss"],
            }
        )

    # ---- sampling --------------------------------------------------------------------------------

    def draw(self, noise, labels, temperature):
        latents = noise.normal((self.latent_dim,)) * temperature[:, None]
        return self.images_of(latents, labels)

    def images_of(self, latents, labels):
        return self.to_stored(self.generate(latents, labels))
