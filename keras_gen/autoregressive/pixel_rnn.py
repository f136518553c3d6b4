"""PixelRNN: images, pixel by pixel, from two-dimensional long short-term memory.

van den Oord, Kalchbrenner, Kavukcuoglu 2016, "Pixel Recurrent Neural Networks", arXiv 1601.06759.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from keras_gen import checks
from keras_gen.autoregressive.layers.pixel_lstm import DiagonalBiLSTM, RowLSTM
from keras_gen.autoregressive.pixel_stack import PixelStack

RECURRENCES = {"row": RowLSTM, "diagonal": DiagonalBiLSTM}


@keras.saving.register_keras_serializable("keras_gen")
class PixelRNN(PixelStack):
    """Images pixel by pixel, with exact likelihoods, by two-dimensional recurrent networks.

    The training graph holds each row (or diagonal) by itself: it grows with the picture.

    Args:
        image_shape: (height, width, channels).
        levels: how many values a channel takes, 2 to 256; of codes, 2 to 65,536.
        recurrence: "row" for the Row LSTM, which sees a triangle of the past, or "diagonal" for the
            Diagonal BiLSTM, which sees all of it; from the right it takes in pixels' own values
            too, a row late, which the paper's does not.
        filters: features between the layers, a multiple of twice the channels; half as many in a
            layer's state.
        num_blocks: recurrent layers after the first convolution.
        first_kernel_size: of the first convolution, odd.
        head_filters: features between the layers and the logits; `None` is `filters`.
        num_classes: of the labels that shift the first convolution; `None` is unconditional.
        **kwargs: of `PixelModel`: `likelihood` (of a channel's value), `source`, `codes`,
            `average_decay`, `seed` (unused in training).

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> model = PixelRNN((28, 28, 1), levels=2, recurrence="diagonal")
        >>> model.compile()
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
        recurrence: str = "diagonal",
        filters: int = 32,
        num_blocks: int = 3,
        first_kernel_size: int = 7,
        head_filters: int | None = None,
        num_classes: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(image_shape, levels=levels, num_classes=num_classes, **kwargs)
        channels = self.image_shape[-1]
        if recurrence not in RECURRENCES:
            raise ValueError(
                f"recurrence must be one of {', '.join(RECURRENCES)}, received {recurrence!r}."
            )
        self.recurrence = recurrence
        self.filters = checks.multiple_of("filters", filters, 2 * channels, "twice the channels")
        self.num_blocks = checks.in_range("num_blocks", num_blocks, 1, 1000)
        self.first_kernel_size = checks.odd("first_kernel_size", first_kernel_size, 3)

        first = self.first_convolution(filters, first_kernel_size)
        lstms = [
            RECURRENCES[recurrence](
                filters,
                channels,
                self.embedding.size,
                dtype=self.dtype_policy,
                name=f"lstm_{i + 1}",
            )
            for i in range(num_blocks)
        ]
        self.stack_layers(
            [first, *lstms], filters, filters if head_filters is None else head_filters
        )
