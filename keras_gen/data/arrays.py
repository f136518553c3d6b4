"""Arrays of an `.npz` file, whose headers are believed only once they agree with the file."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_gen import memory
from keras_gen.files import reason

# As they are, split, and shuffled.
_COPIES = 3


def read_npz(path: Path, wanted: Callable[[str], bool]) -> tuple[dict[str, np.ndarray], list[str]]:
    """Reads arrays of a file.

    Args:
        path: of the file.
        wanted: whether the array of a name is read.

    Returns:
        The arrays by name, and all names.

    Raises:
        ValueError: there is no such file, it is damaged, or its arrays do not fit into memory.
    """
    if not path.is_file():
        raise ValueError(f"data must name an .npz file that exists, received {path}.")
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            members = {
                name: archive.getinfo(member)
                for name, member in zip(names, archive.namelist(), strict=True)
                if wanted(name)
            }
            sizes = [_checked_size(archive, member) for member in members.values()]
        memory.require("data", _COPIES * sum(sizes), f"the arrays of {path}")
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in members}, names
    except memory.TooLargeError:
        raise
    except Exception as error:  # zipfile, zlib and NumPy each raise their own
        raise ValueError(f"{path} must be an intact .npz file: {reason(error)}.") from error


def _checked_size(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    """The bytes of an array, which its header and the archive's directory must both say."""
    header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version not in header:
            raise ValueError(f"{member.filename} has the unknown version {version}")
        shape, _, dtype = header[version](file)
        begin = file.tell()
    if dtype.hasobject or any(size < 0 for size in shape):
        raise ValueError(f"{member.filename} holds objects, or has a negative size")
    size = math.prod(shape) * dtype.itemsize
    if begin + size != member.file_size:
        raise ValueError(
            f"{member.filename} says that its array has {size:,} bytes, and "
            f"{member.file_size - begin:,} are there"
        )
    return size
