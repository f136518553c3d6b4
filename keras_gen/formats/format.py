"""The contract of a format: what data is, how it is stored, checked, described and written."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_gen.record import Record
from keras_gen.signature import Input
from keras_gen_export import inputs as checking


class Format(Record, abc.ABC):
    """What a model's data is. A format knows no model, and nobody else asks for the kind of data.

    Attributes:
        name: what the data is called in signatures.
        dtype: of stored data, as NumPy says it.
        suffix: of a file of samples.
    """

    name: str
    dtype: str
    suffix: str

    @abc.abstractmethod
    def input(self) -> Input:
        """The description of a batch of stored data."""

    @abc.abstractmethod
    def write(self, examples: np.ndarray, path: Any, columns: int | None = None) -> Path:
        """Writes examples into a file to be looked at, heard or read.

        Args:
            examples: stored data `[n, ...]`.
            path: of the file.
            columns: examples a row, where a file has rows; `None` chooses.

        Returns:
            The path.

        Raises:
            ValueError: the file cannot be written, or cannot show such data.
        """

    def summary(self) -> Callable[[str, np.ndarray], Any] | None:
        """What shows examples in TensorBoard, by a name; `None` where it can show none of them."""
        return None

    def options(self, length: int | None = None) -> dict[str, Any]:
        """What the data says to a model's constructor, by the names that models share.

        Args:
            length: of the examples, where examples of this format may have any.
        """
        return {}

    def check(self, x: Any, name: str = "x") -> np.ndarray:
        """Gives a batch of data as it is stored.

        Raises:
            ValueError: it is of another kind or shape, or out of range.
        """
        return checking.check_batch(name, x, self.input().describe())

    def check_in_graph(self, x: tf.Tensor, name: str = "x") -> tf.Tensor:
        """Likewise of a tensor; its values are checked where and when the graph runs."""
        return self.input().check_in_graph(name, x)

    def store(self, values: tf.Tensor) -> tf.Tensor:
        """Drawn values as they are stored: what is fed back is what a sample will hold."""
        return tf.cast(values, self.dtype)

    def to_unit(self, x: tf.Tensor, dtype: Any = "float32") -> tf.Tensor:
        """Stored data as networks take it: in [-1, 1], where it has a range."""
        return tf.cast(x, dtype)

    def from_unit(self, y: tf.Tensor) -> tf.Tensor:
        """What networks give, as it is stored."""
        return self.store(y)

    def num_dimensions(self, x: tf.Tensor) -> tf.Tensor | int:
        """How many values an example of a batch has: what "per dimension" counts."""
        sizes = x.shape[1:]
        return math.prod(sizes) if None not in sizes else tf.size(x[0])

    def bits_per_dim(self, nats: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """Nats an example, as bits per dimension.

        Args:
            nats: of a batch's examples, or their mean.
            x: the batch, stored data.
        """
        return nats / (tf.cast(self.num_dimensions(x), tf.float32) * math.log(2.0))


class Tokenized(Format):
    """Data that is a sequence of tokens: integers `[n, time]` in `[0, num_tokens)`.

    The map between both is part of a model and of its graphs, so that a served sampler gives what
    people read, see or hear, and needs no table beside it.

    Attributes:
        num_tokens: how many different tokens there are.
        length: tokens of an example; `None` where examples are as long as they like.
        row: how many tokens belong together, as those of a picture's row do; `None` where none do.
    """

    num_tokens: int
    length: int | None = None
    row: int | None = None

    @abc.abstractmethod
    def to_tokens(self, x: tf.Tensor) -> tf.Tensor:
        """Stored data to tokens: int32 `[n, time]`."""

    @abc.abstractmethod
    def from_tokens(self, tokens: tf.Tensor) -> tf.Tensor:
        """Tokens to stored data."""
