"""A pool of past pictures, so that a discriminator does not forget what it has seen.

Shrivastava, Pfister, Tuzel, Susskind, Wang, Webb 2017, "Learning from Simulated and Unsupervised
Images through Adversarial Training", arXiv 1612.07828, section 2.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_gen.global_batch import place_in_global_batch, sum_over_replicas


class PicturePool(keras.layers.Layer):
    """Keeps pictures, and gives past ones in the place of half of those that come.

    Until the pool is full, each picture is kept, and given back. After that each one is, with a
    chance of a half, exchanged for a random one of the pool, or given back, and not kept. Pictures
    come one after the other in the order of the global batch, so that replicas keep the same ones.

    Args:
        size: pictures that are kept.
        image_shape: (height, width, channels).
        dtype: of stored pictures.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(
        self, size: int, image_shape: Sequence[int], dtype: str = "uint8", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.size = size
        kind = {"trainable": False, "aggregation": "only_first_replica"}
        self.pictures = self.add_weight(
            (size, *image_shape), "zeros", dtype, name="pictures", **kind
        )
        self.count = self.add_weight((), "zeros", "int32", name="count", **kind)
        self.built = True

    def exchange(self, pictures: tf.Tensor, chances: tf.Tensor) -> tf.Tensor:
        """Gives pictures of the past and of now, and keeps what is exchanged.

        Args:
            pictures: stored pictures of this replica, `[n, height, width, channels]`.
            chances: float32 `[n, 2]` in (0, 1): whether each is exchanged, and for which one.

        Returns:
            Of the shape and dtype of `pictures`.
        """
        num = tf.shape(pictures)[0]
        first, total = place_in_global_batch(num)
        everyones, chances = _gathered([pictures, chances], first, total)
        # Numbers of pictures: those below `size` lie in the pool, the others come.
        kept = tf.range(self.size)

        def come(
            i: tf.Tensor, count: tf.Tensor, kept: tf.Tensor, given: tf.Tensor
        ) -> tuple[tf.Tensor, ...]:
            is_full = count >= self.size
            drawn = tf.cast(chances[i, 1] * float(self.size), tf.int32)
            place = tf.where(is_full, tf.minimum(drawn, self.size - 1), count)
            is_past = is_full & (chances[i, 0] < 0.5)
            new = self.size + i
            given = _with(given, i, tf.where(is_past, kept[place], new))
            kept = _with(kept, place, tf.where(is_past | ~is_full, new, kept[place]))
            return i + 1, tf.minimum(count + 1, self.size), kept, given

        given = tf.zeros(tf.reshape(total, [1]), tf.int32)
        _, count, kept, given = tf.while_loop(
            lambda i, *_: i < total,
            come,
            [tf.constant(0), self.count.value, kept, given],
            parallel_iterations=1,
        )
        known = tf.concat([self.pictures.value, everyones], axis=0)
        self.pictures.assign(tf.gather(known, kept))
        self.count.assign(count)
        return tf.gather(known, given[first : first + num])


def _with(values: tf.Tensor, place: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
    """A vector with one of its values replaced."""
    return tf.where(tf.range(tf.shape(values)[0]) == place, value, values)


def _gathered(values: list[tf.Tensor], first: tf.Tensor, total: tf.Tensor) -> list[tf.Tensor]:
    """Tensors of all replicas, joined in the order of the global batch."""
    if tf.distribute.get_strategy().num_replicas_in_sync == 1:
        return values
    joined = []
    for value in values:
        after = total - first - tf.shape(value)[0]
        others = [[0, 0]] * (value.shape.rank - 1)
        joined.append(tf.pad(tf.cast(value, tf.float32), [[first, after], *others]))
    return [
        tf.cast(whole, value.dtype)
        for whole, value in zip(sum_over_replicas(joined), values, strict=True)
    ]
