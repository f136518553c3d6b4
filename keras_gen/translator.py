"""What models share that turn data into other data: the verb `translate`."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from keras_gen.model import Conditions, Model
from keras_gen.signature import ROUNDED, Output, Signature


class Translator(Model):
    """A model that translates data: it supplies `_translate`.

    Attributes:
        translate_output: how far runtimes may differ in a translation.
    """

    translate_output: Output = ROUNDED

    def _translate(self, x: tf.Tensor, conditions: Conditions) -> tf.Tensor:
        """The graph function of `translate`."""
        raise NotImplementedError(f"{type(self).__name__} must supply _translate().")

    def translate(self, x: Any, labels: Any = None, **conditions: Any) -> np.ndarray:
        """Translates data.

        Args:
            x: stored data `[n, ...]`; of any size that the model's format allows.
            labels: ints in `[0, num_classes)`, one or `[n]`; of a conditional model only.
            **conditions: what an example comes with beside labels, such as `source`.

        Returns:
            Stored data `[n, ...]`.

        Raises:
            ValueError: an argument is of another shape or kind, or out of range.

        Example:
            >>> photos = model.translate(drawings)
        """
        return self._run_on("translate", x, labels=labels, **conditions)["translations"]

    def forward(self, x: tf.Tensor, conditions: Conditions) -> tf.Tensor:
        return self._translate(x, conditions)

    def _signatures(self) -> dict[str, Signature]:
        def translate(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"translations": self._translate(inputs.pop(self.format.name), inputs)}

        inputs = {self.format.name: self.forward_input()} | self.forward_condition_inputs()
        return super()._signatures() | {
            "translate": Signature(translate, inputs, {"translations": self.translate_output})
        }
