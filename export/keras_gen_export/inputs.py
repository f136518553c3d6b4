"""The one check of what a function is given: in Python, of a signature, and where it is served.

An input is described in plain types, as the manifest writes it: `shape` (`None` is a free size, the
first one the batch), `dtype`, and where they apply `minimum`, `maximum`, `values` (all that are
allowed), `multiple_of` (what must divide free sizes), `shortest` and `longest` (the least and the
greatest free size), `default`, and `hint` (what a message adds where the kind is wrong). It needs
NumPy alone.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import numpy as np

# What an array's kind must be for a dtype: integers are numbers too, floats are no integers.
_KINDS = {"f": "fiu", "b": "b", "i": "iub", "u": "iub"}


def check_inputs(
    descriptions: Mapping[str, Mapping[str, Any]],
    given: Mapping[str, Any],
    batch_size: int | None = None,
) -> dict[str, np.ndarray]:
    """Gives all inputs as the arrays that a function takes, with defaults filled in.

    Args:
        descriptions: of the inputs, by name.
        given: values by name; one for an input that has one an example serves the whole batch, and
            `None` counts as not given.
        batch_size: how many examples there are; `None` follows from what is given.

    Returns:
        Arrays of the described dtypes, in the order of the descriptions.

    Raises:
        ValueError: an input is missing or unknown, of another kind or shape, or out of range.

    Example:
        >>> check_inputs({"seeds": {"shape": [None], "dtype": "int64"}}, {"seeds": 7})
        {'seeds': array([7])}
    """
    given = {name: value for name, value in given.items() if value is not None}
    check_known(given, descriptions)
    arrays = {}
    for name, description in descriptions.items():
        value = given.get(name, description.get("default"))
        if value is None:
            raise ValueError(f"{name} must be given: {allowed(description)}.")
        arrays[name] = check(name, value, description)
    return _batched(arrays, descriptions, batch_size)


def check_known(given: Mapping[str, Any], known: Mapping[str, Any], what: str = "inputs") -> None:
    """Refuses names that are not known.

    Raises:
        ValueError: a name is not known; it says which may be meant.
    """
    for name in given.keys() - known.keys():
        raise ValueError(f"{name} must not be given: {_suggestion(name, known, what)}")


def check(name: str, value: Any, description: Mapping[str, Any]) -> np.ndarray:
    """Gives one input as an array of its dtype; without its batch axis it is meant for all.

    Raises:
        ValueError: it is of another kind or shape, or out of range.
    """
    value = np.asarray(value)
    dtype = np.dtype(description["dtype"])
    if value.dtype.name == "bfloat16" and dtype.kind == "f":  # floats that NumPy has no kind for
        value = value.astype(np.float32)
    if value.dtype.kind not in _KINDS[dtype.kind]:
        raise ValueError(wrong_kind(name, value.dtype, description))
    check_shape(name, value.shape, description)
    if dtype.kind == "f":
        with np.errstate(over="ignore"):  # too large a number becomes infinite, and is refused
            value = value.astype(dtype, copy=False)
    if value.size:
        _check_values(name, value, description)
    return value.astype(dtype, copy=False)


def check_batch(name: str, value: Any, description: Mapping[str, Any]) -> np.ndarray:
    """Gives a batch as an array of its dtype: with its batch axis, and at least one example.

    Raises:
        ValueError: it is no batch, of another kind or shape, or out of range.
    """
    array = check(name, value, description)
    if array.ndim < len(description["shape"]):
        raise ValueError(
            f"{name} must have a batch axis first, received shape {list(array.shape)}."
        )
    if not len(array):
        raise ValueError(f"{name} must have at least one example, received none.")
    if not array.size:
        raise ValueError(f"{name} must have no empty axis, received shape {list(array.shape)}.")
    return array


def wrong_kind(name: str, received: Any, description: Mapping[str, Any]) -> str:
    """Says that a dtype is of another kind, and what the description hints at."""
    hint = description.get("hint")
    return (
        f"{name} must be {allowed(description)}, received dtype {received}"
        f"{f': {hint}' if hint else ''}."
    )


def check_shape(name: str, received: tuple, description: Mapping[str, Any]) -> None:
    """Refuses a shape that does not fit; `None` in it is a size that is not known yet.

    Raises:
        ValueError: the shape does not fit.
    """
    shape = description["shape"]
    # One for all examples comes without their axis.
    for sizes in (shape, shape[1:]) if shape[:1] in ([None], (None,)) else (shape,):
        if len(sizes) == len(received) and all(
            got is None
            or want == got
            or (want is None and (_is_batch(axis, sizes, shape) or _fits(got, description)))
            for axis, (got, want) in enumerate(zip(received, sizes, strict=True))
        ):
            return
    raise ValueError(f"{name} must have shape {_shape(description)}, received {list(received)}.")


def allowed(description: Mapping[str, Any]) -> str:
    """Says what a description allows: "int32 [n] in [0, 9]"."""
    minimum, maximum = description.get("minimum"), description.get("maximum")
    if description.get("values") is not None:
        limits = f" among {len(description['values'])} values"
    elif minimum is not None and maximum is not None:
        limits = f" in [{minimum:g}, {maximum:g}]"
    elif minimum is not None:
        limits = f" of at least {minimum:g}"
    else:
        limits = ""
    kind = {"f": "floats", "b": "bools"}.get(np.dtype(description["dtype"]).kind, "integers")
    return f"{kind} {_shape(description)}{limits}"


def _is_batch(axis: int, sizes: Any, shape: Any) -> bool:
    return axis == 0 and len(sizes) == len(shape)


def _fits(size: int, description: Mapping[str, Any]) -> bool:
    base = description.get("multiple_of") or 1
    shortest, longest = description.get("shortest") or 0, description.get("longest")
    return size % base == 0 and size >= shortest and (longest is None or size <= longest)


def _shape(description: Mapping[str, Any]) -> str:
    batch, *rest = description["shape"] or [()]
    base, longest = description.get("multiple_of"), description.get("longest")
    free = "any" if base in (None, 1) else f"any multiple of {base}"
    if description.get("shortest") is not None:
        free += f" from {description['shortest']} on"
    free = free if longest is None else f"up to {longest}"
    names = ["n" if batch is None else str(batch)] if description["shape"] else []
    for size in rest:
        names.append(free if size is None else str(size))
    return f"[{', '.join(names)}]"


def _check_values(name: str, value: np.ndarray, description: Mapping[str, Any]) -> None:
    values = description.get("values")
    if values is not None:
        unknown = np.setdiff1d(value, values)
        if unknown.size:
            some = ", ".join(map(str, unknown[:10].tolist()))
            raise ValueError(
                f"{name} must be among the {len(values)} values allowed, received {some}."
            )
        return
    minimum, maximum = description.get("minimum"), description.get("maximum")
    low, high = value.min(), value.max()
    # Written so that a NaN fails.
    fits = (minimum is None or low >= minimum) and (maximum is None or high <= maximum)
    if not fits or (value.dtype.kind == "f" and not np.isfinite(value).all()):
        raise ValueError(
            f"{name} must be {allowed(description)}, received values from {low} to {high}."
        )
    dtype = np.dtype(description["dtype"])
    if dtype.kind in "iu":
        held = np.iinfo(dtype)
        if not (held.min <= int(low) and int(high) <= held.max):
            raise ValueError(
                f"{name} must be {allowed(description)} that {dtype} holds, received values from "
                f"{low} to {high}."
            )


def _batched(
    arrays: dict[str, np.ndarray],
    descriptions: Mapping[str, Mapping[str, Any]],
    batch_size: int | None,
) -> dict[str, np.ndarray]:
    """Repeats what was given once for all, and sees that all else has the same batch."""
    axes = {name: len(description["shape"]) for name, description in descriptions.items()}
    batched = [name for name, value in descriptions.items() if list(value["shape"][:1]) == [None]]
    sizes = {name: len(arrays[name]) for name in batched if arrays[name].ndim == axes[name]}
    num = batch_size if batch_size is not None else max(sizes.values(), default=1)
    if num < 1:
        raise ValueError(f"{min(sizes)} must have at least one example, received none.")
    for name, size in sizes.items():
        if size != num:
            raise ValueError(
                f"{name} must be one value or have shape "
                f"{_shape(dict(descriptions[name]) | {'shape': [num, *arrays[name].shape[1:]]})}, "
                f"as many as the others, received {list(arrays[name].shape)}."
            )
    for name in batched:
        if name not in sizes:
            arrays[name] = np.broadcast_to(arrays[name], (num, *arrays[name].shape))
    return arrays


def _suggestion(name: str, known: Mapping[str, Any], what: str) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"the {what} are {', '.join(known)}." if known else f"there are no {what}."
