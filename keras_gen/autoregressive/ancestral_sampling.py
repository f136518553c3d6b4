"""Ancestral sampling as one graph with its loops inside: each value drawn given those before it.

There is one loop in two levels: over rows, and over the columns of a row. A picture has rows of its
own; a sequence is cut into blocks, so that what can be made for many values at once, noise above
all, is made outside the inner loop.
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


class Row(NamedTuple):
    """What `begin_row` gives.

    Args:
        features: of each column, `[columns, num, k]`; `None` where there are none.
        noise: of each column, `[columns, num, k]`.
        column_cache: before the row's first column.
        row_cache: for the rows that follow; `end_row` may change it.
    """

    features: tf.Tensor | None
    noise: tf.Tensor
    column_cache: Any
    row_cache: Any


class Step(NamedTuple):
    """What `step` gives.

    Args:
        value: as stored, `[num, ...]`.
        column_cache: for the columns that follow.
        kept: float32 `[num, kept]`, what the rows that follow need; `None` where they need nothing.
    """

    value: tf.Tensor
    column_cache: Any
    kept: tf.Tensor | None = None


def ancestral_sampling(
    rows: int | tf.Tensor,
    columns: int,
    value: tf.TensorSpec,
    row_cache: Any,
    begin_row: Callable[[tf.Tensor, Any], Row],
    step: Callable[[tf.Tensor | None, tf.Tensor, Given | None, Any], Step],
    end_row: Callable[[Row, Any, tf.Tensor, tf.Tensor | None], Any],
    given: Given | None = None,
    kept: int = 0,
    unroll: int | None = None,
) -> tf.Tensor:
    """Draws values row by row, and in a row column by column.

    Args:
        rows: how many; a tensor will do.
        columns: of each row.
        value: shape and dtype of a column's values, `[None, ...]`.
        row_cache: before the first row.
        begin_row: (row index, row cache) -> what can be made for the whole row at once.
        step: (a column's features, its noise, what is given of it, column cache) -> its values.
        end_row: (what `begin_row` gave, the last column cache, the row's values
            `[columns, num, ...]`, what was kept of it `[columns, num, kept]`) -> row cache.
        given: known values `[rows, columns, num, ...]`, which `step` must keep.
        kept: how many features of each column `step` keeps for the rows that follow.
        unroll: how many rows, and columns, one turn of a loop draws; it divides both. Where it is
            given, `begin_row` takes the row's place among them as its last argument, and `step` the
            row's and the column's: layers that stride are then there or not, without a branch in
            the graph.

    Returns:
        The values, `[rows, columns, num, ...]`.
    """

    value_and_kept = [value, tf.TensorSpec([None, kept])] if kept else [value]

    def draw_row(row, row_cache, *row_phase):
        begun = begin_row(row, row_cache, *row_phase)
        given_row = None if given is None else Given(*(tf.gather(part, row) for part in given))

        def draw_column(column, column_cache, *column_phase):
            # A gather is one operation in every runtime; a slice at a moving place is several.
            features = None if begun.features is None else tf.gather(begun.features, column)
            known = None
            if given is not None:
                known = Given(*(tf.gather(part, column) for part in given_row))
            place = (*row_phase, *column_phase)
            drawn = step(features, tf.gather(begun.noise, column), known, column_cache, *place)
            return drawn.column_cache, [drawn.value, drawn.kept] if kept else [drawn.value]

        column_cache, drawn = take_turns(
            columns, unroll, draw_column, begun.column_cache, value_and_kept
        )
        return end_row(begun, column_cache, *drawn, *[None] * (not kept)), [drawn[0]]

    row = tf.TensorSpec([columns, *value.shape], value.dtype)
    _, (values,) = take_turns(rows, unroll, draw_row, row_cache, [row])
    return values


def take_turns(
    count: int | tf.Tensor,
    unroll: int | None,
    turn: Callable[..., tuple[Any, list[tf.Tensor]]],
    state: Any,
    outputs: list[tf.TensorSpec],
) -> tuple[Any, list[tf.Tensor]]:
    """Takes turns, `unroll` of them at once: (index, state[, phase]) -> (state, outputs).

    Returns:
        The last state, and the outputs of all turns, each `[count, ...]`.
    """
    several = unroll is not None
    at_once = unroll if several else 1

    def turns(index, state, arrays):
        taken = []
        for phase in range(at_once):
            at = index * at_once + phase if several else index
            state, given_out = turn(at, state, *([phase] if several else []))
            taken.append(given_out)
        by_output = zip(*taken, strict=True)
        together = [tf.stack(parts) if several else parts[0] for parts in by_output]
        arrays = [array.write(index, x) for array, x in zip(arrays, together, strict=True)]
        return index + 1, state, arrays

    # Outputs leave by arrays that are written once a turn, and never read: what ONNX calls a scan.
    leading = [unroll] if several else []
    arrays = [
        tf.TensorArray(spec.dtype, count // at_once, element_shape=[*leading, *spec.shape])
        for spec in outputs
    ]
    _, state, arrays = tf.while_loop(
        lambda index, *_: index < count // at_once,
        turns,
        (tf.constant(0), state, arrays),
        parallel_iterations=1,
    )
    stacked = [array.stack() for array in arrays]
    if several:
        stacked = [tf.reshape(x, tf.concat([[-1], tf.shape(x)[2:]], axis=0)) for x in stacked]
        stacked = [
            tf.ensure_shape(x, [None, *spec.shape])
            for x, spec in zip(stacked, outputs, strict=True)
        ]
    return state, stacked


class Above(NamedTuple):
    """The finished row above: pixels as stored `[num, width, channels]`, and what was kept."""

    pixels: tf.Tensor
    kept: tf.Tensor


def raster_scan(
    num: tf.Tensor,
    image_shape: tuple[int, int, int],
    row_cache: Any,
    begin_row: Callable[[tf.Tensor, Above, Any], Row],
    step: Callable[..., Step],
    given: Given | None = None,
    kept: int = 0,
    unroll: int | None = None,
) -> tf.Tensor:
    """Draws images in raster order.

    Args:
        num: int32 scalar, how many images.
        image_shape: (height, width, channels).
        row_cache: before the first row.
        begin_row: (row index, the row above, row cache) -> what can be made for the whole row.
            Above the first row all pixels and all that was kept are zero.
        step: as in `ancestral_sampling`; its value is the pixel, uint8 `[num, channels]`.
        given: known pixels `[num, height, width, channels]`.
        kept: as in `ancestral_sampling`.
        unroll: likewise.

    Returns:
        uint8 `[num, height, width, channels]`.
    """
    height, width, channels = image_shape

    def end_row(begun, _, pixels, remembered):
        if not kept:
            remembered = tf.zeros([width, num, 0])
        pixels, remembered = (
            tf.ensure_shape(tf.transpose(part, [1, 0, 2]), [None, width, size])
            for part, size in ((pixels, channels), (remembered, kept))
        )
        return Above(pixels, remembered), begun.row_cache

    if given is not None:
        given = Given(*(tf.transpose(part, [1, 2, 0, 3]) for part in given))
    nothing = Above(tf.zeros([num, width, channels], tf.uint8), tf.zeros([num, width, kept]))
    pixels = ancestral_sampling(
        height,
        width,
        tf.TensorSpec([None, channels], tf.uint8),
        (nothing, row_cache),
        lambda row, cache, *phase: begin_row(row, *cache, *phase),
        step,
        end_row,
        given,
        kept,
        unroll,
    )
    return tf.ensure_shape(tf.transpose(pixels, [2, 0, 1, 3]), [None, *image_shape])


def column_first(row: tf.Tensor) -> tf.Tensor:
    """From `[num, width, k]` to `[width, num, k]`, as `Row` has it."""
    return tf.transpose(row, [1, 0, 2])
