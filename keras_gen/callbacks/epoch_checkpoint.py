"""A checkpoint at the end of each epoch, whole or not there at all."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import keras

from keras_gen.callbacks.divergence import check_finite
from keras_gen.files import is_unfinished, write_beside

_NAME = re.compile(r"checkpoint-(\d+)\.keras")
# A file that a disk damaged afterwards costs an epoch, not the run.
_KEPT = 2


def checkpoints(folder: Any) -> list[tuple[Path, int]]:
    """Finds all checkpoints.

    Args:
        folder: that an `EpochCheckpoint` wrote into.

    Returns:
        Their paths and the numbers of epochs that they have seen, the newest first.
    """
    found = [
        (int(match[1]), path)
        for path in Path(folder).iterdir()
        if (match := _NAME.fullmatch(path.name))
    ]
    return [(path, epochs) for epochs, path in sorted(found, reverse=True)]


def latest_checkpoint(folder: Any) -> tuple[Path, int] | None:
    """Finds the newest checkpoint.

    Args:
        folder: that an `EpochCheckpoint` wrote into.

    Returns:
        Its path and the number of epochs that it has seen; `None` where there is none.
    """
    return next(iter(checkpoints(folder)), None)


class EpochCheckpoint(keras.callbacks.Callback):
    """Keeps the last two epochs' models, with their optimizers, as `checkpoint-<epochs>.keras`.

    Each is written beside and renamed, and older ones are removed only then: however training
    ends, a whole checkpoint is there to go on from, and its name says where it stands. Weights that
    are not finite are never written: they end `fit` with a `DivergenceError`.

    Args:
        folder: to write into; it must exist.

    Example:
        >>> model.fit(dataset, epochs=10, callbacks=[EpochCheckpoint("run")])
    """

    def __init__(self, folder: Any) -> None:
        super().__init__()
        self.folder = Path(folder)

    def on_train_begin(self, logs: dict | None = None) -> None:
        for path in self.folder.iterdir():  # of a run that was killed
            if is_unfinished(path):
                path.unlink(missing_ok=True)
        if latest_checkpoint(self.folder) is None:
            self.save(0)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.save(epoch + 1)

    def save(self, epochs: int) -> None:
        """Writes the checkpoint of a number of finished epochs, and removes older ones."""
        check_finite(self.model, f"the model after epoch {epochs}")
        target = self.folder / f"checkpoint-{epochs:06d}.keras"
        write_beside(target, self.model.save, name="folder")
        # Newer ones are there where training went on from an older one, since they are damaged.
        kept = [target, *(path for path, seen in checkpoints(self.folder) if seen < epochs)][:_KEPT]
        for path, _ in checkpoints(self.folder):
            if path not in kept:
                path.unlink(missing_ok=True)
