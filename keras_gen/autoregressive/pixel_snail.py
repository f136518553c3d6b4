"""PixelSNAIL: causal convolutions, interleaved with attention to all earlier pixels.

Chen, Mishra, Rohaninejad, Abbeel 2017, "PixelSNAIL: An Improved Autoregressive Generative Model",
arXiv 1712.09763.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen import checks
from keras_gen.ancestral_sampling import Column, Given, Row, Step, joined
from keras_gen.autoregressive.autoregressive_model import Choice
from keras_gen.autoregressive.layers.causal_attention import Entries, attend, attention
from keras_gen.autoregressive.layers.gated_resnet import GatedResnet, concat_elu
from keras_gen.autoregressive.layers.masked_convolution import MaskedConv2D
from keras_gen.autoregressive.layers.masked_dense import MaskedDense
from keras_gen.autoregressive.layers.shifted_convolution import with_ones
from keras_gen.autoregressive.layers.stepwise import Begun, Place, StepWeights, StepwiseLayer
from keras_gen.autoregressive.pixel_model import PixelModel
from keras_gen.model import Conditions
from keras_gen.random import Noise


class AttentionBlock(StepwiseLayer):
    """Attention of each pixel to all pixels before it, as a residual block of its features.

    Args:
        filters: features in and out.
        image_features: of a pixel of the image itself.
        sides: (height, width) of the image.
        num_heads: of the attention.
        key_dim: of each head.
        value_dim: of each head.
        num_classes: of the labels that shift the gates; `None` is unconditional.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(
        self,
        filters: int,
        image_features: int,
        sides: tuple[int, int],
        num_heads: int,
        key_dim: int,
        value_dim: int,
        num_classes: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_heads, self.key_dim, self.value_dim = num_heads, key_dim, value_dim
        self._coordinates = coordinates(*sides)  # [height, width, 2]
        policy = self.dtype_policy

        def dense(inputs: int, outputs: int, name: str) -> MaskedDense:
            return MaskedDense(inputs, outputs, channels=1, dtype=policy, name=name)

        # A pixel asks by its features and its place; it is found by its own value as well.
        asking, found = 2 * (filters + 2), 2 * (filters + 2 + image_features)
        self.query = dense(asking, num_heads * key_dim, "query")
        self.entry = dense(found, num_heads * (key_dim + value_dim), "entry")
        self.mixed = dense(num_heads * value_dim, filters, "mixed")
        self.block = GatedResnet(
            filters,
            num_shortcuts=1,
            num_classes=num_classes,
            pointwise=True,
            dtype=policy,
            name="block",
        )
        self.built = True

    # ---- the whole image -------------------------------------------------------------------------

    def call(self, x: tf.Tensor, image: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Maps `[n, height, width, filters]` to the same.

        Args:
            x: features of pixels, none of which depends on the pixel's own value.
            image: features of the image itself, `[n, height, width, image_features]`.
            labels: int32 `[n]`.
        """
        height, width = x.shape[1:3]
        place = tf.cast(self._coordinates, x.dtype)
        place = tf.broadcast_to(place, tf.concat([tf.shape(x)[:3], [2]], axis=0))
        query = self.query(concat_elu(tf.concat([x, place], axis=3)))
        entry = self.entry(concat_elu(tf.concat([x, place, image], axis=3)))
        key, value = tf.split(entry, self._entry_sizes, axis=3)
        query, key, value = (
            tf.reshape(part, [-1, height * width, self.num_heads, size])
            for part, size in ((query, self.key_dim), (key, self.key_dim), (value, self.value_dim))
        )
        mixed = attention(query, key, value, strict=True)
        mixed = self.mixed(tf.reshape(mixed, [-1, height, width, mixed.shape[-1]]))
        return self.block(x, [mixed], labels)

    @property
    def _entry_sizes(self) -> list[int]:
        """Features of a pixel's keys, and of its values."""
        return [self.num_heads * self.key_dim, self.num_heads * self.value_dim]

    # ---- row by row and pixel by pixel: the caches are of keys and values ------------------------

    @property
    def kept(self) -> Any:
        return sum(self._entry_sizes)

    def empty(self, num: tf.Tensor, columns: int) -> Any:
        # Room for the entries of all rows.
        return self._no_entries(num, self._coordinates.shape[0] * columns)

    def step_weights(self, labels: tf.Tensor | None = None) -> StepWeights:
        block = self.block.step_weights(labels)
        (query,), (entry,), (mixed,) = (
            layer.step_weights() for layer in (self.query, self.entry, self.mixed)
        )
        return StepWeights(block.row, [(query, entry, mixed, block.column[0])])

    def begin_row(self, row: tf.Tensor, stream: Any, row_cache: Any, weights: Any) -> Begun:
        num, width = tf.shape(row_cache.keys)[0], self._coordinates.shape[1]
        place = tf.broadcast_to(tf.gather(self._coordinates, row)[None], [num, width, 2])
        block = self.block.begin_row(row, None, self.block.empty(num, width), weights)
        return Begun(
            features=(place, block.features),
            cache=(self._no_entries(num, width), block.cache),
            row_cache=(row, row_cache),
            stream=stream,
            shared=(row_cache, row * width, block.shared),
        )

    def step(self, inputs: list[tf.Tensor], place: Place, column: tf.Tensor | int = 0) -> tf.Tensor:
        """As of `StepwiseLayer`.

        Args:
            inputs: the pixel's features, `[n, filters]`.
            place: where the step stands.
            column: its index in the row, int32 scalar.
        """
        (x,) = inputs
        coordinates_here, of_block = place.features
        recent, block_cache = place.cache
        past, num_past, block_shared = place.shared
        query_weights, _, mixed_weights, block_weights = place.weights
        query = self.query.step(concat_elu(joined([x, coordinates_here])), query_weights)
        query = tf.reshape(query, [-1, self.num_heads, self.key_dim])
        mixed = attend(query, past, num_past, recent, column)
        mixed = self.mixed.step(mixed, mixed_weights)
        block = Place(of_block, block_cache, block_weights, {}, block_shared)
        return self.block.step(inputs, block, shortcuts=[mixed])

    def end_column(
        self, inputs: list[tf.Tensor], place: Place, image: Any = None, column: tf.Tensor | int = 0
    ) -> tuple[Any, Any]:
        """As of `StepwiseLayer`.

        Args:
            inputs: the pixel's features, `[n, filters]`.
            place: where its step stood.
            image: features of the pixel itself, now that it is drawn, `[n, image_features]`.
            column: its index in the row, int32 scalar.
        """
        seen = concat_elu(joined([*inputs, place.features[0], image]))
        entry = self.entry.step(seen, place.weights[1])
        recent, block_cache = place.cache
        recent = recent.put(column, *self._split(entry[:, None]))
        return (recent, block_cache), entry

    def end_row(self, row_cache: Any, cache: Any, kept: Any) -> Any:
        row, past = row_cache
        return past.put(row, *self._split(kept))

    def _no_entries(self, num: tf.Tensor, count: int) -> Entries:
        return Entries.empty(num, self.num_heads, count, self.key_dim, self.value_dim)

    def _split(self, entries: tf.Tensor) -> list[tf.Tensor]:
        """From `[n, entries, k]` to keys and values `[n, heads, entries, key_dim or value_dim]`."""
        count, parts = entries.shape[1], tf.split(entries, self._entry_sizes, axis=2)
        return [
            tf.transpose(tf.reshape(part, [-1, count, self.num_heads, size]), [0, 2, 1, 3])
            for part, size in zip(parts, (self.key_dim, self.value_dim), strict=True)
        ]


@keras.saving.register_keras_serializable("keras_gen")
class PixelSNAIL(PixelModel):
    """Images with exact likelihoods, by attention to all earlier pixels: the best, and the slowest.

    Unlike the paper's, weights are neither normalised nor started from a batch of data, and nothing
    is dropped unless `dropout` says so: the paper's is 0.5. Queries, keys and values are one
    product of a pixel's features each; the paper has a gated block before them.

    Args:
        image_shape: (height, width, channels).
        levels: how many values a channel takes, 2 to 256; of codes, 2 to 65,536.
        filters: features of each pixel.
        num_blocks: blocks, each of residual convolutions and one attention.
        num_residuals: residual convolutions in a block.
        num_heads: of each attention.
        key_dim: of each head.
        value_dim: of each head.
        dropout: the share of features dropped in training, within residual convolutions.
        num_classes: of the labels that shift every gate; `None` is unconditional.
        **kwargs: of `PixelModel`: `likelihood` (of whole pixels, or of a channel's value),
            `source`, `codes`, `average_decay`, `seed` (of the dropout).

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

    whole_pixels = True

    # ---- networks --------------------------------------------------------------------------------

    def __init__(
        self,
        image_shape: Sequence[int],
        levels: int = 256,
        *,
        filters: int = 32,
        num_blocks: int = 4,
        num_residuals: int = 2,
        num_heads: int = 1,
        key_dim: int = 8,
        value_dim: int = 32,
        dropout: float = 0.0,
        num_classes: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(image_shape, levels=levels, num_classes=num_classes, **kwargs)
        self.filters = checks.positive("filters", filters)
        self.num_blocks = checks.in_range("num_blocks", num_blocks, 1, 1000)
        self.num_residuals = checks.in_range("num_residuals", num_residuals, 0, 1000)
        self.num_heads = checks.positive("num_heads", num_heads)
        self.key_dim = checks.positive("key_dim", key_dim)
        self.value_dim = checks.positive("value_dim", value_dim)
        self.dropout = checks.share("dropout", dropout)
        policy = self.dtype_policy

        # The image has a feature of ones beside its own, so that its edge can be seen.
        inputs = self.embedding.size + 1
        self.first = MaskedConv2D(
            inputs, filters, 5, channels=1, strict=True, dtype=policy, name="first"
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
                inputs,
                self.image_shape[:2],
                num_heads,
                key_dim,
                value_dim,
                num_classes,
                dtype=policy,
                name=f"attention_{block}",
            )
            for block in range(num_blocks)
        ]
        self.head = MaskedDense(
            filters, self.likelihood.num_parameters, channels=1, dtype="float32", name="head"
        )
        self._build_source(filters)
        self.finish_build()

    # ---- objective -------------------------------------------------------------------------------

    def _parameters(
        self, x: tf.Tensor, conditions: Conditions, training: bool = False
    ) -> tf.Tensor:
        image = with_ones(self.embedding(x))
        labels, source = conditions.get("labels"), self.source_features(conditions)
        seeds = self.dropout_seeds(training)
        features, _ = self.first(image)
        if source is not None:
            features += source
        for residuals, attention_block in zip(self.residuals, self.attentions, strict=True):
            for residual in residuals:
                features = residual(features, (), labels, next(seeds))
            features = attention_block(features, image, labels)
        return self.head(tf.nn.elu(features))

    # ---- sampling --------------------------------------------------------------------------------

    def draw(
        self,
        noise: Noise,
        conditions: Conditions,
        settings: dict[str, tf.Tensor],
        given: Given | None = None,
        choose: Choice | None = None,
    ) -> tf.Tensor:
        _, width, _ = self.image_shape
        num = tf.shape(noise.seeds)[0]
        labels, source = conditions.get("labels"), self.source_features(conditions)
        source = None if source is None else tf.cast(source, tf.float32)
        residuals = [residual for block in self.residuals for residual in block]
        layers = {layer.name: layer for layer in (self.first, *residuals, *self.attentions)}
        weights = {name: layer.step_weights(labels) for name, layer in layers.items()}
        (head,) = self.head.step_weights()

        def begin_row(row: tf.Tensor, above: tf.Tensor, caches: dict[str, Any], _: int) -> Row:
            # Above the first row there is nothing, no feature of ones either.
            image = with_ones(above) * tf.cast(row > 0, tf.float32)
            begun = {
                name: layer.begin_row(
                    row, image if layer is self.first else None, caches[name], weights[name].row
                )
                for name, layer in layers.items()
            }
            features = {name: each.features for name, each in begun.items()}
            if source is not None:
                features["first"] += tf.gather(source, row, axis=1)
            return Row(
                features=features,
                noise=self.row_noise(noise, row),
                column_cache=(
                    tf.constant(0),
                    {name: each.cache for name, each in begun.items()},
                ),
                row_cache={name: each.row_cache for name, each in begun.items()},
                shared={name: each.shared for name, each in begun.items()},
            )

        def step(column: Column, cache: Any) -> Step:
            index, caches = cache
            places = {
                name: Place(
                    column.features[name],
                    caches[name],
                    weights[name].column[0],
                    {},
                    column.shared[name],
                )
                for name in layers
            }
            x = self.first.step([], places["first"])
            inputs = {}  # of each layer
            for of_block, attention_block in zip(self.residuals, self.attentions, strict=True):
                for residual in of_block:
                    inputs[residual.name] = [x]
                    x = residual.step([x], places[residual.name])
                inputs[attention_block.name] = [x]
                x = attention_block.step([x], places[attention_block.name], column=index)
            parameters = self.head.step(tf.nn.elu(x), head)
            pixel = self.choose_value(
                parameters, column.noise, settings["temperature"], column.known, choose
            )
            image = with_ones(self.embedding(pixel, dtype="float32"))
            inputs["first"] = [image]
            ended = {}
            for name, layer in layers.items():
                # Keys and values of attention follow from the pixel's own value too.
                has_entries = isinstance(layer, AttentionBlock)
                options = {"image": image, "column": index} if has_entries else {}
                ended[name] = layer.end_column(inputs[name], places[name], **options)
            after = {name: cache for name, (cache, _) in ended.items()}
            kept = {name: each for name, (_, each) in ended.items()}
            return Step(pixel, (index + 1, after), kept)

        def end_row(begun: Row, cache: Any, kept: dict[str, Any]) -> dict[str, Any]:
            _, caches = cache
            return {
                name: layer.end_row(begun.row_cache[name], caches[name], kept[name])
                for name, layer in layers.items()
            }

        return self.raster_scan(
            num,
            {name: layer.empty(num, width) for name, layer in layers.items()},
            begin_row,
            step,
            end_row,
            given,
            kept={name: layer.kept for name, layer in layers.items()},
        )


def coordinates(height: int, width: int) -> np.ndarray:
    """Each pixel's row and column, in [-0.5, 0.5]: float32 `[height, width, 2]`."""
    axes = (np.linspace(-0.5, 0.5, size) if size > 1 else np.zeros(1) for size in (height, width))
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).astype(np.float32)
