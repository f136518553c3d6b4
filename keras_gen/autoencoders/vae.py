"""The variational autoencoder: a latent-variable model and its inference network, trained as one.

Kingma & Welling 2014, "Auto-Encoding Variational Bayes", arXiv 1312.6114; beta from Higgins et al.
2017 (beta-VAE); the importance-weighted bound from Burda, Grosse, Salakhutdinov 2016, arXiv
1509.00519.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_gen import checks, random
from keras_gen.formats import Images
from keras_gen.generative_model import GenerativeModel
from keras_gen.latent_model import LatentModel
from keras_gen.layers.labels import with_labels
from keras_gen.layers.resolution import crop_doubled, halved
from keras_gen.likelihoods import Likelihood, likelihood_of
from keras_gen.model import Conditions
from keras_gen.random import Noise, Purpose
from keras_gen.signature import CHOICE, DECISION, NUMBER, Input, Output, Signature
from keras_gen_export.batches import run_in_batches
from keras_gen_export.inputs import check_inputs

tfd = tfp.distributions

# The stream of a sample's noise that its pixels take; its latents take the first.
_OBSERVATION = 1


@keras.saving.register_keras_serializable("keras_gen")
class VAE(LatentModel, GenerativeModel):
    """Images with latents to encode, decode and walk between, and a bound of the likelihood.

    A variational autoencoder with a diagonal Gaussian posterior. The default networks are
    convolutions; the paper's are dense.

    Args:
        image_shape: (height, width, channels).
        levels: how many values a channel takes, 2 to 256.
        latent_dim: length of the latent vector.
        filters: of the convolutions of the default networks, each of which halves the image.
        hidden_units: of the dense layer of the default networks.
        beta: weight of the KL divergence in the loss; 1 is the evidence lower bound.
        num_classes: of the labels that both networks see; `None` is unconditional.
        likelihood: of a channel's value; `None` is Bernoulli for 2 levels and else Categorical.
        encoder: a Keras model from images in [-1, 1], `[n, height, width, channels]`, to
            `[n, 2 latent_dim]`; with `num_classes`, one-hot labels are appended to each pixel.
        decoder: a Keras model from `[n, latent_dim]`, with one-hot labels appended likewise, to
            `[n, height, width, channels * likelihood.num_parameters]`.
        **kwargs: of `Model`: `average_decay`, `seed` (of the posterior's noise in training), and
            of `keras.Model`.

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

    terms: Mapping[str, str] = {
        "loss": "nats",
        "negative_elbo": "nats",
        "reconstruction": "nats",
        "kl": "nats",
        "bits_per_dim_bound": "bits per dimension",
    }
    has_encoder = True

    # ---- networks --------------------------------------------------------------------------------

    def __init__(
        self,
        image_shape: Sequence[int],
        levels: int = 256,
        *,
        latent_dim: int = 32,
        filters: Sequence[int] = (32, 64),
        hidden_units: int = 256,
        beta: float = 1.0,
        num_classes: int | None = None,
        likelihood: Likelihood | None = None,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(latent_dim=latent_dim, num_classes=num_classes, **kwargs)
        self.format = Images(image_shape, levels)
        self.image_shape, self.levels = self.format.image_shape, levels
        self.filters = checks.sizes("filters", filters)
        self.hidden_units = checks.positive("hidden_units", hidden_units)
        self.beta = checks.not_negative("beta", beta)
        self.likelihood = likelihood_of(self.levels, likelihood)
        self._passed = {"encoder": encoder is not None, "decoder": decoder is not None}
        self.encoder = self._build_encoder() if encoder is None else encoder
        self.decoder = self._build_decoder() if decoder is None else decoder
        height, width, channels = self.image_shape
        classes = self.num_classes or 0
        parameters = channels * self.likelihood.num_parameters
        checks.network(
            "encoder", self.encoder, (height, width, channels + classes), (2 * self.latent_dim,)
        )
        checks.network(
            "decoder", self.decoder, (self.latent_dim + classes,), (height, width, parameters)
        )
        self.finish_build()

    def _build_encoder(self) -> keras.Model:
        height, width, channels = self.image_shape
        layers = keras.layers
        policy = self.dtype_policy

        def kernel_size(stage: int) -> list[int]:
            # Along a side of one pixel, three would see padding alone beside it; and TensorFlow's
            # gradients of that are sometimes NaN in bfloat16, on a CPU.
            return [3 if side > 1 else 1 for side in halved(self.image_shape, stage)]

        stages = [
            layers.Conv2D(size, kernel_size(i), 2, padding="same", activation="relu", dtype=policy)
            for i, size in enumerate(self.filters)
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
    def sample_output(self) -> Output:  # type: ignore[override]
        drawn = self.likelihood.draw_output
        return CHOICE if drawn == DECISION else drawn

    decode_output = sample_output

    # ---- distributions ---------------------------------------------------------------------------

    def posterior(
        self, x: tf.Tensor, conditions: Conditions, training: bool = False
    ) -> tfp.distributions.Independent:
        """q(z | x): a diagonal Gaussian, `tfd.Independent` of `[n, latent_dim]`."""
        unit = self.format.to_unit(x, self.compute_dtype)
        inputs = with_labels(unit, conditions.get("labels"), self.num_classes)
        outputs = tf.cast(self.encoder(inputs, training=training), tf.float32)
        loc, raw = tf.split(outputs, 2, axis=-1)
        # Shifted so that an untrained network starts near the prior's scale of one.
        scale = tf.nn.softplus(raw + math.log(math.e - 1.0)) + 1e-4
        return tfd.Independent(tfd.Normal(loc, scale), 1)

    def _parameters(
        self, z: tf.Tensor, conditions: Conditions, training: bool = False
    ) -> tf.Tensor:
        """The parameters of p(x | z): float32 `[n, height, width, channels, k]`."""
        z = tf.cast(z, self.compute_dtype)
        inputs = with_labels(z, conditions.get("labels"), self.num_classes)
        outputs = tf.cast(self.decoder(inputs, training=training), tf.float32)
        return tf.reshape(outputs, [-1, *self.image_shape, self.likelihood.num_parameters])

    def _log_likelihood(
        self, x: tf.Tensor, z: tf.Tensor, conditions: Conditions, training: bool = False
    ) -> tf.Tensor:
        """log p(x | z) of each image, in nats: float32 `[n]`."""
        log_probs = self.likelihood.log_prob(self._parameters(z, conditions, training), x)
        return tf.reduce_sum(log_probs, axis=[1, 2, 3])

    # ---- objective and sampling ------------------------------------------------------------------

    def objective(
        self, x: tf.Tensor, conditions: Conditions, training: bool
    ) -> dict[str, tf.Tensor]:
        posterior = self.posterior(x, conditions, training)
        normal = self.noise_for(x, training).normal((self.latent_dim,))
        z = posterior.distribution.loc + posterior.distribution.scale * normal
        reconstruction = -self._log_likelihood(x, z, conditions, training)
        kl = tfd.kl_divergence(posterior, self.prior())
        negative_elbo = reconstruction + kl
        return {
            "loss": reconstruction + self.beta * kl,
            "negative_elbo": negative_elbo,
            "reconstruction": reconstruction,
            "kl": kl,
            "bits_per_dim_bound": self.format.bits_per_dim(negative_elbo, x),
        }

    def forward(self, x: tf.Tensor, conditions: Conditions) -> tf.Tensor:
        return self._decode(self._encode(x, conditions), conditions)

    def setting_inputs(self) -> dict[str, Input]:
        """`temperature` of the pixels' draw; `truncation`, what latents are scaled by."""
        return super().setting_inputs() | self.truncation_input()

    def draw(
        self, noise: Noise, conditions: Conditions, settings: dict[str, tf.Tensor]
    ) -> tf.Tensor:
        parameters = self._parameters(self._draw_truncated(noise, settings), conditions)
        observation = self.likelihood.noise(noise, self.image_shape, stream=_OBSERVATION)
        temperature = settings["temperature"][:, None, None, None]
        return self.format.store(self.likelihood.draw(parameters, observation, temperature))

    def _decode(self, latents: Any, conditions: Conditions) -> tf.Tensor:
        return self.format.store(self.likelihood.mode(self._parameters(latents, conditions)))

    def _encode(self, x: tf.Tensor, conditions: Conditions) -> tf.Tensor:
        return self.posterior(x, conditions).mean()

    def _log_prob_bound(
        self, x: tf.Tensor, conditions: Conditions, noise: Noise, num_samples: int
    ) -> tf.Tensor:
        """The graph function of `log_prob_bound`."""
        posterior = self.posterior(x, conditions)
        loc, scale = posterior.distribution.loc, posterior.distribution.scale
        prior = self.prior()

        def add_sample(k: tf.Tensor, log_sum: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            z = loc + scale * noise.normal((self.latent_dim,), step=k)
            log_weight = (
                self._log_likelihood(x, z, conditions) + prior.log_prob(z) - posterior.log_prob(z)
            )
            return k + 1, tf.reduce_logsumexp(tf.stack([log_sum, log_weight]), axis=0)

        _, log_sum = tf.while_loop(
            lambda k, _: k < num_samples,
            add_sample,
            (tf.constant(0), tf.zeros_like(loc[:, 0]) - 1e30),
        )
        return log_sum - math.log(num_samples)

    # ---- what a user calls -----------------------------------------------------------------------

    def log_prob_bound(
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
            >>> model.log_prob_bound(images, num_samples=50).mean()

        Burda, Grosse, Salakhutdinov 2016, arXiv 1509.00519.
        """
        x = self.check_data(x)
        checks.positive("num_samples", num_samples)
        given = {"images": x, "seeds": random.seeds_for(seed, len(x)), "labels": labels}
        signature = self.signatures()["log_prob_bound"]
        described = {name: each.describe() for name, each in signature.inputs.items()}
        # Checked as one: a part of the examples would not show that there are too few labels.
        checked = check_inputs(described, given, len(x))

        def run(**inputs: Any) -> np.ndarray:
            outputs = self.run("log_prob_bound", num_samples=num_samples, **inputs)
            return outputs["log_prob_bound"]

        return run_in_batches(run, checked, batch_size)

    def measure(
        self, x: np.ndarray, y: Any = None, batch_size: int = 250, *, num_samples: int = 50
    ) -> dict[str, tuple[float, str]]:
        scores = super().measure(x, y, batch_size)
        labels = (y["labels"] if isinstance(y, dict) else y) if self.num_classes else None
        bounds = self.log_prob_bound(x, labels, num_samples, batch_size=batch_size)
        negative = -float(bounds.mean())
        bits_per_dim = float(self.format.bits_per_dim(negative, x))
        return scores | {
            f"negative bound of {num_samples} samples": (negative, "nats"),
            f"bound of {num_samples} samples": (bits_per_dim, "bits per dimension"),
        }

    # ---- signatures and config -------------------------------------------------------------------

    def _signatures(self) -> dict[str, Signature]:
        def encode(images: tf.Tensor, **conditions: tf.Tensor) -> dict[str, tf.Tensor]:
            posterior = self.posterior(images, conditions)
            return {"latents": posterior.mean(), "stddev": posterior.stddev()}

        def log_prob_bound(
            images: tf.Tensor, seeds: tf.Tensor, num_samples: int, **conditions: tf.Tensor
        ) -> dict[str, tf.Tensor]:
            noise = Noise(seeds, Purpose.BOUND)
            bounds = self._log_prob_bound(images, conditions, noise, num_samples)
            return {"log_prob_bound": bounds}

        conditions = self.condition_inputs()
        images = {"images": self.data_input()}
        seeds = {"seeds": Input((None,), "int64")}
        return super()._signatures() | {
            "encode": Signature(encode, images | conditions, {"latents": NUMBER, "stddev": NUMBER}),
            "log_prob_bound": Signature(
                log_prob_bound,
                images | seeds | conditions,
                {"log_prob_bound": NUMBER},
                choices={"num_samples": Input((), "int32", minimum=1, default=64)},
            ),
        }

    def get_config(self) -> dict[str, Any]:
        # Networks that were built here follow from the other arguments.
        built_here = {name: None for name, passed in self._passed.items() if not passed}
        return super().get_config() | built_here
