"""Packing: a discriminator that sees several examples at once, so that it sees a lack of variety.

Lin, Khetan, Fanti, Oh 2018, "PacGAN: The power of two samples in generative adversarial networks",
arXiv 1712.04086.
"""

from __future__ import annotations

import tensorflow as tf


def packed(x: tf.Tensor, size: int, training: bool) -> tf.Tensor:
    """Lays consecutive examples side by side along the last axis.

    Args:
        x: `[n, ..., features]`.
        size: m, examples of a pack; a last pack that lacks some begins the batch again.
        training: in evaluation each example stands alone: m times itself.

    Returns:
        `[ceil(n / m), ..., m * features]`; in evaluation `[n, ..., m * features]`.
    """
    if size == 1:
        return x
    if not training:
        return tf.concat([x] * size, axis=-1)
    num = tf.shape(x)[0]
    packs = -(-num // size)
    members = tf.reshape(tf.range(packs * size) % tf.maximum(num, 1), [packs, size])
    return tf.concat([tf.gather(x, members[:, i]) for i in range(size)], axis=-1)


def unpacked(outputs: tf.Tensor, size: int, num: tf.Tensor, training: bool) -> tf.Tensor:
    """Gives each example what was said of its pack.

    Args:
        outputs: `[packs, ...]`.
        size: m, examples of a pack.
        num: examples of the batch.
        training: as in `packed`.

    Returns:
        `[n, ...]`.
    """
    if size == 1 or not training:
        return outputs
    return tf.repeat(outputs, size, axis=0)[:num]
