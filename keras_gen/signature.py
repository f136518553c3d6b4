"""What a model takes and offers: inputs and outputs, described once, and pure functions of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from keras_gen_export import inputs as checking


@dataclasses.dataclass(frozen=True)
class Input:
    """One input of a signature: a condition that an example comes with, or a setting of its draw.

    The same description checks what Python is given, goes into graphs and manifests, and checks
    what an artefact is given where it runs.

    Args:
        shape: of the tensor; `None` is a free size, the first one the batch.
        dtype: its name, as NumPy says it.
        minimum: the least value allowed, or `None`.
        maximum: the greatest value allowed, or `None`.
        values: all values allowed, in ascending order, where they are not a range; or `None`.
        multiple_of: what must divide free sizes other than the batch; or `None`.
        shortest: the least size of free axes other than the batch; or `None`.
        longest: the greatest; or `None`.
        default: what is taken where nothing is given; `None` demands a value.
        hint: what a message adds where the kind is wrong; or `None`.
    """

    shape: tuple[int | None, ...]
    dtype: str
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[int, ...] | None = None
    multiple_of: int | None = None
    shortest: int | None = None
    longest: int | None = None
    default: float | None = None
    hint: str | None = None

    def describe(self) -> dict[str, Any]:
        """The description in plain types, as a manifest has it."""
        return {name: value for name, value in vars(self).items() if value is not None} | {
            "shape": list(self.shape)
        }

    def check(self, name: str, value: Any) -> np.ndarray:
        """Gives a value as an array, or says in a ValueError what is wrong with it."""
        return checking.check(name, value, self.describe())

    def check_in_graph(self, name: str, value: tf.Tensor) -> tf.Tensor:
        """Gives a tensor of this dtype; its values are checked where and when the graph runs.

        Raises:
            ValueError: it is of another kind or shape.
        """
        value = tf.convert_to_tensor(value)
        received, wanted = value.dtype, tf.as_dtype(self.dtype)
        if received.is_floating != wanted.is_floating:
            raise ValueError(checking.wrong_kind(name, received.name, self.describe()))
        if value.shape.rank is not None:
            checking.check_shape(name, tuple(value.shape), self.describe())
        unbounded = self.minimum is None and self.maximum is None and self.values is None
        if wanted.is_floating or not unbounded:
            wide = tf.cast(value, wanted if wanted.is_floating else tf.int64)
            message = f"{name} must be {checking.allowed(self.describe())}, received values from"
            received_values = [message, tf.reduce_min(wide), "to", tf.reduce_max(wide)]
            fits = tf.debugging.Assert(tf.reduce_all(self._allows(wide)), received_values)
            with tf.control_dependencies([fits]):
                value = tf.identity(value)
        return tf.cast(value, wanted)

    def _allows(self, value: tf.Tensor) -> tf.Tensor:
        if self.values is not None:
            table = np.zeros(self.values[-1] + 2, bool)  # its last entry is never allowed
            table[list(self.values)] = True
            inside = (value >= 0) & (value < len(table))
            return tf.gather(table, tf.where(inside, value, len(table) - 1))
        is_float = value.dtype.is_floating
        fits = tf.math.is_finite(value) if is_float else tf.ones_like(value, tf.bool)
        if self.minimum is not None:
            fits &= value >= tf.cast(self.minimum, value.dtype)
        if self.maximum is not None:
            fits &= value <= tf.cast(self.maximum, value.dtype)
        return fits


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
# A choice from numbers that no other choice depends on: of two that are nearly as good, either.
CHOICE = Output(tolerance=65_535.0, unequal=0.001)
# A picture that was rounded from floats: one level, in a few pixels of a thousand.
ROUNDED = Output(tolerance=1.0, unequal=0.005)
# A number: float32 arithmetic in another order.
NUMBER = Output(tolerance=1e-3, relative=1e-4)


@dataclasses.dataclass(frozen=True)
class Signature:
    """A pure function of tensors that leaves Python as one graph.

    Args:
        function: takes the inputs by name and returns a dict of tensors.
        inputs: by name, in the order in which a graph takes them.
        outputs: by name.
        choices: what the function takes beside tensors, by name: scalars with a default, each fixed
            in a graph, since it changes how the graph is made, or how long a loop is.
        chosen: values of the choices; see `choose`.
    """

    function: Callable[..., dict[str, Any]]
    inputs: dict[str, Input]
    outputs: dict[str, Output]
    choices: dict[str, Input] = dataclasses.field(default_factory=dict)
    chosen: dict[str, Any] = dataclasses.field(default_factory=dict)
    _graphs: dict[int | None, Callable] = dataclasses.field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _chosen: dict[tuple, Signature] = dataclasses.field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def check(self, given: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Gives all inputs as arrays, defaults filled in, or says in a ValueError what is wrong."""
        described = {name: value.describe() for name, value in self.inputs.items()}
        return checking.check_inputs(described, given)

    def choose(self, given: Mapping[str, Any]) -> Signature:
        """The signature with choices made: as given, and else by default.

        Args:
            given: values by name; those of other signatures are passed over.

        Raises:
            ValueError: a value is of another kind, or out of range.
        """
        chosen = {}
        for name, choice in self.choices.items():
            value = given.get(name)
            chosen[name] = choice.check(name, choice.default if value is None else value).item()
        if chosen == self.chosen:
            return self
        key = tuple(chosen.values())
        if key not in self._chosen:  # so that each graph is traced once
            self._chosen[key] = dataclasses.replace(self, chosen=chosen)
        return self._chosen[key]

    def graph(self, batch_size: int | None = None) -> Callable[..., dict[str, tf.Tensor]]:
        """The function as one TensorFlow graph, with its inputs in their order; traced once.

        Args:
            batch_size: that the graph is for; `None` is any.
        """
        if self.choices and not self.chosen:
            return self.choose({}).graph(batch_size)
        if batch_size not in self._graphs:
            specs = self.tensor_specs(batch_size)
            graph = tf.function(self.positional, input_signature=specs, autograph=False)
            self._graphs[batch_size] = graph
        return self._graphs[batch_size]

    def positional(self, *inputs: Any) -> dict[str, Any]:
        """Calls the function with its inputs in their order."""
        chosen = self.chosen or self.choose({}).chosen
        return self.function(**dict(zip(self.inputs, inputs, strict=True)), **chosen)

    def tensor_specs(self, batch_size: int | None = None) -> list[tf.TensorSpec]:
        """The inputs as TensorFlow describes them."""
        return [
            tf.TensorSpec(
                [batch_size, *value.shape[1:]] if value.shape[:1] == (None,) else value.shape,
                value.dtype,
                name=name,
            )
            for name, value in self.inputs.items()
        ]
