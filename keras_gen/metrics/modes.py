"""Modes of a known mixture: how many of them samples cover, and how many samples lie near one."""

from __future__ import annotations

import numpy as np


def mode_coverage(samples: np.ndarray, centres: np.ndarray, scale: float) -> tuple[int, float]:
    """Counts the modes that samples cover, and the share of samples that lie near a mode.

    Near is within three standard deviations; a mode is covered where a sample lies near it.

    Args:
        samples: float `[n, dim]`; 2,500 of them in the papers.
        centres: float `[modes, dim]`.
        scale: the standard deviation of each mode.

    Returns:
        The number of covered modes, and a share in [0, 1].

    Example:
        >>> ring = data.MIXTURES["ring"]
        >>> mode_coverage(model.sample(2500, seed=0), *ring)

    Srivastava, Valkov, Russell, Gutmann, Sutton 2017, "VEEGAN", arXiv 1705.07761.
    """
    distances = np.linalg.norm(samples[:, None] - centres[None], axis=2)
    near = distances.min(axis=1) <= 3.0 * scale
    covered = np.unique(distances.argmin(axis=1)[near])
    return len(covered), float(near.mean())
