"""The variational autoencoder: a latent-variable model and its inference network, trained as one.

Kingma & Welling 2014, "Auto-Encoding Variational Bayes", arXiv 1312.6114; beta from Higgins et al.
2017 (beta-VAE); the importance-weighted bound from Burda, Grosse, Salakhutdinov 2016, arXiv
1509.00519.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_gen import checks, random
from keras_gen.latent_model import LatentImageModel
from keras_gen.layers.labels import with_labels
from keras_gen.layers.resolution import crop_doubled, halved
from keras_gen.likelihoods import Likelihood, likelihood_of
from keras_gen.random import Noise
from keras_gen.signature import NUMBER, Input, Signature

tfd = tfp.distributions

# Streams of a sample's noise.
_LATENT, _OBSERVATION = 0, 1


@keras.saving.register_keras_serializable("keras_gen")
class VAE(LatentImageModel):
    """Variational autoencoder over images, with a diagonal Gaussian posterior.

    Args:
        image_shape: (height, width, channels).
        levels: how many values a channel takes, 2 to 256.
        latent_dim: length of the latent vector.
        filters: of the convolutions of the default networks, each of which halves the image.
        hidden_units: of the dense layer of the default networks.
        beta: weight of the KL divergence in the loss; 1 is the evidence lower bound.
        num_classes: of the labels that both networks are told; `None` is unconditional.
        likelihood: of a channel's value; `None` is Bernoulli for 2 levels and else Categorical.
        encoder: a Keras model from images in [-1, 1], `[n, height, width, channels]`, to
            `[n, 2 latent_dim]`; with `num_classes`, one-hot labels are appended to each pixel.
        decoder: a Keras model from `[n, latent_dim]`, with one-hot labels appended likewise, to
            `[n, height, width, channels * likelihood.num_parameters]`.
        seed: of the posterior's noise in training; drawn and kept where `None`.
        **kwargs: of `keras.Model`.

    Raises:
        ValueError: an argument is out of range, or a network gives another shape.

    Example:
        >>> model = VAE((28, 28, 1), levels=2)
        >>> model.compile("adam")
        >>> model.fit(images, epochs=10)
        >>> model.reconstruct(images[:8]).shape
        (8, 28, 28, 1)

    Kingma & Welling 2014, arXiv 1312.6114.
    """

    terms = ("loss", "negative_elbo", "reconstruction", "kl", "bits_per_dim_bound")

    # ---- networks --------------------------------------------------------------------------------

    def __init__(
        self,
        image_shape: Sequence[int],
        levels: int = 256,
        latent_dim: int = 32,
        filters: Sequence[int] = (32, 64),
        hidden_units: int = 256,
        beta: float = 1.0,
        num_classes: int | None = None,
        likelihood: Likelihood | None = None,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            image_shape,
            levels=levels,
            latent_dim=latent_dim,
            num_classes=num_classes,
            seed=seed,
            **kwargs,
        )
        self.filters = tuple(checks.positive("filters", size) for size in filters)
        self.hidden_units = checks.positive("hidden_units", hidden_units)
        if beta < 0:
            raise ValueError(f"beta must be at least 0, received {beta}.")
        self.beta = beta
        self.likelihood = likelihood_of(self.levels, likelihood)
        self._passed = {"encoder": encoder is not None, "decoder": decoder is not None}
        self.encoder = encoder or self._build_encoder()
        self.decoder = decoder or self._build_decoder()
        height, width, channels = self.image_shape
        parameters = (None, height, width, channels * self.likelihood.num_parameters)
        for name, network, shape in (
            ("encoder", self.encoder, (None, 2 * self.latent_dim)),
            ("decoder", self.decoder, parameters),
        ):
            if tuple(network.output_shape) != shape:
                raise ValueError(
                    f"{name} must give {list(shape)}, received {list(network.output_shape)}."
                )
        # Graphs are sized before the first batch, so that saving needs no call.
        self.built = True

    def _build_encoder(self) -> keras.Model:
        height, width, channels = self.image_shape
        layers = keras.layers
        policy = self.dtype_policy
        stages = [
            layers.Conv2D(size, 3, 2, padding="same", activation="relu", dtype=policy)
            for size in self.filters
        ]
        dense = layers.Dense(self.hidden_units, activation="relu", dtype=policy)
        return keras.Sequential(
            [
                keras.Input((height, width, channels + (self.num_classes or 0))),
                *stages,
                layers.Flatten(dtype=policy),
                dense,
                layers.Dense(2 * self.latent_dim, dtype="float32"),
            ],
            name="encoder",
        )

    def _build_decoder(self) -> keras.Model:
        channels = self.image_shape[-1]
        layers = keras.layers
        policy = self.dtype_policy
        halvings = len(self.filters)
        small = (*halved(self.image_shape, halvings), (self.filters or (channels,))[-1])
        # Each stage doubles the image; the last one gives the likelihood's parameters.
        sizes = self.filters[-2::-1]
        stages = [
            layers.Conv2DTranspose(size, 4, 2, padding="same", activation="relu", dtype=policy)
            for size in sizes
        ]
        outputs = channels * self.likelihood.num_parameters
        last = (
            layers.Conv2DTranspose(outputs, 4, 2, padding="same", dtype="float32")
            if self.filters
            else layers.Conv2D(outputs, 1, dtype="float32")
        )
        return keras.Sequential(
            [
                keras.Input((self.latent_dim + (self.num_classes or 0),)),
                layers.Dense(self.hidden_units, activation="relu", dtype=policy),
                layers.Dense(math.prod(small), activation="relu", dtype=policy),
                layers.Reshape(small, dtype=policy),
                *stages,
                last,
                crop_doubled(self.image_shape, halvings),
            ],
            name="decoder",
        )

    @property
    def sample_output(self):
        return self.likelihood.draw_output

    decode_output = sample_output

    # ---- distributions ---------------------------------------------------------------------------

    def posterior(self, x: tf.Tensor, labels: tf.Tensor | None = None, training: bool = False):
        """q(z | x): a diagonal Gaussian, `tfd.Independent` of `[n, latent_dim]`."""
        inputs = with_labels(self.to_unit(x), labels, self.num_classes)
        loc, raw = tf.split(
            tf.cast(self.encoder(inputs, training=training), tf.float32), 2, axis=-1
        )
        # Shifted so that an untrained network starts near the prior's scale of one.
        scale = tf.nn.softplus(raw + math.log(math.e - 1.0)) + 1e-4
        return tfd.Independent(tfd.Normal(loc, scale), 1)

    def latent_prior(self):
        """p(z): a standard normal of `[latent_dim]`."""
        return tfd.Independent(tfd.Normal(tf.zeros([self.latent_dim]), 1.0), 1)

    def parameters(self, z: tf.Tensor, labels: tf.Tensor | None = None, training: bool = False):
        """The parameters of p(x | z): float32 `[n, height, width, channels, k]`."""
        inputs = with_labels(tf.cast(z, self.compute_dtype), labels, self.num_classes)
        outputs = tf.cast(self.decoder(inputs, training=training), tf.float32)
        return tf.reshape(outputs, [-1, *self.image_shape, self.likelihood.num_parameters])

    def log_likelihood(self, x, z, labels: tf.Tensor | None = None, training: bool = False):
        """log p(x | z) of each image, in nats: float32 `[n]`."""
        log_probs = self.likelihood.log_prob(self.parameters(z, labels, training), x)
        return tf.reduce_sum(log_probs, axis=[1, 2, 3])

    # ---- objective and sampling ------------------------------------------------------------------

    def objective(self, x, labels, training):
        posterior = self.posterior(x, labels, training)
        normal = self.noise_for(x, training).normal((self.latent_dim,))
        z = posterior.distribution.loc + posterior.distribution.scale * normal
        reconstruction = -self.log_likelihood(x, z, labels, training)
        kl = tfd.kl_divergence(posterior, self.latent_prior())
        return {
            "loss": reconstruction + self.beta * kl,
            "negative_elbo": reconstruction + kl,
            "reconstruction": reconstruction,
            "kl": kl,
            "bits_per_dim_bound": self.bits_per_dim(reconstruction + kl),
        }

    def draw(self, noise, labels, temperature):
        z = noise.normal((self.latent_dim,), stream=_LATENT)
        observation = self.likelihood.noise(noise, self.image_shape, stream=_OBSERVATION)
        temperature = temperature[:, None, None, None]
        return self.likelihood.draw(self.parameters(z, labels), observation, temperature)

    def images_of(self, latents, labels):
        parameters = self.parameters(latents, labels)
        mode = tf.zeros([1, 1, 1, 1])
        return self.likelihood.draw(parameters, tf.zeros([1, 1, 1, 1, 1]), mode)

    def log_bound(
        self, x: tf.Tensor, labels: tf.Tensor | None, noise: Noise, num_samples: tf.Tensor
    ) -> tf.Tensor:
        """The graph function of `importance_weighted_bound`."""
        posterior = self.posterior(x, labels)
        loc, scale = posterior.distribution.loc, posterior.distribution.scale
        prior = self.latent_prior()

        def add_sample(k, log_sum):
            z = loc + scale * noise.normal((self.latent_dim,), step=k)
            log_weight = (
                self.log_likelihood(x, z, labels) + prior.log_prob(z) - posterior.log_prob(z)
            )
            return k + 1, tf.reduce_logsumexp(tf.stack([log_sum, log_weight]), axis=0)

        _, log_sum = tf.while_loop(
            lambda k, _: k < num_samples,
            add_sample,
            (tf.constant(0), tf.zeros_like(loc[:, 0]) - 1e30),
        )
        return log_sum - tf.math.log(tf.cast(num_samples, tf.float32))

    # ---- what a user calls -----------------------------------------------------------------------

    def encode(self, x: Any, labels: Any = None) -> np.ndarray:
        """The posterior's mean of each image.

        Args:
            x: ints `[n, height, width, channels]` in `[0, levels)`.
            labels: ints in `[0, num_classes)`, one or `[n]`; of a conditional model only.

        Returns:
            float32 `[n, latent_dim]`.

        Raises:
            ValueError: an argument is of another shape or kind, or out of range.

        Example:
            >>> latents = model.encode(images)
        """
        x = self.check_data(x)
        return self.run("encode", x, self.check_labels(labels, len(x)))

    def reconstruct(self, x: Any, labels: Any = None) -> np.ndarray:
        """Decodes the posterior's mean of each image; arguments and errors are those of `encode`.

        Returns:
            uint8 `[n, height, width, channels]`.
        """
        x = self.check_data(x)
        return self.run("reconstruct", x, self.check_labels(labels, len(x)))

    def importance_weighted_bound(
        self,
        x: Any,
        labels: Any = None,
        num_samples: int = 64,
        seed: int | None = 0,
        batch_size: int = 256,
    ) -> np.ndarray:
        """A lower bound of each image's log-probability, tighter with more samples.

        Args:
            x: ints `[n, height, width, channels]` in `[0, levels)`.
            labels: ints in `[0, num_classes)`, one or `[n]`; of a conditional model only.
            num_samples: of the posterior, for each image; 1 estimates the evidence lower bound.
            seed: of the samples; `None` draws one.
            batch_size: images at a time; the result does not depend on it.

        Returns:
            float32 `[n]`, in nats; its expectation lies under the log-probability.

        Raises:
            ValueError: an argument is of another shape or kind, or out of range.

        Example:
            >>> model.importance_weighted_bound(images, num_samples=50).mean()

        Burda, Grosse, Salakhutdinov 2016, arXiv 1509.00519.
        """
        x = self.check_data(x)
        num_samples = np.int32(checks.positive("num_samples", num_samples))
        labels = self.check_labels(labels, len(x))
        seeds = random.spread(self.check_seed(seed), len(x))
        parts = [
            slice(begin, begin + batch_size)
            for begin in range(0, len(x), checks.positive("batch_size", batch_size))
        ]
        bounds = [
            self.run(
                "bound", x[part], seeds[part], num_samples, None if labels is None else labels[part]
            )
            for part in parts
        ]
        return np.concatenate(bounds)

    # ---- signatures and config -------------------------------------------------------------------

    def signatures(self):
        def encode(images, labels=None):
            posterior = self.posterior(images, labels)
            return {"mean": posterior.mean(), "stddev": posterior.stddev()}

        def reconstruct(images, labels=None):
            latents = self.posterior(images, labels).mean()
            return {"reconstructions": self.images_of(latents, labels)}

        def bound(images, seeds, num_samples, labels=None):
            return {"log_prob_bound": self.log_bound(images, labels, Noise(seeds), num_samples)}

        labels = self.condition_inputs()
        images = {"images": self.data_input()}
        samples = {
            "seeds": Input((None,), "int64"),
            "num_samples": Input((), "int32", minimum=1),
        }
        return super().signatures() | {
            "encode": Signature(encode, images | labels, {"mean": NUMBER, "stddev": NUMBER}),
            "reconstruct": Signature(
                reconstruct, images | labels, {"reconstructions": self.decode_output}
            ),
            "bound": Signature(bound, images | samples | labels, {"log_prob_bound": NUMBER}),
        }

    def get_config(self):
        # Networks that were built here follow from the other arguments.
        built_here = {name: None for name, passed in self._passed.items() if not passed}
        return super().get_config() | built_here
