"""What export is doing, on a terminal: one line, written over and over, gone at the end."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable, Iterator

# Takes what is being done now.
Progress = Callable[[str], None]


def silent(_: str) -> None:
    """Says nothing."""


@contextlib.contextmanager
def progress_line(what: str, num_steps: int) -> Iterator[Progress]:
    """A line on standard error, where that is a terminal.

    Args:
        what: is being made.
        num_steps: how often progress will be told.
    """
    if not sys.stderr.isatty():
        yield silent
        return
    done = 0

    def tell(step: str) -> None:
        nonlocal done
        done += 1
        line = f"{what}: {step} ({done} of {num_steps})"
        # What is longer than a line of the terminal could not be written over.
        line = line[-(shutil.get_terminal_size().columns - 1) :]
        sys.stderr.write(f"\r\033[K{line}")
        sys.stderr.flush()

    try:
        yield tell
    finally:
        sys.stderr.write("\r\033[K")
        sys.stderr.flush()
