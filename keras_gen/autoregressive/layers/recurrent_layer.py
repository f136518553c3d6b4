"""A recurrent layer of Keras's, over whole texts or character by character.

Hochreiter & Schmidhuber 1997, "Long Short-Term Memory"; Cho et al. 2014, arXiv 1406.1078 (GRU).
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from keras_gen.autoregressive.layers.stepwise import Begun, Place, StepWeights, StepwiseLayer

CELLS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


class RecurrentLayer(StepwiseLayer):
    """An LSTM or GRU. The first of a stack takes tokens, and embeds them.

    Args:
        cell: "lstm" or "gru".
        inputs: features in; of a first layer, those of a token's embedding.
        units: features out.
        num_tokens: of a first layer, how many different tokens there are; the beginning counts as
            one more. `None` is a layer that follows another.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(
        self, cell: str, inputs: int, units: int, num_tokens: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.cell, self.units, self.num_tokens = cell, units, num_tokens
        if num_tokens is not None:
            self.embedding = self.add_weight((num_tokens + 1, inputs), "uniform", name="embedding")
        self.recurrent = CELLS[cell](
            units, return_sequences=True, return_state=True, dtype=self.dtype_policy, name=cell
        )
        self.recurrent.build((None, None, inputs))
        self.built = True

    def initial_state(self, num: tf.Tensor, dtype: Any = "float32") -> list[tf.Tensor]:
        """The state before the first character: of an LSTM hidden and cell state, `[n, units]`."""
        return [tf.zeros([num, self.units], dtype)] * (2 if self.cell == "lstm" else 1)

    # ---- the whole text --------------------------------------------------------------------------

    def call(self, x: tf.Tensor, state: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Maps `[n, time, inputs]` to `[n, time, units]`, and gives the state at its end.

        Args:
            x: features; of a first layer, tokens `[n, time]`.
            state: before the first character.
        """
        if self.num_tokens is not None:
            x = tf.gather(tf.convert_to_tensor(self.embedding), x)
        x, *state = self.recurrent(x, initial_state=list(state), training=True)
        return x, state

    # ---- a character -----------------------------------------------------------------------------

    def empty(self, num: tf.Tensor, columns: int) -> Any:
        return self.initial_state(num)

    def step_weights(self, labels: tf.Tensor | None = None) -> StepWeights:
        cell = self.recurrent.cell
        # Steps are in float32, also where Keras casts a model's weights in its call.
        kernel, recurrent, bias = (
            tf.cast(weight, tf.float32)
            for weight in (cell.kernel, cell.recurrent_kernel, cell.bias)
        )
        # A GRU has a second bias, of what comes from its state.
        bias, *recurrent_bias = tf.unstack(bias) if self.cell == "gru" else [bias]
        if self.num_tokens is None:
            of_input = (kernel, bias)
        else:
            # What a token gives the gates, for all tokens at once.
            of_input = tf.matmul(tf.cast(self.embedding, tf.float32), kernel) + bias
        return StepWeights(None, [(of_input, (recurrent, *recurrent_bias))])

    def begin_row(self, row: tf.Tensor, stream: Any, row_cache: Any, weights: Any) -> Begun:
        return Begun((), row_cache, row_cache, stream)

    def step(self, inputs: list[tf.Tensor], place: Place) -> tf.Tensor:
        of_input, of_state = place.weights
        if self.num_tokens is None:
            gates = tf.nn.bias_add(tf.matmul(inputs[-1], of_input[0]), of_input[1])
        else:
            gates = tf.gather(of_input, inputs[-1])
        update = lstm_update if self.cell == "lstm" else gru_update
        place.column["state"] = update(gates, place.cache, *of_state)
        return place.column["state"][0]

    def end_column(self, inputs: list[tf.Tensor], place: Place) -> tuple[Any, Any]:
        return place.column["state"], ()

    def end_row(self, row_cache: Any, cache: Any, kept: Any) -> Any:
        return cache


def lstm_update(gates: tf.Tensor, state: list[tf.Tensor], kernel: tf.Tensor) -> list[tf.Tensor]:
    """The next state of Keras's LSTM, `[hidden, cell]`.

    Args:
        gates: what the input gives them, with the bias.
        state: the last one.
        kernel: of what the hidden state gives them.
    """
    hidden, cell = state
    enter, forget, content, leave = tf.split(gates + tf.matmul(hidden, kernel), 4, axis=1)
    cell = tf.sigmoid(forget) * cell + tf.sigmoid(enter) * tf.tanh(content)
    return [tf.sigmoid(leave) * tf.tanh(cell), cell]


def gru_update(
    gates: tf.Tensor, state: list[tf.Tensor], kernel: tf.Tensor, bias: tf.Tensor
) -> list[tf.Tensor]:
    """The next state of Keras's GRU, `[hidden]`; arguments as of `lstm_update`."""
    (hidden,) = state
    keep, reset, content = tf.split(gates, 3, axis=1)
    from_state = tf.nn.bias_add(tf.matmul(hidden, kernel), bias)
    keep_state, reset_state, content_state = tf.split(from_state, 3, axis=1)
    keep = tf.sigmoid(keep + keep_state)
    candidate = tf.tanh(content + tf.sigmoid(reset + reset_state) * content_state)
    return [keep * hidden + (1.0 - keep) * candidate]
