"""Gated PixelCNN: images, pixel by pixel, with gates and without a blind spot.

van den Oord, Kalchbrenner, Vinyals, Espeholt, Graves, Kavukcuoglu 2016, "Conditional Image
Generation with PixelCNN Decoders", arXiv 1606.05328.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from keras_gen import checks
from keras_gen.autoregressive.layers.gated_layer import GatedLayer
from keras_gen.autoregressive.pixel_stack import PixelStack


@keras.saving.register_keras_serializable("keras_gen")
class GatedPixelCNN(PixelStack):
    """Images pixel by pixel, with exact likelihoods and no blind spot: the one to begin with.

    A `source` is added once, after the first layer; the paper adds it within every gate.

    Args:
        image_shape: (height, width, channels).
        levels: how many values a channel takes, 2 to 256; of codes, 2 to 65,536.
        filters: features of each stack; a multiple of the channels.
        num_blocks: how many gated layers follow the first.
        kernel_size: of those layers, odd.
        first_kernel_size: of the first layer, odd.
        head_filters: features between the stacks and the logits; `None` is `filters`.
        num_classes: of the labels that shift every gate; `None` is unconditional.
        **kwargs: of `PixelModel`: `likelihood` (of a channel's value), `source`, `codes`,
            `average_decay`, `seed` (unused in training).

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> model = GatedPixelCNN((28, 28, 1), levels=2)
        >>> model.compile("adam")
        >>> model.fit(images, epochs=10)
        >>> model.sample(16, seed=0).shape
        (16, 28, 28, 1)

    van den Oord et al. 2016, arXiv 1606.05328.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        levels: int = 256,
        *,
        filters: int = 48,
        num_blocks: int = 6,
        kernel_size: int = 3,
        first_kernel_size: int = 7,
        head_filters: int | None = None,
        num_classes: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(image_shape, levels=levels, num_classes=num_classes, **kwargs)
        channels = self.image_shape[-1]
        self.filters = checks.multiple_of("filters", filters, channels)
        self.num_blocks = checks.in_range("num_blocks", num_blocks, 0, 1000)
        self.kernel_size = checks.odd("kernel_size", kernel_size, 3)
        self.first_kernel_size = checks.odd("first_kernel_size", first_kernel_size, 3)

        def gated_layer(size: int, name: str, inputs: int | None = None) -> GatedLayer:
            return GatedLayer(
                filters, size, channels, inputs, num_classes, dtype=self.dtype_policy, name=name
            )

        first = gated_layer(first_kernel_size, "gated_0", self.embedding.size)
        others = [gated_layer(kernel_size, f"gated_{i + 1}") for i in range(num_blocks)]
        self.stack_layers(
            [first, *others], filters, filters if head_filters is None else head_filters
        )
