"""Convolutions over this row and the one above, whole or step by step; with strides too.

Salimans, Karpathy, Chen, Kingma 2017, "PixelCNN++: Improving the PixelCNN with Discretized Logistic
Mixture Likelihood and Other Modifications", arXiv 1701.05517.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from keras_gen.ancestral_sampling import joined
from keras_gen.autoregressive.layers.stepwise import Begun, Place, StepWeights, StepwiseLayer


def with_ones(x: tf.Tensor) -> tf.Tensor:
    """Appends a feature that is one: beside zeros of padding, it shows where an image ends."""
    return tf.pad(x, [[0, 0]] * (x.shape.rank - 1) + [[0, 1]], constant_values=1)


class ShiftedConv2D(StepwiseLayer):
    """What both shifted convolutions share. Neither needs a mask: it sees nothing that follows.

    Args:
        inputs: features in.
        outputs: features out.
        rows: 2 to see the row above, 1 to see this row alone.
        left: columns seen to the left, 0 or 1.
        right: columns seen to the right, 0 or 1.
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
    ) -> None:
        super().__init__(**kwargs)
        self.inputs, self.outputs = inputs, outputs
        self.rows, self.left, self.right, self.stride = rows, left, right, stride
        scale = keras.initializers.VarianceScaling(gain**2, "fan_avg", "uniform")
        shape = (rows, left + 1 + right, inputs, outputs)
        self.kernel = self.add_weight(shape, scale, name="kernel")
        self.bias = self.add_weight((outputs,), "zeros", name="bias")
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Maps `[n, height, width, inputs]` to `[n, height / stride, width / stride, outputs]`."""
        padded = tf.pad(x, [[0, 0], [self.rows - 1, 0], [self.left, self.right], [0, 0]])
        return tf.nn.bias_add(tf.nn.conv2d(padded, self.kernel, self.stride, "VALID"), self.bias)

    def empty(self, num: tf.Tensor, columns: int) -> Any:
        # The inputs of the row above.
        return tf.zeros([num, columns, self.inputs]) if self.rows == 2 else ()

    def _row_of(self, rows: list[tf.Tensor], kernel: Any) -> tf.Tensor:
        """Convolves one or two rows `[n, width, inputs]` into one, `[n, width / s, outputs]`."""
        stacked = tf.stack(rows, axis=1)
        padded = tf.pad(stacked, [[0, 0], [0, 0], [self.left, self.right], [0, 0]])
        return tf.squeeze(tf.nn.conv2d(padded, kernel, self.stride, "VALID"), axis=1) + self.bias


class DownShiftedConv2D(ShiftedConv2D):
    """The convolution of a stream of whole rows: it sees as much to the right as to the left.

    `begin_row` takes a row of inputs as its stream, and hands on the row of outputs.

    Args:
        inputs: as of `ShiftedConv2D`.
        outputs: likewise.
        **kwargs: likewise.
    """

    def __init__(self, inputs: int, outputs: int, **kwargs: Any) -> None:
        super().__init__(inputs, outputs, right=1, **kwargs)

    def step_weights(self, labels: tf.Tensor | None = None) -> StepWeights:
        return StepWeights(None, [None])

    def begin_row(
        self, row: tf.Tensor, stream: Any, row_cache: Any, weights: Any, has_outputs: bool = True
    ) -> Begun:
        """As of `StepwiseLayer`.

        Args:
            row: its index.
            stream: the row's inputs, `[n, width, inputs]`.
            row_cache: those of the row above.
            weights: unused.
            has_outputs: whether the stride gives this row of inputs a row of outputs.
        """
        rows = [row_cache, stream] if self.rows == 2 else [stream]
        outputs = self._row_of(rows, self.kernel) if has_outputs else ()
        return Begun(outputs, (), stream if self.rows == 2 else (), outputs)

    def step(self, inputs: list[tf.Tensor], place: Place) -> tf.Tensor:
        return place.features


class DownRightShiftedConv2D(ShiftedConv2D):
    """The convolution of a stream of pixels: it sees nothing to the right.

    Args:
        inputs: as of `ShiftedConv2D`.
        outputs: likewise.
        **kwargs: likewise.
    """

    @property
    def kept(self) -> Any:
        return self.inputs if self.rows == 2 else ()

    def step_weights(self, labels: tf.Tensor | None = None) -> StepWeights:
        size = (self.left + 1) * self.inputs
        kernel = tf.reshape(self.kernel[-1], [size, self.outputs])
        return StepWeights(tf.convert_to_tensor(self.bias), [kernel])

    def begin_row(
        self, row: tf.Tensor, stream: Any, row_cache: Any, weights: Any, has_outputs: bool = True
    ) -> Begun:
        """As of `StepwiseLayer`; the stream is handed on.

        Args:
            row: its index.
            stream: unused.
            row_cache: the inputs of the row above, `[n, width, inputs]`.
            weights: `StepWeights.row`.
            has_outputs: whether the stride gives this row of inputs a row of outputs.
        """
        if self.rows == 1:
            return Begun((), (), (), stream, shared=weights)
        # What the row above gives, and the bias.
        above = self._row_of([row_cache], self.kernel[:1]) if has_outputs else ()
        left = tf.zeros([tf.shape(row_cache)[0], self.left * self.inputs])
        return Begun(above, left, row_cache, stream)

    def step(self, inputs: list[tf.Tensor], place: Place) -> tf.Tensor:
        if self.rows == 1:
            return tf.matmul(joined(inputs), place.weights) + place.shared
        return tf.matmul(joined([place.cache, *inputs]), place.weights) + place.features

    def end_column(self, inputs: list[tf.Tensor], place: Place) -> tuple[Any, Any]:
        return ((), ()) if self.rows == 1 else (joined(inputs), joined(inputs))

    def end_row(self, row_cache: Any, cache: Any, kept: Any) -> Any:
        return kept


# ---- twice the size: a sub-pixel convolution, which makes four pixels' features out of one -------


class DownShiftedDoubling(DownShiftedConv2D):
    """Doubles a stream of whole rows: each row becomes two.

    Args:
        filters: features in and out.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, filters: int, **kwargs: Any) -> None:
        super().__init__(filters, 4 * filters, rows=1, **kwargs)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Maps `[n, height, width, filters]` to `[n, 2 height, 2 width, filters]`."""
        return tf.nn.depth_to_space(super().call(x), 2)

    def empty(self, num: tf.Tensor, columns: int) -> Any:
        # Both rows that the last row became.
        return tf.zeros([num, columns, self.outputs])

    def begin_row(
        self, row: tf.Tensor, stream: Any, row_cache: Any, weights: Any, half: int = 0
    ) -> Begun:
        """As of `StepwiseLayer`, for one of the two rows.

        Args:
            row: its index.
            stream: of the upper row, the row that is doubled, `[n, width, filters]`.
            row_cache: of the lower row, what the upper row left.
            weights: unused.
            half: 0 for the upper row, 1 for the lower one.
        """
        both = row_cache if half else self._row_of([stream], self.kernel)
        outputs = _row_of_pair(both, half)
        return Begun(outputs, (), both, outputs)


class DownRightShiftedDoubling(DownRightShiftedConv2D):
    """Doubles a stream of pixels: each becomes a square of four.

    Args:
        filters: features in and out.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, filters: int, **kwargs: Any) -> None:
        super().__init__(filters, 4 * filters, rows=1, left=0, **kwargs)

    @property
    def kept(self) -> Any:
        return self.outputs

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Maps `[n, height, width, filters]` to `[n, 2 height, 2 width, filters]`."""
        return tf.nn.depth_to_space(super().call(x), 2)

    def empty(self, num: tf.Tensor, columns: int) -> Any:
        # The squares of the last row.
        return tf.zeros([num, columns, self.outputs])

    def begin_row(
        self, row: tf.Tensor, stream: Any, row_cache: Any, weights: Any, half: int = 0
    ) -> Begun:
        """As of `StepwiseLayer`, for one of the two rows; the stream is handed on.

        Args:
            row: its index.
            stream: unused.
            row_cache: of the lower row, the squares that the upper row made.
            weights: `StepWeights.row`.
            half: 0 for the upper row, 1 for the lower one.
        """
        lower = _row_of_pair(row_cache, 1) if half else ()
        square = tf.zeros([tf.shape(row_cache)[0], self.outputs])
        return Begun(lower, square, row_cache, stream, shared=weights)

    def step(
        self, inputs: list[tf.Tensor], place: Place, halves: tuple[int, int] = (0, 0)
    ) -> tf.Tensor:
        """As of `StepwiseLayer`, for one of a square's pixels.

        Args:
            inputs: of the upper left pixel, the pixel that is doubled; else empty.
            place: where the step stands.
            halves: 0 or 1, the pixel's row and column in its square.
        """
        lower, right = halves
        if lower:
            return place.features
        square = super().step(inputs, place) if inputs else place.cache
        place.column["square"] = [square]
        return tf.split(square, 4, axis=1)[right]

    def end_column(self, inputs: list[tf.Tensor], place: Place) -> tuple[Any, Any]:
        square = place.column["square"][0]
        return square, square


def _row_of_pair(both: tf.Tensor, half: int) -> tf.Tensor:
    """One of the two rows that a row became: `[n, w, 4 f]` to `[n, 2 w, f]`."""
    _, width, features = both.shape
    row = tf.split(both, 2, axis=-1)[half]
    return tf.reshape(row, [-1, 2 * width, features // 4])
