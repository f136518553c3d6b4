"""What models of images with a latent vector share: decoding it, and walking between two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_gen import checks, random
from keras_gen.image_model import ImageModel
from keras_gen.random import Noise
from keras_gen.signature import DECISION, Input, Output, Signature


class LatentImageModel(ImageModel):
    """A model of images whose samples are decoded from a latent vector with prior N(0, I).

    Args:
        image_shape: (height, width, channels).
        latent_dim: length of the latent vector.
        **kwargs: of `ImageModel`.

    Attributes:
        decode_output: how far runtimes may differ in a decoded image.
    """

    decode_output: Output = DECISION

    def __init__(self, image_shape: Sequence[int], *, latent_dim: int, **kwargs: Any):
        super().__init__(image_shape, **kwargs)
        self.latent_dim = checks.positive("latent_dim", latent_dim)

    def images_of(self, latents: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
        """The graph function of `decode`."""
        raise NotImplementedError(f"{type(self).__name__} must supply images_of().")

    def prior(self, num_latents: int, seed: int | None = None) -> np.ndarray:
        """Draws latent vectors: float32 `[num_latents, latent_dim]`.

        Args:
            num_latents: how many, at least 1.
            seed: `sample(n, seed=s)` starts from `prior(n, seed=s)`.
        """
        seeds = random.spread(self.check_seed(seed), checks.positive("num_latents", num_latents))
        return Noise(seeds).normal((self.latent_dim,)).numpy()

    def decode(self, latents: Any, labels: Any = None) -> np.ndarray:
        """Decodes latent vectors into images.

        Args:
            latents: float `[n, latent_dim]`.
            labels: ints in `[0, num_classes)`, one or `[n]`; of a conditional model only.

        Returns:
            uint8 `[n, height, width, channels]`.

        Raises:
            ValueError: an argument is of another shape or kind, or out of range.

        Example:
            >>> images = model.decode(model.prior(16, seed=0))
        """
        latents = checks.shaped("latents", np.asarray(latents, np.float32), (None, self.latent_dim))
        return self.run("decode", latents, self.check_labels(labels, len(latents)))

    def interpolate(
        self, start: Any, end: Any, num_steps: int = 8, labels: Any = None
    ) -> np.ndarray:
        """Decodes a walk between latent vectors, along the great circle (White 2016).

        Args:
            start: float `[n, latent_dim]`.
            end: likewise.
            num_steps: images of each walk, both ends included; at least 2.
            labels: ints in `[0, num_classes)`, one or `[n]`; of a conditional model only.

        Returns:
            uint8 `[n, num_steps, height, width, channels]`.

        Raises:
            ValueError: an argument is of another shape or kind, or out of range.

        Example:
            >>> ends = model.prior(2, seed=0)
            >>> model.interpolate(ends[:1], ends[1:]).shape
            (1, 8, 28, 28, 1)

        White 2016, "Sampling Generative Networks", arXiv 1609.04468.
        """
        start, end = (
            checks.shaped(name, np.asarray(value, np.float32), (None, self.latent_dim))
            for name, value in (("start", start), ("end", end))
        )
        checks.shaped("end", end, start.shape)
        checks.in_range("num_steps", num_steps, 2, 10_000)
        labels = self.check_labels(labels, len(start))
        walks = great_circle(start, end, np.linspace(0.0, 1.0, num_steps))
        images = self.decode(
            walks.reshape(-1, self.latent_dim),
            None if labels is None else np.repeat(labels, num_steps),
        )
        return images.reshape(len(start), num_steps, *self.image_shape)

    def signatures(self):
        def decode(latents, labels=None):
            return {"images": self.images_of(latents, labels)}

        inputs = {"latents": Input((None, self.latent_dim), "float32")} | self.condition_inputs()
        return super().signatures() | {
            "decode": Signature(decode, inputs, {"images": self.decode_output})
        }


def great_circle(start: np.ndarray, end: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Points between pairs of vectors, at even angles: `[n, len(shares), latent_dim]`.

    Gaussian vectors lie near a sphere; a straight line between two would leave it.
    """
    norms = np.linalg.norm(start, axis=-1) * np.linalg.norm(end, axis=-1)
    cosine = np.sum(start * end, axis=-1, dtype=np.float64) / np.maximum(norms, 1e-12)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))[:, None]
    sine = np.sin(angle)
    # Through the origin, or between vectors of one direction, no circle is the greatest.
    straight = (sine < 1e-4) | (norms < 1e-12)[:, None]
    sine = np.where(straight, 1.0, sine)
    from_start = np.where(straight, 1.0 - shares, np.sin((1.0 - shares) * angle) / sine)
    from_end = np.where(straight, shares, np.sin(shares * angle) / sine)
    points = from_start[..., None] * start[:, None] + from_end[..., None] * end[:, None]
    return points.astype(np.float32)
