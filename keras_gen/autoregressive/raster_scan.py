"""Ancestral sampling of images: row by row, pixel by pixel, as one graph with its loops inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf


class Given(NamedTuple):
    """The part of an image that is known beforehand: uint8 images, and a bool mask of them."""

    images: tf.Tensor
    mask: tf.Tensor


def raster_scan(
    num: tf.Tensor,
    image_shape: tuple[int, int, int],
    begin: Callable[[], tuple[Any, Any]],
    begin_row: Callable[[tf.Tensor, tf.Tensor, Any], tuple[tf.Tensor, tf.Tensor, Any]],
    step: Callable[..., tuple[tf.Tensor, Any]],
    given: Given | None = None,
) -> tf.Tensor:
    """Draws images in raster order from functions that keep a cache.

    The outer loop runs over rows and the inner one over columns; what depends on the finished rows
    alone is made once a row, by `begin_row`, and so is the row's noise.

    Args:
        num: int32 scalar, how many images.
        image_shape: (height, width, channels).
        begin: gives the caches before the first row and before a row's first column.
        begin_row: (row index, the row above as uint8 `[num, width, channels]`, row cache) ->
            (features and noise by column, each `[width, num, ...]`, row cache).
        step: (a column's features, its noise, its given values or `None`, column cache) ->
            (the pixel, uint8 `[num, channels]`, column cache). Given values are a `Given` of one
            pixel.
        given: known pixels, which `step` must keep.

    Returns:
        uint8 `[num, height, width, channels]`.
    """
    height, width, channels = image_shape
    empty_row_cache, empty_column_cache = begin()

    def draw_row(row, above, row_cache, rows):
        features, noise, row_cache = begin_row(row, above, row_cache)
        # Pixels leave by an array that is only written: other forms do not convert to ONNX.
        pixels = tf.TensorArray(tf.uint8, width, element_shape=[None, channels])

        if given is not None:
            given_images, given_mask = (
                tf.transpose(tf.gather(part, row, axis=1), [1, 0, 2]) for part in given
            )

        def draw_pixel(column, column_cache, pixels):
            known = None
            if given is not None:
                known = Given(tf.gather(given_images, column), tf.gather(given_mask, column))
            # A gather is one operation in every runtime; a slice at a moving place is several.
            pixel, column_cache = step(
                tf.gather(features, column), tf.gather(noise, column), known, column_cache
            )
            return column + 1, column_cache, pixels.write(column, pixel)

        _, _, pixels = tf.while_loop(
            lambda column, *_: column < width,
            draw_pixel,
            (tf.constant(0), empty_column_cache, pixels),
            parallel_iterations=1,
        )
        finished = tf.ensure_shape(tf.transpose(pixels.stack(), [1, 0, 2]), [None, width, channels])
        return row + 1, finished, row_cache, rows.write(row, finished)

    rows = tf.TensorArray(tf.uint8, height, element_shape=[None, width, channels])
    nothing_above = tf.zeros([num, width, channels], tf.uint8)
    *_, rows = tf.while_loop(
        lambda row, *_: row < height,
        draw_row,
        (tf.constant(0), nothing_above, empty_row_cache, rows),
        parallel_iterations=1,
    )
    return tf.ensure_shape(tf.transpose(rows.stack(), [1, 0, 2, 3]), [None, *image_shape])
