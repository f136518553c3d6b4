"""What a sequence model's tokens stand for: pixels, characters, sound. Stored data in, and out.

A tokenizer is part of the model and of its graphs, so a served sampler gives what people read, see
or hear, and needs no table beside it.
"""

from __future__ import annotations

import abc
import inspect
import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen import checks
from keras_gen.signature import Input


class Tokenizer(abc.ABC):
    """A map between stored data and tokens `[n, time]` in `[0, num_tokens)`.

    Attributes:
        num_tokens: how many different tokens there are.
        data_name: what the data is called in signatures.
        length: tokens of an example; `None` where examples are as long as they like.
    """

    num_tokens: int
    data_name: str
    length: int | None = None

    @abc.abstractmethod
    def data_input(self) -> Input:
        """The description of a batch of stored data."""

    @abc.abstractmethod
    def check(self, x: Any, name: str = "x") -> np.ndarray:
        """Gives stored data as an array, or says what is wrong with it."""

    @abc.abstractmethod
    def check_in_graph(self, x: tf.Tensor) -> tf.Tensor:
        """Likewise of a tensor; its values are checked where and when the graph runs."""

    @abc.abstractmethod
    def encode(self, x: tf.Tensor) -> tf.Tensor:
        """Stored data to tokens: int32 `[n, time]`."""

    @abc.abstractmethod
    def decode(self, tokens: tf.Tensor) -> tf.Tensor:
        """Tokens to stored data."""

    def get_config(self) -> dict:
        """The constructor's arguments: each is kept as an attribute of the same name."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    @classmethod
    def from_config(cls, config: dict) -> Tokenizer:
        """Builds the tokenizer from what `get_config` gave."""
        return cls(**config)


def _refuse_floats(x: tf.Tensor, what: str) -> None:
    if x.dtype.is_floating:
        raise ValueError(f"x must be integers, {what}, received dtype {x.dtype.name}.")


@keras.saving.register_keras_serializable("keras_gen")
class Tokens(Tokenizer):
    """Tokens as they are: int32 `[n, time]` in `[0, num_tokens)`.

    Args:
        num_tokens: how many different ones there are.

    Example:
        >>> Transformer(Tokens(512), length=64)
    """

    data_name = "tokens"

    def __init__(self, num_tokens: int):
        self.num_tokens = checks.in_range("num_tokens", num_tokens, 2, 2**24)

    def data_input(self):
        return Input((None, None), "int32", 0, self.num_tokens - 1)

    def check(self, x, name="x"):
        x = checks.integers(name, x, 0, self.num_tokens - 1)
        return checks.shaped(name, x, (None, None)).astype(np.int32, copy=False)

    def check_in_graph(self, x):
        checks.shaped("x", x, (None, None))
        _refuse_floats(x, f"tokens in [0, {self.num_tokens})")
        return checks.in_graph("x", tf.cast(x, tf.int32), self.num_tokens)

    def encode(self, x):
        return tf.cast(x, tf.int32)

    def decode(self, tokens):
        return tokens


@keras.saving.register_keras_serializable("keras_gen")
class Pixels(Tokenizer):
    """Images in raster order, a token for each channel: uint8 `[n, height, width, channels]`.

    Args:
        image_shape: (height, width, channels).
        levels: how many values a channel takes, 2 to 256.

    Example:
        >>> Transformer(Pixels((28, 28, 1), levels=2))
    """

    data_name = "images"

    def __init__(self, image_shape: Sequence[int], levels: int = 256):
        self.image_shape = checks.image_shape(image_shape)
        self.levels = self.num_tokens = checks.in_range("levels", levels, 2, 256)
        self.length = math.prod(self.image_shape)

    def data_input(self):
        return Input((None, *self.image_shape), "uint8", 0, self.levels - 1)

    def check(self, x, name="x"):
        x = checks.integers(name, x, 0, self.levels - 1)
        return checks.shaped(name, x, (None, *self.image_shape)).astype(np.uint8, copy=False)

    def check_in_graph(self, x):
        checks.shaped("x", x, (None, *self.image_shape))
        _refuse_floats(x, f"pixels in [0, {self.levels})")
        return checks.in_graph("x", tf.cast(x, tf.int32), self.levels)

    def encode(self, x):
        return tf.reshape(tf.cast(x, tf.int32), [-1, self.length])

    def decode(self, tokens):
        return tf.reshape(tf.cast(tokens, tf.uint8), [-1, *self.image_shape])


@keras.saving.register_keras_serializable("keras_gen")
class Characters(Tokenizer):
    """Text as Unicode code points, of which the vocabulary has some: int32 `[n, time]`.

    Args:
        vocabulary: the characters, in any order; each counts once.

    Raises:
        ValueError: there are fewer than two of them.

    Example:
        >>> characters = Characters("abc ")
        >>> characters.code_points(["a cab"])
        array([[ 97,  32,  99,  97,  98]], dtype=int32)
        >>> characters.texts(characters.code_points(["a cab"]))
        ['a cab']
    """

    data_name = "text"

    def __init__(self, vocabulary: str):
        if not isinstance(vocabulary, str) or len(set(vocabulary)) < 2:
            raise ValueError(
                f"vocabulary must be a str of at least two characters, received {vocabulary!r}."
            )
        self.vocabulary = "".join(sorted(set(vocabulary)))
        self.num_tokens = len(self.vocabulary)
        self._points = np.array([ord(character) for character in self.vocabulary], np.int32)
        self._tokens = np.full(self._points[-1] + 1, -1, np.int32)
        self._tokens[self._points] = np.arange(self.num_tokens)

    def data_input(self):
        low, high = int(self._points[0]), int(self._points[-1])
        return Input((None, None), "int32", low, high, values=tuple(self._points.tolist()))

    def check(self, x, name="x"):
        x = np.asarray(x)
        if x.dtype.kind not in "iu":
            raise ValueError(f"{name} must be integers, code points, received dtype {x.dtype}.")
        checks.shaped(name, x, (None, None))
        unknown = np.setdiff1d(x, self._points)
        if unknown.size:
            received = "".join(chr(point) if 0 <= point < 0x110000 else "?" for point in unknown)
            raise ValueError(
                f"{name} must be in the vocabulary, {self.vocabulary!r}, received {received!r}."
            )
        return x.astype(np.int32, copy=False)

    def check_in_graph(self, x):
        checks.shaped("x", x, (None, None))
        _refuse_floats(x, "code points")
        x = tf.cast(x, tf.int32)
        known = tf.reduce_all(tf.gather(self._points, self.encode(x)) == x)
        message = f"x must be in the vocabulary, {self.vocabulary!r}, received code points"
        low_to_high = [tf.reduce_min(x), "to", tf.reduce_max(x)]
        with tf.control_dependencies([tf.debugging.Assert(known, [message, *low_to_high])]):
            return tf.identity(x)

    def encode(self, x):
        known = tf.gather(self._tokens, tf.clip_by_value(x, 0, len(self._tokens) - 1))
        return tf.maximum(known, 0)

    def decode(self, tokens):
        return tf.gather(self._points, tokens)

    def code_points(self, texts: Sequence[str], length: int | None = None) -> np.ndarray:
        """Texts as code points, int32 `[n, time]`, filled up with the first character.

        Args:
            texts: to be written.
            length: of the rows; `None` is that of the longest text.

        Raises:
            ValueError: a character is not in the vocabulary.
        """
        length = max(map(len, texts)) if length is None else length
        filled = [text.ljust(length, self.vocabulary[0]) for text in texts]
        points = np.array([[ord(c) for c in text] for text in filled], np.int32)
        return self.check(points.reshape(len(texts), length), "text")

    def texts(self, code_points: np.ndarray) -> list[str]:
        """Code points `[n, time]` as texts."""
        return ["".join(map(chr, row)) for row in np.asarray(code_points)]


@keras.saving.register_keras_serializable("keras_gen")
class MuLaw(Tokenizer):
    """Sound, companded and cut into levels (ITU-T G.711): float32 `[n, time]` in [-1, 1].

    Args:
        levels: how many, 2 to 256.

    Example:
        >>> MuLaw(256).num_tokens
        256
    """

    data_name = "audio"

    def __init__(self, levels: int = 256):
        self.levels = self.num_tokens = checks.in_range("levels", levels, 2, 256)
        mu = levels - 1
        y = np.arange(levels) / mu * 2 - 1
        self._values = (np.sign(y) * np.expm1(np.abs(y) * np.log1p(mu)) / mu).astype(np.float32)

    def data_input(self):
        return Input((None, None), "float32", -1.0, 1.0)

    def check(self, x, name="x"):
        x = np.asarray(x)
        if x.dtype.kind != "f":
            raise ValueError(f"{name} must be floats in [-1, 1], received dtype {x.dtype}.")
        checks.shaped(name, x, (None, None))
        if x.size and not np.abs(x).max() <= 1.0:
            raise ValueError(
                f"{name} must be in [-1, 1], received values from {x.min()} to {x.max()}."
            )
        return x.astype(np.float32, copy=False)

    def check_in_graph(self, x):
        checks.shaped("x", x, (None, None))
        if not x.dtype.is_floating:
            raise ValueError(f"x must be floats in [-1, 1], received dtype {x.dtype.name}.")
        x = tf.cast(x, tf.float32)
        fits = tf.reduce_all(tf.abs(x) <= 1.0)
        received = ["x must be in [-1, 1], received values from", tf.reduce_min(x)]
        received += ["to", tf.reduce_max(x)]
        with tf.control_dependencies([tf.debugging.Assert(fits, received)]):
            return tf.identity(x)

    def encode(self, x):
        mu = self.levels - 1
        y = tf.sign(x) * tf.math.log(1.0 + mu * tf.abs(x)) / math.log(1.0 + mu)
        token = tf.cast(tf.floor((y + 1.0) / 2.0 * mu + 0.5), tf.int32)
        return tf.clip_by_value(token, 0, mu)

    def decode(self, tokens):
        return tf.gather(self._values, tokens)
