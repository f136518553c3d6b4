"""A folder beside the one to be made, and what killed processes left of such folders."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from keras_gen_export.places import UnwritableError, of_the_disk, reason

try:
    import fcntl
except ImportError:  # Windows has no such locks: there, what is left behind stays
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def staging_folder(target: Path, name: str = "filepath") -> Iterator[Path]:
    """A new folder beside a target, to be filled and then renamed; removed where it is not.

    While the process lives, it holds a lock on the folder. So the next export to the same target
    can tell what a killed one left behind, and removes it.

    Args:
        target: the folder to be made; its parent is there.
        name: of the argument that said which, for the message.

    Raises:
        UnwritableError: the folder cannot be made, or not be written into.
    """
    try:
        remove_leftovers(target)
        folder, lock = _new_locked_folder(target)
    except OSError as error:
        raise UnwritableError(name, target, reason(error)) from error
    try:
        yield folder
    except Exception as error:
        if why := of_the_disk(error, folder):
            raise UnwritableError(name, target, why) from error
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def remove_leftovers(target: Path) -> None:
    """Removes the folders that exports to a target left behind when they were killed."""
    made_here = re.compile(rf"\.{re.escape(target.name)}-[a-z0-9_]{{8}}\.part")
    for folder in target.parent.iterdir():
        if made_here.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
            with contextlib.suppress(OSError):  # a living process holds it, or has just removed it
                lock = _lock(folder)
                if lock is not None:
                    shutil.rmtree(folder, ignore_errors=True)
                    os.close(lock)


def _new_locked_folder(target: Path) -> tuple[Path, int | None]:
    while True:
        folder = Path(tempfile.mkdtemp(".part", f".{target.name}-", target.parent.absolute()))
        try:
            lock = _lock(folder)
        except (BlockingIOError, FileNotFoundError):
            continue  # another process took it for a leftover before it was locked
        if folder.exists():
            return folder, lock
        if lock is not None:
            os.close(lock)


def _lock(folder: Path) -> int | None:
    """Locks a folder for as long as the file is open that it gives; `None` where none can be.

    Raises:
        BlockingIOError: another process holds the lock.
        FileNotFoundError: the folder is gone.
    """
    if fcntl is None:
        return None
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise
    except OSError:  # a file system without locks
        os.close(lock)
        return None
    return lock
