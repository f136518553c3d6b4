"""What autoregressive models of sequences share: tokens, and the loop that draws them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_gen import checks
from keras_gen.autoregressive.ancestral_sampling import Given, Row, Step, ancestral_sampling
from keras_gen.autoregressive.autoregressive_model import AutoregressiveModel
from keras_gen.autoregressive.tokenizers import Characters, Tokenizer
from keras_gen.likelihoods.categorical import choose, log_prob_of_choice
from keras_gen.random import Noise
from keras_gen.signature import Input, Signature

# As good as minus infinity for a logit, and no NaN when it meets one.
_NEVER = -1e30


class SequenceModel(AutoregressiveModel):
    """A model of p(token t | the tokens before it).

    A subclass supplies `call`, the logits of all tokens at once, and for sampling `start`,
    `begin_block`, `step` and `end_block`. Tokens are drawn in blocks, so that what can be made for
    many at once is made outside the inner loop.

    Args:
        tokenizer: what tokens stand for.
        length: tokens of a sample; `None` where the tokenizer says it.
        **kwargs: of `GenerativeModel`.

    Attributes:
        block: tokens of a block.
    """

    block: int = 32

    def __init__(self, tokenizer: Tokenizer, *, length: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(tokenizer, Tokenizer):
            raise ValueError(f"tokenizer must be a Tokenizer, received {tokenizer!r}.")
        if tokenizer.length is not None and length not in (None, tokenizer.length):
            raise ValueError(
                f"length must be {tokenizer.length}, as the tokenizer has it, received {length}."
            )
        if tokenizer.length is None and length is None:
            raise ValueError("length must be given: how many tokens a sample has.")
        self.tokenizer = tokenizer
        self.length = checks.positive("length", tokenizer.length or length)
        self.data_name = tokenizer.data_name

    def data_input(self):
        return self.tokenizer.data_input()

    def check_data(self, x, name="x"):
        return self.tokenizer.check(x, name)

    def unpack(self, data):
        x, labels = super().unpack(data)
        return self.tokenizer.check_in_graph(x), labels

    # ---- objective -------------------------------------------------------------------------------

    def call(self, x: tf.Tensor, labels: tf.Tensor | None = None, training: bool = False):
        """The logits of every token, given those before it.

        Args:
            x: stored data.
            labels: int32 `[n]`, of a conditional model.
            training: whether dropout drops.

        Returns:
            float32 `[n, time, num_tokens]`.
        """
        raise NotImplementedError(f"{type(self).__name__} must supply call().")

    def shifted(self, tokens: tf.Tensor) -> tf.Tensor:
        """What a network sees at each place: the token before; first, `num_tokens`, a beginning."""
        return tf.pad(tokens[:, :-1], [[0, 0], [1, 0]], constant_values=self.tokenizer.num_tokens)

    def log_conditionals(self, x, labels, training=False):
        log_probs = log_prob_of_choice(self(x, labels, training=training), self.tokenizer.encode(x))
        return tf.reshape(log_probs, tf.shape(x))

    # ---- sampling --------------------------------------------------------------------------------

    def start(self, num: tf.Tensor, labels: tf.Tensor | None) -> tuple[Any, Any]:
        """What sampling begins with: the weights as steps take them, and the first cache."""
        raise NotImplementedError(f"{type(self).__name__} must supply start().")

    def begin_block(self, block: tf.Tensor, cache: Any, weights: Any) -> tuple[Any, Any, Any]:
        """What is made for a block at once.

        Returns:
            Features of its places, a nest of `[num, block, k]`; the cache of its steps; and what
            all of them share.
        """
        return (), cache, None

    def step(self, token, features, cache, weights: Any, shared: Any) -> tuple:
        """One place.

        Args:
            token: the one before, int32 `[num]`.
            features: of the place, from `begin_block`.
            cache: from `begin_block` or the last call.
            weights: from `start`.
            shared: from `begin_block`.

        Returns:
            Logits `[num, num_tokens]`, the next cache, and what the next blocks need: a nest of
            `[num, k]`, for k as `kept_sizes` has it.
        """
        raise NotImplementedError(f"{type(self).__name__} must supply step().")

    def end_block(self, block: tf.Tensor, cache: Any, column_cache: Any, kept: Any) -> Any:
        """The cache after a block, from that before it and what was kept `[num, block, k]`."""
        return column_cache

    kept_sizes: Any = ()

    def block_noise(self, noise: Noise, block: Any) -> tf.Tensor:
        """The noise that a block's draws take: float32 `[n, block, num_tokens]`."""
        return noise.gumbel((self.block, self.tokenizer.num_tokens), step=block)

    def draw(self, noise, labels, temperature, given=None, top_k: tf.Tensor | None = None):
        num, block = tf.shape(noise.seeds)[0], self.block
        length: Any = self.length
        if given is not None:
            values = self.tokenizer.encode(given.values)
            mask = tf.reshape(given.mask, tf.shape(values))
            length = values.shape[1] or tf.shape(values)[1]
            given = Given(*(in_blocks(part, block) for part in (values, mask)))
        num_blocks = (length + block - 1) // block

        def begin_row(row, cache, _):
            token, cache = cache
            features, column_cache, shared = self.begin_block(row, cache, weights)
            gumbel = self.block_noise(noise, row)
            return Row(features, gumbel, (token, column_cache), (row, cache), shared)

        def step(column, cache):
            token, cache = cache
            logits, cache, kept = self.step(token, column.features, cache, weights, column.shared)
            if top_k is not None:
                logits = tf.where(logits < _kth_largest(logits, top_k), _NEVER, logits)
            token = column.keep(choose(logits, column.noise, temperature))
            return Step(token, (token, cache), kept)

        def end_row(begun, column_cache, _, kept):
            token, column_cache = column_cache
            return token, self.end_block(*begun.row_cache, column_cache, kept)

        weights, cache = self.start(num, labels)
        beginning = tf.fill([num], self.tokenizer.num_tokens)
        tokens = ancestral_sampling(
            num_blocks,
            block,
            tf.TensorSpec([None], tf.int32),
            (beginning, cache),
            begin_row,
            step,
            end_row,
            given,
            self.kept_sizes,
        )
        tokens = tf.reshape(tokens, [num_blocks * block, -1])[:length]
        return self.tokenizer.decode(tf.transpose(tokens))

    def complete(
        self,
        x: Any,
        mask: Any,
        labels: Any = None,
        seed: int | None = None,
        temperature: Any = 1.0,
        top_k: int | None = None,
        **conditions: Any,
    ) -> np.ndarray:
        """Draws the missing values of examples, each given those before it.

        Args:
            x: stored data; ignored where `mask` is false, but of the allowed values.
            mask: bool, of the shape of `x`, true where a value is known; or one example's mask,
                for all.
            labels: ints in `[0, num_classes)`, one or `[n]`; of a conditional model only.
            seed: the same seed gives the same completions; a new one is drawn where `None`.
            temperature: at least 0, one or `[n]`.
            top_k: draws from so many of the likeliest tokens alone; `None` from all.
            **conditions: what a model takes beside labels, such as `local` of a WaveNet.

        Returns:
            Stored data of the shape of `x`, and equal to it where `mask` is true (sound, but for
            its companding).

        Raises:
            ValueError: an argument is of another shape or kind, or out of range.

        Example:
            >>> model.complete(images, upper_half, seed=0)
        """
        x = self.check_data(x)
        most = self.tokenizer.num_tokens
        top_k = most if top_k is None else checks.in_range("top_k", top_k, 1, most)
        top_k = np.full(len(x), top_k, np.int32)
        conditions = self.check_conditions(len(x), labels, x, **conditions)
        return self._complete(x, mask, conditions, seed, temperature, top_k)

    def generate(
        self,
        prompt: str | Sequence[str] = "",
        length: int | None = None,
        seed: int | None = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        labels: Any = None,
    ) -> str | list[str]:
        """Goes on writing texts.

        Args:
            prompt: a text, or several, of characters in the vocabulary; they may be empty.
            length: characters to add; `None` is the model's `length`.
            seed: the same seed gives the same texts; a new one is drawn where `None`.
            temperature: at least 0; less is more cautious, 0 always takes the likeliest character.
            top_k: draws from so many of the likeliest characters alone; `None` from all.
            labels: ints in `[0, num_classes)`, one or one a prompt; of a conditional model only.

        Returns:
            The prompt and what follows; a list where several were given.

        Raises:
            ValueError: the model is not one of text, or an argument is out of range.

        Example:
            >>> model.generate("ROMEO:", length=200, temperature=0.8, seed=0)
        """
        if not isinstance(self.tokenizer, Characters):
            raise ValueError(
                f"generate needs a model of text, this one is of {self.tokenizer.data_name}."
            )
        length = self.length if length is None else checks.positive("length", length)
        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        whole = max(map(len, prompts)) + length
        x = self.tokenizer.code_points(prompts, whole)
        mask = np.arange(whole) < np.array([[len(text)] for text in prompts])
        drawn = self.complete(x, mask, labels, seed, temperature, top_k)
        texts = [
            text[: len(start) + length]
            for text, start in zip(self.tokenizer.texts(drawn), prompts, strict=True)
        ]
        return texts[0] if isinstance(prompt, str) else texts

    # ---- signatures ------------------------------------------------------------------------------

    def signatures(self):
        def complete(mask, seeds, temperature, top_k, **inputs):
            given = Given(inputs.pop(self.data_name), mask)
            condition = self.condition(**inputs)
            return {"samples": self.draw(Noise(seeds), condition, temperature, given, top_k)}

        signatures = super().signatures()
        inputs = signatures["complete"].inputs | {
            "top_k": Input((None,), "int32", 1, self.tokenizer.num_tokens)
        }
        signatures["complete"] = Signature(complete, inputs, signatures["complete"].outputs)
        return signatures


def in_blocks(x: tf.Tensor, block: int) -> tf.Tensor:
    """From `[n, time, ...]` to `[n, blocks, block, ...]`, filled up with zeros."""
    features, time = x.shape[2:], tf.shape(x)[1]
    # Without a remainder of what is negative, which ONNX takes otherwise.
    missing = (time + block - 1) // block * block - time
    padded = tf.pad(x, [[0, 0], [0, missing], *([0, 0] for _ in features)])
    return tf.reshape(padded, [tf.shape(x)[0], -1, block, *features])


def _kth_largest(logits: tf.Tensor, k: tf.Tensor) -> tf.Tensor:
    """Each row's k-th largest of `[n, m]`, for k `[n]`: `[n, 1]`."""
    ordered = tf.sort(logits, axis=-1, direction="DESCENDING")
    return tf.reduce_sum(ordered * tf.one_hot(k - 1, logits.shape[-1]), axis=-1, keepdims=True)
