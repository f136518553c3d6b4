"""PixelCNN: images, pixel by pixel, from masked convolutions.

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
from keras_gen.autoregressive.masked_dense import joined
from keras_gen.autoregressive.pixel_model import PixelModel
from keras_gen.autoregressive.residual_block import Pixel, ResidualBlock
from keras_gen.likelihoods import Likelihood, likelihood_of


@keras.saving.register_keras_serializable("keras_gen")
class PixelCNN(PixelModel):
    """PixelCNN over images of one or three channels.

    Its convolutions see a cone of the past alone: what lies above and far to the right stays hidden
    (the blind spot that Gated PixelCNN removes).

    Args:
        image_shape: (height, width, channels).
        levels: how many values a channel takes, 2 to 256.
        filters: features between the residual blocks; a multiple of twice the channels. Within a
            block there are half as many.
        num_blocks: residual blocks after the first convolution.
        kernel_size: of the blocks' masked convolutions, odd.
        first_kernel_size: of the first convolution, odd.
        head_filters: features between the blocks and the logits; `None` is `filters // 2`.
        num_classes: of the labels that shift the first convolution; `None` is unconditional.
        likelihood: of a channel's value; `None` is Bernoulli for 2 levels and else Categorical.
        seed: kept for symmetry: training uses no noise.
        **kwargs: of `keras.Model`.

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

    # ---- networks --------------------------------------------------------------------------------

    def __init__(
        self,
        image_shape: Sequence[int],
        levels: int = 256,
        filters: int = 64,
        num_blocks: int = 6,
        kernel_size: int = 3,
        first_kernel_size: int = 7,
        head_filters: int | None = None,
        num_classes: int | None = None,
        likelihood: Likelihood | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(image_shape, levels=levels, num_classes=num_classes, seed=seed, **kwargs)
        channels = self.image_shape[-1]
        self.filters = checks.multiple_of("filters", filters, 2 * channels, "twice the channels")
        self.num_blocks = checks.in_range("num_blocks", num_blocks, 0, 1000)
        self.kernel_size = checks.odd("kernel_size", kernel_size, 3)
        self.first_kernel_size = checks.odd("first_kernel_size", first_kernel_size, 3)
        head_filters = filters // 2 if head_filters is None else head_filters
        self.head_filters = checks.multiple_of("head_filters", head_filters, channels)
        self.likelihood = likelihood_of(self.levels, likelihood)

        policy = self.dtype_policy
        self.first = MaskedConv2D(
            channels, filters, first_kernel_size, channels, strict=True, dtype=policy, name="first"
        )
        self.blocks = [
            ResidualBlock(filters, kernel_size, channels, dtype=policy, name=f"block_{i + 1}")
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
        features = self.first(self.to_unit(x))
        if self.num_classes is not None:
            features += tf.gather(self.label_bias, labels)[:, None, None]
        for block in self.blocks:
            features = block(features)
        return self.head(features)

    def draw(self, noise, labels, temperature, given=None):
        _, width, channels = self.image_shape
        num = tf.shape(noise.seeds)[0]
        bias = 0.0 if labels is None else tf.gather(self.label_bias, labels)[:, None]
        convolutions = [self.first, *(block.spread for block in self.blocks)]
        first_weights = self.first.step_weights()
        weights = [block.step_weights() for block in self.blocks]
        head_weights = self.head.step_weights()

        def begin_row(row, above, cache, _):
            finished = [self.above_in_unit(row, above), *above.kept]
            cache = [
                tf.concat([rows[:, 1:], new[:, None]], axis=1)
                for rows, new in zip(cache, finished, strict=True)
            ]
            first, *others = (
                convolution.step_row(rows)
                for convolution, rows in zip(convolutions, cache, strict=True)
            )
            left = [convolution.empty_columns(num) for convolution in convolutions]
            return Row([first + bias, *others], self.row_noise(noise, row), left, cache)

        def step(column, left):
            first, *above = (tf.split(part, channels, axis=1) for part in column.features)
            # What goes into each block and out of the last, a group of features a channel.
            features = [[] for _ in range(self.num_blocks + 1)]
            pixels = [Pixel([], []) for _ in self.blocks]
            head_hidden = []

            def parameters_of(values):
                c = len(values)
                features[0].append(self.first.step(first[c], left[0], values, first_weights[c]))
                for i, block in enumerate(self.blocks):
                    output = block.step(
                        above[i][c], left[i + 1], features[i], pixels[i], weights[i][c]
                    )
                    features[i + 1].append(output)
                return self.head.step(features[-1], head_hidden, head_weights)

            pixel, values = self.draw_channels(parameters_of, column, temperature)
            inputs = [values, *(pixel.hidden for pixel in pixels)]
            next_left = [
                convolution.next_columns(*columns)
                for convolution, *columns in zip(convolutions, left, inputs, strict=True)
            ]
            return Step(pixel, next_left, [joined(pixel.hidden) for pixel in pixels])

        no_rows = [
            tf.zeros([num, convolution.rows, width, convolution.inputs])
            for convolution in convolutions
        ]
        kept = [block.spread.inputs for block in self.blocks]
        return raster_scan(num, self.image_shape, no_rows, begin_row, step, given, kept)
