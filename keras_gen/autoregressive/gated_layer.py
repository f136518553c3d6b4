"""The gated layer of Gated PixelCNN: a vertical and a horizontal stack, whole or step by step."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_gen.autoregressive.masked_dense import (
    channel_mask,
    joined,
    pointwise,
    seen_by_channel,
)


class StepWeights(NamedTuple):
    """A layer's weights as its steps take them, by channel."""

    horizontal: list[tf.Tensor]
    output: list[tf.Tensor]
    output_bias: list[tf.Tensor]


def gate(x: tf.Tensor) -> tf.Tensor:
    """The gated activation, tanh of one half of the features times sigmoid of the other."""
    content, openness = tf.split(x, 2, axis=-1)
    return tf.tanh(content) * tf.sigmoid(openness)


class GatedLayer(keras.layers.Layer):
    """One layer of both stacks (van den Oord et al. 2016, arXiv 1606.05328, figure 2).

    The vertical stack lives one row lower than in the paper: its features at row r see the image's
    rows above r, because its first input is the image shifted down. All that it computes may
    therefore flow into the horizontal stack of the same row, and no layer needs a mask or a shift
    of its own but for the current pixel.

    Args:
        filters: features of each stack; a multiple of `channels`.
        kernel_size: odd; n gives the vertical stack n columns, the horizontal one n // 2 to the
            left.
        channels: of the image; a pixel's features come in as many groups.
        first: whether the input is the image itself: the current channel is then hidden, and there
            is no residual connection.
        num_classes: of the labels that shift every gate; `None` is unconditional.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        channels: int,
        first: bool = False,
        num_classes: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.filters, self.channels, self.first = filters, channels, first
        self.num_classes = num_classes
        self.left = kernel_size // 2
        # The shifted image holds, at row r, row r - 1: three rows of it are what 7x7 sees above.
        self.rows = self.left if first else self.left + 1
        self.inputs = channels if first else filters

        gated = 2 * filters
        weights = {
            "vertical": (self.rows, kernel_size, self.inputs, gated),
            "to_horizontal": (gated, gated),
            "horizontal": (self.left + 1, self.inputs, gated),
            "output": (filters, filters),
        }
        for name, shape in weights.items():
            fans = keras.initializers.GlorotUniform()
            setattr(self, f"{name}_kernel", self.add_weight(shape, fans, name=f"{name}_kernel"))
        for name, size in {"vertical": gated, "horizontal": gated, "output": filters}.items():
            setattr(self, f"{name}_bias", self.add_weight((size,), "zeros", name=f"{name}_bias"))
        if num_classes is not None:
            self.label_bias = self.add_weight((num_classes, 2 * gated), "zeros", name="label_bias")

        halves = [channel_mask(self.inputs, filters, channels, strict=first)] * 2
        self._horizontal_mask = np.ones(weights["horizontal"], np.float32)
        self._horizontal_mask[-1] = np.concatenate(halves, axis=1)
        self._output_mask = channel_mask(filters, filters, channels, strict=False)
        self.built = True

    def masked_kernels(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The horizontal kernel `[left + 1, inputs, 2 filters]` and the output's, masked."""
        return (
            tf.convert_to_tensor(self.horizontal_kernel) * self._horizontal_mask,
            tf.convert_to_tensor(self.output_kernel) * self._output_mask,
        )

    def biases(self, labels: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor]:
        """What both stacks add before their gates: `[2 filters]`, or `[n, 2 filters]` by label."""
        vertical, horizontal = self.vertical_bias, self.horizontal_bias
        if self.num_classes is None:
            return tf.convert_to_tensor(vertical), tf.convert_to_tensor(horizontal)
        of_vertical, of_horizontal = tf.split(tf.gather(self.label_bias, labels), 2, axis=-1)
        return vertical + of_vertical, horizontal + of_horizontal

    # ---- the whole image -------------------------------------------------------------------------

    def call(self, vertical, horizontal, labels=None):
        """Runs both stacks over whole images.

        Args:
            vertical: `[n, height, width, inputs]`.
            horizontal: likewise.
            labels: int32 `[n]`.

        Returns:
            Both stacks' outputs, `[n, height, width, filters]`.
        """
        vertical_bias, horizontal_bias = (
            bias if bias.shape.rank == 1 else bias[:, None, None] for bias in self.biases(labels)
        )
        horizontal_kernel, output_kernel = self.masked_kernels()

        padded = tf.pad(vertical, [[0, 0], [self.rows - 1, 0], [self.left, self.left], [0, 0]])
        vertical = tf.nn.conv2d(padded, self.vertical_kernel, 1, "VALID") + vertical_bias
        from_vertical = pointwise(vertical, self.to_horizontal_kernel)

        padded = tf.pad(horizontal, [[0, 0], [0, 0], [self.left, 0], [0, 0]])
        across = tf.nn.conv2d(padded, horizontal_kernel[None], 1, "VALID")
        gated = gate(across + from_vertical + horizontal_bias)
        output = pointwise(gated, output_kernel) + self.output_bias
        return gate(vertical), output if self.first else output + horizontal

    # ---- one row of the vertical stack, one pixel of the horizontal one --------------------------

    def empty_rows(self, num: tf.Tensor, width: int) -> tf.Tensor:
        """The vertical stack's cache above the first row: `[num, rows - 1, width, inputs]`."""
        return tf.zeros([num, self.rows - 1, width, self.inputs])

    def empty_columns(self, num: tf.Tensor) -> tf.Tensor:
        """The horizontal stack's cache left of the first column: `[num, left * inputs]`."""
        return tf.zeros([num, self.left * self.inputs])

    def step_row(self, row, cache, biases):
        """Runs the vertical stack over one row.

        Args:
            row: `[n, width, inputs]`.
            cache: the rows above, from `empty_rows` or the last call.
            biases: of the labels, from `biases`.

        Returns:
            The stack's output `[n, width, filters]`, what the row's horizontal stack adds before
            its gates, channel after channel, `[n, width, 2 filters]`, and the next cache.
        """
        vertical_bias, horizontal_bias = (
            bias if bias.shape.rank == 1 else bias[:, None] for bias in biases
        )
        rows = tf.concat([cache, row[:, None]], axis=1)
        padded = tf.pad(rows, [[0, 0], [0, 0], [self.left, self.left], [0, 0]])
        vertical = tf.nn.conv2d(padded, self.vertical_kernel, 1, "VALID")[:, 0] + vertical_bias
        above = pointwise(vertical, self.to_horizontal_kernel) + horizontal_bias
        if self.channels > 1:
            # From (half, channel) to (channel, half), as `step` takes them.
            width, group = above.shape[1], self.filters // self.channels
            above = tf.reshape(above, [-1, width, 2, self.channels, group])
            above = tf.reshape(tf.transpose(above, [0, 1, 3, 2, 4]), [-1, width, 2 * self.filters])
        return gate(vertical), above, rows[:, 1:]

    def step_weights(self) -> StepWeights:
        """The weights of `step`, cut and ordered for it once."""
        horizontal = tf.convert_to_tensor(self.horizontal_kernel)
        left = tf.reshape(horizontal[:-1], [self.left * self.inputs, -1])
        halves = [
            # What a channel's features get from the left, then from the channels that it sees.
            zip(
                tf.split(left_half, self.channels, axis=-1),
                seen_by_channel(current_half, self.channels, strict=self.first),
                strict=True,
            )
            for left_half, current_half in zip(
                tf.split(left, 2, axis=-1), tf.split(horizontal[-1], 2, axis=-1), strict=True
            )
        ]
        content, openness = ([tf.concat(parts, axis=0) for parts in half] for half in halves)
        return StepWeights(
            [tf.concat(pair, axis=-1) for pair in zip(content, openness, strict=True)],
            seen_by_channel(tf.convert_to_tensor(self.output_kernel), self.channels),
            tf.split(tf.convert_to_tensor(self.output_bias), self.channels),
        )

    def step(self, above, left, seen: list[tf.Tensor], gated: list[tf.Tensor], weights):
        """Runs the horizontal stack for the next channel of one pixel.

        Args:
            above: the channel's part of what `step_row` gave for the pixel, `[n, 2 group]`.
            left: the pixels to the left, from `empty_columns` or `next_columns`.
            seen: the layer's inputs for the channels that this one sees, each `[n, group]`.
            gated: what earlier calls for the pixel left here; this one adds to it.
            weights: from `step_weights`.

        Returns:
            The channel's output, `[n, filters / channels]`.
        """
        channel = len(gated)
        kernel, output_kernel, output_bias = (by_channel[channel] for by_channel in weights)
        gated.append(gate(tf.matmul(joined([left, *seen]), kernel) + above))
        output = tf.matmul(joined(gated), output_kernel) + output_bias
        return output if self.first else output + seen[channel]

    def next_columns(self, left, pixel: list[tf.Tensor]) -> tf.Tensor:
        """The horizontal stack's cache, after a pixel's inputs by channel."""
        return joined([left[:, self.inputs :], *pixel] if self.left > 1 else pixel)
