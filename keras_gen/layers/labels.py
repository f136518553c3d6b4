"""Conditioning by concatenation: labels as further features of a vector or of every pixel."""

from __future__ import annotations

import tensorflow as tf


def with_labels(x: tf.Tensor, labels: tf.Tensor | None, num_classes: int | None) -> tf.Tensor:
    """Appends one-hot labels to the last axis (Mirza & Osindero 2014, arXiv 1411.1784).

    Args:
        x: `[n, features]` or `[n, height, width, features]`.
        labels: int32 `[n]`; ignored where `num_classes` is `None`.
        num_classes: how many labels there are, or `None`.

    Returns:
        `[..., features + num_classes]`, or `x` where `num_classes` is `None`.
    """
    if num_classes is None:
        return x
    one_hot = tf.one_hot(labels, num_classes, dtype=x.dtype)
    if x.shape.rank == 4:
        one_hot = tf.ones_like(x[..., :1]) * one_hot[:, None, None]
    return tf.concat([x, one_hot], axis=-1)
