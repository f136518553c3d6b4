"""PixelCNN: images, pixel by pixel, from masked convolutions.

van den Oord, Kalchbrenner, Kavukcuoglu 2016, "Pixel Recurrent Neural Networks", arXiv 1601.06759.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_gen import checks
from keras_gen.ancestral_sampling import joined
from keras_gen.autoregressive.layers.masked_convolution import MaskedConv2D
from keras_gen.autoregressive.layers.masked_dense import MaskedDense
from keras_gen.autoregressive.layers.stepwise import Begun, Place, StepWeights, StepwiseLayer
from keras_gen.autoregressive.pixel_stack import PixelStack


class ResidualBlock(StepwiseLayer):
    """x + expand(spread(reduce(x))) with ReLU before each (van den Oord et al. 2016, figure 5).

    Args:
        filters: features in and out, a multiple of twice the channels; within, half as many.
        kernel_size: of the masked convolution, odd.
        channels: of the image.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, filters: int, kernel_size: int, channels: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        half, policy = filters // 2, self.dtype_policy
        self.reduce = MaskedDense(filters, half, channels, dtype=policy, name="reduce")
        self.spread = MaskedConv2D(half, half, kernel_size, channels, dtype=policy, name="spread")
        self.expand = MaskedDense(half, filters, channels, dtype=policy, name="expand")
        self.kept = self.spread.kept
        self.built = True

    def call(
        self, x: tf.Tensor, stream: Any = None, labels: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, Any]:
        """Maps `[n, height, width, filters]` to the same, and hands on the stream."""
        spread, _ = self.spread(tf.nn.relu(self.reduce(tf.nn.relu(x))))
        return x + self.expand(tf.nn.relu(spread)), stream

    def step_weights(self, labels: tf.Tensor | None = None) -> StepWeights:
        reduce, expand = self.reduce.step_weights(), self.expand.step_weights()
        spread = self.spread.step_weights()
        return StepWeights(spread.row, list(zip(reduce, spread.column, expand, strict=True)))

    # Only the masked convolution looks beyond the pixel: its cache is the block's.

    def empty(self, num: tf.Tensor, columns: int) -> Any:
        return self.spread.empty(num, columns)

    def begin_row(self, row: tf.Tensor, stream: Any, row_cache: Any, weights: Any) -> Begun:
        return self.spread.begin_row(row, stream, row_cache, weights)

    def step(self, inputs: list[tf.Tensor], place: Place) -> tf.Tensor:
        reduce, spread, expand = place.weights
        reduced = place.column.setdefault("reduced", [])
        reduced.append(tf.nn.relu(self.reduce.step(tf.nn.relu(joined(inputs)), reduce)))
        seen = place.column.setdefault("spread", [])
        seen.append(tf.nn.relu(self.spread.step(reduced, place._replace(weights=spread))))
        return inputs[-1] + self.expand.step(joined(seen), expand)

    def end_column(self, inputs: list[tf.Tensor], place: Place) -> tuple[Any, Any]:
        return self.spread.end_column(place.column["reduced"], place)

    def end_row(self, row_cache: Any, cache: Any, kept: Any) -> Any:
        return self.spread.end_row(row_cache, cache, kept)


@keras.saving.register_keras_serializable("keras_gen")
class PixelCNN(PixelStack):
    """Images pixel by pixel, with exact likelihoods: the simplest, with a blind spot.

    Its convolutions see a cone of the past alone: what lies above and far to the right stays hidden
    (the blind spot that Gated PixelCNN removes).

    Args:
        image_shape: (height, width, channels).
        levels: how many values a channel takes, 2 to 256; of codes, 2 to 65,536.
        filters: features between the residual blocks; a multiple of twice the channels. Within a
            block there are half as many.
        num_blocks: residual blocks after the first convolution.
        kernel_size: of the blocks' masked convolutions, odd.
        first_kernel_size: of the first convolution, odd.
        head_filters: features between the blocks and the logits; `None` is `filters // 2`.
        num_classes: of the labels that shift the first convolution; `None` is unconditional.
        **kwargs: of `PixelModel`: `likelihood` (of a channel's value), `source`, `codes`,
            `average_decay`, `seed` (unused in training).

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> model = PixelCNN((28, 28, 1), levels=2)
        >>> model.compile("adam")
        >>> model.fit(images, epochs=10)
        >>> model.sample(16, seed=0).shape
        (16, 28, 28, 1)

    van den Oord et al. 2016, arXiv 1601.06759.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        levels: int = 256,
        *,
        filters: int = 64,
        num_blocks: int = 6,
        kernel_size: int = 3,
        first_kernel_size: int = 7,
        head_filters: int | None = None,
        num_classes: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(image_shape, levels=levels, num_classes=num_classes, **kwargs)
        channels = self.image_shape[-1]
        self.filters = checks.multiple_of("filters", filters, 2 * channels, "twice the channels")
        self.num_blocks = checks.in_range("num_blocks", num_blocks, 0, 1000)
        self.kernel_size = checks.odd("kernel_size", kernel_size, 3)
        self.first_kernel_size = checks.odd("first_kernel_size", first_kernel_size, 3)

        first = self.first_convolution(filters, first_kernel_size)
        blocks = [
            ResidualBlock(
                filters, kernel_size, channels, dtype=self.dtype_policy, name=f"block_{i + 1}"
            )
            for i in range(num_blocks)
        ]
        head_filters = filters // 2 if head_filters is None else head_filters
        self.stack_layers([first, *blocks], filters, head_filters)
