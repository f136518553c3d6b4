"""The end of a training that diverged, before it costs a good checkpoint."""

from __future__ import annotations

import math
from typing import Any

import keras


class DivergenceError(RuntimeError):
    """A loss or a weight is no longer a finite number: training on would not bring it back."""


def check_finite(model: keras.Model, what: str = "the model") -> None:
    """Refuses weights that are not finite.

    Args:
        model: whose weights, and whose optimizer's, are looked at.
        what: the model is called in the message.

    Raises:
        DivergenceError: some are not, and how many.

    Example:
        >>> check_finite(model)
    """
    optimizer = getattr(model, "optimizer", None)
    variables = [*model.variables, *(optimizer.variables if optimizer is not None else [])]
    floats = [each for each in variables if keras.backend.is_float_dtype(each.dtype)]
    broken = sum(1 for each in floats if not _all_finite(each))
    if broken:
        raise DivergenceError(
            f"{what} must have finite weights, in {broken} of its {len(floats)} arrays some are "
            "NaN or infinite."
        )


def _all_finite(variable: keras.Variable) -> bool:
    return bool(keras.ops.all(keras.ops.isfinite(variable.value)))


class StopOnDivergence(keras.callbacks.Callback):
    """Ends `fit` with a `DivergenceError` as soon as a term of the loss is not finite.

    Terms are running means, which stay infinite or NaN once they are, so that what Keras hands to
    callbacks is enough: no step computes more. With `steps_per_execution`, the batch that is named
    is the last of its execution. Terms of validation are looked at after each epoch: an
    `EpochCheckpoint` that comes later in the list of callbacks does not write that epoch's.

    Example:
        >>> model.fit(dataset, epochs=10, callbacks=[StopOnDivergence()])
    """

    def __init__(self) -> None:
        super().__init__()
        self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        _check_terms(logs or {}, f"batch {batch + 1} of epoch {self.epoch + 1}")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        _check_terms(logs or {}, f"epoch {epoch + 1}")


def _check_terms(terms: dict[str, Any], where: str) -> None:
    """Raises a `DivergenceError` of the first term that is not finite, the losses before others."""
    losses = ("loss", "val_loss")
    for name, value in sorted(terms.items(), key=lambda term: term[0] not in losses):
        if not math.isfinite(value):
            raise DivergenceError(
                f"training diverged in {where}: {name} is {value}, and must be finite; a lower "
                "learning rate may help."
            )
