"""Places that can be written, and what the operating system says of those that cannot."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EACCES)


class UnwritableError(ValueError):
    """A place that cannot be written, or no longer, such as a disk that is full."""

    def __init__(self, name: str, place: Any, why: str) -> None:
        super().__init__(f"{name} must be a place that can be written, received {place}: {why}.")
        self.why = why


@contextlib.contextmanager
def made(folder: Path, name: str) -> Iterator[None]:
    """A folder, made with those above it; what was made goes again if an error finds it empty.

    Args:
        folder: to make.
        name: of the argument that said which, for the message.

    Raises:
        UnwritableError: it cannot be made.
    """
    folder = folder.absolute()
    missing: list[Path] = []
    try:
        try:
            missing += [each for each in (folder, *folder.parents) if not each.exists()]
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UnwritableError(name, folder, reason(error)) from error
        yield
    except BaseException:
        for each in missing:
            with contextlib.suppress(OSError):  # somebody put something there
                each.rmdir()
        raise


def reason(error: BaseException) -> str:
    """Why a file could not be read or written, in a few words."""
    said = of_the_disk(error) or str(error).strip() or type(error).__name__
    return said.splitlines()[0].rstrip(".")


def of_the_disk(error: BaseException, within: Path | None = None) -> str | None:
    """What the operating system said of a file, if that is what an error is about, or came of.

    Args:
        error: what was raised.
        within: an absolute folder, where only that is asked for which keeps it from being
            written; `None` counts all.
    """
    said = _said(error)
    if said and (within is None or _keeps_from_writing(error, within)):
        return said
    # A file that cannot be written is often one that cannot be closed either, which hides why.
    before = error.__cause__ or error.__context__
    return of_the_disk(before, within) if before is not None else None


def _said(error: BaseException) -> str | None:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    # Libraries written in C++ pass on its words among theirs.
    return next((said for said in map(os.strerror, _OF_THE_DISK) if said in str(error)), None)


def _keeps_from_writing(error: BaseException, folder: Path) -> bool:
    if not isinstance(error, OSError) or not error.strerror:
        return str(folder) in str(error)  # whose words are those of a disk
    if error.errno not in _OF_THE_DISK:
        return False
    if isinstance(error.filename, str | bytes):
        return Path(os.fsdecode(error.filename)).absolute().is_relative_to(folder)
    return True  # to write into a file that is open names none
