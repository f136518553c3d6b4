"""A dense layer some of whose connections are cut, for networks that must not look ahead."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf


def channel_mask(inputs: int, outputs: int, channels: int, strict: bool = False) -> np.ndarray:
    """Which inputs of a pixel each output of the same pixel may see, as 0 and 1.

    Features come in `channels` equal groups, R, G and B for a colour image: a group sees the
    earlier groups, and itself unless `strict` (the masks B and A of van den Oord et al. 2016,
    arXiv 1601.06759).

    Returns:
        float32 `[inputs, outputs]`.
    """
    group_in = np.arange(inputs) // (inputs // channels)
    group_out = np.arange(outputs) // (outputs // channels)
    allowed = np.less if strict else np.less_equal
    return allowed(group_in[:, None], group_out[None]).astype(np.float32)


def seen_by_channel(kernel: tf.Tensor, channels: int, strict: bool = False) -> list[tf.Tensor]:
    """Cuts a kernel under a channel mask into what each channel's outputs see of it.

    Args:
        kernel: `[inputs, outputs]`.
        channels: how many groups both axes have.
        strict: as in `channel_mask`.

    Returns:
        A kernel for each channel: `[inputs seen, outputs / channels]`.
    """
    inputs, outputs = (size // channels for size in kernel.shape)
    return [
        kernel[: (c if strict else c + 1) * inputs, c * outputs : (c + 1) * outputs]
        for c in range(channels)
    ]


class MaskedDense(keras.layers.Layer):
    """A dense layer over the last axis, whose channels see themselves and those before.

    Args:
        inputs: features in, a multiple of `channels`.
        outputs: features out, a multiple of `channels`.
        channels: how many groups the features come in.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, inputs: int, outputs: int, channels: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.kernel = self.add_weight((inputs, outputs), "glorot_uniform", name="kernel")
        self.bias = self.add_weight((outputs,), "zeros", name="bias")
        self._mask = channel_mask(inputs, outputs, channels)
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Maps `[..., inputs]` to `[..., outputs]`."""
        return tf.nn.bias_add(
            pointwise(x, tf.convert_to_tensor(self.kernel) * self._mask), self.bias
        )

    def step_weights(self) -> list[tuple[tf.Tensor, tf.Tensor]]:
        """Each channel's kernel and bias, for `step`."""
        kernels = seen_by_channel(tf.convert_to_tensor(self.kernel), self.channels)
        biases = tf.split(tf.convert_to_tensor(self.bias), self.channels)
        return list(zip(kernels, biases, strict=True))

    @staticmethod
    def step(x: tf.Tensor, weights: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        """One channel's outputs `[n, outputs / channels]` from the features that it sees."""
        kernel, bias = weights
        return tf.matmul(x, kernel) + bias


def pointwise(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """A 1x1 convolution over any number of axes: `[..., inputs]` by `[inputs, outputs]`."""
    sizes = [-1 if size is None else size for size in x.shape[:-1]]
    if sizes.count(-1) > 1:
        return tf.tensordot(x, kernel, axes=1)
    # The same product, without operations that compute shapes which are known.
    flat = tf.reshape(x, [-1, kernel.shape[0]])
    return tf.reshape(tf.matmul(flat, kernel), [*sizes, kernel.shape[1]])
