"""Char-RNN: text, character by character, from stacked recurrent cells.

Karpathy 2015, "The Unreasonable Effectiveness of Recurrent Neural Networks"; the cells are those of
Hochreiter & Schmidhuber 1997 (LSTM) and Cho et al. 2014, arXiv 1406.1078 (GRU).
"""

from __future__ import annotations

from typing import Any, ClassVar

import keras
import tensorflow as tf

from keras_gen import checks
from keras_gen.autoregressive.ancestral_sampling import take_turns
from keras_gen.autoregressive.sequence_model import SequenceModel
from keras_gen.autoregressive.tokenizers import Characters
from keras_gen.likelihoods.categorical import log_prob_of_choice

CELLS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


@keras.saving.register_keras_serializable("keras_gen")
class CharRNN(SequenceModel):
    """A recurrent network over the characters of texts, which are int32 code points `[n, time]`.

    Training goes through a batch's texts in pieces of `truncation` characters: each piece is a step
    of the optimizer, and begins with the state in which the piece before ended (truncated
    back-propagation through time). So texts much longer than a piece teach what reaches further.

    Args:
        vocabulary: the characters that a text may have.
        length: characters of a sample.
        cell: "lstm" or "gru".
        units: of each recurrent layer.
        num_layers: how many there are.
        embedding_dim: features of a character.
        truncation: characters between two cuts of the gradient.
        seed: kept for symmetry: training uses no noise.
        **kwargs: of `keras.Model`.

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> texts, description = data.load("text", batch_size=32)
        >>> model = CharRNN(description.vocabulary)
        >>> model.compile()
        >>> model.fit(texts, epochs=10)
        >>> model.generate("The ", length=100, temperature=0.7)

    Karpathy 2015.
    """

    default_optimizer: ClassVar[dict[str, float]] = {"learning_rate": 2e-3, "global_clipnorm": 5.0}

    # ---- networks --------------------------------------------------------------------------------

    def __init__(
        self,
        vocabulary: str,
        length: int = 500,
        cell: str = "lstm",
        units: int = 256,
        num_layers: int = 2,
        embedding_dim: int = 64,
        truncation: int = 100,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(Characters(vocabulary), length=length, seed=seed, **kwargs)
        self.vocabulary = self.tokenizer.vocabulary
        if cell not in CELLS:
            raise ValueError(f"cell must be one of {', '.join(CELLS)}, received {cell!r}.")
        self.cell = cell
        self.units = checks.positive("units", units)
        self.num_layers = checks.in_range("num_layers", num_layers, 1, 100)
        self.embedding_dim = checks.positive("embedding_dim", embedding_dim)
        self.truncation = checks.positive("truncation", truncation)
        num_tokens = self.tokenizer.num_tokens
        self.embedding = self.add_weight(
            (num_tokens + 1, embedding_dim), "uniform", name="embedding"
        )
        self.recurrent = [
            CELLS[cell](
                units,
                return_sequences=True,
                return_state=True,
                dtype=self.dtype_policy,
                name=f"{cell}_{i + 1}",
            )
            for i in range(num_layers)
        ]
        for i, layer in enumerate(self.recurrent):
            layer.build((None, None, units if i else embedding_dim))
        self.head = keras.layers.Dense(num_tokens, dtype="float32", name="head")
        self.head.build((None, units))
        self.built = True

    # ---- objective -------------------------------------------------------------------------------

    def call(self, x, labels=None, training=False):
        inputs = self.shifted(self.tokenizer.encode(x))
        num = tf.shape(x)[0]
        if training:
            return self._run(inputs, self._no_states(num))[0]
        # Step by step, as samples are drawn: Keras's recurrent layers do not all convert to ONNX.
        weights, states = self.start(num, None)
        inputs = tf.transpose(inputs)

        def turn(index, states, _):
            logits, states, _ = self.step(tf.gather(inputs, index), None, states, weights, None)
            return states, [logits]

        logits = tf.TensorSpec([None, self.tokenizer.num_tokens])
        _, (logits,) = take_turns(tf.shape(inputs)[0], 1, turn, states, [logits])
        return tf.transpose(logits, [1, 0, 2])

    def _no_states(self, num: tf.Tensor) -> list[list[tf.Tensor]]:
        """Each layer's state before the first character."""
        count = 2 if self.cell == "lstm" else 1
        return [
            [tf.zeros([num, self.units], self.compute_dtype) for _ in range(count)]
            for _ in self.recurrent
        ]

    def _run(self, inputs: tf.Tensor, states: list) -> tuple[tf.Tensor, list]:
        """Logits of tokens `[n, time]` that see `inputs`, and the states after them."""
        features = tf.gather(tf.cast(self.embedding, self.compute_dtype), inputs)
        next_states = []
        for layer, state in zip(self.recurrent, states, strict=True):
            features, *state = layer(features, initial_state=state, training=True)
            next_states.append(state)
        return self.head(features), next_states

    def train_step(self, data):
        x, _ = self.unpack(data)
        tokens = self.tokenizer.encode(x)
        inputs = self.shifted(tokens)
        states = self._no_states(tf.shape(x)[0])
        time = x.shape[1]
        if time is None:
            raise ValueError("x must have a length that is known when training starts.")
        log_probs = tf.zeros([tf.shape(x)[0]])
        for begin in range(0, time, self.truncation):
            piece = slice(begin, begin + self.truncation)
            after: list = []

            def objective(piece=piece, states=states, after=after):
                logits, next_states = self._run(inputs[:, piece], states)
                after[:] = next_states
                of_piece = log_prob_of_choice(logits, tokens[:, piece])
                return {"loss": -tf.reduce_sum(of_piece, axis=1)}

            terms = self.descend(self.optimizer, self.trainable_variables, objective)
            log_probs -= terms["loss"]
            states = tf.nest.map_structure(tf.stop_gradient, after)
        return self.report(self.terms_of(log_probs, time))

    # ---- sampling --------------------------------------------------------------------------------

    def start(self, num, labels):
        cells = [layer.cell for layer in self.recurrent]
        # What a character gives the first layer's gates, for all characters at once.
        first = tf.matmul(self.embedding, cells[0].kernel)
        kernels = [tf.convert_to_tensor(cell.kernel) for cell in cells[1:]]
        recurrent = [tf.convert_to_tensor(cell.recurrent_kernel) for cell in cells]
        biases = [tf.convert_to_tensor(cell.bias) for cell in cells]
        head = [tf.convert_to_tensor(part) for part in (self.head.kernel, self.head.bias)]
        states = [[tf.cast(x, tf.float32) for x in state] for state in self._no_states(num)]
        return (first, kernels, recurrent, biases, head), states

    def step(self, token, features, cache, weights, shared):
        first, kernels, recurrent, biases, head = weights
        of_input, next_cache = tf.gather(first, token), []
        for i, state in enumerate(cache):
            next_state = STEPS[self.cell](recurrent[i], biases[i], of_input, *state)
            next_cache.append(next_state)
            if i < len(kernels):
                of_input = tf.matmul(next_state[0], kernels[i])
        return tf.matmul(next_cache[-1][0], head[0]) + head[1], next_cache, ()


def lstm_step(kernel, bias, of_input, hidden, carry) -> list[tf.Tensor]:
    """One update of Keras's LSTM cell: its state, of which the first is the output."""
    enter, forget, content, leave = tf.split(of_input + tf.matmul(hidden, kernel) + bias, 4, axis=1)
    carry = tf.sigmoid(forget) * carry + tf.sigmoid(enter) * tf.tanh(content)
    return [tf.sigmoid(leave) * tf.tanh(carry), carry]


def gru_step(kernel, bias, of_input, hidden) -> list[tf.Tensor]:
    """One update of Keras's GRU cell: its state, which is the output."""
    keep, reset, content = tf.split(of_input + bias[0], 3, axis=1)
    keep_state, reset_state, content_state = tf.split(
        tf.matmul(hidden, kernel) + bias[1], 3, axis=1
    )
    keep = tf.sigmoid(keep + keep_state)
    candidate = tf.tanh(content + tf.sigmoid(reset + reset_state) * content_state)
    return [keep * hidden + (1.0 - keep) * candidate]


STEPS = {"lstm": lstm_step, "gru": gru_step}
