"""Walks between latent vectors.

White 2016, "Sampling Generative Networks", arXiv 1609.04468.
"""

from __future__ import annotations

import numpy as np


def great_circle(start: np.ndarray, end: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Points between pairs of arrays, at even angles.

    Gaussian vectors lie near a sphere; a straight line between two would leave it.

    Args:
        start: floats `[n, ...]`.
        end: likewise.
        shares: `[k]` in [0, 1], of the way from start to end.

    Returns:
        float32 `[n, k, ...]`.

    Example:
        >>> great_circle(start, end, np.linspace(0.0, 1.0, 8))
    """
    shape, (start, end) = start.shape[1:], (x.reshape(len(x), -1) for x in (start, end))
    norms = np.linalg.norm(start, axis=-1) * np.linalg.norm(end, axis=-1)
    cosine = np.sum(start * end, axis=-1, dtype=np.float64) / np.maximum(norms, 1e-12)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))[:, None]
    sine = np.sin(angle)
    # Through the origin, or between vectors of one direction, no circle is the greatest.
    straight = (sine < 1e-4) | (norms < 1e-12)[:, None]
    sine = np.where(straight, 1.0, sine)
    from_start = np.where(straight, 1.0 - shares, np.sin((1.0 - shares) * angle) / sine)
    from_end = np.where(straight, shares, np.sin(shares * angle) / sine)
    points = from_start[..., None] * start[:, None] + from_end[..., None] * end[:, None]
    return points.astype(np.float32).reshape(len(start), len(shares), *shape)
