"""Statistics of samples beside those of data, for models without a likelihood."""

from __future__ import annotations

import numpy as np

from keras_gen.metrics.frechet_distance import frechet_distance


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
