"""The residual discriminator of StyleGAN2.

Karras et al. 2020, arXiv 1912.04958, figure 7.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras

from keras_gen.adversarial.layers.equalized import EqualizedConv2D, EqualizedDense
from keras_gen.adversarial.layers.minibatch_deviation import MinibatchDeviation


def residual_discriminator(
    input_shape: tuple[int, int, int], filters: Sequence[int], dtype: Any, **kwargs: Any
) -> keras.Model:
    """Builds a network from pictures to features, with equalised rates and minibatch deviation.

    A judgement whose kernel starts as unit normals has an equalised rate too: features are divided
    by the root of their number.

    Args:
        input_shape: of pictures, (height, width, channels): labels and packs included.
        filters: of each level, the smallest picture first; a block halves the sides, rounding up.
        dtype: of the layers.
        **kwargs: of `keras.Model`.

    Returns:
        A model from `[n, height, width, channels]` to float32 `[n, filters[0]]`.
    """

    def convolution(x: Any, filters: int, size: int, **options: Any) -> Any:
        return EqualizedConv2D(filters, size, padding="same", dtype=dtype, **options)(x)

    def rectified(x: Any) -> Any:
        return keras.layers.LeakyReLU(0.2, dtype=dtype)(x)

    def block(x: Any, above: int, below: int) -> Any:
        pool = keras.layers.AveragePooling2D(2, padding="same", dtype=dtype)
        inner = rectified(convolution(x, above, 3))
        inner = pool(rectified(convolution(inner, below, 3)))
        shortcut = convolution(pool(x), below, 1, gain=1.0, use_bias=False)
        total = keras.layers.Add(dtype=dtype)([inner, shortcut])
        # The sum of two of unit variance has a variance of 2.
        return keras.layers.Rescaling(math.sqrt(0.5), dtype=dtype)(total)

    inputs = keras.Input(input_shape)
    x = rectified(convolution(inputs, filters[-1], 1))
    for above, below in zip(filters[:0:-1], filters[-2::-1], strict=True):
        x = block(x, above, below)
    x = rectified(convolution(MinibatchDeviation(dtype=dtype)(x), filters[0], 3))
    x = keras.layers.Flatten(dtype=dtype)(x)
    x = rectified(EqualizedDense(filters[0], dtype=dtype)(x))
    features = keras.layers.Rescaling(1.0 / math.sqrt(filters[0]), dtype="float32")(x)
    return keras.Model(inputs, features, **kwargs)
