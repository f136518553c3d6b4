"""Networks that grow: new layers fade in at the generator's end and at the discriminator's start.

Karras, Aila, Laine, Lehtinen 2018, arXiv 1710.10196, section 2 and appendix A.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from keras_gen.adversarial.layers.equalized import EqualizedConv2D, EqualizedDense
from keras_gen.adversarial.layers.minibatch_deviation import MinibatchDeviation
from keras_gen.adversarial.layers.pixel_norm import PixelNorm


class Growth(NamedTuple):
    """How far networks have grown.

    Args:
        level: how often the smallest picture is doubled.
        alpha: the share of the newest layers in [0, 1], a scalar; `None` where nothing fades.
    """

    level: int
    alpha: tf.Tensor | None


class GrowingNetwork(keras.Model):
    """Blocks between levels, and layers from or to pictures at each level, all there at once.

    Args:
        smallest: (height, width) of level 0.
        filters: of each level, the smallest first.
        growth: how far the network has grown, asked at each call.
        dtype: of the layers.
        **kwargs: of `keras.Model`.
    """

    blocks: list[keras.layers.Layer]  # block i is between the levels i and i + 1
    pictures: list[keras.layers.Layer]  # from or to pictures of each level
    whole: keras.layers.Layer  # what all levels share

    def __init__(
        self,
        smallest: tuple[int, int],
        filters: Sequence[int],
        growth: Callable[[], Growth],
        dtype: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.smallest, self.filters = smallest, tuple(filters)
        self._growth, self._policy = growth, dtype

    def side(self, level: int) -> tuple[int, int]:
        """(height, width) at a level."""
        height, width = self.smallest
        return height * 2**level, width * 2**level

    def weights_at(self, level: int, fading: bool) -> list[keras.Variable]:
        """What takes part at a level; while it fades in, the pictures of the one below too."""
        used = self.pictures[level - 1 if fading else level : level + 1]
        return [
            weight
            for layer in (self.whole, *self.blocks[:level], *used)
            for weight in layer.trainable_variables
        ]

    def _convolution(self, filters: int, size: int = 3) -> list[keras.layers.Layer]:
        return [
            EqualizedConv2D(filters, size, padding="same", dtype=self._policy),
            keras.layers.LeakyReLU(0.2, dtype=self._policy),
        ]


class GrowingGenerator(GrowingNetwork):
    """From vectors to pictures of the level that is reached, with pixel normalisation throughout.

    Args:
        inputs: length of the vectors.
        channels: of pictures.
        **kwargs: of `GrowingNetwork`.
    """

    def __init__(self, inputs: int, channels: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        first, policy = self.filters[0], self._policy
        rows, columns = self.smallest
        self.whole = keras.Sequential(
            [
                keras.Input((inputs,)),
                EqualizedDense(rows * columns * first, dtype=policy),
                keras.layers.Reshape((rows, columns, first), dtype=policy),
                keras.layers.LeakyReLU(0.2, dtype=policy),
                PixelNorm(dtype=policy),
                *self._normalized(first),
            ]
        )
        self.blocks = [
            keras.Sequential(
                [
                    keras.Input((*self.side(level), below)),
                    keras.layers.UpSampling2D(dtype=policy),
                    *self._normalized(above),
                    *self._normalized(above),
                ]
            )
            for level, (below, above) in enumerate(
                zip(self.filters[:-1], self.filters[1:], strict=True)
            )
        ]
        self.pictures = [
            keras.Sequential(
                [
                    keras.Input((*self.side(level), filters)),
                    EqualizedConv2D(channels, 1, gain=1.0, dtype="float32"),
                ]
            )
            for level, filters in enumerate(self.filters)
        ]
        self.built = True

    def _normalized(self, filters: int) -> list[keras.layers.Layer]:
        return [*self._convolution(filters), PixelNorm(dtype=self._policy)]

    def call(self, vectors: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Generates pictures: float32 `[n, height, width, channels]` of the level's size."""
        level, alpha = self._growth()
        x = below = self.whole(vectors)
        for block in self.blocks[:level]:
            below, x = x, block(x)
        pictures = self.pictures[level](x)
        if alpha is None:
            return pictures
        return faded(enlarged(self.pictures[level - 1](below), 2), pictures, alpha)


class GrowingDiscriminator(GrowingNetwork):
    """From pictures of the level that is reached to features, with the minibatch's deviation.

    Args:
        channels: of pictures, labels and packs included.
        **kwargs: of `GrowingNetwork`.
    """

    def __init__(self, channels: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        first, policy = self.filters[0], self._policy
        self.num_features = first
        self.pictures = [
            keras.Sequential(
                [
                    keras.Input((*self.side(level), channels)),
                    *self._convolution(filters, 1),
                ]
            )
            for level, filters in enumerate(self.filters)
        ]
        self.blocks = [
            keras.Sequential(
                [
                    keras.Input((*self.side(level + 1), above)),
                    *self._convolution(above),
                    *self._convolution(below),
                    keras.layers.AveragePooling2D(2, dtype=policy),
                ]
            )
            for level, (below, above) in enumerate(
                zip(self.filters[:-1], self.filters[1:], strict=True)
            )
        ]
        self.whole = keras.Sequential(
            [
                keras.Input((*self.smallest, first)),
                MinibatchDeviation(dtype=policy),
                *self._convolution(first),
                keras.layers.Flatten(dtype=policy),
                EqualizedDense(first, dtype=policy),
                keras.layers.LeakyReLU(0.2, dtype=policy),
            ]
        )
        self.built = True

    def call(self, pictures: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Finds features: float32 `[n, num_features]`."""
        level, alpha = self._growth()
        x = self.pictures[level](pictures)
        for below in reversed(range(level)):
            x = self.blocks[below](x)
            if alpha is not None and below == level - 1:
                x = faded(self.pictures[below](pooled(pictures, 2)), x, alpha)
        features = tf.cast(self.whole(x, training=training), tf.float32)
        # So a judgement whose kernel starts as unit normals has an equalised rate too.
        return features / math.sqrt(self.num_features)


def faded(below: tf.Tensor, above: tf.Tensor, alpha: tf.Tensor) -> tf.Tensor:
    """What is `below` at alpha 0 and `above` at alpha 1."""
    return below + tf.cast(alpha, above.dtype) * (above - below)


def pooled(pictures: tf.Tensor, factor: int) -> tf.Tensor:
    """Pictures whose sides are divided by `factor`: the means of squares."""
    return pictures if factor == 1 else tf.nn.avg_pool2d(pictures, factor, factor, "VALID")


def enlarged(pictures: tf.Tensor, factor: int) -> tf.Tensor:
    """Pictures whose sides are multiplied by `factor`: each pixel becomes a square."""
    return tf.repeat(tf.repeat(pictures, factor, axis=1), factor, axis=2)
