"""What a likelihood must beat: models of images that know nothing, or each pixel alone."""

from __future__ import annotations

import math

import numpy as np


def uniform_bits_per_dim(levels: int) -> float:
    """The bits per dimension of a uniform distribution over all images.

    Args:
        levels: how many values a channel takes.

    Returns:
        log2(levels).

    Example:
        >>> uniform_bits_per_dim(256)
        8.0
    """
    return math.log2(levels)


def histogram_bits_per_dim(train: np.ndarray, test: np.ndarray, levels: int) -> float:
    """The bits per dimension of independent pixels, each with its own histogram of levels.

    Each histogram starts with one observation of every level (Laplace's rule), so that no image is
    impossible.

    Args:
        train: ints `[n, height, width, channels]` in `[0, levels)`, to count.
        test: ints `[m, height, width, channels]`, to score.
        levels: how many values a channel takes.

    Returns:
        The mean over `test`.

    Example:
        >>> histogram_bits_per_dim(train_images, test_images, levels=17)
    """
    train, test = (x.reshape(len(x), -1).astype(np.int64) for x in (train, test))
    pixels = np.arange(train.shape[1])
    counts = np.ones((len(pixels), levels))
    np.add.at(counts, (np.broadcast_to(pixels, train.shape), train), 1)
    probabilities = counts / counts.sum(axis=1, keepdims=True)
    return float(-np.log2(probabilities[pixels, test]).mean())
