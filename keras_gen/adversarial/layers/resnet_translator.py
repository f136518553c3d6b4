"""The generator of CycleGAN: a residual network between two halvings and two doublings.

Johnson, Alahi, Fei-Fei 2016, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution",
arXiv 1603.08155, as Zhu, Park, Isola, Efros 2017, arXiv 1703.10593, section 7.2, use it.
"""

from __future__ import annotations

from typing import Any

import keras

from keras_gen.adversarial.layers.patch_gan import KERNEL_STDDEV
from keras_gen.layers.reflection_padding import ReflectionPadding


def instance_normalization(policy: Any) -> keras.layers.Layer:
    """Normalises each channel of each picture (Ulyanov et al. 2016, arXiv 1607.08022)."""
    return keras.layers.GroupNormalization(groups=-1, epsilon=1e-5, dtype=policy)


def resnet_translator(
    channels: int, filters: int, num_blocks: int, policy: Any, name: str
) -> keras.Model:
    """c7s1-64, d128, d256, R256 x blocks, u128, u64, c7s1-3, in the paper's words.

    Args:
        channels: of the pictures.
        filters: of the first and the last layers, 64 in the paper; within there are 4 times as
            many.
        num_blocks: residual blocks, 6 in the paper for pictures of 128 pixels, 9 for larger ones.
        policy: of the layers' dtypes; the last is float32.
        name: of the network.

    Returns:
        A model of pictures `[n, height, width, channels]`, whose sides 4 must divide, to such
        pictures in (-1, 1).
    """

    def convolution(x: Any, layer: type, filters: int, size: int, **kwargs: Any) -> Any:
        initializer = keras.initializers.RandomNormal(stddev=KERNEL_STDDEV)
        options = {"kernel_initializer": initializer, "dtype": policy} | kwargs
        return layer(filters, size, **options)(x)

    def reflected(x: Any, filters: int, size: int, **kwargs: Any) -> Any:
        padded = ReflectionPadding(size // 2, dtype=policy)(x)
        return convolution(padded, keras.layers.Conv2D, filters, size, **kwargs)

    def normalized(x: Any) -> Any:
        return instance_normalization(policy)(x)

    def rectified(x: Any) -> Any:
        return keras.layers.ReLU(dtype=policy)(normalized(x))

    def block(x: Any) -> Any:
        y = rectified(reflected(x, 4 * filters, 3, use_bias=False))
        y = normalized(reflected(y, 4 * filters, 3, use_bias=False))
        return keras.layers.Add(dtype=policy)([x, y])

    strided: dict[str, Any] = {"strides": 2, "padding": "same", "use_bias": False}
    inputs = keras.Input((None, None, channels))
    x = rectified(reflected(inputs, filters, 7, use_bias=False))
    for times in (2, 4):
        x = rectified(convolution(x, keras.layers.Conv2D, times * filters, 3, **strided))
    for _ in range(num_blocks):
        x = block(x)
    for times in (2, 1):
        x = rectified(convolution(x, keras.layers.Conv2DTranspose, times * filters, 3, **strided))
    outputs = reflected(x, channels, 7, activation="tanh", dtype="float32")
    return keras.Model(inputs, outputs, name=name)
