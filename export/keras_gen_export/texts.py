"""Texts as code points, and their continuation, whoever completes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from keras_gen_export import checks


def code_points(strings: Sequence[str], vocabulary: str, length: int | None = None) -> np.ndarray:
    """Strings as code points, int32 `[n, time]`, filled up with the first character.

    Args:
        strings: to be written.
        vocabulary: the characters that they may have.
        length: of the rows; `None` is that of the longest string.

    Raises:
        ValueError: a character is not in the vocabulary.

    Example:
        >>> code_points(["ba", "a"], "ab").tolist()
        [[98, 97], [97, 97]]
    """
    unknown = sorted(set("".join(strings)) - set(vocabulary))
    if unknown:
        raise ValueError(
            f"text must be in the vocabulary, {vocabulary!r}, received {''.join(unknown)!r}."
        )
    length = max(map(len, strings)) if length is None else length
    filled = [string.ljust(length, vocabulary[0]) for string in strings]
    points = np.array([[ord(c) for c in string] for string in filled], np.int32)
    return points.reshape(len(strings), length)


def strings(code_points: np.ndarray) -> list[str]:
    """Code points `[n, time]` as strings."""
    return ["".join(map(chr, row)) for row in np.asarray(code_points)]


def generate(
    complete: Callable[[np.ndarray, np.ndarray], np.ndarray],
    vocabulary: str,
    prompt: str | Sequence[str],
    length: int | None,
    usual: int,
    longest: int | None,
) -> str | list[str]:
    """Goes on writing texts.

    Args:
        complete: from code points and a mask of those that are known to all code points.
        vocabulary: the characters that a text may have.
        prompt: a text, or several; they may be empty.
        length: characters to add; `None` is `usual`, or what is left of `longest`.
        usual: characters of a sample.
        longest: of any text; `None` is any length.

    Returns:
        The prompt and what follows; a list where several were given.

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> generate(complete, "ab", "a", length=4, usual=10, longest=None)
    """
    prompts = [prompt] if isinstance(prompt, str) else list(prompt)
    if not prompts:
        raise ValueError("prompt must be a text, or a list of at least one, received none.")
    given = max(map(len, prompts))
    if length is None:
        length = usual if longest is None else min(usual, longest - given)
    whole = given + checks.positive("length", length)
    x = code_points(prompts, vocabulary, whole)
    mask = np.arange(whole) < np.array([[len(text)] for text in prompts])
    texts = [
        text[: len(start) + length]
        for text, start in zip(strings(complete(x, mask)), prompts, strict=True)
    ]
    return texts[0] if isinstance(prompt, str) else texts
