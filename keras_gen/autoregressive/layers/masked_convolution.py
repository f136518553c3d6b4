"""A convolution that sees a pixel's past alone, over whole images or step by step."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen.ancestral_sampling import joined
from keras_gen.autoregressive.layers.masked_dense import channel_mask, seen_by_channel
from keras_gen.autoregressive.layers.stepwise import Begun, Place, StepWeights, StepwiseLayer


class MaskedConv2D(StepwiseLayer):
    """A convolution under the masks A and B (van den Oord et al. 2016, arXiv 1601.06759).

    An output sees the rows above, the pixels to the left, and of its own pixel the channels before
    its own; its own channel too, but under mask A.

    Args:
        inputs: features in, a multiple of `channels`.
        outputs: features out, a multiple of `channels`.
        kernel_size: odd; of the kernel as it would be without a mask.
        channels: of the image; a pixel's features come in as many groups.
        strict: mask A instead of B.
        rows: how many rows above the kernel sees; `None` is `kernel_size // 2`.
        num_classes: of the labels that shift the outputs; `None` is unconditional.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel_size: int,
        channels: int,
        strict: bool = False,
        rows: int | None = None,
        num_classes: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.inputs, self.outputs, self.channels, self.strict = inputs, outputs, channels, strict
        self.num_classes = num_classes
        self.left = kernel_size // 2
        self.rows = self.left if rows is None else rows
        # Without rows above, what lies to the right is never seen: the kernel ends at the pixel.
        self.right = self.left if self.rows else 0
        shape: tuple[int, ...] = (self.rows + 1, self.left + 1 + self.right, inputs, outputs)
        self._mask = np.ones(shape, np.float32)
        self._mask[-1, self.left] = channel_mask(inputs, outputs, channels, strict)
        self._mask[-1, self.left + 1 :] = 0.0
        # Glorot's scale, for as many inputs as the mask leaves.
        fans = keras.initializers.VarianceScaling(
            self._mask.size / self._mask.sum(), "fan_avg", "uniform"
        )
        self.kernel = self.add_weight(shape, fans, name="kernel")
        self.bias = self.add_weight((outputs,), "zeros", name="bias")
        if num_classes is not None:
            shape = (num_classes, outputs)
            self.label_bias = self.add_weight(shape, "zeros", name="label_bias")
        self.built = True

    # ---- the whole image -------------------------------------------------------------------------

    def call(
        self, x: tf.Tensor, stream: Any = None, labels: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, Any]:
        """Maps `[n, height, width, inputs]` to `[n, height, width, outputs]`, and hands on."""
        padded = tf.pad(x, [[0, 0], [self.rows, 0], [self.left, self.right], [0, 0]])
        kernel = tf.convert_to_tensor(self.kernel) * self._mask
        outputs = tf.nn.bias_add(tf.nn.conv2d(padded, kernel, 1, "VALID"), self.bias)
        if self.num_classes is not None:
            outputs += tf.gather(tf.convert_to_tensor(self.label_bias), labels)[:, None, None]
        return outputs, stream

    # ---- one row, one pixel ----------------------------------------------------------------------

    @property
    def kept(self) -> Any:
        return self.inputs if self.rows else ()

    def empty(self, num: tf.Tensor, columns: int) -> Any:
        return tf.zeros([num, self.rows, columns, self.inputs]) if self.rows else ()

    def step_weights(self, labels: tf.Tensor | None = None) -> StepWeights:
        bias = tf.convert_to_tensor(self.bias)
        if self.num_classes is not None:
            bias += tf.gather(tf.convert_to_tensor(self.label_bias), labels)[:, None]
        kernel = tf.convert_to_tensor(self.kernel)[-1]
        left = tf.reshape(kernel[: self.left], [self.left * self.inputs, self.outputs])
        by_channel = [
            tf.concat(parts, axis=0)
            for parts in zip(
                tf.split(left, self.channels, axis=-1),
                seen_by_channel(kernel[self.left], self.channels, self.strict),
                strict=True,
            )
        ]
        return StepWeights(bias, by_channel)

    def begin_row(self, row: tf.Tensor, stream: Any, row_cache: Any, weights: Any) -> Begun:
        # What the rows above give, and the bias.
        padded = tf.pad(row_cache, [[0, 0], [0, 0], [self.left, self.right], [0, 0]])
        above = tf.nn.conv2d(padded, self.kernel[:-1], 1, "VALID")[:, 0] + weights
        return Begun(above, self.empty_columns(tf.shape(above)[0]), row_cache, stream)

    def empty_columns(self, num: tf.Tensor) -> tf.Tensor:
        """The cache left of a row's first column: `[num, left * inputs]`."""
        return tf.zeros([num, self.left * self.inputs])

    def step(self, inputs: list[tf.Tensor], place: Place) -> tf.Tensor:
        return tf.matmul(joined([place.cache, *inputs]), place.weights) + place.features

    def end_column(self, inputs: list[tf.Tensor], place: Place) -> tuple[Any, Any]:
        pixel = joined(inputs)
        left = joined([place.cache[:, self.inputs :], pixel]) if self.left > 1 else pixel
        return left, pixel if self.rows else ()

    def end_row(self, row_cache: Any, cache: Any, kept: Any) -> Any:
        return tf.concat([row_cache[:, 1:], kept[:, None]], axis=1) if self.rows else row_cache
