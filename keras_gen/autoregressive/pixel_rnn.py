"""PixelRNN: images, pixel by pixel, from two-dimensional long short-term memory.

van den Oord, Kalchbrenner, Kavukcuoglu 2016, "Pixel Recurrent Neural Networks", arXiv 1601.06759.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_gen import checks
from keras_gen.autoregressive.ancestral_sampling import Row, Step, raster_scan
from keras_gen.autoregressive.head import Head
from keras_gen.autoregressive.masked_convolution import MaskedConv2D
from keras_gen.autoregressive.pixel_lstm import DiagonalBiLSTM, Pixel, RowLSTM
from keras_gen.autoregressive.pixel_model import PixelModel
from keras_gen.likelihoods import Likelihood, likelihood_of

RECURRENCES = {"row": RowLSTM, "diagonal": DiagonalBiLSTM}


@keras.saving.register_keras_serializable("keras_gen")
class PixelRNN(PixelModel):
    """PixelRNN over images of one or three channels.

    The training graph holds each row (or diagonal) by itself: it grows with the picture.

    Args:
        image_shape: (height, width, channels).
        levels: how many values a channel takes, 2 to 256.
        recurrence: "row" for the Row LSTM, which sees a triangle of the past, or "diagonal" for the
            Diagonal BiLSTM, which sees all of it.
        filters: features between the layers, a multiple of twice the channels; half as many in a
            layer's state.
        num_blocks: recurrent layers after the first convolution.
        first_kernel_size: of the first convolution, odd.
        head_filters: features between the layers and the logits; `None` is `filters`.
        num_classes: of the labels that shift the first convolution; `None` is unconditional.
        likelihood: of a channel's value; `None` is Bernoulli for 2 levels and else Categorical.
        seed: kept for symmetry: training uses no noise.
        **kwargs: of `keras.Model`.

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

    # ---- networks --------------------------------------------------------------------------------

    def __init__(
        self,
        image_shape: Sequence[int],
        levels: int = 256,
        recurrence: str = "diagonal",
        filters: int = 32,
        num_blocks: int = 3,
        first_kernel_size: int = 7,
        head_filters: int | None = None,
        num_classes: int | None = None,
        likelihood: Likelihood | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(image_shape, levels=levels, num_classes=num_classes, seed=seed, **kwargs)
        channels = self.image_shape[-1]
        if recurrence not in RECURRENCES:
            raise ValueError(
                f"recurrence must be one of {', '.join(RECURRENCES)}, received {recurrence!r}."
            )
        self.recurrence = recurrence
        self.filters = checks.multiple_of("filters", filters, 2 * channels, "twice the channels")
        self.num_blocks = checks.in_range("num_blocks", num_blocks, 1, 1000)
        self.first_kernel_size = checks.odd("first_kernel_size", first_kernel_size, 3)
        head_filters = filters if head_filters is None else head_filters
        self.head_filters = checks.multiple_of("head_filters", head_filters, channels)
        self.likelihood = likelihood_of(self.levels, likelihood)

        policy = self.dtype_policy
        self.first = MaskedConv2D(
            channels, filters, first_kernel_size, channels, strict=True, dtype=policy, name="first"
        )
        self.lstms = [
            RECURRENCES[recurrence](filters, channels, dtype=policy, name=f"lstm_{i + 1}")
            for i in range(num_blocks)
        ]
        self.head = Head(
            filters,
            self.head_filters,
            channels,
            self.likelihood.num_parameters,
            dtype=policy,
            name="head",
        )
        if num_classes is not None:
            shape = (num_classes, filters)
            self.label_bias = self.add_weight(shape, "zeros", name="label_bias")
        self.built = True

    # ---- objective and sampling ------------------------------------------------------------------

    def call(self, x, labels=None, training=False):
        image = self.to_unit(x)
        features = self.first(image)
        if self.num_classes is not None:
            features += tf.gather(self.label_bias, labels)[:, None, None]
        for layer in self.lstms:
            features = layer(features, image)
        return self.head(features)

    def draw(self, noise, labels, temperature, given=None):
        _, width, channels = self.image_shape
        num = tf.shape(noise.seeds)[0]
        bias = 0.0 if labels is None else tf.gather(self.label_bias, labels)[:, None]
        first_weights = self.first.step_weights()
        weights = [layer.step_weights() for layer in self.lstms]
        head_weights = self.head.step_weights()

        def begin_row(row, above, cache, _):
            rows, caches = cache
            pixels = self.above_in_unit(row, above)
            rows = tf.concat([rows[:, 1:], pixels[:, None]], axis=1)
            begun = [
                layer.begin_row(row, kept, pixels, layer_cache)
                for layer, kept, layer_cache in zip(self.lstms, above.kept, caches, strict=True)
            ]
            features = [self.first.step_row(rows) + bias, *(part for part, _ in begun)]
            left = [self.first.empty_columns(num)]
            left += [layer.empty_column(num) for layer in self.lstms]
            row_cache = rows, [layer_cache for _, layer_cache in begun]
            return Row(features, self.row_noise(noise, row), left, row_cache)

        def step(column, left):
            first, *above = column.features
            first = tf.split(first, channels, axis=1)
            # What goes into each layer and out of the last, a group of features a channel.
            features: list[list] = [[] for _ in range(self.num_blocks + 1)]
            pixels = [Pixel([], [], []) for _ in self.lstms]
            hidden: list[tf.Tensor] = []

            def parameters_of(values):
                c = len(values)
                features[0].append(self.first.step(first[c], left[0], values, first_weights[c]))
                for i, layer in enumerate(self.lstms):
                    output = layer.step(
                        above[i], left[i + 1], features[i], pixels[i], weights[i][c]
                    )
                    features[i + 1].append(output)
                return self.head.step(features[-1], hidden, head_weights)

            value, inputs = self.draw_channels(parameters_of, column, temperature)
            ended = [
                layer.end_pixel(*of_pixel)
                for layer, *of_pixel in zip(self.lstms, features[:-1], pixels, strict=True)
            ]
            next_left = [self.first.next_columns(left[0], inputs), *(column for column, _ in ended)]
            return Step(value, next_left, [kept for _, kept in ended])

        caches = [layer.empty_row(num, width) for layer in self.lstms]
        cache = tf.zeros([num, self.first.rows, width, channels]), caches
        kept = [layer.kept_size for layer in self.lstms]
        return raster_scan(num, self.image_shape, cache, begin_row, step, given, kept)
