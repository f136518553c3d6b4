"""Gated PixelCNN: images, pixel by pixel, with gates and without a blind spot.

van den Oord, Kalchbrenner, Vinyals, Espeholt, Graves, Kavukcuoglu 2016, "Conditional Image
Generation with PixelCNN Decoders", arXiv 1606.05328.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen import checks, random
from keras_gen.autoregressive.gated_layer import GatedLayer, joined
from keras_gen.autoregressive.masked_dense import MaskedDense
from keras_gen.autoregressive.raster_scan import Given, raster_scan
from keras_gen.image_model import ExplicitImageModel
from keras_gen.likelihoods import Likelihood, likelihood_of
from keras_gen.random import Noise
from keras_gen.signature import Input, Signature


@keras.saving.register_keras_serializable("keras_gen")
class GatedPixelCNN(ExplicitImageModel):
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
        sizes = [filters, self.head_filters, channels * self.likelihood.num_parameters]
        self.head = [
            MaskedDense(
                inputs,
                outputs,
                channels,
                dtype="float32" if i == 1 else self.dtype_policy,
                name=f"head_{i}",
            )
            for i, (inputs, outputs) in enumerate(itertools.pairwise(sizes))
        ]
        self.built = True

    @property
    def sample_output(self):
        return self.likelihood.draw_output

    # ---- objective and sampling ------------------------------------------------------------------

    def call(self, x: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """The likelihood's parameters for every value, given those before it.

        Args:
            x: stored values `[n, height, width, channels]`.
            labels: int32 `[n]`, of a conditional model.

        Returns:
            float32 `[n, height, width, channels, likelihood.num_parameters]`.
        """
        horizontal = self.to_unit(x)
        vertical = tf.pad(horizontal[:, :-1], [[0, 0], [1, 0], [0, 0], [0, 0]])
        for layer in self.gated_layers:
            vertical, horizontal = layer(vertical, horizontal, labels)
        hidden = self.head[0](tf.nn.relu(horizontal))
        parameters = self.head[1](tf.nn.relu(hidden))
        return tf.reshape(parameters, [-1, *self.image_shape, self.likelihood.num_parameters])

    def log_likelihood(self, x, labels, training=False):
        return tf.reduce_sum(self.likelihood.log_prob(self(x, labels), x), axis=[1, 2, 3])

    def draw(self, noise, labels, temperature, given: Given | None = None):
        _, width, channels = self.image_shape
        layers = self.gated_layers
        num = tf.shape(noise.seeds)[0]
        biases = [layer.biases(labels) for layer in layers]
        weights = [layer.step_weights() for layer in layers]
        head_weights = [dense.step_weights() for dense in self.head]

        def begin():
            rows = [layer.empty_rows(num, width) for layer in layers]
            return rows, [layer.empty_columns(num) for layer in layers]

        def begin_row(row, above, cache):
            # Above the first row there is nothing: zeros, as padding has it, and no pixel's value.
            vertical = self.to_unit(above, "float32") * tf.cast(row > 0, "float32")
            contributions, next_cache = [], []
            for layer, rows, bias in zip(layers, cache, biases, strict=True):
                vertical, contribution, rows = layer.step_row(vertical, rows, bias)
                contributions.append(contribution)
                next_cache.append(rows)
            features = tf.transpose(tf.concat(contributions, axis=-1), [1, 0, 2])
            row_noise = self.likelihood.noise(noise, (width, channels), step=row)
            # Channel after channel, as the features are.
            row_noise = tf.reshape(row_noise, [-1, width, channels * row_noise.shape[-1]])
            return features, tf.transpose(row_noise, [1, 0, 2]), next_cache

        def step(above, pixel_noise, known, left):
            # By layer and channel.
            above = tf.split(above, len(layers) * channels, axis=-1)
            pixel_noise = tf.split(pixel_noise, channels, axis=-1)
            # By layer, a group of features a channel: what goes in, and what its gates let out.
            inputs, gated = [[] for _ in range(len(layers) + 1)], [[] for _ in layers]
            hidden, values = [], []
            for channel in range(channels):
                for i, layer in enumerate(layers):
                    from_above = above[i * channels + channel]
                    output = layer.step(from_above, left[i], inputs[i], gated[i], weights[i])
                    inputs[i + 1].append(output)
                features = tf.nn.relu(joined(inputs[-1]))
                hidden.append(self.head[0].step(features, head_weights[0][channel]))
                features = tf.nn.relu(joined(hidden))
                parameters = self.head[1].step(features, head_weights[1][channel])
                value = self.likelihood.draw(parameters, pixel_noise[channel], temperature)
                value = tf.expand_dims(value, -1)
                if known is not None:
                    here = slice(channel, channel + 1)
                    value = tf.where(known.mask[:, here], known.images[:, here], value)
                values.append(value)
                inputs[0].append(self.to_unit(value, "float32"))
            next_left = [
                layer.next_columns(*columns)
                for layer, *columns in zip(layers, left, inputs[:-1], strict=True)
            ]
            return joined(values), next_left

        return raster_scan(num, self.image_shape, begin, begin_row, step, given)

    def complete(
        self,
        x: Any,
        mask: Any,
        labels: Any = None,
        seed: int | None = None,
        temperature: Any = 1.0,
    ) -> np.ndarray:
        """Draws the missing pixels of images, given the pixels before them in raster order.

        Args:
            x: ints `[n, height, width, channels]` in `[0, levels)`; ignored where `mask` is false.
            mask: bool `[n, height, width, channels]`, true where a value is known, or one mask
                `[height, width, channels]` for all.
            labels: ints in `[0, num_classes)`, one or `[n]`; of a conditional model only.
            seed: the same seed gives the same completions; a new one is drawn where `None`.
            temperature: at least 0, one or `[n]`.

        Returns:
            uint8 `[n, height, width, channels]`; equal to `x` where `mask` is true.

        Raises:
            ValueError: an argument is of another shape or kind, or out of range.

        Example:
            >>> mask = np.zeros((28, 28, 1), bool)
            >>> mask[:14] = True  # the upper half is known
            >>> model.complete(images, mask, seed=0)
        """
        x = self.check_images(x)
        mask = checks.mask("mask", mask, x.shape)
        labels = self.check_labels(labels, len(x))
        temperature = self.check_temperature(temperature, len(x))
        seeds = random.spread(self.check_seed(seed), len(x))
        return self.run("complete", x, mask, seeds, temperature, labels)

    # ---- signatures ------------------------------------------------------------------------------

    def signatures(self):
        def complete(images, mask, seeds, temperature, labels=None):
            return {"samples": self.draw(Noise(seeds), labels, temperature, Given(images, mask))}

        base = super().signatures()
        inputs = {
            "images": self.image_input(),
            "mask": Input((None, *self.image_shape), "bool"),
        } | base["sample"].inputs
        return base | {"complete": Signature(complete, inputs, {"samples": self.sample_output})}
