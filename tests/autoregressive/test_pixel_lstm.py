"""The recurrent layers of PixelRNN against plain loops over pixels."""

import numpy as np
import tensorflow as tf
from brute_force import perturbed

from keras_gen.autoregressive.pixel_rnn import PixelRNN


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def update(gates, cell):
    """The equations of long short-term memory, for one pixel of one channel."""
    output, forget, enter, content = np.split(gates, 4)
    cell = sigmoid(forget) * cell + sigmoid(enter) * np.tanh(content)
    return sigmoid(output) * np.tanh(cell), cell


def inputs(features):
    return np.random.default_rng(0).standard_normal((2, 4, 5, features)).astype(np.float32)


def layer_of(recurrence):
    options = {"recurrence": recurrence, "filters": 6, "num_blocks": 1, "first_kernel_size": 3}
    _, lstm = perturbed(PixelRNN((4, 5, 1), levels=2, **options)).stack
    return lstm


def test_row_lstm():
    x = inputs(6)
    layer = layer_of("row")
    weights = layer.from_input.kernel.numpy()[0], layer.from_input.bias.numpy()
    expected = np.zeros((2, 4, 5, layer.units))
    for n in range(2):
        hidden, cell = np.zeros((2, 6, 7, layer.units))  # with a pixel of zeros all around
        for row in range(4):
            for column in range(5):
                gates = weights[1] + x[n, row, column] @ weights[0][1]
                if column > 0:
                    gates = gates + x[n, row, column - 1] @ weights[0][0]
                for i in range(3):
                    gates = gates + hidden[row, column + i] @ layer.from_state.numpy()[i]
                state = update(gates, cell[row, column + 1])
                hidden[row + 1, column + 1], cell[row + 1, column + 1] = state
        expected[n] = hidden[1:-1, 1:-1]
    expected = x + expected @ layer.expand.kernel.numpy() + layer.expand.bias.numpy()
    outputs, _ = layer(tf.constant(x), None)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


def test_diagonal_bilstm():
    x, image = inputs(6), inputs(1)
    layer = layer_of("diagonal")
    from_column, from_row = layer.from_column.numpy(), layer.from_row.numpy()
    gates_of = [
        x @ layer.from_input.kernel.numpy() + layer.from_input.bias.numpy(),
        x @ layer.from_right.numpy() + image @ layer.from_pixel.numpy() + layer.right_bias.numpy(),
    ]
    expected = np.zeros((2, 4, 5, layer.units))
    for n in range(2):
        hidden, cell = np.zeros((2, 2, 5, 7, layer.units))  # by direction, with zeros around
        for row in range(4):
            for direction, columns in ((0, range(5)), (1, reversed(range(5)))):
                for column in columns:
                    before = column if direction == 0 else column + 2
                    gates = gates_of[direction][n, row, column]
                    gates = gates + hidden[direction, row + 1, before] @ from_column[direction]
                    gates = gates + hidden[direction, row, column + 1] @ from_row[direction]
                    state = update(gates, cell[direction, row + 1, before])
                    here = direction, row + 1, column + 1
                    hidden[here], cell[here] = state
        # From the right, the state of the row above.
        expected[n] = hidden[0, 1:, 1:-1] + hidden[1, :-1, 1:-1]
    expected = x + expected @ layer.expand.kernel.numpy() + layer.expand.bias.numpy()
    outputs, _ = layer(tf.constant(x), tf.constant(image))
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
