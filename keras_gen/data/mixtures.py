"""Mixtures of Gaussians in the plane, whose modes can be counted: what GANs are tried on."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np


class Mixture(NamedTuple):
    """Gaussians of one scale and one weight.

    Args:
        centres: float32 `[modes, dim]`.
        scale: the standard deviation of each.
    """

    centres: np.ndarray
    scale: float

    def sample(self, num: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Draws points.

        Args:
            num: how many.
            seed: of the draw.

        Returns:
            Points, float32 `[num, dim]`, and the mode of each, int32 `[num]`.

        Example:
            >>> points, modes = MIXTURES["ring"].sample(1000)
        """
        rng = np.random.default_rng(seed)
        modes = rng.integers(0, len(self.centres), num).astype(np.int32)
        points = rng.normal(self.centres[modes], self.scale)
        return points.astype(np.float32), modes


def _ring(num: int = 8) -> np.ndarray:
    angles = 2.0 * np.pi * np.arange(num) / num
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def _grid(side: int = 5) -> np.ndarray:
    places = np.arange(side) * 2.0 - (side - 1)
    return np.array(list(itertools.product(places, places)), np.float32)


# As Srivastava et al. 2017 (arXiv 1705.07761) and Lin et al. 2018 (arXiv 1712.04086) have them: a
# ring of radius 1, and a grid whose neighbours are 2 apart.
MIXTURES = {"ring": Mixture(_ring(), 0.01), "grid": Mixture(_grid(), 0.05)}
