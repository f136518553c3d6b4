"""Ancestral sampling as one graph with its loops inside: each value drawn given those before it.

There is one loop in two levels: over rows, and over the columns of a row. A picture has rows of its
own; a sequence is cut into rows of equal length, so that what can be made for many values at once,
noise above all, is made outside the inner loop.

Called eagerly, the same loops run in Python, a step at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf


class Given(NamedTuple):
    """What is known beforehand: stored values, and a bool mask of those that are known."""

    values: tf.Tensor
    mask: tf.Tensor

    def keep(self, drawn: tf.Tensor) -> tf.Tensor:
        """The values drawn, but where they are known."""
        return tf.where(self.mask, self.values, drawn)

    def channel(self, index: int) -> Given:
        """What is known of one of the channels of `[n, channels]`."""
        return Given(*(part[:, index] for part in self))

    def at(self, index: tf.Tensor) -> Given:
        """What is known at a place of the first axis after the batch's."""
        return Given(*(tf.gather(part, index, axis=1) for part in self))


class Row(NamedTuple):
    """What `begin_row` gives.

    Args:
        features: of each column: a nest of `[num, columns, k]`, which may be empty.
        noise: of each column, `[num, columns, k]`.
        column_cache: before the row's first column.
        row_cache: for the rows that follow; `end_row` may change it.
        shared: what all columns are given alike.
        unroll: how many of its columns one turn of the loop draws, as rows are unrolled.
    """

    features: Any
    noise: tf.Tensor
    column_cache: Any
    row_cache: Any
    shared: Any = None
    unroll: int = 1


class Column(NamedTuple):
    """What `step` is given.

    Args:
        features: of the column: a nest of `[num, k]`, as the row has it.
        noise: of the column, `[num, k]`.
        known: what is given of it; `None` where nothing ever is.
        shared: of the row.
        phases: the row's place, and the column's, among those that a turn of the loops draws; zero
            where loops are not unrolled.
    """

    features: Any
    noise: tf.Tensor
    known: Given | None
    shared: Any
    phases: tuple[int, int]

    def keep(self, drawn: tf.Tensor) -> tf.Tensor:
        """The values drawn, but where they are known."""
        return drawn if self.known is None else self.known.keep(drawn)


class Step(NamedTuple):
    """What `step` gives.

    Args:
        value: as stored, `[num, ...]`.
        column_cache: for the columns that follow.
        kept: what the rows that follow need: a nest of float32 `[num, k]`.
    """

    value: tf.Tensor
    column_cache: Any
    kept: Any = ()


def ancestral_sampling(
    rows: int | tf.Tensor,
    columns: int,
    value: tf.TensorSpec,
    row_cache: Any,
    begin_row: Callable[[tf.Tensor, Any, int], Row],
    step: Callable[[Column, Any], Step],
    end_row: Callable[[Row, Any, tf.Tensor, Any], Any],
    given: Given | None = None,
    kept: Any = (),
    unroll: int = 1,
) -> tf.Tensor:
    """Draws values row by row, and in a row column by column.

    Args:
        rows: how many; a tensor will do.
        columns: of each row.
        value: shape and dtype of a column's values, `[None, ...]`.
        row_cache: before the first row.
        begin_row: (row index, row cache, the row's phase) -> what can be made for the whole row at
            once.
        step: (a column, column cache) -> its values.
        end_row: (what `begin_row` gave, the last column cache, the row's values
            `[num, columns, ...]`, what was kept of it, a nest of `[num, columns, k]`) -> row cache.
        given: known values `[num, rows, columns, ...]`, which `step` must keep.
        kept: how many features of each column `step` keeps for the rows that follow: a nest of
            sizes.
        unroll: how many rows one turn of the loop draws; it divides them. Layers that stride are
            then there or not, by the phase, without a branch in the graph.

    Returns:
        The values, `[rows, columns, num, ...]`.
    """
    num_kept = sum(tf.nest.flatten(kept))
    outputs = [value, tf.TensorSpec([None, num_kept])] if num_kept else [value]

    def draw_row(row: tf.Tensor, row_cache: Any, row_phase: int) -> tuple[Any, list[tf.Tensor]]:
        begun = begin_row(row, row_cache, row_phase)
        given_row = None if given is None else given.at(row)
        # A step reads one array faster than several, and by a gather, which is one operation in
        # every runtime: a slice at a moving place is several.
        features = side_by_side(begun.features)
        sizes = tf.nest.map_structure(lambda part: part.shape[-1], begun.features)
        features, noise = (None if x is None else column_first(x) for x in (features, begun.noise))

        def draw_column(
            index: tf.Tensor, column_cache: Any, column_phase: int
        ) -> tuple[Any, list[tf.Tensor]]:
            of_column = None if features is None else tf.gather(features, index)
            column = Column(
                apart(of_column, sizes),
                tf.gather(noise, index),
                None if given_row is None else given_row.at(index),
                begun.shared,
                (row_phase, column_phase),
            )
            drawn = step(column, column_cache)
            remembered = side_by_side(drawn.kept)
            return drawn.column_cache, [drawn.value, remembered][: len(outputs)]

        column_cache, (values, *remembered) = take_turns(
            columns, begun.unroll, draw_column, begun.column_cache, outputs
        )
        remembered = apart(column_first(remembered[0]), kept) if remembered else kept
        return end_row(begun, column_cache, column_first(values), remembered), [values]

    row = tf.TensorSpec([columns, *value.shape], value.dtype)
    _, (values,) = take_turns(rows, unroll, draw_row, row_cache, [row])
    return values


