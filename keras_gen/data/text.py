"""Texts: a file's characters in windows, or the texts that come with Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from keras_gen.files import reason

# The split that language models of one text are customarily scored on: its last tenth.
_TRAIN, _VALIDATION = 0.9, 0.95


def read_text(path: Path | None) -> str:
    """The text of a UTF-8 file; of `None`, Python's own help (`pydoc_data.topics`).

    Raises:
        ValueError: there is no such file, or it is not UTF-8.
    """
    if path is None:
        from pydoc_data.topics import topics

        return "\n".join(topics[name] for name in sorted(topics))
    if not path.is_file():
        raise ValueError(f"data must name a text file that exists, received {path}.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be UTF-8 text: {error.reason}.") from None
    except OSError as error:
        raise ValueError(f"{path} must be a file that can be read: {reason(error)}.") from None


def windows(text: str, length: int, name: str = "text") -> dict[str, np.ndarray]:
    """Cuts a text into windows of code points, by split: int32 `[n, length]`.

    The first nine tenths are for training, the rest is halved for validation and test; what does
    not fill a window is left out.

    Args:
        text: to cut.
        length: characters of a window.
        name: of where the text is from, for the message.

    Raises:
        ValueError: a split has less than one window.
    """
    points = np.array([ord(character) for character in text], np.int32)
    bounds = [0, round(_TRAIN * len(points)), round(_VALIDATION * len(points)), len(points)]
    splits = {}
    for i, split in enumerate(("train", "validation", "test")):
        part = points[bounds[i] : bounds[i + 1]]
        if not len(part):
            raise ValueError(f"{name} must hold more text: its {split} split has none.")
        count = len(part) // length
        if not count:
            raise ValueError(
                f"length must be at most {len(part)}, the characters of the {split} split, "
                f"received {length}."
            )
        splits[split] = part[: count * length].reshape(count, length)
    return splits
