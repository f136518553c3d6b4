"""Gated PixelCNN: images, pixel by pixel, with gates and without a blind spot.

van den Oord, Kalchbrenner, Vinyals, Espeholt, Graves, Kavukcuoglu 2016, "Conditional Image
Generation with PixelCNN Decoders", arXiv 1606.05328.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_gen import checks
from keras_gen.autoregressive.ancestral_sampling import Row, Step, raster_scan
from keras_gen.autoregressive.gated_layer import GatedLayer
from keras_gen.autoregressive.head import Head
from keras_gen.autoregressive.pixel_model import PixelModel
from keras_gen.likelihoods import Likelihood, likelihood_of


@keras.saving.register_keras_serializable("keras_gen")
class GatedPixelCNN(PixelModel):
    """Gated PixelCNN over images of one or three channels.

    Args:
        image_shape: (height, width, channels).
        levels: how many values a channel takes, 2 to 256.
        filters: features of each stack; a multiple of the channels.
        num_blocks: how many gated layers follow the first.
        kernel_size: of those layers, odd.
        first_kernel_size: of the first layer, odd.
        head_filters: features between the stacks and the logits; `None` is `filters`.
        num_classes: of the labels that shift every gate; `None` is unconditional.
        likelihood: of a channel's value; `None` is Bernoulli for 2 levels and else Categorical.
        seed: kept for symmetry: training uses no noise.
        **kwargs: of `keras.Model`.

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

    # ---- networks --------------------------------------------------------------------------------

    def __init__(
        self,
        image_shape: Sequence[int],
        levels: int = 256,
        filters: int = 48,
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
        self.filters = checks.multiple_of("filters", filters, channels)
        self.num_blocks = checks.in_range("num_blocks", num_blocks, 0, 1000)
        self.kernel_size = checks.odd("kernel_size", kernel_size, 3)
        self.first_kernel_size = checks.odd("first_kernel_size", first_kernel_size, 3)
        self.head_filters = checks.multiple_of("head_filters", head_filters or filters, channels)
        self.likelihood = likelihood_of(self.levels, likelihood)

        def gated_layer(size, first, name):
            return GatedLayer(
                filters, size, channels, first, num_classes, dtype=self.dtype_policy, name=name
            )

        self.gated_layers = [gated_layer(first_kernel_size, True, "gated_0")] + [
            gated_layer(kernel_size, False, f"gated_{i + 1}") for i in range(num_blocks)
        ]
        self.head = Head(
            filters,
            self.head_filters,
            channels,
            self.likelihood.num_parameters,
            dtype=self.dtype_policy,
            name="head",
        )
        self.built = True

    # ---- objective and sampling ------------------------------------------------------------------

    def call(self, x, labels=None, training=False):
        horizontal = self.to_unit(x)
        vertical = tf.pad(horizontal[:, :-1], [[0, 0], [1, 0], [0, 0], [0, 0]])
        for layer in self.gated_layers:
            vertical, horizontal = layer(vertical, horizontal, labels)
        return self.head(horizontal)

    def draw(self, noise, labels, temperature, given=None):
        _, width, channels = self.image_shape
        layers = self.gated_layers
        num = tf.shape(noise.seeds)[0]
        biases = [layer.biases(labels) for layer in layers]
        weights = [layer.step_weights() for layer in layers]
        head_weights = self.head.step_weights()

        def begin_row(row, above, cache, _):
            vertical = self.above_in_unit(row, above)
            contributions, next_cache = [], []
            for layer, rows, bias in zip(layers, cache, biases, strict=True):
                vertical, contribution, rows = layer.step_row(vertical, rows, bias)
                contributions.append(contribution)
                next_cache.append(rows)
            left = [layer.empty_columns(num) for layer in layers]
            return Row(contributions, self.row_noise(noise, row), left, next_cache)

        def step(column, left):
            above = [tf.split(part, channels, axis=1) for part in column.features]
            # By layer, a group of features a channel: what goes in, and what its gates let out.
            inputs, gated = [[] for _ in range(len(layers) + 1)], [[] for _ in layers]
            hidden = []

            def parameters_of(pixel):
                channel = len(pixel)
                inputs[0] = pixel
                for i, layer in enumerate(layers):
                    output = layer.step(above[i][channel], left[i], inputs[i], gated[i], weights[i])
                    inputs[i + 1].append(output)
                return self.head.step(inputs[-1], hidden, head_weights)

            pixel, inputs[0] = self.draw_channels(parameters_of, column, temperature)
            next_left = [
                layer.next_columns(*columns)
                for layer, *columns in zip(layers, left, inputs[:-1], strict=True)
            ]
            return Step(pixel, next_left)

        no_rows = [layer.empty_rows(num, width) for layer in layers]
        return raster_scan(num, self.image_shape, no_rows, begin_row, step, given)
