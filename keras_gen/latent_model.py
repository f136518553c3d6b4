"""What models with latents share: decoding them, walking between them, finding them."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_gen import checks, random
from keras_gen.model import Conditions, Model
from keras_gen.random import Noise
from keras_gen.signature import DECISION, NUMBER, Input, Output, Signature
from keras_gen_export import inputs as checking
from keras_gen_export import walks

tfd = tfp.distributions

# The only latents of a model that has one vector of them.
_ONE = "latents"


class LatentModel(Model):
    """A model of data that is decoded from latents: it supplies `_decode`.

    Latents are a nest, described by `latent_inputs()`: one tensor named "latents", or a dict of
    tensors by name (a pyramid, codes of two levels). A model with an encoder sets `has_encoder` and
    supplies `_encode`.

    Args:
        latent_dim: length of the latent vector, in a model that has just one.
        **kwargs: of `Model`.

    Attributes:
        has_encoder: whether there is one.
        decode_output: how far runtimes may differ in what is decoded.
    """

    has_encoder: bool = False
    decode_output: Output = DECISION

    def __init__(self, *, latent_dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.latent_dim = checks.positive("latent_dim", latent_dim)

    # ---- what a model supplies -------------------------------------------------------------------

    def latent_inputs(self) -> dict[str, Input]:
        """The latents of a batch, by name."""
        return {_ONE: Input((None, self.latent_dim), "float32")}

    def prior(self) -> tfp.distributions.Distribution:
        """p(z): a standard normal of `[latent_dim]`."""
        return tfd.Independent(tfd.Normal(tf.zeros([self.latent_dim]), 1.0), 1)

    def _draw_latents(self, noise: Noise) -> Any:
        """Latents of the prior, as a deterministic function of noise: the nest, `[n, ...]` each."""
        return noise.normal((self.latent_dim,))

    def truncation_input(self) -> dict[str, Input]:
        """The setting `truncation`, of models that draw: see `_draw_truncated`."""
        # Latents go up to six times that, which half precision still has.
        return {"truncation": Input((None,), "float32", 0.0, 1000.0, default=1.0)}

    def _draw_truncated(self, noise: Noise, settings: dict[str, tf.Tensor]) -> Any:
        """Latents of the prior times `truncation`: 1 changes nothing, 0 draws the centre."""

        def truncated(latents: tf.Tensor) -> tf.Tensor:
            shape = [-1, *[1] * (latents.shape.rank - 1)]
            return latents * tf.reshape(settings["truncation"], shape)

        return tf.nest.map_structure(truncated, self._draw_latents(noise))

    def _decode(self, latents: Any, conditions: Conditions) -> tf.Tensor:
        """The graph function of `decode`: from the nest of latents to stored data `[n, ...]`."""
        raise NotImplementedError(f"{type(self).__name__} must supply _decode().")

    def _encode(self, x: tf.Tensor, conditions: Conditions) -> Any:
        """The graph function of `encode`: from stored data to the nest of latents."""
        raise NotImplementedError(f"{type(self).__name__} has no encoder.")

    # ---- what a user calls -----------------------------------------------------------------------

    def draw_latents(self, num_latents: int, seed: int | None = None) -> Any:
        """Draws latents of the prior.

        Args:
            num_latents: how many, at least 1.
            seed: `sample(n, seed=s)` starts from `draw_latents(n, seed=s)`; a new one is drawn
                where `None`.

        Returns:
            float32 `[num_latents, latent_dim]`, or a dict of arrays where latents have names.

        Raises:
            ValueError: an argument is out of range.

        Example:
            >>> model.decode(model.draw_latents(16, seed=0))
        """
        seeds = random.seeds_for(seed, checks.positive("num_latents", num_latents))
        return tf.nest.map_structure(lambda z: z.numpy(), self._draw_latents(Noise(seeds)))

    def decode(self, latents: Any, labels: Any = None, **conditions: Any) -> np.ndarray:
        """Decodes latents.

        Args:
            latents: float `[n, latent_dim]`, or a dict of arrays where latents have names.
            labels: ints in `[0, num_classes)`, one or `[n]`; of a conditional model only.
            **conditions: what an example comes with beside labels.

        Returns:
            Stored data `[n, ...]`.

        Raises:
            ValueError: an argument is of another shape or kind, or out of range.

        Example:
            >>> images = model.decode(model.draw_latents(16, seed=0))
        """
        latents = self._check_latents("latents", latents)
        return self.run("decode", **latents, labels=labels, **conditions)[self.format.name]

    def interpolate(
        self,
        start: Any,
        end: Any,
        num_steps: int = 8,
        labels: Any = None,
        **conditions: Any,
    ) -> np.ndarray:
        """Decodes a walk between latents, along the great circle (White 2016).

        Args:
            start: float `[n, latent_dim]`, or a dict of arrays where latents have names.
            end: likewise.
            num_steps: examples of each walk, both ends included; 2 to 10 000.
            labels: ints in `[0, num_classes)`, one or `[n]`; of a conditional model only.
            **conditions: what an example comes with beside labels.

        Returns:
            Stored data `[n, num_steps, ...]`.

        Raises:
            ValueError: an argument is of another shape or kind, or out of range.

        Example:
            >>> ends = model.draw_latents(2, seed=0)
            >>> model.interpolate(ends[:1], ends[1:]).shape
            (1, 8, 28, 28, 1)

        White 2016, "Sampling Generative Networks", arXiv 1609.04468.
        """
        start, end = (
            self._check_latents(name, value) for name, value in (("start", start), ("end", end))
        )

        def decode(**inputs: Any) -> np.ndarray:
            return self.run("decode", **inputs)[self.format.name]

        inputs = {name: value.describe() for name, value in self.condition_inputs().items()}
        given = {"labels": labels, **conditions}
        return walks.interpolate(decode, inputs, start, end, num_steps, given)

    def encode(self, x: Any, labels: Any = None, **conditions: Any) -> Any:
        """The latents of each example; of a model with a posterior, its mean.

        Args:
            x: stored data `[n, ...]`.
            labels: ints in `[0, num_classes)`, one or `[n]`; of a conditional model only.
            **conditions: what an example comes with beside labels.

        Returns:
            float32 `[n, latent_dim]`, or a dict of arrays where latents have names.

        Raises:
            ValueError: the model has no encoder, or an argument is of another shape or kind, or out
                of range.

        Example:
            >>> latents = model.encode(images)
        """
        latents = self._run_encoder("encode", x, labels, conditions)
        return latents.get(_ONE, latents)

    def reconstruct(self, x: Any, labels: Any = None, **conditions: Any) -> np.ndarray:
        """Decodes the latents of each example; arguments and errors are those of `encode`.

        Returns:
            Stored data, of the shape of `x`.
        """
        return self._run_encoder("reconstruct", x, labels, conditions)["reconstructions"]

    def _run_encoder(self, name: str, x: Any, labels: Any, conditions: dict[str, Any]) -> dict:
        if not self.has_encoder:
            raise ValueError(f"{type(self).__name__} has no encoder: {name} needs one.")
        return self._run_on(name, x, labels=labels, **conditions)

    def _check_latents(self, name: str, latents: Any) -> dict[str, np.ndarray]:
        """Latents by name, each with its batch axis."""
        inputs = self.latent_inputs()
        named = latents if isinstance(latents, dict) else {_ONE: latents}
        if named.keys() != inputs.keys():
            raise ValueError(
                f"{name} must be {' and '.join(inputs)}, received {' and '.join(named)}."
            )
        return {
            key: checking.check_batch(name, value, inputs[key].describe())
            for key, value in named.items()
        }

    def _nest(self, inputs: dict[str, Any]) -> tuple[Any, Conditions]:
        """Parts a signature's inputs into the nest of latents and conditions."""
        latents = {name: inputs.pop(name) for name in self.latent_inputs()}
        return (latents[_ONE] if [*latents] == [_ONE] else latents), inputs

    def _signatures(self) -> dict[str, Signature]:
        name = self.format.name

        def decode(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            return {name: self._decode(*self._nest(inputs))}

        def encode(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            latents = self._encode(inputs.pop(name), inputs)
            return latents if isinstance(latents, dict) else {_ONE: latents}

        def reconstruct(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            latents = self._encode(inputs.pop(name), inputs)
            return {"reconstructions": self._decode(latents, inputs)}

        conditions = self.condition_inputs()
        latents = self.latent_inputs()
        signatures = {
            **super()._signatures(),
            "decode": Signature(decode, latents | conditions, {name: self.decode_output}),
        }
        if self.has_encoder:
            data = {name: self.data_input()} | conditions
            signatures["encode"] = Signature(encode, data, dict.fromkeys(latents, NUMBER))
            signatures["reconstruct"] = Signature(
                reconstruct, data, {"reconstructions": self.decode_output}
            )
        return signatures
