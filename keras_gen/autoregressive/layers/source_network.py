"""Conditioning on a grid: what each pixel is shifted by, where another picture is given."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from keras_gen.autoregressive.layers.grid_embedding import GridEmbedding
from keras_gen.formats import Grid


class SourceNetwork(keras.layers.Layer):
    """Features for every pixel, from a grid that is known whole: two convolutions, then repeated.

    The location-dependent conditioning of van den Oord et al. 2016 (arXiv 1606.05328, section 2.3),
    with an unmasked network of the source.

    Args:
        source: the format of the grid; its sides divide the image's.
        image_shape: of the image that is conditioned.
        filters: features of a pixel.
        **kwargs: of `keras.layers.Layer`.

    Raises:
        ValueError: the sides do not divide.
    """

    def __init__(self, source: Grid, image_shape: tuple, filters: int, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        height, width = source.image_shape[:2]
        self.repeats = [image_shape[0] // height, image_shape[1] // width]
        if image_shape[0] % height or image_shape[1] % width:
            raise ValueError(
                f"source must have sides that divide {image_shape[:2]}, received "
                f"{source.image_shape[:2]}."
            )
        self.embedding = GridEmbedding(source, dtype=self.dtype_policy, name="embedding")
        self.convolutions = [
            keras.layers.Conv2D(
                filters,
                3,
                padding="same",
                activation=activation,
                dtype=self.dtype_policy,
                name=name,
            )
            for name, activation in (("first", "relu"), ("last", None))
        ]
        for layer, size in zip(self.convolutions, (self.embedding.size, filters), strict=True):
            layer.build((None, height, width, size))
        self.built = True

    def call(self, source: tf.Tensor) -> tf.Tensor:
        """Maps a stored grid to `[n, height, width, filters]`."""
        features = self.embedding(source)
        for convolution in self.convolutions:
            features = convolution(features)
        for axis, times in enumerate(self.repeats, start=1):
            features = tf.repeat(features, times, axis=axis) if times > 1 else features
        return features
