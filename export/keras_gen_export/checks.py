"""What a user passed, checked: each gives the value back, or one sentence on what is wrong.

Every message names the argument, what was received and what is allowed.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np


def integer(name: str, value: Any) -> int:
    """An integer of Python or NumPy."""
    try:
        return operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be an integer, received {value!r}.") from None


def in_range(name: str, value: Any, minimum: int, maximum: int) -> int:
    """An integer between two bounds, both allowed."""
    value = integer(name, value)
    if not minimum <= value <= maximum:
        raise ValueError(f"{name} must be {minimum} to {maximum}, received {value}.")
    return value


def seed(value: Any) -> int:
    """An integer of 64 bits."""
    return in_range("seed", value, -(2**63), 2**63 - 1)


def positive(name: str, value: Any) -> int:
    """An integer of at least 1."""
    value = integer(name, value)
    if value < 1:
        raise ValueError(f"{name} must be at least 1, received {value}.")
    return value


def sizes(name: str, values: Any) -> tuple[int, ...]:
    """Integers of at least 1, one after another; there may be none."""
    try:
        return tuple(positive(name, value) for value in values)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} must be whole numbers of at least 1, such as (32, 64), received {values!r}."
        ) from None


def image_shape(value: Any, free_sides: bool = False) -> tuple[Any, Any, int]:
    """(height, width, channels), all positive; the sides may be `None` where they may be free."""
    try:
        height, width, channels = value
        if not free_sides or (height, width) != (None, None):
            height, width = positive("image_shape", height), positive("image_shape", width)
        return height, width, positive("image_shape", channels)
    except (TypeError, ValueError):
        raise ValueError(
            f"image_shape must be (height, width, channels), all at least 1, received {value!r}."
        ) from None


def shaped(name: str, value: Any, shape: Sequence[int | None]) -> Any:
    """An array or tensor whose shape fits; `None` fits any size."""
    received = tuple(value.shape)
    fits = len(received) == len(shape) and all(
        want is None or got is None or want == got
        for got, want in zip(received, shape, strict=True)
    )
    if not fits:
        allowed = ", ".join("n" if size is None else str(size) for size in shape)
        raise ValueError(f"{name} must have shape [{allowed}], received {list(received)}.")
    return value


def integers(name: str, value: Any, minimum: int, maximum: int) -> np.ndarray:
    """An array of integers between two bounds, both allowed."""
    value = np.asarray(value)
    if value.dtype.kind not in "iub":
        raise ValueError(
            f"{name} must be integers in [{minimum}, {maximum}], received dtype {value.dtype}."
        )
    if value.size and not (minimum <= value.min() and value.max() <= maximum):
        raise ValueError(
            f"{name} must be in [{minimum}, {maximum}], received values from {value.min()} to "
            f"{value.max()}."
        )
    return value


def multiple_of(name: str, value: Any, base: int, what: str = "the channels") -> int:
    """An integer of at least 1 that `base`, which is `what`, divides."""
    value = positive(name, value)
    if value % base:
        raise ValueError(f"{name} must be a multiple of {base}, {what}, received {value}.")
    return value


def odd(name: str, value: Any, minimum: int) -> int:
    """An odd integer of at least `minimum`."""
    value = integer(name, value)
    if value < minimum or value % 2 == 0:
        raise ValueError(f"{name} must be odd and at least {minimum}, received {value}.")
    return value


def share(name: str, value: Any) -> float:
    """A number in [0, 1)."""
    if not (isinstance(value, int | float | np.floating) and 0.0 <= value < 1.0):
        raise ValueError(f"{name} must be at least 0 and less than 1, received {value!r}.")
    return float(value)


def number(name: str, value: Any, minimum: float, maximum: float) -> float:
    """A number between two bounds, both allowed."""
    if not (_is_number(value) and minimum <= value <= maximum):
        raise ValueError(
            f"{name} must be a number from {minimum:g} to {maximum:g}, received {value!r}."
        )
    return float(value)


def not_negative(name: str, value: Any) -> float:
    """A finite number of at least 0."""
    if not (_is_number(value) and 0.0 <= value < math.inf):
        raise ValueError(f"{name} must be at least 0 and finite, received {value!r}.")
    return float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating)


def one_of(name: str, value: Any, allowed: Sequence[Any]) -> Any:
    """One of a few values."""
    if value not in allowed:
        names = ", ".join(map(str, allowed[:-1]))
        raise ValueError(f"{name} must be one of {names} and {allowed[-1]}, received {value!r}.")
    return value


def mask(name: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """A bool array of a batch's shape, or of one example's, which then serves for all."""
    value = np.asarray(value)
    if value.dtype != bool:
        raise ValueError(f"{name} must be bool, received dtype {value.dtype}.")
    if value.shape not in (shape, shape[1:]):
        raise ValueError(
            f"{name} must have shape {list(shape)} or {list(shape[1:])}, received "
            f"{list(value.shape)}."
        )
    return np.broadcast_to(value, shape)
