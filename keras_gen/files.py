"""Files that are whole or as they were, and folders that one process at a time writes into."""

from __future__ import annotations

import contextlib
import glob
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import filelock
import psutil

from keras_gen_export.places import UnwritableError, made, of_the_disk, reason

LOCK = ".lock"


def write_beside(path: Any, write: Callable[[Path], Any], name: str = "output") -> Path:
    """Writes a file beside its place and renames it, so that it is whole or as it was.

    What a killed process left beside the same file is removed.

    Args:
        path: of the file; its folder is made where missing.
        write: writes to the path that it is given, which has the same suffix.
        name: of the argument that said where, for the message.

    Returns:
        The path.

    Raises:
        UnwritableError: the place cannot be written.

    Example:
        >>> write_beside("a.txt", lambda beside: beside.write_text("whole"))
    """
    path = Path(path)
    # To rename onto a device would replace it.
    if not path.name or (os.path.exists(path) and not os.path.isfile(path)):
        raise ValueError(f"{name} must be an ordinary file, received {path}, which is none.")
    path = Path(os.path.realpath(path))  # a link goes on to lead there
    beside = _beside(path, os.getpid())
    with made(path.parent, name):
        try:
            _remove_what_the_dead_left(path)
            write(beside)
            _to_disk(beside)
            beside.replace(path)
        except BaseException as error:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
            if why := of_the_disk(error):
                raise UnwritableError(name, path, why) from error
            raise
    return path


@contextlib.contextmanager
def alone_in(folder: Path, name: str = "run") -> Iterator[None]:
    """Keeps other processes that ask for the same from a folder; ends with the process, however.

    Args:
        folder: that exists.
        name: of the argument that said which, for the message.

    Raises:
        ValueError: another process is in it, or it cannot be written.
    """
    lock = filelock.FileLock(folder / LOCK)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        raise ValueError(
            f"{name} must be a folder that no other process trains in, received {folder}: wait "
            "until that one ends."
        ) from None
    except (OSError, NotImplementedError) as error:
        raise UnwritableError(name, folder, reason(error)) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            (folder / LOCK).unlink(missing_ok=True)  # before others may take it
        lock.release()


def is_unfinished(path: Path) -> bool:
    """Whether a file in a folder that nobody else writes into was left half-written."""
    return path.name.startswith(".") and path.stem.endswith(".part")


def _beside(path: Path, process: int | str) -> Path:
    return path.with_name(f".{path.stem}.{process}.part{path.suffix}")


def _remove_what_the_dead_left(path: Path) -> None:
    for left in path.parent.glob(_beside(Path(glob.escape(path.name)), "*").name):
        process = left.name.removesuffix(f".part{path.suffix}").rpartition(".")[2]
        if process.isdigit() and not psutil.pid_exists(int(process)):
            left.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    """So that a crash of the machine after the rename does not leave an empty file."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
