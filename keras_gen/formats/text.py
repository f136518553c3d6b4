"""Text: Unicode code points out of a vocabulary."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen.files import write_beside
from keras_gen.formats.format import Tokenized
from keras_gen.signature import Input
from keras_gen_export import texts

# Code points that UTF-16 makes pairs of: alone they are no characters, and UTF-8 has none of them.
_HALVES = frozenset(map(chr, range(0xD800, 0xE000)))


@keras.saving.register_keras_serializable("keras_gen")
class Text(Tokenized):
    """Text as Unicode code points, of which the vocabulary has some: int32 `[n, time]`.

    Args:
        vocabulary: the characters, in any order; each counts once.

    Raises:
        ValueError: there are fewer than two of them, or some are halves of characters (surrogates).

    Example:
        >>> text = Text("abc ")
        >>> text.code_points(["a cab"])
        array([[ 97,  32,  99,  97,  98]], dtype=int32)
        >>> text.strings(text.code_points(["a cab"]))
        ['a cab']
    """

    name = "text"
    dtype = "int32"
    suffix = ".txt"

    def __init__(self, vocabulary: str) -> None:
        if not isinstance(vocabulary, str) or len(set(vocabulary)) < 2:
            raise ValueError(
                f"vocabulary must be a str of at least two characters, received {vocabulary!r}."
            )
        halves = sorted(set(vocabulary) & _HALVES)
        if halves:
            raise ValueError(
                "vocabulary must be whole characters, which a file of text can hold, received "
                f"{''.join(halves)!r}."
            )
        self.vocabulary = "".join(sorted(set(vocabulary)))
        self.num_tokens = len(self.vocabulary)
        self._points = np.array([ord(character) for character in self.vocabulary], np.int32)
        self._tokens = np.zeros(self._points[-1] + 1, np.int32)
        self._tokens[self._points] = np.arange(self.num_tokens)

    def input(self) -> Input:
        low, high = int(self._points[0]), int(self._points[-1])
        return Input(
            (None, None),
            "int32",
            low,
            high,
            values=tuple(self._points.tolist()),
            hint="give code points, which model.format.code_points(texts) makes of strings",
        )

    def options(self, length: int | None = None) -> dict[str, Any]:
        return {"vocabulary": self.vocabulary, "length": length}

    def to_tokens(self, x: tf.Tensor) -> tf.Tensor:
        return tf.gather(self._tokens, tf.clip_by_value(x, 0, len(self._tokens) - 1))

    def from_tokens(self, tokens: tf.Tensor) -> tf.Tensor:
        return tf.gather(self._points, tokens)

    def summary(self) -> Callable[[str, np.ndarray], Any] | None:
        # Indented, Markdown shows text as it is.
        def indented(text: str) -> str:
            return textwrap.indent(text, " " * 4, lambda _: True)

        return lambda name, examples: tf.summary.text(
            name, [indented(text) for text in self.strings(examples)]
        )

    def write(self, examples: np.ndarray, path: Any, columns: int | None = None) -> Path:
        text = "\n\n".join(self.strings(examples)) + "\n"
        return write_beside(path, lambda beside: beside.write_text(text, encoding="utf-8"))

    def code_points(self, strings: Sequence[str], length: int | None = None) -> np.ndarray:
        """Strings as code points, int32 `[n, time]`, filled up with the first character.

        Args:
            strings: to be written.
            length: of the rows; `None` is that of the longest string.

        Raises:
            ValueError: a character is not in the vocabulary.
        """
        return texts.code_points(strings, self.vocabulary, length)

    def strings(self, code_points: np.ndarray) -> list[str]:
        """Code points `[n, time]` as strings."""
        return texts.strings(code_points)
