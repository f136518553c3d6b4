"""The Fréchet distance: means and covariances compared, as if sets of vectors were Gaussian."""

from __future__ import annotations

import numpy as np


def frechet_distance(x: np.ndarray, y: np.ndarray) -> float:
    """The Fréchet distance between Gaussians fitted to two sets of vectors.

    ``|m_x - m_y|^2 + tr(C_x + C_y - 2 (C_x C_y)^(1/2))``, 0 for equal means and covariances. Of few
    vectors it comes out too great: only sets of the same sizes compare, and the floor, between two
    sets of real data, is part of the figure.

    Args:
        x: float `[n, features]`, n at least 2.
        y: float `[m, features]`, m at least 2.

    Returns:
        The squared distance, in squared units of the features.

    Raises:
        ValueError: the sets have other features, or fewer than two vectors.

    Example:
        >>> frechet_distance(features(samples, extractor), features(images, extractor))

    Dowson & Landau 1982; as a score of generative models, on features of a network, Heusel et al.
    2017, arXiv 1706.08500.
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or min(len(x), len(y)) < 2:
        raise ValueError(
            "x and y must be [n, features] with n at least 2, received "
            f"{list(x.shape)} and {list(y.shape)}."
        )
    x, y = x.astype(np.float64), y.astype(np.float64)
    # With C = R^T R, the root of C_x C_y has the trace of the singular values of R_x R_y^T; the
    # triangles R are as small as the number of vectors or of features, whichever is less.
    cross = np.linalg.svd(_root(x) @ _root(y).T, compute_uv=False).sum()
    variances = x.var(0, ddof=1).sum() + y.var(0, ddof=1).sum()
    return float(max(np.sum((x.mean(0) - y.mean(0)) ** 2) + variances - 2 * cross, 0.0))


def _root(x: np.ndarray) -> np.ndarray:
    """A triangle R with C = R^T R, for the covariance C of vectors."""
    return np.asarray(np.linalg.qr((x - x.mean(0)) / np.sqrt(len(x) - 1), mode="r"))
