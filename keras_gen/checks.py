"""What a user passed, checked: each gives the value back, or one sentence on what is wrong.

Most checks need NumPy alone, and serve artefacts as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from keras_gen_export.checks import (
    image_shape,
    in_range,
    integer,
    integers,
    mask,
    multiple_of,
    not_negative,
    number,
    odd,
    one_of,
    positive,
    seed,
    shaped,
    share,
    sizes,
)

__all__ = [
    "image_shape",
    "in_range",
    "integer",
    "integers",
    "mask",
    "multiple_of",
    "network",
    "not_negative",
    "number",
    "odd",
    "one_of",
    "positive",
    "seed",
    "shaped",
    "share",
    "sizes",
]


def network(name: str, value: Any, inputs: Sequence[int], outputs: Sequence[int]) -> None:
    """A Keras model from one shape to another, without the batch; it is built by a call."""
    if not isinstance(value, keras.Model):
        raise ValueError(f"{name} must be a Keras model, received {value!r}.")
    given = tuple(value(keras.Input(tuple(inputs))).shape)
    if given != (None, *outputs):
        raise ValueError(f"{name} must give {[None, *outputs]}, received {list(given)}.")


def pictures_alone(model: str, num_classes: int | None) -> None:
    """Refuses classes for a model that looks at pictures alone.

    Raises:
        ValueError: there are classes.
    """
    if num_classes is not None:
        raise ValueError(
            f"num_classes must be None: {model} looks at pictures alone, received {num_classes}."
        )
