"""SHA256SUMS: what an artefact's files must be, the manifest included, as `sha256sum -c` reads it.

It tells damage, not malice: whoever changes a file can change its checksum.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

FILE_NAME = "SHA256SUMS"

# Where TensorFlow Serving looks for what users add to a SavedModel, such as requests to warm up.
_EXTRAS = "assets.extra"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def write(folder: Path) -> None:
    """Writes the checksums of all files of an artefact."""
    lines = [f"{_checksum(folder / name)}  {name}\n" for name in sorted(_files(folder))]
    (folder / FILE_NAME).write_bytes("".join(lines).encode())


def check(folder: Path) -> dict[str, str]:
    """Compares all files of an artefact with their checksums.

    Hidden files, and those in `assets.extra`, may be there without one.

    Args:
        folder: the artefact.

    Returns:
        The checksums, by the files' names.

    Raises:
        ValueError: a file is missing, was changed, or was never listed.
    """
    try:
        listed = _read(folder)
        for name, checksum in listed.items():
            if not (folder / name).is_file():
                raise ValueError(
                    f"{folder} is damaged: {name} is missing, which {FILE_NAME} lists."
                )
            if _checksum(folder / name) != checksum:
                raise ValueError(
                    f"{folder} is damaged: {name} differs from its checksum in {FILE_NAME}."
                )
        for name in _files(folder):
            if name not in listed:
                raise ValueError(f"{folder} is damaged: {FILE_NAME} does not list {name}.")
    except OSError as error:
        raise ValueError(f"{folder} cannot be read: {error}.") from error
    return listed


def seal(folder: Path) -> Callable[[], None]:
    """A check that an artefact's files still are those that they are now.

    Args:
        folder: the artefact.

    Returns:
        A function that raises a ValueError where a file is missing, was changed, or was replaced by
        that of another artefact.
    """
    listed = _read(folder)

    def check_again() -> None:
        if check(folder) != listed:
            raise ValueError(
                f"{folder} holds another artefact than when it was loaded: load it again."
            )

    return check_again


def _read(folder: Path) -> dict[str, str]:
    """The checksums that an artefact states, by its files' names."""
    if not (folder / FILE_NAME).is_file():
        raise ValueError(f"{folder} is damaged: {FILE_NAME} is missing.")
    listed = {}
    for number, line in enumerate((folder / FILE_NAME).read_bytes().split(b"\n")[:-1], start=1):
        match = _LINE.fullmatch(line.decode(errors="replace"))
        if match is None or not _is_inside(match[2]):
            raise ValueError(
                f"{folder} is damaged: line {number} of {FILE_NAME} is not a file's checksum."
            )
        listed[match[2]] = match[1]
    return listed


def _files(folder: Path) -> Iterator[str]:
    """The names of an artefact's files, relative to its folder."""
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in name.parts)
        if path.is_file() and not hidden and name.parts[0] not in (FILE_NAME, _EXTRAS):
            yield name.as_posix()


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
