"""Tokens: integers that stand for nothing but themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen import checks
from keras_gen.files import write_beside
from keras_gen.formats.format import Tokenized
from keras_gen.random import MOST_CHOICES
from keras_gen.signature import Input


@keras.saving.register_keras_serializable("keras_gen")
class Tokens(Tokenized):
    """Tokens as they are: int32 `[n, time]` in `[0, num_tokens)`.

    Args:
        num_tokens: how many different ones there are, 2 to 262,144.

    Raises:
        ValueError: `num_tokens` is out of range.

    Example:
        >>> Transformer(Tokens(512), length=64)
    """

    name = "tokens"
    dtype = "int32"
    suffix = ".txt"

    def __init__(self, num_tokens: int) -> None:
        self.num_tokens = checks.in_range("num_tokens", num_tokens, 2, MOST_CHOICES)

    def input(self) -> Input:
        return Input((None, None), "int32", 0, self.num_tokens - 1)

    def to_tokens(self, x: tf.Tensor) -> tf.Tensor:
        return tf.cast(x, tf.int32)

    def from_tokens(self, tokens: tf.Tensor) -> tf.Tensor:
        return tokens

    def write(self, examples: np.ndarray, path: Any, columns: int | None = None) -> Path:
        return write_beside(path, lambda beside: np.savetxt(beside, examples, fmt="%d"))
