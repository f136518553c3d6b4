"""PatchGAN: a discriminator that judges each patch of a picture by itself.

Isola, Zhu, Zhou, Efros 2017, "Image-to-Image Translation with Conditional Adversarial Networks",
arXiv 1611.07004, section 3.2.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_gen import checks

# As both papers start all kernels.
KERNEL_STDDEV = 0.02
_MOST_TIMES = 8  # as many filters as the first convolution's


def halvings_for(image_shape: Sequence[int | None], num_halvings: int | None = None) -> int:
    """How many halvings a discriminator of such pictures has.

    Args:
        image_shape: (height, width, channels); sides of `None` are taken for large.
        num_halvings: as asked for, 1 to 6; `None` is so many that patches are about half of a
            picture or less, 1 to 3.

    Raises:
        ValueError: it is out of range.
    """
    if num_halvings is not None:
        return checks.in_range("num_halvings", num_halvings, 1, 6)
    shortest = min((side for side in image_shape[:2] if side is not None), default=128)
    return 3 if shortest >= 128 else 2 if shortest >= 64 else 1


def patch_gan(
    channels: int,
    filters: int,
    num_halvings: int,
    normalization: Callable[[], keras.layers.Layer] | None,
    policy: Any,
    name: str,
) -> keras.Model:
    """A convolutional discriminator: one logit for each of many overlapping patches.

    Convolutions of 4x4: `num_halvings` with strides of 2, one more, and one to the logits. With
    three halvings a logit sees 70 pixels, as in the paper, with two 34, with one 16.

    Args:
        channels: of the pictures; a condition's picture counts with them.
        filters: of the first convolution; each further one has twice as many, up to 8 times.
        num_halvings: convolutions with strides of 2, at least 1.
        normalization: makes a layer for all convolutions but the first and the last; `None` has
            none.
        policy: of the layers' dtypes; logits are float32.
        name: of the network.

    Returns:
        A model from pictures `[n, height, width, channels]` of any size to logits
        `[n, about height / 2**num_halvings, ..., 1]`.
    """

    def convolution(filters: int, strides: int, **kwargs: Any) -> keras.layers.Layer:
        initializer = keras.initializers.RandomNormal(stddev=KERNEL_STDDEV)
        return keras.layers.Conv2D(
            filters,
            4,
            strides,
            padding="same",
            kernel_initializer=initializer,
            **({"dtype": policy} | kwargs),
        )

    layers: list[keras.layers.Layer] = []
    for i in range(num_halvings + 1):
        times = min(2**i, _MOST_TIMES)
        strides = 2 if i < num_halvings else 1
        normalized = [normalization()] if i > 0 and normalization is not None else []
        layers.append(convolution(times * filters, strides, use_bias=not normalized))
        layers.extend(normalized)
        layers.append(keras.layers.LeakyReLU(0.2, dtype=policy))
    return keras.Sequential(
        [keras.Input((None, None, channels)), *layers, convolution(1, 1, dtype="float32")],
        name=name,
    )
