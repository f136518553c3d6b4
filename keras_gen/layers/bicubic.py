"""Bicubic downsizing, as MATLAB's `imresize` does it: what the field makes small pictures with.

Keys 1981, "Cubic Convolution Interpolation for Digital Image Processing", doi:10.1109/
TASSP.1981.1163711.
"""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf


def downsized(x: tf.Tensor, scale: int) -> tf.Tensor:
    """Makes pictures smaller by a whole factor, antialiased: the cubic kernel is `scale` as wide.

    Beyond its edges a picture is its own mirror image. `tf.image.resize(..., antialias=True)`
    gives the same but for the two outermost rows and columns; but XLA does not compile it.

    Args:
        x: float `[n, height, width, channels]`, of sides that `scale` divides, of two pixels of
            the small picture at least.
        scale: the factor, an even number.

    Returns:
        float32 `[n, height / scale, width / scale, channels]`; its values may leave the range of
        the picture's a little.

    Example:
        >>> downsized(tf.zeros([1, 96, 96, 3]), 4).shape
        TensorShape([1, 24, 24, 3])
    """
    # Every output is the same sum of the pixels around it: a convolution with strides.
    beyond = 3 * scale // 2
    edges = [[0, 0], [beyond, beyond], [beyond, beyond], [0, 0]]
    x = tf.pad(tf.cast(x, tf.float32), edges, "SYMMETRIC")
    taps = _taps(scale)
    kernel = np.tile(np.outer(taps, taps)[:, :, None, None], [1, 1, x.shape[-1], 1])
    kernel = tf.constant(kernel, tf.float32)
    return tf.nn.depthwise_conv2d(x, kernel, [1, scale, scale, 1], "VALID")


@functools.cache
def _taps(scale: int) -> np.ndarray:
    """The weights of the pixels around one of the small picture: float64 `[4 * scale]`."""
    distance = np.abs(np.arange(4 * scale) - (2 * scale - 0.5)) / scale
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1.0
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4.0 * distance + 2.0
    weights = np.where(distance <= 1.0, near, far)
    return weights / weights.sum()
