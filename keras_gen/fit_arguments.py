"""What `fit` and `evaluate` are given, looked at before the first step is taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

if TYPE_CHECKING:
    from keras_gen.model import Model


def parted(x: Any, given: Any = None) -> tuple[Any, dict[str, Any]]:
    """Parts what a batch is into stored data, and by name what it comes with.

    Args:
        x: stored data, or a dict of it as "x" and of conditions.
        given: labels, or a dict of conditions.

    Raises:
        ValueError: a dict without "x".
    """
    conditions = dict(given) if isinstance(given, Mapping) else {"labels": given}
    if not isinstance(x, Mapping):
        return x, conditions
    if "x" not in x:
        raise ValueError(
            "a batch must be x, (x, labels) or (x, conditions), or a dict with x in it, received a "
            f"dict of {', '.join(map(str, x))}."
        )
    return x["x"], conditions | {name: value for name, value in x.items() if name != "x"}


def check_examples(model: Model, x: Any, y: Any) -> None:
    """Refuses arrays that a model does not take; datasets are checked batch by batch as they come.

    Args:
        model: that shall learn from them.
        x: stored data, or a dict of it as "x" and of conditions.
        y: labels, or a dict of conditions.

    Raises:
        ValueError: data of another kind or shape, or out of range.
    """
    if isinstance(x, list | tuple):
        raise ValueError(
            f"x must be an array or a dataset, received a {type(x).__name__} of {len(x)}."
        )
    x, given = parted(x, y)
    if not isinstance(x, np.ndarray):
        return
    model.check_data(x)
    model.check_names(given)
    arrays = {model.format.name: x}
    for name, described in model.condition_inputs().items():
        if isinstance(given[name], np.ndarray):
            value = described.check(name, given[name])
            if value.ndim < len(described.shape) or len(value) != len(x):
                raise ValueError(
                    f"{name} must be as many as the {len(x)} examples, received shape "
                    f"{list(value.shape)}."
                )
            arrays[name] = value
    model.check_together(arrays)


def check_held_out(model: Model, validation_data: Any) -> None:
    """Refuses data for validation before training, not after its first epoch.

    Args:
        model: that they shall measure.
        validation_data: as `fit` takes it.

    Raises:
        ValueError: data of another kind or shape, or, in arrays, out of range.
    """
    try:
        if isinstance(validation_data, tf.data.Dataset):
            # Tracing sees kinds and shapes without reading a batch.
            tf.function(model.unpack, autograph=False).get_concrete_function(
                validation_data.element_spec
            )
        elif isinstance(validation_data, list | tuple):
            x, y, *weights = (*validation_data, None)[:3]
            refuse_weights(sample_weight=weights[0] if weights else None)
            check_examples(model, x, y)
        elif validation_data is not None:
            check_examples(model, validation_data, None)
    except ValueError as error:
        raise ValueError(f"validation_data: {error}") from None


def refuse_weights(**weights: Any) -> None:
    """Refuses weights of examples, by the argument's name.

    Raises:
        ValueError: one is not `None`.
    """
    for name, value in weights.items():
        if value is not None:
            raise ValueError(f"{name} must be None: examples count alike.")


def set_directions(callbacks: Any, terms: Iterable[str]) -> None:
    """Lets callbacks that monitor a model's terms know that less of them is better.

    Keras knows the direction of its own metrics alone.

    Args:
        callbacks: as `fit` takes them; what one reports itself, such as a `SampleMeasure`, is in
            its `lower_is_better`.
        terms: that the model reports, all of them to be minimised.
    """
    callbacks = getattr(callbacks, "callbacks", callbacks) or []  # of a CallbackList
    callbacks = callbacks if isinstance(callbacks, list | tuple) else [callbacks]
    reported = {name for each in callbacks for name in getattr(each, "lower_is_better", ())}
    for callback in callbacks:
        monitored = str(getattr(callback, "monitor", ""))
        minimised = monitored.removeprefix("val_") in terms or monitored in reported
        if getattr(callback, "mode", None) == "auto" and minimised:
            callback.mode = "min"
