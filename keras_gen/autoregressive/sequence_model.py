"""What autoregressive models of sequences share: tokens, and the loop that draws them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_gen import checks
from keras_gen.ancestral_sampling import Column, Given, Row, Step, ancestral_sampling
from keras_gen.autoregressive.autoregressive_model import AutoregressiveModel, Choice
from keras_gen.autoregressive.layers.stepwise import (
    Place,
    StepWeights,
    StepwiseLayer,
    begin_row_in_all,
    end_row_in_all,
)
from keras_gen.formats import Text, Tokenized
from keras_gen.likelihoods import Categorical
from keras_gen.model import Conditions
from keras_gen.random import Noise
from keras_gen.signature import Input
from keras_gen_export import texts


class SequenceModel(AutoregressiveModel):
    """A model of p(token t | the tokens before it).

    A subclass builds `stack`, the layers from tokens to logits, and supplies `_parameters`, the
    logits of whole sequences. Tokens are drawn in rows of `row_length`, so that what can be made
    for many of them at once is made outside the inner loop.

    Args:
        format: what tokens stand for.
        length: tokens of a sample; `None` where the format says it.
        **kwargs: of `Model`.

    Attributes:
        stack: all layers, as samples are drawn: the first takes tokens, the last gives logits.
        row_length: tokens of a row.
    """

    format: Tokenized
    stack: list[StepwiseLayer]
    row_length: int = 32

    def __init__(self, format: Tokenized, length: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(format, Tokenized):
            raise ValueError(
                f"format must be one that has tokens, such as Text, received {format!r}."
            )
        if format.length is None and format.input().shape != (None, None):
            raise ValueError(
                f"format must have no free sides, received {format.name} of shape "
                f"{list(format.input().shape)}."
            )
        if format.length is not None and length not in (None, format.length):
            raise ValueError(
                f"length must be {format.length}, as the format has it, received {length}."
            )
        if format.length is None and length is None:
            raise ValueError("length must be given: how many tokens a sample has.")
        self.format = format
        self.length = checks.positive("length", format.length or length)
        self.likelihood = Categorical(format.num_tokens)

    # ---- objective -------------------------------------------------------------------------------

    def _parameters(
        self, x: tf.Tensor, conditions: Conditions, training: bool = False
    ) -> tf.Tensor:
        """The logits of every token, given those before it.

        Args:
            x: stored data.
            conditions: tensors `[n, ...]` by name.
            training: whether dropout drops.

        Returns:
            float32 `[n, time, num_tokens]`.
        """
        raise NotImplementedError(f"{type(self).__name__} must supply _parameters().")

    def shifted(self, tokens: tf.Tensor) -> tf.Tensor:
        """What a network sees at each place: the token before; first, `num_tokens`, a beginning."""
        return tf.pad(tokens[:, :-1], [[0, 0], [1, 0]], constant_values=self.format.num_tokens)

    def _log_conditionals(
        self, x: tf.Tensor, conditions: Conditions, training: bool = False
    ) -> tf.Tensor:
        parameters = self._parameters(x, conditions, training)
        log_probs = self.likelihood.log_prob(parameters, self.format.to_tokens(x))
        return tf.reshape(log_probs, tf.shape(x))

    # ---- sampling --------------------------------------------------------------------------------

    def setting_inputs(self) -> dict[str, Input]:
        num_tokens = self.format.num_tokens
        top_k = Input((None,), "int32", 1, num_tokens, default=num_tokens)
        return super().setting_inputs() | {"top_k": top_k}

    def local_features(self, conditions: Conditions) -> tf.Tensor | None:
        """What conditions say of each token by itself, float32 `[n, time, k]`; `None` is nothing.

        In a row, it is the stream that the first layer takes.
        """
        return None

    def draw(
        self,
        noise: Noise,
        conditions: Conditions,
        settings: dict[str, tf.Tensor],
        given: Given | None = None,
        choose: Choice | None = None,
    ) -> tf.Tensor:
        num, columns = tf.shape(noise.seeds)[0], self.row_length
        length: Any = self.length
        if given is not None:
            values = self.format.to_tokens(given.values)
            mask = tf.reshape(given.mask, tf.shape(values))
            length = values.shape[1] or tf.shape(values)[1]
            given = Given(in_rows(values, columns), in_rows(mask, columns))
        num_rows = (length + columns - 1) // columns
        weights = [layer.step_weights(conditions.get("labels")) for layer in self.stack]
        local = self.local_features(conditions)
        local = None if local is None else in_rows(local, columns)
        limits = tf.reduce_any(settings["top_k"] < self.format.num_tokens)
        last_of_top = tf.one_hot(settings["top_k"] - 1, self.format.num_tokens)
        places = iter(range(self.length))  # that are there to be chosen: a full row has more

        def begin_row(row: tf.Tensor, caches: Any, _: int) -> Row:
            token, row_caches = caches
            stream = None if local is None else tf.gather(local, row, axis=1)
            begun = begin_row_in_all(self.stack, row, stream, row_caches, weights)
            return Row(
                features=[each.features for each in begun],
                noise=self.likelihood.noise(noise, (columns,), step=row),
                column_cache=(token, [each.cache for each in begun]),
                row_cache=[each.row_cache for each in begun],
                shared=[each.shared for each in begun],
            )

        def step(column: Column, caches: tuple[tf.Tensor, list]) -> Step:
            logits, after, kept = self._step(*caches, weights, column.features, column.shared)
            if choose is not None:
                is_there = next(places, None) is not None
                token = choose(logits) if is_there else tf.zeros_like(caches[0])
            else:
                logits = tf.cond(limits, lambda: _likeliest(logits, last_of_top), lambda: logits)
                token = self.likelihood.draw(logits, column.noise, settings["temperature"])
            token = column.keep(token)
            return Step(token, (token, after), kept)

        def end_row(begun: Row, caches: Any, _: tf.Tensor, kept: Any) -> tuple[tf.Tensor, list]:
            token, column_caches = caches
            return token, end_row_in_all(self.stack, begun.row_cache, column_caches, kept)

        beginning = tf.fill([num], self.format.num_tokens)
        tokens = ancestral_sampling(
            num_rows,
            columns,
            tf.TensorSpec([None], tf.int32),
            (beginning, [layer.empty(num, columns) for layer in self.stack]),
            begin_row,
            step,
            end_row,
            given,
            kept=[layer.kept for layer in self.stack],
        )  # [rows, columns, n]
        tokens = tf.reshape(tokens, [num_rows * columns, -1])[:length]
        return self.format.from_tokens(tf.transpose(tokens))

    def _step(
        self,
        token: tf.Tensor,
        caches: list,
        weights: list[StepWeights],
        features: list,
        shared: list,
    ) -> tuple[tf.Tensor, list, list]:
        """Takes the token before `[n]` through all layers.

        Returns:
            Logits `[n, num_tokens]`, the layers' next caches, and what they keep of this column.
        """
        output: Any = token
        ended = []
        for i, layer in enumerate(self.stack):
            inputs = [output]
            place = Place(features[i], caches[i], weights[i].column[0], {}, shared[i])
            output = layer.step(inputs, place)
            ended.append(layer.end_column(inputs, place))
        return output, [cache for cache, _ in ended], [kept for _, kept in ended]

    def generate(
        self,
        prompt: str | Sequence[str] = "",
        length: int | None = None,
        seed: int | None = None,
        labels: Any = None,
        **settings: Any,
    ) -> str | list[str]:
        """Goes on writing texts.

        Args:
            prompt: a text, or several, of characters in the vocabulary; they may be empty.
            length: characters to add; `None` is the model's `length`.
            seed: the same seed gives the same texts; a new one is drawn where `None`.
            labels: ints in `[0, num_classes)`, one or one a prompt; of a conditional model only.
            **settings: `temperature` (less than 1 is more cautious, 0 always takes the likeliest
                character) and `top_k` (draws from so many of the likeliest characters alone), one
                or one a prompt.

        Returns:
            The prompt and what follows; a list where several were given.

        Raises:
            ValueError: the model is not one of text, or an argument is out of range.

        Example:
            >>> model.generate("ROMEO:", length=200, temperature=0.8, seed=0)
        """
        if not isinstance(self.format, Text):
            raise ValueError(f"generate needs a model of text, this one is of {self.format.name}.")

        def complete(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
            return self.complete(x, mask, labels, seed, **settings)

        longest = self.data_input().longest
        vocabulary = self.format.vocabulary
        return texts.generate(complete, vocabulary, prompt, length, self.length, longest)


def in_rows(x: tf.Tensor, columns: int) -> tf.Tensor:
    """From `[n, time, ...]` to `[n, rows, columns, ...]`, filled up with zeros."""
    features, time = x.shape[2:], tf.shape(x)[1]
    # Without a remainder of what is negative, which ONNX takes otherwise.
    missing = (time + columns - 1) // columns * columns - time
    padded = tf.pad(x, [[0, 0], [0, missing], *([0, 0] for _ in features)])
    return tf.reshape(padded, [tf.shape(x)[0], -1, columns, *features])


def _likeliest(logits: tf.Tensor, at: tf.Tensor) -> tf.Tensor:
    """Each row of `[n, m]` with its k largest alone, for k - 1 as one-hot `[n, m]`.

    Of equals, the first are the larger: there are never more than k.
    """
    ordered = tf.math.top_k(logits, logits.shape[-1]).values
    least = tf.reduce_max(tf.where(at > 0.0, ordered, -math.inf), axis=-1, keepdims=True)
    above, equal = logits > least, tf.cast(logits == least, tf.int32)
    k = 1 + tf.argmax(at, axis=-1, output_type=tf.int32)[:, None]
    room = k - tf.reduce_sum(tf.cast(above, tf.int32), axis=-1, keepdims=True)
    kept = above | ((equal > 0) & (tf.cumsum(equal, axis=-1) <= room))
    return tf.where(kept, logits, -math.inf)
