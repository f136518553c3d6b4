"""A convolution over this row and the one above, whole or step by step; with strides too."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class ShiftedConv2D(keras.layers.Layer):
    """The shifted convolutions of PixelCNN++ (Salimans et al. 2017, arXiv 1701.05517).

    With as many columns to the right as to the left it is "down-shifted", for a stream that knows
    whole rows; with none to the right, "down-right-shifted", for one that knows what lies to the
    left. No input needs a mask: the streams' first layers hide the pixel itself.

    Args:
        inputs: features in.
        outputs: features out.
        rows: 2 to see the row above, 1 to see this one alone.
        left: columns to the left.
        right: columns to the right.
        stride: of both axes.
        gain: of the initial weights.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        rows: int = 2,
        left: int = 1,
        right: int = 0,
        stride: int = 1,
        gain: float = 1.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.inputs, self.outputs = inputs, outputs
        self.rows, self.left, self.right, self.stride = rows, left, right, stride
        scale = keras.initializers.VarianceScaling(gain**2, "fan_avg", "uniform")
        shape = (rows, left + 1 + right, inputs, outputs)
        self.kernel = self.add_weight(shape, scale, name="kernel")
        self.bias = self.add_weight((outputs,), "zeros", name="bias")
        self.built = True

    def call(self, x):
        """Maps `[n, height, width, inputs]` to `[n, height / stride, width / stride, outputs]`."""
        padded = tf.pad(x, [[0, 0], [self.rows - 1, 0], [self.left, self.right], [0, 0]])
        return tf.nn.bias_add(tf.nn.conv2d(padded, self.kernel, self.stride, "VALID"), self.bias)

    def row(self, above: tf.Tensor | None, row: tf.Tensor) -> tf.Tensor:
        """One row of outputs, `[n, width / stride, outputs]`, of two rows `[n, width, inputs]`."""
        rows = [row] if above is None else [above, row]
        return self._convolved(tf.stack(rows, axis=1), self.kernel)

    def above(self, above: tf.Tensor) -> tf.Tensor:
        """What the row above gives to a row of outputs, and the bias: `[n, width / s, outputs]`."""
        return self._convolved(above[:, None], self.kernel[:1])

    def _convolved(self, rows: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        padded = tf.pad(rows, [[0, 0], [0, 0], [self.left, self.right], [0, 0]])
        return tf.nn.conv2d(padded, kernel, self.stride, "VALID")[:, 0] + self.bias

    def step_weights(self) -> tf.Tensor:
        """The kernel of `step`: `[(left + 1) * inputs, outputs]`."""
        size = (self.left + 1) * self.inputs
        return tf.reshape(self.kernel[-1, : self.left + 1], [size, self.outputs])

    @staticmethod
    def step(above: tf.Tensor, seen: list[tf.Tensor], kernel: tf.Tensor) -> tf.Tensor:
        """One pixel's outputs `[n, outputs]`, where nothing is seen to the right.

        Args:
            above: what `above` gave for the pixel.
            seen: the inputs from the left to the pixel itself, each `[n, inputs]`.
            kernel: from `step_weights`.
        """
        return tf.matmul(tf.concat(seen, axis=1), kernel) + above
