"""What models share whose likelihood is exact: they are trained by it, and tell it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

from keras_gen.generative_model import GenerativeModel
from keras_gen.signature import NUMBER, Signature


class ExplicitModel(GenerativeModel):
    """A model whose likelihood is exact: it supplies `log_likelihood` and `draw`.

    `fit` minimises the negative log-likelihood; `evaluate` reports it as `nll`, in nats an example,
    and as `bits_per_dim`, per stored value: a pixel's channel, a character, a sound's sample.
    """

    terms = ("loss", "nll", "bits_per_dim")

    def log_likelihood(
        self, x: tf.Tensor, labels: tf.Tensor | None, training: bool = False
    ) -> tf.Tensor:
        """The exact log-probability of each example, in nats: the graph function of `log_prob`."""
        raise NotImplementedError(f"{type(self).__name__} must supply log_likelihood().")

    def objective(self, x, labels, training):
        return self.terms_of(self.log_likelihood(x, labels, training), tf.size(x[0]))

    def terms_of(self, log_likelihood: tf.Tensor, dimensions: tf.Tensor | int) -> dict:
        """The terms of an objective, from nats an example and how many values an example has."""
        nll = -log_likelihood
        bits = nll / (tf.cast(dimensions, nll.dtype) * math.log(2.0))
        return {"loss": nll, "nll": nll, "bits_per_dim": bits}

    def log_prob(self, x: Any, labels: Any = None, **conditions: Any) -> np.ndarray:
        """The exact log-probability of each example.

        Args:
            x: stored data `[n, ...]`, as the model takes it.
            labels: ints in `[0, num_classes)`, one or `[n]`; of a conditional model only.
            **conditions: what a model takes beside labels, such as `local` of a WaveNet.

        Returns:
            float32 `[n]`, in nats.

        Raises:
            ValueError: an argument is of another shape or kind, or out of range.

        Example:
            >>> model.log_prob(images).mean()
        """
        x = self.check_data(x)
        return self.run("log_prob", x, *self.check_conditions(len(x), labels, x, **conditions))

    def signatures(self):
        def log_prob(**inputs):
            x = inputs.pop(self.data_name)
            return {"log_prob": self.log_likelihood(x, self.condition(**inputs))}

        inputs = {self.data_name: self.data_input()} | self.condition_inputs()
        return super().signatures() | {
            "log_prob": Signature(log_prob, inputs, {"log_prob": NUMBER})
        }
