"""PixelCNN's residual block: narrow, a masked convolution, wide again; whole or step by step."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from keras_gen.autoregressive.masked_convolution import MaskedConv2D
from keras_gen.autoregressive.masked_dense import MaskedDense, joined


class Pixel(NamedTuple):
    """A block's features of one pixel, a group for each channel drawn so far."""

    hidden: list[tf.Tensor]
    spread: list[tf.Tensor]


class ResidualBlock(keras.layers.Layer):
    """x + expand(spread(reduce(x))) with ReLU before each (van den Oord et al. 2016, figure 5).

    Args:
        filters: features in and out, a multiple of twice the channels; within, half as many.
        kernel_size: of the masked convolution, odd.
        channels: of the image.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, filters: int, kernel_size: int, channels: int, **kwargs: Any):
        super().__init__(**kwargs)
        half, policy = filters // 2, self.dtype_policy
        self.reduce = MaskedDense(filters, half, channels, dtype=policy, name="reduce")
        self.spread = MaskedConv2D(half, half, kernel_size, channels, dtype=policy, name="spread")
        self.expand = MaskedDense(half, filters, channels, dtype=policy, name="expand")
        self.built = True

    def call(self, features):
        """Maps `[n, height, width, filters]` to the same."""
        hidden = tf.nn.relu(self.reduce(tf.nn.relu(features)))
        return features + self.expand(tf.nn.relu(self.spread(hidden)))

    def step_weights(self) -> list[tuple]:
        """The weights of `step`, by channel."""
        parts = (layer.step_weights() for layer in (self.reduce, self.spread, self.expand))
        return list(zip(*parts, strict=True))

    def step(self, above, left, features: list[tf.Tensor], pixel: Pixel, weights: tuple):
        """The block's output for a pixel's next channel.

        Args:
            above: the channel's part of what `spread.step_row` gave for the pixel.
            left: the pixels to the left, as `spread` takes them.
            features: the block's inputs in the channels so far and this one.
            pixel: what earlier calls for the pixel left here; this one adds to it.
            weights: of the channel, from `step_weights`.

        Returns:
            `[n, filters / channels]`.
        """
        reduce, spread, expand = weights
        seen = tf.nn.relu(joined(features))
        pixel.hidden.append(tf.nn.relu(self.reduce.step(seen, reduce)))
        pixel.spread.append(tf.nn.relu(self.spread.step(above, left, pixel.hidden, spread)))
        return features[-1] + self.expand.step(joined(pixel.spread), expand)
