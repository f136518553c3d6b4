"""Pixel models that are a stack of layers and a head: one likelihood and one sampler for all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from keras_gen import checks
from keras_gen.ancestral_sampling import Column, Given, Row, Step, joined
from keras_gen.autoregressive.autoregressive_model import Choice
from keras_gen.autoregressive.layers.head import Head
from keras_gen.autoregressive.layers.masked_convolution import MaskedConv2D
from keras_gen.autoregressive.layers.stepwise import (
    Place,
    StepwiseLayer,
    begin_row_in_all,
    end_row_in_all,
)
from keras_gen.autoregressive.pixel_model import PixelModel
from keras_gen.model import Conditions
from keras_gen.random import Noise


class PixelStack(PixelModel):
    """A pixel model whose features come in groups, one for each channel.

    A group sees the earlier ones, so that green depends on red by the network. The first layer
    hides a channel from itself; all others, and the head, see it. A subclass builds its layers in
    its constructor, and ends it with `stack_layers`.
    """

    def first_convolution(self, filters: int, kernel_size: int) -> MaskedConv2D:
        """The masked convolution of the image itself, whose outputs labels shift.

        Args:
            filters: features that it gives.
            kernel_size: odd.
        """
        return MaskedConv2D(
            self.embedding.size,
            filters,
            kernel_size,
            self.image_shape[-1],
            strict=True,
            num_classes=self.num_classes,
            dtype=self.dtype_policy,
            name="first",
        )

    def stack_layers(
        self, layers: Sequence[StepwiseLayer], filters: int, head_filters: int
    ) -> None:
        """Keeps the layers, and builds what follows them.

        Args:
            layers: the first of which takes the image.
            filters: features that each layer gives.
            head_filters: features between the layers and the parameters.
        """
        channels = self.image_shape[-1]
        self.stack = list(layers)
        self.head_filters = checks.multiple_of("head_filters", head_filters, channels)
        self.head = Head(
            filters,
            self.head_filters,
            channels,
            self.likelihood.num_parameters,
            dtype=self.dtype_policy,
            name="head",
        )
        self._build_source(filters)
        self.finish_build()

    def _parameters(
        self, x: tf.Tensor, conditions: Conditions, training: bool = False
    ) -> tf.Tensor:
        # The features of a pixel, and the stream beside them: of the rows above, or of the image.
        features = stream = self.embedding(x)
        source = self.source_features(conditions)
        for i, layer in enumerate(self.stack):
            features, stream = layer(features, stream, conditions.get("labels"))
            if i == 0 and source is not None:
                features += source
        return self.head(features)

    def draw(
        self,
        noise: Noise,
        conditions: Conditions,
        settings: dict[str, tf.Tensor],
        given: Given | None = None,
        choose: Choice | None = None,
    ) -> tf.Tensor:
        _, width, channels = self.image_shape
        num = tf.shape(noise.seeds)[0]
        layers = [*self.stack, self.head]
        weights = [layer.step_weights(conditions.get("labels")) for layer in layers]
        source = self.source_features(conditions)
        source = None if source is None else tf.cast(source, tf.float32)

        def begin_row(row: tf.Tensor, stream: tf.Tensor, caches: list, _: int) -> Row:
            begun = begin_row_in_all(layers, row, stream, caches, weights)
            of_source = [] if source is None else [tf.gather(source, row, axis=1)]
            return Row(
                features=([each.features for each in begun], of_source),
                noise=self.row_noise(noise, row),
                column_cache=[each.cache for each in begun],
                row_cache=[each.row_cache for each in begun],
            )

        def step(column: Column, caches: list) -> Step:
            features, of_source = by_channel(column.features, channels)
            noises = tf.split(column.noise, channels, axis=-1)
            # What goes into each layer, a group for each channel; into the first, the pixel itself.
            inputs: list[list] = [[] for _ in layers]
            made: list[dict] = [{} for _ in layers]
            values: list[tf.Tensor] = []
            for c in range(channels):
                places = [
                    Place(features[i][c], caches[i], weights[i].column[c], made[i])
                    for i in range(len(layers))
                ]
                for i, (layer, place) in enumerate(zip(layers, places, strict=True)):
                    output = layer.step(inputs[i], place)
                    if i == 0 and source is not None:
                        output += of_source[0][c]
                    if i + 1 < len(layers):
                        inputs[i + 1].append(output)
                known = None if column.known is None else column.known.channel(c)
                value = self.choose_value(output, noises[c], settings["temperature"], known, choose)
                values.append(value[:, None])
                inputs[0].append(self.embedding(values[-1], dtype="float32"))
            ended = [
                layer.end_column(seen, place)
                for layer, seen, place in zip(layers, inputs, places, strict=True)
            ]
            return Step(joined(values), [cache for cache, _ in ended], [kept for _, kept in ended])

        def end_row(begun: Row, caches: list, kept: list) -> list:
            return end_row_in_all(layers, begun.row_cache, caches, kept)

        return self.raster_scan(
            num,
            [layer.empty(num, width) for layer in layers],
            begin_row,
            step,
            end_row,
            given,
            kept=[layer.kept for layer in layers],
        )


def by_channel(features: Any, channels: int) -> Any:
    """Parts features by layer into features by layer and channel.

    Args:
        features: (a nest of `[n, k]` a layer, a list of `[n, k]`), channel after channel.
        channels: how many there are.

    Returns:
        For each layer a list of nests, one a channel; and likewise of the list.
    """

    def part(nest: Any) -> list:
        split = [tf.split(x, channels, axis=1) for x in tf.nest.flatten(nest)]
        return [tf.nest.pack_sequence_as(nest, [x[c] for x in split]) for c in range(channels)]

    of_layers, others = features
    return [part(nest) for nest in of_layers], [part(x) for x in others]
