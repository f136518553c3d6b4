"""The terms of each epoch in a file, whole at each moment."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import keras

from keras_gen.files import write_beside


class HistoryFile(keras.callbacks.Callback):
    """Writes a CSV file with a row an epoch: its number, counted from 0, and its terms.

    The file is written anew each time, beside its place, so that it never ends in half a row.

    Args:
        path: of the file.
        epochs: of a file that is there, rows of the first so many epochs are kept; later ones come
            again.

    Example:
        >>> model.fit(dataset, epochs=10, callbacks=[HistoryFile("run/history.csv")])
    """

    def __init__(self, path: Any, epochs: int = 0) -> None:
        super().__init__()
        self.path = Path(path)
        self.rows = _rows(self.path, epochs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        terms = {name: (logs or {})[name] for name in sorted(logs or {})}
        self.rows.append({"epoch": str(epoch)} | {name: str(terms[name]) for name in terms})
        text = io.StringIO()
        names = dict.fromkeys(name for row in self.rows for name in row)
        writer = csv.DictWriter(text, [*names], lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        content = text.getvalue()
        write_beside(self.path, lambda beside: beside.write_text(content, "utf-8"), name="path")


def _rows(path: Path, epochs: int) -> list[dict[str, str]]:
    """The whole rows of the first epochs: others will come again."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = [row for row in csv.DictReader(file) if None not in row and None not in row.values()]
    numbers = [row.get("epoch", "") for row in rows]
    return [
        row
        for row, number in zip(rows, numbers, strict=True)
        if number.isdecimal() and int(number) < epochs
    ]
