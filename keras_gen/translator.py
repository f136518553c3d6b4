"""What models share that turn data into other data: the verb `translate`."""

from __future__ import annotations

from collections.abc import Callable
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

    def _translations(self) -> dict[str, Callable[[tf.Tensor, Conditions], tf.Tensor]]:
        """Graph functions such as `_translate`, by the names of their signatures."""
        return {"translate": self._translate}

    def _signatures(self) -> dict[str, Signature]:
        inputs = {self.format.name: self.forward_input()} | self.forward_condition_inputs()

        def signature(function: Callable[[tf.Tensor, Conditions], tf.Tensor]) -> Signature:
            def translate(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
                return {"translations": function(inputs.pop(self.format.name), inputs)}

            return Signature(translate, inputs, {"translations": self.translate_output})

        translations = self._translations().items()
        return super()._signatures() | {name: signature(each) for name, each in translations}


def translation_error(
    translate: Callable[[np.ndarray], np.ndarray],
    given: np.ndarray,
    wanted: np.ndarray,
    levels: int,
    batch_size: int,
) -> tuple[float, str]:
    """The mean absolute error of translated pictures, and its unit.

    Args:
        translate: of stored pictures, to such of the shape of those wanted.
        given: stored pictures `[n, ...]`.
        wanted: stored pictures `[n, ...]`.
        levels: of the wanted ones.
        batch_size: pictures that are translated at once.
    """
    error = 0.0
    for start in range(0, len(wanted), batch_size):
        part = slice(start, start + batch_size)
        error += float(np.abs(translate(given[part]).astype(np.float64) - wanted[part]).sum())
    return error / wanted.size / (levels - 1), "of the full range"
