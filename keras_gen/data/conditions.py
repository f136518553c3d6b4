"""What is made from pictures, so that a model may learn the way back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from keras_gen.formats import Images

_EDGES = 0.1  # the share of a picture's pixels that are edges
_SIGMA = 1.0  # of the smoothing before slopes are taken, in pixels
_BRIGHTNESS = (0.299, 0.587, 0.114)  # of red, green and blue (Rec. ITU-R BT.601)

Made = tuple[np.ndarray, Images]


def grey(images: np.ndarray, levels: int) -> Made:
    """The brightness of pictures.

    Args:
        images: uint8 `[n, height, width, channels]` in `[0, levels)`, 1 or 3 channels.
        levels: how many values a channel takes.

    Returns:
        uint8 `[n, height, width, 1]` in `[0, levels)`, and its format.

    Raises:
        ValueError: pictures have another number of channels.
    """
    bright = np.rint(_brightness(images)).astype(np.uint8)[..., None]
    return bright, Images(bright.shape[1:], levels)


def edges(images: np.ndarray, levels: int) -> Made:
    """The tenth of each picture's pixels where its smoothed brightness changes most.

    Args:
        images: uint8 `[n, height, width, channels]` in `[0, levels)`, 1 or 3 channels.
        levels: how many values a channel takes.

    Returns:
        uint8 `[n, height, width, 1]`, 1 at edges, else 0, and its format.

    Raises:
        ValueError: pictures have another number of channels.
    """
    from scipy.ndimage import gaussian_gradient_magnitude

    slopes = np.stack([gaussian_gradient_magnitude(x, _SIGMA) for x in _brightness(images)])
    least = np.quantile(slopes, 1.0 - _EDGES, axis=(1, 2), keepdims=True)
    found = ((slopes >= least) & (slopes > 0.0)).astype(np.uint8)[..., None]
    return found, Images(found.shape[1:], 2)


def _brightness(images: np.ndarray) -> np.ndarray:
    if images.shape[-1] == 1:
        return images[..., 0].astype(np.float32)
    if images.shape[-1] != 3:
        raise ValueError(
            f"source must not be given: pictures have {images.shape[-1]} channels, not 1 or 3."
        )
    return images.astype(np.float32) @ np.array(_BRIGHTNESS, np.float32)


SOURCES: dict[str, Callable[[np.ndarray, int], Made]] = {"edges": edges, "grey": grey}
