"""Stored grids as features: pixels scaled, codes embedded."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from keras_gen.formats import Grid

# Features of a code.
_CODE_FEATURES = 32


class GridEmbedding(keras.layers.Layer):
    """Features of a grid's values, channel after channel: `[..., channels]` to `[..., size]`.

    Values with an order are scaled to [-1, 1]; those without have a learned vector each.

    Args:
        grid: the format.
        **kwargs: of `keras.layers.Layer`.

    Attributes:
        size: features of all channels.
    """

    def __init__(self, grid: Grid, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.grid = grid
        self.size = grid.image_shape[-1]
        if not grid.ordered:
            self.size *= _CODE_FEATURES
            # As large as pixels in [-1, 1] are, however many codes there may be.
            self.vectors = self.add_weight(
                (grid.levels, _CODE_FEATURES),
                keras.initializers.RandomNormal(0.0, 0.5),
                name="vectors",
            )
        self.built = True

    def call(self, x: tf.Tensor, dtype: Any = None) -> tf.Tensor:
        """Gives features of `dtype`; `None` is the dtype that the layer computes in."""
        dtype = dtype or self.compute_dtype
        if self.grid.ordered:
            return self.grid.to_unit(x, dtype)
        vectors = tf.gather(tf.cast(self.vectors, dtype), tf.cast(x, tf.int32))
        # From the first axis: within loops ONNX's converter may not know how many there are.
        shape = tf.concat([tf.shape(x)[:-1], [x.shape[-1] * _CODE_FEATURES]], axis=0)
        return tf.ensure_shape(
            tf.reshape(vectors, shape), [*x.shape[:-1], x.shape[-1] * _CODE_FEATURES]
        )
