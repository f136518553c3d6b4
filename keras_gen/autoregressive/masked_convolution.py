"""A convolution that sees a pixel's past alone, over whole images or step by step."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen.autoregressive.masked_dense import channel_mask, joined, seen_by_channel


class MaskedConv2D(keras.layers.Layer):
    """A convolution under the masks A and B (van den Oord et al. 2016, arXiv 1601.06759).

    An output sees the rows above, the pixels to the left, and of its own pixel the channels before
    its own; its own channel too, but under mask A.

    Args:
        inputs: features in, a multiple of `channels`.
        outputs: features out, a multiple of `channels`.
        kernel_size: odd; of the kernel as it would be without a mask.
        channels: of the image; a pixel's features come in as many groups.
        strict: mask A instead of B.
        rows: how many rows above the kernel sees; `None` is `kernel_size // 2`.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel_size: int,
        channels: int,
        strict: bool = False,
        rows: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.inputs, self.outputs, self.channels, self.strict = inputs, outputs, channels, strict
        self.left = kernel_size // 2
        self.rows = self.left if rows is None else rows
        # Without rows above, what lies to the right is never seen: the kernel ends at the pixel.
        self.right = self.left if self.rows else 0
        shape = (self.rows + 1, self.left + 1 + self.right, inputs, outputs)
        self._mask = np.ones(shape, np.float32)
        self._mask[-1, self.left] = channel_mask(inputs, outputs, channels, strict)
        self._mask[-1, self.left + 1 :] = 0.0
        # Glorot's scale, for as many inputs as the mask leaves.
        fans = keras.initializers.VarianceScaling(
            self._mask.size / self._mask.sum(), "fan_avg", "uniform"
        )
        self.kernel = self.add_weight(shape, fans, name="kernel")
        self.bias = self.add_weight((outputs,), "zeros", name="bias")
        self.built = True

    # ---- the whole image -------------------------------------------------------------------------

    def call(self, x):
        """Maps `[n, height, width, inputs]` to `[n, height, width, outputs]`."""
        padded = tf.pad(x, [[0, 0], [self.rows, 0], [self.left, self.right], [0, 0]])
        kernel = tf.convert_to_tensor(self.kernel) * self._mask
        return tf.nn.bias_add(tf.nn.conv2d(padded, kernel, 1, "VALID"), self.bias)

    # ---- one row, one pixel ----------------------------------------------------------------------

    def step_row(self, above: tf.Tensor) -> tf.Tensor:
        """What a row's outputs get from the rows above, and the bias.

        Args:
            above: those rows, `[n, rows, width, inputs]`.

        Returns:
            `[n, width, outputs]`, channel after channel.
        """
        padded = tf.pad(above, [[0, 0], [0, 0], [self.left, self.right], [0, 0]])
        return tf.nn.conv2d(padded, self.kernel[:-1], 1, "VALID")[:, 0] + self.bias

    def empty_columns(self, num: tf.Tensor) -> tf.Tensor:
        """The cache left of a row's first column: `[num, left * inputs]`."""
        return tf.zeros([num, self.left * self.inputs])

    def step_weights(self) -> list[tf.Tensor]:
        """The weights of `step`, by channel."""
        kernel = tf.convert_to_tensor(self.kernel)[-1]
        left = tf.reshape(kernel[: self.left], [self.left * self.inputs, self.outputs])
        return [
            tf.concat(parts, axis=0)
            for parts in zip(
                tf.split(left, self.channels, axis=-1),
                seen_by_channel(kernel[self.left], self.channels, self.strict),
                strict=True,
            )
        ]

    @staticmethod
    def step(above, left, seen: list[tf.Tensor], kernel):
        """One channel's outputs for one pixel.

        Args:
            above: the channel's part of what `step_row` gave for the pixel, `[n, outputs / c]`.
            left: the pixels to the left, from `empty_columns` or `next_columns`.
            seen: the pixel's inputs in the channels that this one sees, each `[n, inputs / c]`.
            kernel: of the channel, from `step_weights`.

        Returns:
            `[n, outputs / channels]`.
        """
        return tf.matmul(joined([left, *seen]), kernel) + above

    def next_columns(self, left, pixel: list[tf.Tensor]) -> tf.Tensor:
        """The cache after a pixel's inputs by channel."""
        return joined([left[:, self.inputs :], *pixel] if self.left > 1 else pixel)
