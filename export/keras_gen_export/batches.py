"""Many examples, some at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from keras_gen_export import checks


def run_in_batches(
    run: Callable[..., np.ndarray], inputs: Mapping[str, Any], batch_size: int
) -> np.ndarray:
    """Runs a function of examples on some of them at a time.

    Args:
        run: from inputs by name to an array with a row an example.
        inputs: arrays `[n, ...]` by name, at least one; `None` goes on as it is.
        batch_size: examples at a time, at least 1.

    Returns:
        The rows of all examples.

    Raises:
        ValueError: `batch_size` is out of range.

    Example:
        >>> run_in_batches(lambda x: 2 * x, {"x": np.arange(3)}, batch_size=2)
        array([0, 2, 4])
    """
    num = next(len(value) for value in inputs.values() if value is not None)
    rows = []
    for begin in range(0, num, checks.positive("batch_size", batch_size)):
        part = slice(begin, begin + batch_size)
        rows.append(run(**{name: None if x is None else x[part] for name, x in inputs.items()}))
    return np.concatenate(rows)
