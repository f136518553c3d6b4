"""What models of images share: the shape and levels of their data, and exact likelihoods."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_gen import checks
from keras_gen.generative_model import GenerativeModel
from keras_gen.signature import NUMBER, Input, Signature


class ImageModel(GenerativeModel):
    """A generative model of images: uint8 `[n, height, width, channels]` in `[0, levels)`.

    Args:
        image_shape: (height, width, channels).
        levels: how many values a channel takes, 2 to 256.
        **kwargs: of `GenerativeModel`.
    """

    def __init__(self, image_shape: Sequence[int], *, levels: int = 256, **kwargs: Any):
        super().__init__(**kwargs)
        self.image_shape = checks.image_shape(image_shape)
        self.levels = checks.in_range("levels", levels, 2, 256)

    @property
    def num_dimensions(self) -> int:
        """The number of values in an image."""
        return math.prod(self.image_shape)

    def image_input(self) -> Input:
        """The description of a batch of images."""
        return Input((None, *self.image_shape), "uint8", 0, self.levels - 1)

    def check_images(self, x: Any, name: str = "x") -> np.ndarray:
        """Gives a batch of images as uint8, or says what is wrong with it."""
        x = checks.integers(name, x, 0, self.levels - 1)
        return checks.shaped(name, x, (None, *self.image_shape)).astype(np.uint8, copy=False)

    def unpack(self, data):
        x, labels = super().unpack(data)
        checks.shaped("x", x, (None, *self.image_shape))
        if x.dtype.is_floating:
            raise ValueError(
                f"x must be integers in [0, {self.levels}), received dtype {x.dtype.name}."
            )
        if self.levels <= x.dtype.max:
            x = tf.cast(checks.in_graph("x", tf.cast(x, tf.int32), self.levels), x.dtype)
        return x, labels

    def fit(self, x=None, y=None, **kwargs):
        self._check_data(x)
        return super().fit(x, y, **kwargs)

    def evaluate(self, x=None, y=None, **kwargs):
        self._check_data(x)
        return super().evaluate(x, y, **kwargs)

    def _check_data(self, x: Any) -> None:
        # Arrays are seen before training begins; other data, batch by batch in the graph.
        if isinstance(x, np.ndarray):
            self.check_images(x)

    def to_unit(self, x: tf.Tensor, dtype: Any = None) -> tf.Tensor:
        """Scales stored values to [-1, 1]."""
        # In float32: half precision would merge levels.
        unit = tf.cast(x, tf.float32) * (2.0 / (self.levels - 1)) - 1.0
        return tf.cast(unit, dtype or self.compute_dtype)

    def to_stored(self, y: tf.Tensor) -> tf.Tensor:
        """Scales [-1, 1] back to stored values, rounded and clipped: uint8."""
        value = tf.round((tf.cast(y, tf.float32) + 1.0) * ((self.levels - 1) / 2.0))
        return tf.cast(tf.clip_by_value(value, 0.0, self.levels - 1.0), tf.uint8)

    def bits_per_dim(self, nats: tf.Tensor) -> tf.Tensor:
        """Converts nats an image into bits per dimension."""
        return nats / (self.num_dimensions * math.log(2.0))


class ExplicitImageModel(ImageModel):
    """A model of images whose likelihood is exact: it supplies `log_likelihood` and `draw`.

    `fit` minimises the negative log-likelihood; `evaluate` reports it as `nll`, in nats, and as
    `bits_per_dim`.
    """

    terms = ("loss", "nll", "bits_per_dim")

    def log_likelihood(
        self, x: tf.Tensor, labels: tf.Tensor | None, training: bool = False
    ) -> tf.Tensor:
        """The exact log-probability of each image, in nats: the graph function of `log_prob`."""
        raise NotImplementedError(f"{type(self).__name__} must supply log_likelihood().")

    def objective(self, x, labels, training):
        nll = -self.log_likelihood(x, labels, training)
        return {"loss": nll, "nll": nll, "bits_per_dim": self.bits_per_dim(nll)}

    def log_prob(self, x: Any, labels: Any = None) -> np.ndarray:
        """The exact log-probability of each image.

        Args:
            x: ints `[n, height, width, channels]` in `[0, levels)`.
            labels: ints in `[0, num_classes)`, one or `[n]`; of a conditional model only.

        Returns:
            float32 `[n]`, in nats.

        Raises:
            ValueError: an argument is of another shape or kind, or out of range.

        Example:
            >>> model.log_prob(images).mean()
        """
        x = self.check_images(x)
        return self.run("log_prob", x, self.check_labels(labels, len(x)))

    def signatures(self):
        def log_prob(images, labels=None):
            return {"log_prob": self.log_likelihood(images, labels)}

        inputs = {"images": self.image_input()} | self.label_input()
        return super().signatures() | {
            "log_prob": Signature(log_prob, inputs, {"log_prob": NUMBER})
        }
