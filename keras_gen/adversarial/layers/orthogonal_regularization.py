"""Kernels kept near orthogonal, so that a generator is smooth enough for truncation.

Brock, Donahue, Simonyan 2019, arXiv 1809.11096, equation 3.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf


def non_orthogonality(kernels: Sequence[keras.Variable]) -> tf.Tensor:
    """How far the columns of kernels are from orthogonal, whatever their lengths.

    The sum over kernels of |W^T W * (1 - I)|^2, W a matrix `[inputs, outputs]`: the squared
    products of all pairs of different columns.

    Args:
        kernels: each `[..., inputs, outputs]`.

    Returns:
        float32 scalar, at least 0.
    """
    return tf.add_n([_of_one(tf.convert_to_tensor(kernel)) for kernel in kernels])


def _of_one(kernel: tf.Tensor) -> tf.Tensor:
    matrix = tf.reshape(tf.cast(kernel, tf.float32), [-1, kernel.shape[-1]])
    if matrix.shape[0] < matrix.shape[1]:
        # W W^T is smaller, and has the norm of W^T W.
        of_all = tf.reduce_sum(tf.matmul(matrix, matrix, transpose_b=True) ** 2)
        return of_all - tf.reduce_sum(tf.reduce_sum(matrix**2, axis=0) ** 2)
    products = tf.matmul(matrix, matrix, transpose_a=True)
    return tf.reduce_sum((products * (1.0 - tf.eye(matrix.shape[1]))) ** 2)
