"""The recurrent layers of PixelRNN, over whole images or step by step.

van den Oord, Kalchbrenner, Kavukcuoglu 2016, "Pixel Recurrent Neural Networks", arXiv 1601.06759.
"""

from __future__ import annotations

import abc
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_gen.autoregressive.ancestral_sampling import take_turns
from keras_gen.autoregressive.masked_convolution import MaskedConv2D
from keras_gen.autoregressive.masked_dense import MaskedDense, joined, pointwise


class Pixel(NamedTuple):
    """A layer's state at one pixel, a group of features for each channel drawn so far."""

    hidden: list[tf.Tensor]
    cell: list[tf.Tensor]
    output: list[tf.Tensor]


def lstm(gates: tf.Tensor, cell: tf.Tensor, channels: int = 1) -> tuple[tf.Tensor, tf.Tensor]:
    """One update of long short-term memory (Hochreiter & Schmidhuber 1997).

    Args:
        gates: `[..., 4 h]`, before their nonlinearities: channel after channel, and for each of
            them the output, forget and input gates and the content.
        cell: `[..., h]`, channel after channel.
        channels: how many there are.

    Returns:
        The hidden state and the cell, `[..., h]`.
    """
    shape = tf.shape(cell)
    by_gate = tf.reshape(gates, tf.concat([shape[:-1], [channels, 4, -1]], axis=0))
    output, forget, enter, content = (
        tf.reshape(gate, shape) for gate in tf.unstack(by_gate, axis=cell.shape.rank)
    )
    return _update(output, forget, enter, content, cell)


def _update(output, forget, enter, content, cell) -> tuple[tf.Tensor, tf.Tensor]:
    cell = tf.sigmoid(forget) * cell + tf.sigmoid(enter) * tf.tanh(content)
    return tf.sigmoid(output) * tf.tanh(cell), cell


class PixelLSTM(keras.layers.Layer, abc.ABC):
    """A residual layer of long short-term memory over pixels.

    Args:
        filters: features in and out, a multiple of twice the channels; half as many in the state.
        channels: of the image.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, filters: int, channels: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.filters, self.channels, self.units = filters, channels, filters // 2
        self.expand = MaskedDense(
            self.units, filters, channels, dtype=self.dtype_policy, name="expand"
        )

    @property
    @abc.abstractmethod
    def kept_size(self) -> int:
        """How many of a pixel's features the rows below need."""

    @abc.abstractmethod
    def empty_row(self, num: tf.Tensor, width: int) -> Any:
        """The row cache before the first row."""

    @abc.abstractmethod
    def empty_column(self, num: tf.Tensor) -> tf.Tensor:
        """The column cache before a row's first column."""

    @abc.abstractmethod
    def begin_row(self, row, kept, pixels, cache) -> tuple[tf.Tensor, Any]:
        """What a row's pixels get from the rows above.

        Args:
            row: int32 scalar.
            kept: of the row above, `[n, width, kept_size]`.
            pixels: of the row above in [-1, 1], `[n, width, channels]`.
            cache: from `empty_row` or the last call.

        Returns:
            `[n, width, row_size]`, and the next cache.
        """

    @abc.abstractmethod
    def step_weights(self) -> list[tuple]:
        """The weights of `step`, by channel."""

    @abc.abstractmethod
    def step(self, above, left, inputs: list[tf.Tensor], pixel: Pixel, weights) -> tf.Tensor:
        """The layer's output for a pixel's next channel.

        Args:
            above: what `begin_row` gave for the pixel, `[n, row_size]`.
            left: the column cache.
            inputs: the layer's inputs in the channels so far and this one.
            pixel: what earlier calls for the pixel left here; this one adds to it.
            weights: of the channel.

        Returns:
            `[n, filters / channels]`.
        """

    @abc.abstractmethod
    def end_pixel(self, inputs: list[tf.Tensor], pixel: Pixel) -> tuple[tf.Tensor, tf.Tensor]:
        """The next column cache, and what is kept of the pixel."""