def joined(groups: list[tf.Tensor]) -> tf.Tensor:
    """The features of several groups side by side."""
    # Counted from the first axis: within loops ONNX's converter may not know how many there are.
    return groups[0] if len(groups) == 1 else tf.concat(groups, axis=groups[0].shape.rank - 1)


def side_by_side(nest: Any) -> tf.Tensor | None:
    """A nest of features as one tensor; `None` where it is empty."""
    parts = tf.nest.flatten(nest)
    return joined(parts) if parts else None


def apart(x: tf.Tensor | None, sizes: Any) -> Any:
    """The nest of features that `side_by_side` made one."""
    if x is None:
        return tf.nest.pack_sequence_as(sizes, [])
    flat = tf.nest.flatten(sizes)
    parts = [x] if len(flat) == 1 else tf.split(x, flat, axis=x.shape.rank - 1)
    return tf.nest.pack_sequence_as(sizes, parts)


def column_first(row: tf.Tensor) -> tf.Tensor:
    """Swaps the first two axes: from `[num, columns, ...]` to `[columns, num, ...]`, and back."""
    return tf.transpose(row, [1, 0, *range(2, row.shape.rank)])


def take_turns(
    count: int | tf.Tensor,
    unroll: int,
    turn: Callable[[tf.Tensor, Any, int], tuple[Any, list[tf.Tensor]]],
    state: Any,
    outputs: list[tf.TensorSpec],
) -> tuple[Any, list[tf.Tensor]]:
    """Takes turns, `unroll` of them at once: (index, state, phase) -> (state, outputs).

    Returns:
        The last state, and the outputs of all turns, each `[count, ...]`.
    """

    def turns(
        index: tf.Tensor, state: Any, arrays: list[tf.TensorArray]
    ) -> tuple[tf.Tensor, Any, list[tf.TensorArray]]:
        taken = []
        for phase in range(unroll):
            at = index if unroll == 1 else index * unroll + phase
            after, drawn = turn(at, state, phase)
            # A graph for one batch size knows what went in: so it knows what goes on.
            tf.nest.map_structure(lambda new, old: new.set_shape(old.shape), after, state)
            state = after
            taken.append(drawn)
        together = [
            parts[0] if unroll == 1 else tf.stack(parts) for parts in zip(*taken, strict=True)
        ]
        arrays = [array.write(index, x) for array, x in zip(arrays, together, strict=True)]
        return index + 1, state, arrays

    # Outputs leave by arrays that are written once a turn, and never read: what ONNX calls a scan.
    leading = [] if unroll == 1 else [unroll]
    arrays = [
        tf.TensorArray(spec.dtype, count // unroll, element_shape=[*leading, *spec.shape])
        for spec in outputs
    ]
    _, state, arrays = tf.while_loop(
        lambda index, *_: index < count // unroll,
        turns,
        (tf.constant(0), state, arrays),
        parallel_iterations=1,
    )
    stacked = [array.stack() for array in arrays]
    if unroll > 1:
        stacked = [tf.reshape(x, tf.concat([[-1], tf.shape(x)[2:]], axis=0)) for x in stacked]
        stacked = [
            tf.ensure_shape(x, [None, *spec.shape])
            for x, spec in zip(stacked, outputs, strict=True)
        ]
    return state, stacked
