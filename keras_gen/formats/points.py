"""Points: vectors of real numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_gen import checks
from keras_gen.files import write_beside
from keras_gen.formats.format import Format
from keras_gen.signature import Input


@keras.saving.register_keras_serializable("keras_gen")
class Points(Format):
    """Vectors: float32 `[n, dim]`.

    Args:
        dim: numbers of a vector.

    Raises:
        ValueError: `dim` is out of range.

    Example:
        >>> Points(2).write(model.sample(1000), "samples.csv")
    """

    name = "points"
    dtype = "float32"
    suffix = ".csv"

    def __init__(self, dim: int) -> None:
        self.dim = checks.positive("dim", dim)

    def input(self) -> Input:
        return Input((None, self.dim), "float32")

    def options(self, length: int | None = None) -> dict[str, Any]:
        return {"dim": self.dim}

    def write(self, examples: np.ndarray, path: Any, columns: int | None = None) -> Path:
        return write_beside(
            path, lambda beside: np.savetxt(beside, examples, delimiter=",", fmt="%.7g")
        )
