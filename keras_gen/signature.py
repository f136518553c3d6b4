"""What a model offers to other runtimes: functions of tensors, with their inputs described."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Input:
    """One input of a signature.

    Args:
        shape: of the tensor; `None` is first the batch, and then the time.
        dtype: its name, as NumPy says it.
        minimum: the least value allowed, or `None`.
        maximum: the greatest value allowed, or `None`.
        values: all values allowed, where they are few and not a range; or `None`.
    """

    shape: tuple[int | None, ...]
    dtype: str
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[int, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Output:
    """One output of a signature, and how far runtimes may differ in it.

    Args:
        tolerance: the greatest difference allowed, on top of `relative` times the value's size;
            0 says that the output must be equal.
        relative: see `tolerance`.
        unequal: for an output that is a rounded number: the greatest share of its values that may
            differ at all (a number that lies on a rounding edge falls either way).
    """

    tolerance: float = 0.0
    relative: float = 0.0
    unequal: float = 1.0


# A decision (a token, a pixel that was drawn) is equal or wrong.
DECISION = Output()
# A picture that was rounded from floats: one level, in a few pixels of a thousand.
ROUNDED = Output(tolerance=1.0, unequal=0.005)
# A number: float32 arithmetic in another order.
NUMBER = Output(tolerance=1e-3, relative=1e-4)


@dataclasses.dataclass(frozen=True)
class Signature:
    """A pure function of tensors that leaves Python as one graph.

    Args:
        function: takes the inputs by name and returns a dict of tensors.
        inputs: by name, in the order of the function's arguments.
        outputs: by name.
    """

    function: Callable[..., dict[str, Any]]
    inputs: dict[str, Input]
    outputs: dict[str, Output]

    def graph(self) -> Callable[..., dict[str, tf.Tensor]]:
        """The function as one TensorFlow graph for any batch, with its inputs in their order."""
        return tf.function(self.positional, input_signature=self.tensor_specs(), autograph=False)

    def positional(self, *inputs: Any) -> dict[str, Any]:
        """Calls the function with its inputs in their order."""
        return self.function(**dict(zip(self.inputs, inputs, strict=True)))

    def tensor_specs(self) -> list[tf.TensorSpec]:
        """The inputs as TensorFlow describes them."""
        return [
            tf.TensorSpec(value.shape, value.dtype, name=name)
            for name, value in self.inputs.items()
        ]
