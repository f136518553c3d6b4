"""A checkpoint at the end of each epoch, whole or not there at all."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import keras

_NAME = re.compile(r"checkpoint-(\d+)\.keras")


def latest_checkpoint(folder: Any) -> tuple[Path, int] | None:
    """Finds the newest checkpoint.

    Args:
        folder: that an `EpochCheckpoint` wrote into.

    Returns:
        Its path and the number of epochs that it has seen; `None` where there is none.
    """
    found = [
        (int(match[1]), path)
        for path in Path(folder).iterdir()
        if (match := _NAME.fullmatch(path.name))
    ]
    return max(found)[::-1] if found else None


class EpochCheckpoint(keras.callbacks.Callback):
    """Keeps the newest epoch's model, with its optimizer, as `checkpoint-<epochs>.keras`.

    It is written beside and renamed, and the one before is removed only then: however training
    ends, a whole checkpoint is there to go on from, and its name says where it stands.

    Args:
        folder: to write into; it must exist.

    Example:
        >>> model.fit(dataset, epochs=10, callbacks=[EpochCheckpoint("run")])
    """

    def __init__(self, folder: Any) -> None:
        super().__init__()
        self.folder = Path(folder)

    def on_train_begin(self, logs: dict | None = None) -> None:
        for unfinished in self.folder.glob(".*.part.keras"):  # of a run that was killed
            unfinished.unlink()
        if latest_checkpoint(self.folder) is None:
            self.save(0)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.save(epoch + 1)

    def save(self, epochs: int) -> None:
        """Writes the checkpoint of a number of finished epochs, and removes older ones."""
        target = self.folder / f"checkpoint-{epochs:06d}.keras"
        beside = self.folder / f".{epochs:06d}.part.keras"
        self.model.save(beside)
        os.replace(beside, target)
        for path in self.folder.glob("checkpoint-*.keras"):
            if path != target:
                path.unlink()
