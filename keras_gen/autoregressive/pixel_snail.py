"""PixelSNAIL: causal convolutions, interleaved with attention to all earlier pixels.

Chen, Mishra, Rohaninejad, Abbeel 2017, "PixelSNAIL: An Improved Autoregressive Generative Model",
arXiv 1712.09763.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_gen import checks
from keras_gen.autoregressive.ancestral_sampling import Row, Step, raster_scan
from keras_gen.autoregressive.causal_attention import (
    Entries,
    attend,
    attention,
    coordinates,
    split_heads,
)
from keras_gen.autoregressive.gated_resnet import GatedResnet, Memory, concat_elu
from keras_gen.autoregressive.masked_convolution import MaskedConv2D
from keras_gen.autoregressive.pixel_model import PixelModel
from keras_gen.autoregressive.shifted_convolution import ShiftedConv2D
from keras_gen.likelihoods import Likelihood, pixel_likelihood_of


class AttentionBlock(keras.layers.Layer):
    """What one position looks up in those before it, as a residual block of its features.

    Args:
        filters: features in and out.
        channels: of the image, with its ones.
        num_heads: of the attention.
        key_dim: of each head.
        value_dim: of each head.
        num_classes: of the labels that shift the gates; `None` is unconditional.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(
        self,
        filters: int,
        channels: int,
        num_heads: int,
        key_dim: int,
        value_dim: int,
        num_classes: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.heads, self.key_dim, self.value_dim = num_heads, key_dim, value_dim

        def pointwise(inputs, outputs, name):
            return ShiftedConv2D(
                inputs, outputs, rows=1, left=0, dtype=self.dtype_policy, name=name
            )

        # A pixel is looked up by its place and features, and found by its value as well.
        self.query = pointwise(2 * (filters + 2), num_heads * key_dim, "query")
        self.entry = pointwise(
            2 * (filters + 2 + channels), num_heads * (key_dim + value_dim), "entry"
        )
        self.mixed = pointwise(num_heads * value_dim, filters, "mixed")
        self.block = GatedResnet(
            filters,
            num_shortcuts=1,
            num_classes=num_classes,
            pointwise=True,
            dtype=self.dtype_policy,
            name="block",
        )
        self.built = True

    @property
    def entry_size(self) -> int:
        """Features of a position's keys and values."""
        return self.heads * (self.key_dim + self.value_dim)

    def call(self, features, image, place, labels=None):
        """Maps features `[n, height, width, filters]` to the same.

        Args:
            features: of pixels, blind to the pixels themselves.
            image: the pixels, `[n, height, width, channels]`.
            place: their coordinates, `[1, height, width, 2]`.
            labels: int32 `[n]`.
        """
        height, width = features.shape[1:3]
        place = tf.broadcast_to(place, tf.concat([tf.shape(features)[:3], [2]], axis=0))
        query = self.query(concat_elu(tf.concat([features, place], axis=3)))
        entry = self.entry(concat_elu(tf.concat([features, place, image], axis=3)))
        key, value = tf.split(
            entry, [self.heads * self.key_dim, self.heads * self.value_dim], axis=3
        )
        query, key, value = (
            tf.reshape(x, [-1, height * width, self.heads, size])
            for x, size in ((query, self.key_dim), (key, self.key_dim), (value, self.value_dim))
        )
        mixed = attention(query, key, value, strict=True)
        mixed = self.mixed(tf.reshape(mixed, [-1, height, width, mixed.shape[-1]]))
        return self.block(features, [mixed], labels)

    # ---- single pixels ---------------------------------------------------------------------------

    def step_weights(self) -> dict[str, Any]:
        """The weights of `step` and `step_entry`."""
        layers = (self.query, self.entry, self.mixed)
        weights = {layer.name: (layer.step_weights(), layer.bias + 0.0) for layer in layers}
        return weights | {"block": self.block.step_weights()}

    def step(self, features, place, looked_up: tuple, biases, weights) -> tf.Tensor:
        """One pixel's features, `[n, filters]` to the same.

        Args:
            features: of the pixel.
            place: its coordinates, `[n, 2]`.
            looked_up: what `attend` takes after the query.
            biases: of the block.
            weights: from `step_weights`.
        """
        kernel, bias = weights["query"]
        query = self.query.step(bias, [concat_elu(tf.concat([features, place], axis=1))], kernel)
        mixed = attend(tf.reshape(query, [-1, self.heads, self.key_dim]), *looked_up)
        kernel, bias = weights["mixed"]
        mixed = self.mixed.step(bias, [mixed], kernel)
        return self.block.step(features, [mixed], biases, Memory({}), weights["block"])

    def step_entry(self, features, place, pixel, weights) -> tf.Tensor:
        """The keys and values of a pixel that is drawn: `[n, entry_size]`."""
        kernel, bias = weights["entry"]
        seen = concat_elu(tf.concat([features, place, pixel], axis=1))
        return self.entry.step(bias, [seen], kernel)


@keras.saving.register_keras_serializable("keras_gen")
class PixelSNAIL(PixelModel):
    """PixelSNAIL over images of any number of channels.

    Args:
        image_shape: (height, width, channels).
        levels: how many values a channel takes, 2 to 256.
        filters: features of the stream.
        num_blocks: blocks, each of residual convolutions and one attention.
        num_residuals: residual convolutions in a block.
        num_heads: of each attention.
        key_dim: of each head.
        value_dim: of each head.
        dropout: the share of features dropped in training, within residual convolutions.
        num_classes: of the labels that shift every gate; `None` is unconditional.
        likelihood: of whole pixels, or of single values; `None` is Bernoulli for binary images of
            one channel, else a mixture of ten discretised logistics.
        seed: of the dropout.
        **kwargs: of `keras.Model`.

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> model = PixelSNAIL((28, 28, 1), levels=2)
        >>> model.compile()
        >>> model.fit(images, epochs=10)
        >>> model.sample(16, seed=0).shape
        (16, 28, 28, 1)

    Chen et al. 2017, arXiv 1712.09763.
    """

    # ---- networks --------------------------------------------------------------------------------

    def __init__(
        self,
        image_shape: Sequence[int],
        levels: int = 256,
        filters: int = 32,
        num_blocks: int = 4,
        num_residuals: int = 2,
        num_heads: int = 1,
        key_dim: int = 8,
        value_dim: int = 32,
        dropout: float = 0.0,
        num_classes: int | None = None,
        likelihood: Likelihood | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(image_shape, levels=levels, num_classes=num_classes, seed=seed, **kwargs)
        height, width, channels = self.image_shape
        self.filters = checks.positive("filters", filters)
        self.num_blocks = checks.in_range("num_blocks", num_blocks, 1, 1000)
        self.num_residuals = checks.in_range("num_residuals", num_residuals, 0, 1000)
        self.num_heads = checks.positive("num_heads", num_heads)
        self.key_dim = checks.positive("key_dim", key_dim)
        self.value_dim = checks.positive("value_dim", value_dim)
        self.dropout = checks.share("dropout", dropout)
        self.likelihood = pixel_likelihood_of(self.levels, channels, likelihood)
        policy = self.dtype_policy
        # The image has a channel of ones beside its own, so that its edge can be seen.
        self.first = MaskedConv2D(
            channels + 1, filters, 5, 1, strict=True, dtype=policy, name="first"
        )
        self.residuals = [
            [
                GatedResnet(
                    filters,
                    num_classes=num_classes,
                    dropout=dropout,
                    dtype=policy,
                    name=f"residual_{block}_{i}",
                )
                for i in range(num_residuals)
            ]
            for block in range(num_blocks)
        ]
        self.attentions = [
            AttentionBlock(
                filters,
                channels + 1,
                num_heads,
                key_dim,
                value_dim,
                num_classes,
                dtype=policy,
                name=f"attention_{block}",
            )
            for block in range(num_blocks)
        ]
        self.head = ShiftedConv2D(
            filters, self.likelihood.num_parameters, rows=1, left=0, dtype="float32", name="head"
        )
        self._place = coordinates(height, width)
        self.built = True

    # ---- objective and sampling ------------------------------------------------------------------

    def call(self, x, labels=None, training=False):
        image = self.with_ones(x)
        place = tf.cast(self._place, image.dtype)
        seeds = self.dropout_seeds(training)
        features = self.first(image)
        for residuals, attend_to in zip(self.residuals, self.attentions, strict=True):
            for residual in residuals:
                features = residual(features, (), labels, next(seeds))
            features = attend_to(features, image, place, labels)
        return self.head(tf.cast(tf.nn.elu(features), tf.float32))

    def draw(self, noise, labels, temperature, given=None):
        height, width, channels = self.image_shape
        num = tf.shape(noise.seeds)[0]
        residuals = [residual for block in self.residuals for residual in block]
        weights = {layer.name: layer.step_weights() for layer in (*residuals, *self.attentions)}
        biases = [block.block.biases(labels) for block in self.attentions]
        first_weights = self.first.step_weights()[0]
        head_weights, head_bias = self.head.step_weights(), self.head.bias + 0.0
        places = self._place[0]
        names = [name for residual in residuals for name in residual.cache_names]
        shape = (self.num_heads, self.key_dim, self.value_dim)

        def no_entries(count):
            heads, *dims = shape
            return [Entries.empty(num, heads, count, *dims) for _ in self.attentions]

        def begin_row(row, above, cache, _):
            rows, past = cache
            seen, entries_above = above.kept
            image = self.above_in_unit(row, above, ones=True)
            rows = tf.concat([rows[:, 1:], image[:, None]], axis=1)
            # The finished row's entries join the others; before the first row, there are none.
            past = [
                entries.put(row - 1, *split_heads(kept, *shape))
                for entries, kept in zip(past, entries_above, strict=True)
            ]
            features = {
                "first": self.first.step_row(rows),
                "residuals": [residual.above(seen, [], labels) for residual in residuals],
                "place": tf.broadcast_to(tf.gather(places, row)[None], [num, width, 2]),
            }
            left = {name: tf.zeros([num, 2 * self.filters]) for name in names}
            left["image"] = tf.zeros([num, self.first.left * (channels + 1)])
            column_cache = left, tf.constant(0), no_entries(width)
            row_cache = rows, past
            shared = row * width, past
            return Row(features, self.row_noise(noise, row), column_cache, row_cache, shared)

        def step(column, cache):
            left, num_recent, recent = cache
            num_past, past = column.shared
            place = column.features["place"]
            memory = Memory(left)
            x = self.first.step(column.features["first"], left["image"], [], first_weights)
            blind = []  # each attention's features, before it
            of_residual = iter(column.features["residuals"])
            for i, block in enumerate(self.attentions):
                for residual in self.residuals[i]:
                    x = residual.step(x, [], next(of_residual), memory, weights[residual.name])
                blind.append(x)
                looked_up = past[i], num_past, recent[i], num_recent
                x = block.step(x, place, looked_up, biases[i], weights[block.name])
            parameters = self.head.step(head_bias, [tf.nn.elu(x)], head_weights)
            pixel = column.keep(self.likelihood.draw(parameters, column.noise, temperature))
            seen = self.with_ones(pixel, "float32")
            memory.now["image"] = self.first.next_columns(left["image"], [seen])
            entries = [
                block.step_entry(x, place, seen, weights[block.name])
                for block, x in zip(self.attentions, blind, strict=True)
            ]
            recent = [
                row.put(num_recent, *split_heads(entry[:, None], *shape))
                for row, entry in zip(recent, entries, strict=True)
            ]
            kept = {name: memory.now[name] for name in names}, entries
            return Step(pixel, (memory.next(), num_recent + 1, recent), kept)

        no_rows = tf.zeros([num, self.first.rows, width, channels + 1])
        cache = no_rows, no_entries(height * width)
        kept = dict.fromkeys(names, 2 * self.filters), [a.entry_size for a in self.attentions]
        return raster_scan(num, self.image_shape, cache, begin_row, step, given, kept)