class RowLSTM(PixelLSTM):
    """Runs down the rows: a pixel's state follows those of the three pixels above it."""

    def __init__(self, filters: int, channels: int, **kwargs: Any):
        super().__init__(filters, channels, **kwargs)
        self.from_input = MaskedConv2D(
            filters, 4 * self.units, 3, channels, rows=0, dtype=self.dtype_policy, name="from_input"
        )
        shape = (3, self.units, 4 * self.units)
        self.from_state = self.add_weight(shape, "glorot_uniform", name="from_state")
        self.built = True

    def _from_state(self, hidden: tf.Tensor) -> tf.Tensor:
        """`[n, width, units]` to `[n, width, 4 units]`: a convolution of three columns."""
        padded = tf.pad(hidden[:, None], [[0, 0], [0, 0], [1, 1], [0, 0]])
        kernel = tf.convert_to_tensor(self.from_state)[None]
        return tf.nn.conv2d(padded, kernel, 1, "VALID")[:, 0]

    def call(self, x, image):
        """Maps `[n, height, width, filters]` to the same; the image itself is not looked at."""
        gates = self.from_input(x)
        hidden = cell = tf.zeros_like(gates[:, 0, :, : self.units])
        rows = []
        for row in range(x.shape[1]):
            hidden, cell = lstm(gates[:, row] + self._from_state(hidden), cell, self.channels)
            rows.append(hidden)
        return x + self.expand(tf.stack(rows, axis=1))

    @property
    def kept_size(self):
        return 2 * self.units

    def empty_row(self, num, width):
        return ()

    def empty_column(self, num):
        return self.from_input.empty_columns(num)

    def begin_row(self, row, kept, pixels, cache):
        hidden, cell = tf.split(kept, 2, axis=2)
        return tf.concat([self._from_state(hidden) + self.from_input.bias, cell], axis=2), cache

    def step_weights(self):
        return list(zip(self.from_input.step_weights(), self.expand.step_weights(), strict=True))

    def step(self, above, left, inputs, pixel, weights):
        channel, (from_input, expand) = len(pixel.hidden), weights
        gates, cell = tf.split(above, [4 * self.units, self.units], axis=1)
        gates, cell = (tf.split(part, self.channels, axis=1)[channel] for part in (gates, cell))
        gates = self.from_input.step(gates, left, inputs, from_input)
        hidden, cell = _update(*tf.split(gates, 4, axis=1), cell)
        pixel.hidden.append(hidden)
        pixel.cell.append(cell)
        return inputs[-1] + self.expand.step(joined(pixel.hidden), expand)

    def end_pixel(self, inputs, pixel):
        return joined(inputs), joined([*pixel.hidden, *pixel.cell])


