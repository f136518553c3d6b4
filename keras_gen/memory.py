"""What fits into memory, asked before it is taken: who asks for too much gets a sentence."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import tensorflow as tf

# A weight that is trained comes with its gradient and two averages of Adam's. All variables are
# counted so, those that do not learn too: an upper bound.
_TRAINED = 4


class TooLargeError(ValueError):
    """What was asked for does not fit into memory."""


def require(name: str, size: float, what: str) -> None:
    """Refuses what is larger than the memory that is free now.

    Args:
        name: of the argument that asks for it.
        size: of it, in bytes.
        what: it is.

    Raises:
        TooLargeError: it does not fit.

    Example:
        >>> require("length", 4 * 10**12, "the sounds")  # raises where 4,000 GB are not free
    """
    free = psutil.virtual_memory().available
    if size > free:
        raise TooLargeError(
            f"{name} must be smaller: {what} would take {size / 1e9:,.1f} GB of memory, and "
            f"{free / 1e9:,.1f} GB are free."
        )


@contextlib.contextmanager
def weights_within(name: str) -> Iterator[None]:
    """Within it, a variable that could not be trained beside those before it is refused, unmade.

    Args:
        name: of the argument that asks for the variables.
    """
    free = psutil.virtual_memory().available
    taken = 0

    def create(make: Callable[..., tf.Variable], **arguments: Any) -> tf.Variable:
        nonlocal taken
        taken += _TRAINED * _size(arguments)
        if taken > free:
            raise TooLargeError(
                f"{name} must be smaller: to train the model's weights would take more than the "
                f"{free / 1e9:,.1f} GB that are free."
            )
        return make(**arguments)

    with tf.variable_creator_scope(create):
        yield


def _size(arguments: dict[str, Any]) -> int:
    """The bytes of a variable that is about to be made."""
    value = arguments["initial_value"]
    if callable(value):
        # Traced, not computed: a graph knows the shape, and takes nothing.
        value = tf.function(value, autograph=False).get_concrete_function().structured_outputs
    shape = tf.TensorShape(value.shape)
    dtype = tf.as_dtype(arguments.get("dtype") or value.dtype)
    return math.prod(shape.as_list()) * dtype.size
