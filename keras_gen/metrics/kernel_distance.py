"""The kernel distance: the squared maximum mean discrepancy of two sets, without bias."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from keras_gen import checks


class KernelDistance(NamedTuple):
    """An estimate of the kernel distance.

    Attributes:
        value: the mean over blocks; of equal distributions it may come out below 0.
        standard_error: of that mean.
    """

    value: float
    standard_error: float


def kernel_distance(
    x: np.ndarray, y: np.ndarray, num_blocks: int = 10, seed: int = 0
) -> KernelDistance:
    """The kernel distance between two sets of vectors: 0 in expectation where they are alike.

    The squared maximum mean discrepancy with the kernel ``(x.y / features + 1)^3``, which compares
    the first three moments. Both sets are dealt into blocks, of which each gives an estimate
    without bias; so sets of any sizes compare.

    Args:
        x: float `[n, features]`, n at least `2 * num_blocks`.
        y: float `[m, features]`, m at least `2 * num_blocks`.
        num_blocks: how many estimates, at least 2.
        seed: of the deal.

    Returns:
        The estimates' mean and its standard error, in cubed squares of the features' units.

    Raises:
        ValueError: the sets have other features, or too few vectors.

    Example:
        >>> kernel_distance(features(samples, extractor), features(images, extractor))
        KernelDistance(value=0.0213, standard_error=0.0012)

    Bińkowski, Sutherland, Arbel, Gretton 2018, "Demystifying MMD GANs", arXiv 1801.01401.
    """
    checks.in_range("num_blocks", num_blocks, 2, 2**31 - 1)
    least = 2 * num_blocks
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or min(len(x), len(y)) < least:
        raise ValueError(
            f"x and y must be [n, features] with n at least {least}, received "
            f"{list(x.shape)} and {list(y.shape)}."
        )
    # Dealt at random: data may come sorted by class.
    rng = np.random.default_rng(seed)
    blocks = [
        np.array_split(rng.permutation(len(z)), num_blocks)  # of sizes that differ by one at most
        for z in (x, y)
    ]
    x, y = x.astype(np.float64), y.astype(np.float64)
    estimates = np.array([_discrepancy(x[i], y[j]) for i, j in zip(*blocks, strict=True)])
    error = estimates.std(ddof=1) / np.sqrt(num_blocks)
    return KernelDistance(float(estimates.mean()), float(error))


def _discrepancy(x: np.ndarray, y: np.ndarray) -> float:
    """The squared maximum mean discrepancy of two sets, without bias."""
    return float(_mean_of_pairs(x) + _mean_of_pairs(y) - 2.0 * _kernel(x, y).mean())


def _mean_of_pairs(x: np.ndarray) -> float:
    """The kernel's mean over pairs of two different vectors: one with itself would add bias."""
    kernel = _kernel(x, x)
    return float((kernel.sum() - np.trace(kernel)) / (len(x) * (len(x) - 1)))


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1.0) ** 3
