"""The recurrent layers of PixelRNN, over whole images or step by step.

van den Oord, Kalchbrenner, Kavukcuoglu 2016, "Pixel Recurrent Neural Networks", arXiv 1601.06759.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen.ancestral_sampling import joined, take_turns
from keras_gen.autoregressive.layers.masked_convolution import MaskedConv2D
from keras_gen.autoregressive.layers.masked_dense import MaskedDense, pointwise
from keras_gen.autoregressive.layers.stepwise import Begun, Place, StepWeights, StepwiseLayer


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
    return _update(cell, output, forget, enter, content)


def _update(
    cell: tf.Tensor, output: tf.Tensor, forget: tf.Tensor, enter: tf.Tensor, content: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    cell = tf.sigmoid(forget) * cell + tf.sigmoid(enter) * tf.tanh(content)
    return tf.sigmoid(output) * tf.tanh(cell), cell


class PixelLSTM(StepwiseLayer):
    """A residual layer of long short-term memory over pixels.

    Args:
        filters: features in and out, a multiple of twice the channels; half as many in the state.
        channels: of the image.
        image_features: of a pixel of the image itself.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, filters: int, channels: int, image_features: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters, self.channels, self.units = filters, channels, filters // 2
        self.expand = MaskedDense(
            self.units, filters, channels, dtype=self.dtype_policy, name="expand"
        )


