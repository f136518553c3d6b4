"""The two faces of an autoregressive layer: over everything at once, and step by step."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf


class StepWeights(NamedTuple):
    """A layer's weights as its steps take them, cut and ordered once, outside of all loops.

    Args:
        row: what `begin_row` takes.
        column: what `step` takes, by channel; of a layer without channels, one entry.
    """

    row: Any
    column: list


class Begun(NamedTuple):
    """What a layer makes for a row at once.

    Args:
        features: of each column: a nest of `[n, columns, k]`, channel after channel.
        cache: before the row's first column.
        row_cache: for `end_row`.
        stream: of the row, what the next layer's `begin_row` takes.
        shared: what all columns take alike.
    """

    features: Any
    cache: Any
    row_cache: Any
    stream: Any = None
    shared: Any = None


class Place(NamedTuple):
    """Where a step stands.

    Args:
        features: of this column and channel, from `Begun`.
        cache: of the columns to the left.
        weights: of this channel, from `StepWeights`.
        column: lists by name, for what a layer makes of this column's channels, one after another;
            empty at the first channel.
        shared: from `Begun`.
    """

    features: Any
    cache: Any
    weights: Any
    column: dict[str, list[tf.Tensor]]
    shared: Any = None


class StepwiseLayer(keras.layers.Layer, abc.ABC):
    """A layer with two faces and one set of weights, which give the same numbers.

    `call` runs over everything at once, for training and likelihoods. For sampling, values come row
    by row (a sequence is cut into rows), column by column, and where a column has several channels,
    channel by channel:

        weights = layer.step_weights(labels)
        row_cache = layer.empty(num, columns)
        for each row:
            begun = layer.begin_row(row, stream, row_cache, weights.row)
            cache = begun.cache
            for each column:
                for each channel:
                    output = layer.step(inputs, place)
                cache, kept = layer.end_column(inputs, place)
            row_cache = layer.end_row(begun.row_cache, cache, kept of all columns)

    Attributes:
        kept: what the rows that follow need of each column: a nest of numbers of features.
    """

    kept: Any = ()

    @abc.abstractmethod
    def step_weights(self, labels: tf.Tensor | None = None) -> StepWeights:
        """The weights as steps take them.

        Args:
            labels: int32 `[n]`, of a layer that labels shift.
        """

    def empty(self, num: tf.Tensor, columns: int) -> Any:
        """The row cache before the first row."""
        return ()

    @abc.abstractmethod
    def begin_row(self, row: tf.Tensor, stream: Any, row_cache: Any, weights: Any) -> Begun:
        """Makes what can be made for a row at once.

        Args:
            row: its index, int32 scalar.
            stream: what the layer before makes of the row; the first one gets the inputs of the row
                above, `[n, columns, k]`, zeros above the first.
            row_cache: from `empty` or the last row's `end_row`.
            weights: `StepWeights.row`.
        """

    @abc.abstractmethod
    def step(self, inputs: list[tf.Tensor], place: Place) -> Any:
        """The output of a column's next channel.

        Args:
            inputs: of the column, in the channels that this one sees, each `[n, k]`.
            place: where the step stands.

        Returns:
            `[n, outputs of a channel]`.
        """

    def end_column(self, inputs: list[tf.Tensor], place: Place) -> tuple[Any, Any]:
        """The cache of the next column, and what is kept of this one.

        Args:
            inputs: of the column, in all channels.
            place: where its last step stood.
        """
        return place.cache, ()

    def end_row(self, row_cache: Any, cache: Any, kept: Any) -> Any:
        """The row cache of the next row.

        Args:
            row_cache: from `Begun`.
            cache: after the row's last column.
            kept: of all columns: a nest of `[n, columns, k]`.
        """
        return row_cache


def begin_row_in_all(
    layers: Sequence[StepwiseLayer],
    row: tf.Tensor,
    stream: Any,
    row_caches: Sequence[Any],
    weights: Sequence[StepWeights],
) -> list[Begun]:
    """Begins a row in layers that follow each other: each takes the stream of the one before."""
    begun = []
    for layer, row_cache, step_weights in zip(layers, row_caches, weights, strict=True):
        begun.append(layer.begin_row(row, stream, row_cache, step_weights.row))
        stream = begun[-1].stream
    return begun


def end_row_in_all(
    layers: Sequence[StepwiseLayer],
    row_caches: Sequence[Any],
    caches: Sequence[Any],
    kept: Sequence[Any],
) -> list[Any]:
    """Ends a row in all layers: their caches of the next row."""
    parts = zip(layers, row_caches, caches, kept, strict=True)
    return [layer.end_row(row_cache, cache, kept) for layer, row_cache, cache, kept in parts]
