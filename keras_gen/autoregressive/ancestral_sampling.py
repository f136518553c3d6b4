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

    Returns:
        The values, `[rows, columns, num, ...]`.
    """

    def draw_row(row, row_cache, finished):
        begun = begin_row(row, row_cache)
        given_row = None if given is None else Given(*(tf.gather(part, row) for part in given))
        # Values leave by arrays that are only written: other forms do not convert to ONNX.
        values = tf.TensorArray(value.dtype, columns, element_shape=value.shape)
        memory = (tf.TensorArray(tf.float32, columns, element_shape=[None, kept]),) if kept else ()

        def draw_column(column, column_cache, values, memory):
            # A gather is one operation in every runtime; a slice at a moving place is several.
            features = None if begun.features is None else tf.gather(begun.features, column)
            known = None
            if given is not None:
                known = Given(*(tf.gather(part, column) for part in given_row))
            drawn = step(features, tf.gather(begun.noise, column), known, column_cache)
            memory = tuple(array.write(column, drawn.kept) for array in memory)
            return column + 1, drawn.column_cache, values.write(column, drawn.value), memory

        _, column_cache, values, memory = tf.while_loop(
            lambda column, *_: column < columns,
            draw_column,
            (tf.constant(0), begun.column_cache, values, memory),
            parallel_iterations=1,
        )
        values = values.stack()
        remembered = memory[0].stack() if kept else None
        row_cache = end_row(begun, column_cache, values, remembered)
        return row + 1, row_cache, finished.write(row, values)

    finished = tf.TensorArray(value.dtype, rows, element_shape=[columns, *value.shape])
    *_, finished = tf.while_loop(
        lambda row, *_: row < rows,
        draw_row,
        (tf.constant(0), row_cache, finished),
        parallel_iterations=1,
    )
    return finished.stack()


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

    Returns:
        uint8 `[num, height, width, channels]`.
    """
    height, width, channels = image_shape

    def end_row(begun, _, pixels, remembered):
        if not kept:
            remembered = tf.zeros([width, num, 0])
        return Above(*(_batch_first(part) for part in (pixels, remembered))), begun.row_cache

    if given is not None:
        given = Given(*(tf.transpose(part, [1, 2, 0, 3]) for part in given))
    nothing = Above(tf.zeros([num, width, channels], tf.uint8), tf.zeros([num, width, kept]))
    pixels = ancestral_sampling(
        height,
        width,
        tf.TensorSpec([None, channels], tf.uint8),
        (nothing, row_cache),
        lambda row, cache: begin_row(row, *cache),
        step,
        end_row,
        given,
        kept,
    )
    return tf.ensure_shape(tf.transpose(pixels, [2, 0, 1, 3]), [None, *image_shape])


def _batch_first(row: tf.Tensor) -> tf.Tensor:
    """From `[width, num, k]` to `[num, width, k]`."""
    return tf.ensure_shape(tf.transpose(row, [1, 0, 2]), [None, row.shape[0], row.shape[2]])


def column_first(row: tf.Tensor) -> tf.Tensor:
    """From `[num, width, k]` to `[width, num, k]`, as `Row` has it."""
    return tf.transpose(row, [1, 0, 2])
