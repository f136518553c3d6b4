"""Char-RNN: text, character by character, from stacked recurrent cells.

Karpathy 2015, "The Unreasonable Effectiveness of Recurrent Neural Networks".
"""

from __future__ import annotations

from typing import Any, ClassVar

import keras
import tensorflow as tf

from keras_gen import checks
from keras_gen.ancestral_sampling import take_turns
from keras_gen.autoregressive.layers.dense_head import DenseHead
from keras_gen.autoregressive.layers.recurrent_layer import CELLS, RecurrentLayer
from keras_gen.autoregressive.layers.stepwise import begin_row_in_all
from keras_gen.autoregressive.sequence_model import SequenceModel
from keras_gen.formats import Text
from keras_gen.model import Conditions


@keras.saving.register_keras_serializable("keras_gen")
class CharRNN(SequenceModel):
    """A recurrent network over the characters of texts, which are int32 code points `[n, time]`.

    Training goes through a batch's texts in pieces of `truncation` characters: each piece is a step
    of the optimizer, and begins with the state in which the piece before ended (truncated
    back-propagation through time). So texts much longer than a piece teach what reaches further,
    and a batch takes as many optimizer steps as it has pieces; rates and schedules count those.

    Karpathy trains by RMSProp, cuts each element of the gradient off at 5, and carries states from
    batch to batch. `compile()` here is Adam with the whole gradient's norm held to 5, which most
    steps reach, since a piece's loss is a sum over its characters; each batch begins anew.

    Args:
        vocabulary: the characters that a text may have.
        length: characters of a sample.
        cell: "lstm" or "gru".
        units: of each recurrent layer.
        num_layers: how many there are.
        embedding_dim: features of a character.
        truncation: characters between two cuts of the gradient.
        **kwargs: of `Model`: `average_decay`, `seed` (unused in training); not `num_classes`.

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

    format: Text
    default_optimizer: ClassVar[dict[str, float]] = {"learning_rate": 2e-3, "global_clipnorm": 5.0}

    # ---- networks --------------------------------------------------------------------------------

    def __init__(
        self,
        vocabulary: str,
        length: int = 500,
        *,
        cell: str = "lstm",
        units: int = 256,
        num_layers: int = 2,
        embedding_dim: int = 64,
        truncation: int = 100,
        **kwargs: Any,
    ) -> None:
        if kwargs.get("num_classes") is not None:
            raise ValueError(
                "num_classes must be None: CharRNN has no use for labels, received "
                f"{kwargs['num_classes']}."
            )
        super().__init__(Text(vocabulary), length, **kwargs)
        self.vocabulary = self.format.vocabulary
        if cell not in CELLS:
            raise ValueError(f"cell must be one of {', '.join(CELLS)}, received {cell!r}.")
        self.cell = cell
        self.units = checks.positive("units", units)
        self.num_layers = checks.in_range("num_layers", num_layers, 1, 100)
        self.embedding_dim = checks.positive("embedding_dim", embedding_dim)
        self.truncation = checks.positive("truncation", truncation)
        num_tokens = self.format.num_tokens
        self.recurrent = [
            RecurrentLayer(
                cell,
                units if i else embedding_dim,
                units,
                num_tokens=None if i else num_tokens,
                dtype=self.dtype_policy,
                name=f"recurrent_{i + 1}",
            )
            for i in range(num_layers)
        ]
        self.head = DenseHead([units, num_tokens], dtype=self.dtype_policy, name="head")
        self.stack = [*self.recurrent, self.head]
        self.finish_build()

    # ---- objective -------------------------------------------------------------------------------

    def _parameters(
        self, x: tf.Tensor, conditions: Conditions, training: bool = False
    ) -> tf.Tensor:
        inputs = self.shifted(self.format.to_tokens(x))
        num = tf.shape(x)[0]
        if training:
            return self._run(inputs, self._initial_states(num))[0]
        # Step by step, as samples are drawn: Keras's recurrent layers do not all convert to ONNX.
        weights = [layer.step_weights() for layer in self.stack]
        row_caches = [layer.empty(num, self.row_length) for layer in self.stack]
        begun = begin_row_in_all(self.stack, 0, None, row_caches, weights)
        shared, features = [each.shared for each in begun], [()] * len(begun)
        inputs = tf.transpose(inputs)  # [time, n]

        def turn(index: tf.Tensor, caches: list, _: Any) -> tuple[list, list[tf.Tensor]]:
            token = tf.gather(inputs, index)
            logits, caches, _ = self._step(token, caches, weights, features, shared)
            return caches, [logits]

        _, (logits,) = take_turns(
            tf.shape(inputs)[0],
            1,
            turn,
            [each.cache for each in begun],
            [tf.TensorSpec([None, self.format.num_tokens])],
        )
        return tf.transpose(logits, [1, 0, 2])

    def _initial_states(self, num: tf.Tensor) -> list[list[tf.Tensor]]:
        return [layer.initial_state(num, self.compute_dtype) for layer in self.recurrent]

    def _run(self, inputs: tf.Tensor, states: list) -> tuple[tf.Tensor, list]:
        """Logits of tokens `[n, time]` that see `inputs`, and the states after them."""
        features, next_states = inputs, []
        for layer, state in zip(self.recurrent, states, strict=True):
            features, state = layer(features, state)
            next_states.append(state)
        return self.head(features), next_states

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        x, _ = self.unpack(data)
        tokens = self.format.to_tokens(x)
        inputs = self.shifted(tokens)
        states = self._initial_states(tf.shape(x)[0])
        time = x.shape[1]
        if time is None:
            raise ValueError("x must have a length that is known when training starts.")
        log_prob = tf.zeros([tf.shape(x)[0]])
        for begin in range(0, time, self.truncation):
            piece = slice(begin, begin + self.truncation)
            after: list = []

            def objective(
                piece: slice = piece, states: list = states, after: list = after
            ) -> dict[str, tf.Tensor]:
                logits, next_states = self._run(inputs[:, piece], states)
                after[:] = next_states
                log_probs = self.likelihood.log_prob(logits, tokens[:, piece])
                return {"loss": -tf.reduce_sum(log_probs, axis=1)}

            terms = self.descend(self.optimizer, self.learned_weights(), objective)
            log_prob -= terms["loss"]
            states = tf.nest.map_structure(tf.stop_gradient, after)
        return self.end_step(self.terms_of(log_prob, x))
