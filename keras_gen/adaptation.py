"""Starting from data: the first batch, for what is set by it before training begins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf


def first_batch(x: Any, y: Any, batch_size: int | None) -> tuple[Any, Any]:
    """Takes the first global batch of what `fit` was given.

    Args:
        x: an array, a dataset, or anything that gives batches.
        y: conditions of an array.
        batch_size: of an array; `None` is Keras's 32.

    Returns:
        The batch, `x` or `(x, conditions)`, and what `fit` shall take in place of `x`: the same,
        but for an iterator, which gets its batch back.
    """
    if isinstance(x, np.ndarray | tf.Tensor):
        part = slice(0, 32 if batch_size is None else batch_size)
        given = None if y is None else tf.nest.map_structure(lambda value: value[part], y)
        return (x[part] if given is None else (x[part], given)), x
    if isinstance(x, Iterator):
        batch = next(x)
        return batch, _chained(batch, x)
    if hasattr(x, "__getitem__"):  # a PyDataset
        return x[0], x
    return tf.nest.map_structure(_of_all_replicas, next(iter(x))), x


def _of_all_replicas(value: Any) -> Any:
    """A global batch, of which a distributed dataset gives each replica its share."""
    if not isinstance(value, tf.distribute.DistributedValues):
        return value
    return tf.concat(value.values, axis=0)


def _chained(batch: Any, rest: Iterator) -> Iterator:
    """A generator, which Keras takes where it refuses other iterators."""
    yield batch
    yield from rest
