"""The gated layer of Gated PixelCNN: a vertical and a horizontal stack, whole or step by step."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen.ancestral_sampling import joined
from keras_gen.autoregressive.layers.masked_dense import channel_mask, pointwise, seen_by_channel
from keras_gen.autoregressive.layers.stepwise import Begun, Place, StepWeights, StepwiseLayer


def gate(x: tf.Tensor) -> tf.Tensor:
    """The gated activation, tanh of one half of the features times sigmoid of the other."""
    content, openness = tf.split(x, 2, axis=-1)
    return tf.tanh(content) * tf.sigmoid(openness)


class GatedLayer(StepwiseLayer):
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
        inputs: of a first layer, features of the image itself: the current channel is then hidden,
            and there is no residual connection. `None` is a layer that follows another.
        num_classes: of the labels that shift every gate; `None` is unconditional.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        channels: int,
        inputs: int | None = None,
        num_classes: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters, self.channels, self.num_classes = filters, channels, num_classes
        self.first = first = inputs is not None
        self.inputs = filters if inputs is None else inputs
        self.left = kernel_size // 2
        # The shifted image holds, at row r, row r - 1: three rows of it are what 7x7 sees above.
        self.rows = self.left if first else self.left + 1

        gated = 2 * filters
        weights = {
            "vertical": (self.rows, kernel_size, self.inputs, gated),
            "to_horizontal": (gated, gated),
            "horizontal": (self.left + 1, self.inputs, gated),
            "output": (filters, filters),
        }
        for name, shape in weights.items():
            # A gate gives about 0.4 of what it takes in, and nothing leads past it in the vertical
            # stack: under Glorot's scale, what is above would not reach the deeper layers.
            scale = 6.0 if name == "vertical" else 1.0
            fans = keras.initializers.VarianceScaling(scale, "fan_avg", "uniform")
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

    def call(
        self, horizontal: tf.Tensor, vertical: tf.Tensor, labels: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Runs both stacks over whole images.

        Args:
            horizontal: `[n, height, width, inputs]`.
            vertical: likewise; of a first layer, the image itself.
            labels: int32 `[n]`.

        Returns:
            The horizontal and the vertical stack's outputs, `[n, height, width, filters]`.
        """
        if self.first:
            vertical = tf.pad(vertical[:, :-1], [[0, 0], [1, 0], [0, 0], [0, 0]])
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
        return output if self.first else output + horizontal, gate(vertical)

    # ---- one row of the vertical stack, one pixel of the horizontal one --------------------------

    def empty(self, num: tf.Tensor, columns: int) -> Any:
        return tf.zeros([num, self.rows - 1, columns, self.inputs])

    def step_weights(self, labels: tf.Tensor | None = None) -> StepWeights:
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
        by_channel = zip(
            [tf.concat(pair, axis=-1) for pair in zip(content, openness, strict=True)],
            seen_by_channel(tf.convert_to_tensor(self.output_kernel), self.channels),
            tf.split(tf.convert_to_tensor(self.output_bias), self.channels),
            strict=True,
        )
        # A bias that follows from labels serves a whole row.
        biases = [bias if bias.shape.rank == 1 else bias[:, None] for bias in self.biases(labels)]
        return StepWeights(biases, list(by_channel))

    def begin_row(self, row: tf.Tensor, stream: Any, row_cache: Any, weights: Any) -> Begun:
        vertical_bias, horizontal_bias = weights
        rows = tf.concat([row_cache, stream[:, None]], axis=1)
        padded = tf.pad(rows, [[0, 0], [0, 0], [self.left, self.left], [0, 0]])
        vertical = tf.nn.conv2d(padded, self.vertical_kernel, 1, "VALID")[:, 0] + vertical_bias
        above = pointwise(vertical, self.to_horizontal_kernel) + horizontal_bias
        if self.channels > 1:
            # From (half, channel) to (channel, half), as `step` takes them.
            width, group = above.shape[1], self.filters // self.channels
            above = tf.reshape(above, [-1, width, 2, self.channels, group])
            above = tf.reshape(tf.transpose(above, [0, 1, 3, 2, 4]), [-1, width, 2 * self.filters])
        left = tf.zeros([tf.shape(above)[0], self.left * self.inputs])
        return Begun(above, left, row_cache=rows[:, 1:], stream=gate(vertical))

    def step(self, inputs: list[tf.Tensor], place: Place) -> tf.Tensor:
        kernel, output_kernel, output_bias = place.weights
        gated = place.column.setdefault("gated", [])
        gated.append(gate(tf.matmul(joined([place.cache, *inputs]), kernel) + place.features))
        output = tf.matmul(joined(gated), output_kernel) + output_bias
        return output if self.first else output + inputs[-1]

    def end_column(self, inputs: list[tf.Tensor], place: Place) -> tuple[Any, Any]:
        left = place.cache[:, self.inputs :]
        return joined([left, *inputs] if self.left > 1 else inputs), ()