class RowLSTM(PixelLSTM):
    """Runs down the rows: a pixel's state follows those of the three pixels above it."""

    def __init__(self, filters: int, channels: int, image_features: int, **kwargs: Any) -> None:
        super().__init__(filters, channels, image_features, **kwargs)
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

    def call(
        self, x: tf.Tensor, image: tf.Tensor, labels: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Maps `[n, height, width, filters]` to the same; the image itself is not looked at."""
        gates, _ = self.from_input(x)
        hidden = cell = tf.zeros_like(gates[:, 0, :, : self.units])
        rows = []
        for row in range(x.shape[1]):
            hidden, cell = lstm(gates[:, row] + self._from_state(hidden), cell, self.channels)
            rows.append(hidden)
        return x + self.expand(tf.stack(rows, axis=1)), image

    @property
    def kept(self) -> Any:
        return self.units, self.units

    def empty(self, num: tf.Tensor, columns: int) -> Any:
        return tuple(tf.zeros([num, columns, size]) for size in self.kept)

    def step_weights(self, labels: tf.Tensor | None = None) -> StepWeights:
        from_input, expand = self.from_input.step_weights(), self.expand.step_weights()
        return StepWeights(from_input.row, list(zip(from_input.column, expand, strict=True)))

    def begin_row(self, row: tf.Tensor, stream: Any, row_cache: Any, weights: Any) -> Begun:
        hidden, cell = row_cache
        gates = self._from_state(hidden) + weights
        columns = self.from_input.empty_columns(tf.shape(gates)[0])
        return Begun((gates, cell), columns, row_cache, stream)

    def step(self, inputs: list[tf.Tensor], place: Place) -> tf.Tensor:
        gates, cell = place.features
        from_input, expand = place.weights
        gates = self.from_input.step(inputs, place._replace(features=gates, weights=from_input))
        hidden, cell = _update(cell, *tf.split(gates, 4, axis=1))
        of_pixel = place.column.setdefault("hidden", [])
        of_pixel.append(hidden)
        place.column.setdefault("cell", []).append(cell)
        return inputs[-1] + self.expand.step(joined(of_pixel), expand)

    def end_column(self, inputs: list[tf.Tensor], place: Place) -> tuple[Any, Any]:
        left, _ = self.from_input.end_column(inputs, place)
        return left, (joined(place.column["hidden"]), joined(place.column["cell"]))

    def end_row(self, row_cache: Any, cache: Any, kept: Any) -> Any:
        return kept


class DiagonalBiLSTM(PixelLSTM):
    """Runs along the diagonals, from both sides: a pixel's state follows all that lies before it.

    The state from the right is that of the row above, so that no pixel is seen before its turn.
    """

    def __init__(self, filters: int, channels: int, image_features: int, **kwargs: Any) -> None:
        super().__init__(filters, channels, image_features, **kwargs)
        gates = 4 * self.units
        self.from_input = MaskedDense(
            filters, gates, channels, dtype=self.dtype_policy, name="from_input"
        )

        def weight(name: str, shape: tuple[int, ...]) -> keras.Variable:
            return self.add_weight(shape, "glorot_uniform", name=name)

        # By direction, from the left and from the right: of the column before, and the row above.
        self.from_column = weight("from_column", (2, self.units, gates))
        self.from_row = weight("from_row", (2, self.units, gates))
        # From the right whole rows are known: no mask is needed, and a pixel's own value comes in
        # too. Without it the end of the row above would be seen by the first convolution alone.
        self.from_right = weight("from_right", (filters, gates))
        self.from_pixel = weight("from_pixel", (image_features, gates))
        self.right_bias = self.add_weight((gates,), "zeros", name="right_bias")
        self.built = True

    def _right_gates(self, inputs: tf.Tensor, pixels: tf.Tensor) -> tf.Tensor:
        from_right, from_pixel = map(tf.convert_to_tensor, (self.from_right, self.from_pixel))
        return pointwise(inputs, from_right) + pointwise(pixels, from_pixel) + self.right_bias

    def call(
        self, x: tf.Tensor, image: tf.Tensor, labels: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Maps `[n, height, width, filters]`, and features of the image itself, to the same."""
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
        return x + self.expand(state), image

    @property
    def kept(self) -> Any:
        return self.filters, self.units

    def empty(self, num: tf.Tensor, columns: int) -> Any:
        # Of the row above: inputs and states from the left, and the states from the right above it.
        return tuple(tf.zeros([num, columns, size]) for size in (*self.kept, self.units))

    def step_weights(self, labels: tf.Tensor | None = None) -> StepWeights:
        column = tf.split(tf.convert_to_tensor(self.from_column)[0], self.channels, axis=1)
        dense = (layer.step_weights() for layer in (self.from_input, self.expand))
        return StepWeights(None, list(zip(*dense, column, strict=True)))

    def begin_row(self, row: tf.Tensor, stream: Any, row_cache: Any, weights: Any) -> Begun:
        inputs, hidden, right_above = row_cache
        gates = pointwise(hidden, tf.convert_to_tensor(self.from_row)[0])
        right = self._from_the_right(inputs, stream, right_above) * tf.cast(row > 0, tf.float32)
        state = tf.zeros([tf.shape(gates)[0], self.units])
        return Begun((gates, right), (state, state), right, stream)

    def step(self, inputs: list[tf.Tensor], place: Place) -> tf.Tensor:
        gates, right = place.features
        from_input, expand, from_column = place.weights
        hidden_left, cell_left = place.cache
        of_pixel = place.column.setdefault("hidden", [])
        cell = tf.split(cell_left, self.channels, axis=1)[len(of_pixel)]
        gates += self.from_input.step(joined(inputs), from_input)
        gates += tf.matmul(hidden_left, from_column)
        hidden, cell = _update(cell, *tf.split(gates, 4, axis=1))
        of_pixel.append(hidden)
        place.column.setdefault("cell", []).append(cell)
        outputs = place.column.setdefault("output", [])
        outputs.append(hidden + right)
        return inputs[-1] + self.expand.step(joined(outputs), expand)

    def end_column(self, inputs: list[tf.Tensor], place: Place) -> tuple[Any, Any]:
        hidden = joined(place.column["hidden"])
        return (hidden, joined(place.column["cell"])), (joined(inputs), hidden)

    def end_row(self, row_cache: Any, cache: Any, kept: Any) -> Any:
        return (*kept, row_cache)

    def _from_the_right(self, inputs: tf.Tensor, pixels: tf.Tensor, above: tf.Tensor) -> tf.Tensor:
        """The states of a finished row from the right, `[n, width, units]`."""
        num, width = tf.shape(inputs)[0], inputs.shape[1]
        gates = self._right_gates(inputs, pixels)
        gates += pointwise(above, tf.convert_to_tensor(self.from_row)[1])
        gates = tf.transpose(tf.reverse(gates, axis=[1]), [1, 0, 2])
        from_column = tf.convert_to_tensor(self.from_column)[1]

        def turn(index: tf.Tensor, state: Any, _: int) -> tuple[Any, list[tf.Tensor]]:
            hidden, cell = state
            of_column = tf.gather(gates, index) + tf.matmul(hidden, from_column)
            hidden, cell = lstm(of_column, cell, self.channels)
            return (hidden, cell), [hidden]

        start = tf.zeros([num, self.units])
        states = tf.TensorSpec([None, self.units])
        _, (hidden,) = take_turns(width, 1, turn, (start, start), [states])
        hidden = tf.reverse(tf.transpose(hidden, [1, 0, 2]), axis=[1])
        return tf.ensure_shape(hidden, [None, width, self.units])


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
