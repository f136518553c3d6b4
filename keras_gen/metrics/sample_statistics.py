"""Statistics of samples beside those of data, for models without a likelihood."""

from __future__ import annotations

import numpy as np


def frechet_distance(x: np.ndarray, y: np.ndarray) -> float:
    """The Fréchet distance between Gaussians fitted to two sets of vectors.

    ``|m_x - m_y|^2 + tr(C_x + C_y - 2 (C_x C_y)^(1/2))``, 0 for equal means and covariances.

    Args:
        x: float `[n, features]`, n at least 2.
        y: float `[m, features]`, m at least 2.

    Returns:
        The squared distance, in squared units of the features.

    Raises:
        ValueError: the sets have other features, or fewer than two vectors.

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


def sample_statistics(samples: np.ndarray, images: np.ndarray, levels: int) -> dict[str, float]:
    """Compares samples with real images, pixel by pixel: a coarse check, not a judge of looks.

    Args:
        samples: ints `[n, height, width, channels]` in `[0, levels)`.
        images: ints `[m, height, width, channels]` in `[0, levels)`.
        levels: how many values a channel takes.

    Returns:
        In units of the full range of a pixel: `mean_difference` and `stddev_difference`, averaged
        over pixels, and `pixel_frechet_distance`, per pixel.

    Example:
        >>> sample_statistics(model.sample(1000), images, levels=256)["pixel_frechet_distance"]
    """
    x, y = (z.reshape(len(z), -1) / (levels - 1) for z in (samples, images))
    return {
        "mean_difference": float(np.abs(x.mean(0) - y.mean(0)).mean()),
        "stddev_difference": float(np.abs(x.std(0) - y.std(0)).mean()),
        "pixel_frechet_distance": frechet_distance(x, y) / x.shape[1],
    }
