"""What models share whose likelihood is exact: they are trained by it, and report it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from keras_gen.generative_model import GenerativeModel
from keras_gen.model import Conditions
from keras_gen.signature import NUMBER, Signature


class ExplicitModel(GenerativeModel):
    """A model whose likelihood is exact: it supplies `_log_prob` and `draw`.

    `fit` minimises the negative log-likelihood; `evaluate` reports it as `nll`, in nats an example,
    and as `bits_per_dim`, per stored value: a pixel's channel, a character, a sound's sample.
    `model(x)` and `predict` give `log_prob`.
    """

    terms: Mapping[str, str] = {
        "loss": "nats",
        "nll": "nats",
        "bits_per_dim": "bits per dimension",
    }

    def _log_prob(self, x: tf.Tensor, conditions: Conditions, training: bool = False) -> tf.Tensor:
        """The exact log-probability of each example, in nats: float32 `[n]`."""
        raise NotImplementedError(f"{type(self).__name__} must supply _log_prob().")

    def objective(
        self, x: tf.Tensor, conditions: Conditions, training: bool
    ) -> dict[str, tf.Tensor]:
        return self.terms_of(self._log_prob(x, conditions, training), x)

    def terms_of(self, log_prob: tf.Tensor, x: tf.Tensor) -> dict[str, tf.Tensor]:
        """The terms of an objective, from each example's log-probability in nats."""
        nll = -log_prob
        return {"loss": nll, "nll": nll, "bits_per_dim": self.format.bits_per_dim(nll, x)}

    def forward(self, x: tf.Tensor, conditions: Conditions) -> tf.Tensor:
        return self._log_prob(x, conditions)

    def log_prob(self, x: Any, labels: Any = None, **conditions: Any) -> np.ndarray:
        """The exact log-probability of each example.

        Args:
            x: stored data `[n, ...]`, as the model takes it.
            labels: ints in `[0, num_classes)`, one or `[n]`; of a conditional model only.
            **conditions: what an example comes with beside labels.

        Returns:
            float32 `[n]`, in nats.

        Raises:
            ValueError: an argument is of another shape or kind, or out of range.

        Example:
            >>> model.log_prob(images).mean()
        """
        return self._run_on("log_prob", x, labels=labels, **conditions)["log_prob"]

    def _signatures(self) -> dict[str, Signature]:
        def log_prob(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"log_prob": self._log_prob(inputs.pop(self.format.name), inputs)}

        inputs = {self.format.name: self.data_input()} | self.condition_inputs()
        return super()._signatures() | {
            "log_prob": Signature(log_prob, inputs, {"log_prob": NUMBER})
        }
