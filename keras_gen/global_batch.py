"""The global batch: what a step learns from, however it is split over replicas."""

from __future__ import annotations

import keras
import tensorflow as tf


def place_in_global_batch(num: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Where this replica's examples stand in the global batch.

    Args:
        num: int32 scalar, how many examples this replica has; none is fine.

    Returns:
        The place of its first example, and how many examples all replicas have: int32 scalars.
    """
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    if replicas == 1:
        return tf.constant(0), num
    context = tf.distribute.get_replica_context()
    index = context.replica_id_in_sync_group
    # Shares need not be even: the last batch of an epoch may not fill all replicas.
    mine = tf.one_hot(index, replicas, dtype=tf.int32) * num
    counts = context.all_reduce(tf.distribute.ReduceOp.SUM, mine)
    before = tf.where(tf.range(replicas) < index, counts, 0)
    return tf.reduce_sum(before), tf.reduce_sum(counts)


def sum_over_replicas(values: list[tf.Tensor]) -> list[tf.Tensor]:
    """The sums of tensors over all replicas."""
    if tf.distribute.get_strategy().num_replicas_in_sync == 1:
        return values
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, values)


def clipped_together(
    optimizer: keras.optimizers.Optimizer, gradients: list[tf.Tensor]
) -> list[tf.Tensor]:
    """Clips the sum of all replicas' gradients, where the optimizer would clip each one's share.

    Args:
        optimizer: that shall apply the gradients; it sums over replicas.
        gradients: of this replica.

    Returns:
        The gradients; where the optimizer clips, this replica's even share of the clipped sum,
        which is too small to be clipped again. Gradients that accumulate over steps stay as they
        are, and so do those of a `LossScaleOptimizer`, which has no limits of its own.
    """
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    limits = (
        getattr(optimizer, name, None) for name in ("clipnorm", "global_clipnorm", "clipvalue")
    )
    accumulates = getattr(optimizer, "gradient_accumulation_steps", None)
    if replicas == 1 or accumulates or not any(limits):
        return gradients
    total = sum_over_replicas(gradients)
    return [gradient / replicas for gradient in optimizer._clip_gradients(total)]


def group_means(x: tf.Tensor, size: int, training: bool) -> tf.Tensor:
    """Gives each example the mean of its group of consecutive examples of the global batch.

    Where examples see each other, they do so in such groups, which lie within one replica's share
    as long as shares are multiples of `size`. In evaluation each example stands alone.

    Args:
        x: float `[n, ...]`.
        size: examples of a group; a last one may have fewer.
        training: whether there are groups at all.

    Returns:
        `[n, ...]`.
    """
    if not training:
        return x
    num = tf.shape(x)[0]
    group = tf.range(num) // size
    # XLA, too, has this kind of segments.
    means = tf.math.unsorted_segment_mean(x, group, (num + size - 1) // size)
    return tf.gather(means, group)
