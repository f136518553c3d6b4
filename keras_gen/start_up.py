"""TensorFlow's log lines at import, held back where TF_CPP_MIN_LOG_LEVEL asks for it."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def without_remarks() -> Iterator[None]:
    """Within it, TensorFlow is imported in silence if `TF_CPP_MIN_LOG_LEVEL` is 1 or more.

    TensorFlow reads that setting only after its first remarks, which it writes to the process's
    standard error. What an import that fails has written there is not lost.
    """
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL", "0") in ("", "0"):
        yield
        return
    with contextlib.ExitStack() as stack:
        try:
            kept_back = stack.enter_context(tempfile.TemporaryFile())
            stderr = os.dup(2)
        except OSError:  # no standard error, or no place for a file
            yield
            return
        stack.callback(os.close, stderr)
        if sys.stderr is not None:
            sys.stderr.flush()
        os.dup2(kept_back.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(stderr, 2)
            kept_back.seek(0)
            os.write(2, kept_back.read())
            raise
        finally:
            os.dup2(stderr, 2)
