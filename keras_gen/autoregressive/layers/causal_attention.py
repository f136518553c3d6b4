"""Attention to the past alone: over all positions at once, or from a cache of keys and values.

Vaswani et al. 2017, "Attention Is All You Need", arXiv 1706.03762.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import tensorflow as tf

# In place of minus infinity: a softmax over masked entries alone then gives no NaN.
_MASKED = tf.float32.min
# How many positions attend at once: products with what follows them are never computed.
_POSITIONS_AT_ONCE = 128


def attention(
    query: tf.Tensor, key: tf.Tensor, value: tf.Tensor, strict: bool = False
) -> tf.Tensor:
    """Attends from every position to those before it.

    Args:
        query: `[n, length, heads, key_dim]`.
        key: likewise.
        value: `[n, length, heads, value_dim]`.
        strict: whether a position is hidden from itself; the first then gets zeros.

    Returns:
        `[n, length, heads * value_dim]`.
    """
    heads, value_dim = value.shape[2:]
    length = query.shape[1]
    query, key, value = (tf.transpose(x, [0, 2, 1, 3]) for x in (query, key, value))
    query /= math.sqrt(query.shape[-1])
    # All at once in a graph for any length.
    ends = [*range(_POSITIONS_AT_ONCE, length or 0, _POSITIONS_AT_ONCE), length]
    mixed = [
        _attention_from(begin, query[:, :, begin:end], key[:, :, :end], value[:, :, :end], strict)
        for begin, end in zip([0, *ends[:-1]], ends, strict=True)
    ]
    mixed = tf.transpose(tf.concat(mixed, axis=2), [0, 2, 1, 3])
    length = tf.shape(mixed)[1] if length is None else length
    return tf.reshape(mixed, [-1, length, heads * value_dim])


def _attention_from(
    begin: int, query: tf.Tensor, key: tf.Tensor, value: tf.Tensor, strict: bool
) -> tf.Tensor:
    """Attention of the positions from `begin` on, as many as there are queries."""
    here = begin + tf.range(tf.shape(query)[2])[:, None]
    there = tf.range(tf.shape(key)[2])
    hidden = there >= here if strict else there > here
    if query.dtype == tf.float16:  # whose products end at 65,504
        query, key = tf.cast(query, tf.float32), tf.cast(key, tf.float32)
    # In float32: half precision has no number as small as what is masked.
    logits = tf.cast(tf.matmul(query, key, transpose_b=True), tf.float32)
    weights = tf.nn.softmax(tf.where(hidden, _MASKED, logits))
    mixed = tf.matmul(tf.cast(weights, value.dtype), value)
    # The first position sees nothing: zeros.
    return mixed * tf.cast(here > 0, mixed.dtype) if strict and begin == 0 else mixed


class Entries(NamedTuple):
    """Keys `[n, heads, entries, key_dim]` and values `[n, heads, entries, value_dim]`."""

    keys: tf.Tensor
    values: tf.Tensor

    @classmethod
    def empty(
        cls, num: tf.Tensor, heads: int, entries: int, key_dim: int, value_dim: int
    ) -> Entries:
        """Entries of zeros, as many as `entries`."""
        return cls(*(tf.zeros([num, heads, entries, size]) for size in (key_dim, value_dim)))

    def put(self, at: tf.Tensor, key: tf.Tensor, value: tf.Tensor) -> Entries:
        """Replaces one entry, or several that follow each other.

        Args:
            at: int32 scalar: where the new entries go, in steps of as many as they are.
            key: `[n, heads, entries put, key_dim]`.
            value: `[n, heads, entries put, value_dim]`.
        """
        return Entries(*(_put(old, at, new) for old, new in zip(self, (key, value), strict=True)))


def _put(old: tf.Tensor, at: tf.Tensor, new: tf.Tensor) -> tf.Tensor:
    _, heads, entries, size = old.shape
    together = new.shape[2]
    rows = tf.reshape(old, [-1, heads, entries // together, together, size])
    here = tf.range(entries // together) == at
    rows = tf.where(here[None, None, :, None, None], new[:, :, None], rows)
    return tf.reshape(rows, [-1, heads, entries, size])


def attend(
    query: tf.Tensor, past: Entries, num_past: tf.Tensor, recent: Entries, num_recent: tf.Tensor
) -> tf.Tensor:
    """Attends from one position to the entries of finished rows, and to those of its own.

    Args:
        query: `[n, heads, key_dim]`.
        past: entries of rows that are finished.
        num_past: how many of them there are.
        recent: entries of the row under way.
        num_recent: how many of them there are.

    Returns:
        `[n, heads * value_dim]`; zeros where there is no entry.
    """
    query = query[:, :, None] / math.sqrt(query.shape[-1])
    entries = (past, num_past), (recent, num_recent)
    mask = tf.concat([tf.range(e.keys.shape[2]) < count for e, count in entries], axis=0)
    logits = tf.concat([tf.matmul(query, e.keys, transpose_b=True) for e, _ in entries], axis=3)
    weights = tf.nn.softmax(tf.where(mask, logits, _MASKED)) * tf.cast(mask, tf.float32)
    of_past, of_recent = tf.split(weights, [e.keys.shape[2] for e, _ in entries], axis=3)
    mixed = tf.matmul(of_past, past.values) + tf.matmul(of_recent, recent.values)
    return tf.reshape(mixed, [-1, mixed.shape[1] * mixed.shape[3]])