class DiagonalBiLSTM(PixelLSTM):
    """Runs along the diagonals, from both sides: a pixel's state follows all that lies before it.

    The state from the right is that of the row above, so that no pixel is seen before its turn.
    """

    def __init__(self, filters: int, channels: int, **kwargs: Any):
        super().__init__(filters, channels, **kwargs)
        gates = 4 * self.units
        self.from_input = MaskedDense(
            filters, gates, channels, dtype=self.dtype_policy, name="from_input"
        )

        def weight(name, shape):
            return self.add_weight(shape, "glorot_uniform", name=name)

        # By direction, from the left and from the right: of the column before, and the row above.
        self.from_column = weight("from_column", (2, self.units, gates))
        self.from_row = weight("from_row", (2, self.units, gates))
        # From the right whole rows are known: no mask is needed, and a pixel's own value comes in
        # too. Without it the end of the row above would be seen by the first convolution alone.
        self.from_right = weight("from_right", (filters, gates))
        self.from_pixel = weight("from_pixel", (channels, gates))
        self.right_bias = self.add_weight((gates,), "zeros", name="right_bias")
        self.built = True

    def _right_gates(self, inputs: tf.Tensor, pixels: tf.Tensor) -> tf.Tensor:
        from_right, from_pixel = map(tf.convert_to_tensor, (self.from_right, self.from_pixel))
        return pointwise(inputs, from_right) + pointwise(pixels, from_pixel) + self.right_bias

    def call(self, x, image):
        """Maps `[n, height, width, filters]`, and the image in [-1, 1], to features again."""
        height, width = x.shape[1:3]
        right = self._right_gates(x, image)
        both = tf.stack([self.from_input(x), tf.reverse(right, axis=[2])])
        diagonals = tf.unstack(_skewed(both), axis=3)
        from_column, from_row = (
            tf.convert_to_tensor(kernel)[:, None] for kernel in (self.from_column, self.from_row)
        )
        hidden = cell = tf.zeros_like(both[:, :, :, 0, : self.units])
        states = []
        for index, gates in enumerate(diagonals):
            above = tf.pad(hidden[:, :, :-1], [[0, 0], [0, 0], [1, 0], [0, 0]])
            gates += tf.matmul(hidden, from_column) + tf.matmul(above, from_row)
            hidden, cell = lstm(gates, cell, self.channels)
            # Rows that have not begun yet have no state.
            begun = (np.arange(height) <= index).astype(np.float32)[:, None]
            hidden, cell = hidden * begun, cell * begun
            states.append(hidden)
        left, right = tf.unstack(_unskewed(tf.stack(states, axis=3), width))
        right = tf.reverse(right, axis=[2])[:, :-1]
        state = left + tf.pad(right, [[0, 0], [1, 0], [0, 0], [0, 0]])
        return x + self.expand(state)

    @property
    def kept_size(self):
        return self.filters + self.units

    def empty_row(self, num, width):
        return tf.zeros([num, width, self.units])

    def empty_column(self, num):
        return tf.zeros([num, 2 * self.units])

    def begin_row(self, row, kept, pixels, cache):
        inputs, hidden = tf.split(kept, [self.filters, self.units], axis=2)
        gates = pointwise(hidden, tf.convert_to_tensor(self.from_row)[0])
        right = self._from_the_right(inputs, pixels, cache) * tf.cast(row > 0, tf.float32)
        return tf.concat([gates, right], axis=2), right

    def _from_the_right(self, inputs, pixels, above) -> tf.Tensor:
        """The states of a finished row from the right, `[n, width, units]`."""
        num, width = tf.shape(inputs)[0], inputs.shape[1]
        gates = self._right_gates(inputs, pixels)
        gates += pointwise(above, tf.convert_to_tensor(self.from_row)[1])
        gates = tf.transpose(tf.reverse(gates, axis=[1]), [1, 0, 2])
        from_column = tf.convert_to_tensor(self.from_column)[1]

        def turn(index, state, _):
            hidden, cell = state
            of_column = tf.gather(gates, index) + tf.matmul(hidden, from_column)
            hidden, cell = lstm(of_column, cell, self.channels)
            return (hidden, cell), [hidden]

        start = tf.zeros([num, self.units])
        states = tf.TensorSpec([None, self.units])
        _, (hidden,) = take_turns(width, 1, turn, (start, start), [states])
        hidden = tf.reverse(tf.transpose(hidden, [1, 0, 2]), axis=[1])
        return tf.ensure_shape(hidden, [None, width, self.units])

    def step_weights(self):
        column = tf.split(tf.convert_to_tensor(self.from_column)[0], self.channels, axis=1)
        dense = (layer.step_weights() for layer in (self.from_input, self.expand))
        return list(zip(*dense, column, strict=True))

    def step(self, above, left, inputs, pixel, weights):
        channel, (from_input, expand, from_column) = len(pixel.hidden), weights
        gates, right = tf.split(above, [4 * self.units, self.units], axis=1)
        before, cell = tf.split(left, 2, axis=1)
        gates, right, cell = (
            tf.split(part, self.channels, axis=1)[channel] for part in (gates, right, cell)
        )
        gates += self.from_input.step(joined(inputs), from_input) + tf.matmul(before, from_column)
        hidden, cell = _update(*tf.split(gates, 4, axis=1), cell)
        pixel.hidden.append(hidden)
        pixel.cell.append(cell)
        pixel.output.append(hidden + right)
        return inputs[-1] + self.expand.step(joined(pixel.output), expand)

    def end_pixel(self, inputs, pixel):
        return joined([*pixel.hidden, *pixel.cell]), joined([*inputs, *pixel.hidden])


def _skewed(x: tf.Tensor) -> tf.Tensor:
    """Moves each row of `[..., height, width, k]` right by its index: diagonals become columns."""
    height, width, k = x.shape[-3:]
    shape = tf.shape(x)[:-3]
    padded = tf.pad(x, [[0, 0]] * (x.shape.rank - 2) + [[0, height], [0, 0]])
    flat = tf.reshape(padded, tf.concat([shape, [height * (width + height), k]], axis=0))
    flat = flat[..., :-height, :]
    return tf.reshape(flat, tf.concat([shape, [height, width + height - 1, k]], axis=0))


def _unskewed(x: tf.Tensor, width: int) -> tf.Tensor:
    """Undoes `_skewed`."""
    height, _, k = x.shape[-3:]
    shape = tf.shape(x)[:-3]
    flat = tf.reshape(x, tf.concat([shape, [height * (width + height - 1), k]], axis=0))
    flat = tf.pad(flat, [[0, 0]] * (x.shape.rank - 3) + [[0, height], [0, 0]])
    return tf.reshape(flat, tf.concat([shape, [height, width + height, k]], axis=0))[..., :width, :]
