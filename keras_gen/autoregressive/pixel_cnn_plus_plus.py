"""PixelCNN++: whole pixels under a mixture of logistics, at several resolutions with short-cuts.

Salimans, Karpathy, Chen, Kingma 2017, "PixelCNN++: Improving the PixelCNN with Discretized Logistic
Mixture Likelihood and Other Modifications", arXiv 1701.05517.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_gen import checks
from keras_gen.ancestral_sampling import Column, Given, Row, Step
from keras_gen.autoregressive.autoregressive_model import Choice
from keras_gen.autoregressive.layers.gated_resnet import DownShiftedResnet, GatedResnet
from keras_gen.autoregressive.layers.masked_convolution import MaskedConv2D
from keras_gen.autoregressive.layers.masked_dense import MaskedDense
from keras_gen.autoregressive.layers.shifted_convolution import (
    DownRightShiftedConv2D,
    DownRightShiftedDoubling,
    DownShiftedConv2D,
    DownShiftedDoubling,
    with_ones,
)
from keras_gen.autoregressive.layers.stepwise import Begun, Place, StepwiseLayer
from keras_gen.autoregressive.pixel_model import PixelModel
from keras_gen.model import Conditions
from keras_gen.random import Noise


@keras.saving.register_keras_serializable("keras_gen")
class PixelCNNPlusPlus(PixelModel):
    """Images with exact likelihoods, whole pixels under a mixture of logistics: for colour.

    Two streams of gated residual blocks, one of whole rows above and one of pixels to the left, go
    down through `num_scales` resolutions and up again; each block on the way up takes a short-cut
    from its mirror image on the way down.

    Unlike the paper's, weights are neither normalised nor started from a batch of data, and nothing
    is dropped unless `dropout` says so: the paper's is 0.5, its `average_decay` 0.9995.

    Args:
        image_shape: (height, width, channels); height and width are multiples of
            2 ** (num_scales - 1).
        levels: how many values a channel takes, 2 to 256; of codes, 2 to 65,536.
        filters: features of each stream.
        num_blocks: residual blocks at each resolution, on the way down.
        num_scales: resolutions, each half of the one before.
        dropout: the share of features dropped in training, within blocks.
        num_classes: of the labels that shift every gate; `None` is unconditional.
        **kwargs: of `PixelModel`: `likelihood` (of whole pixels, or of a channel's value),
            `source`, `codes`, `average_decay`, `seed` (of the dropout).

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> model = PixelCNNPlusPlus((32, 32, 3), filters=64, num_blocks=2)
        >>> model.compile()
        >>> model.fit(images, epochs=10)
        >>> model.sample(16, seed=0).shape
        (16, 32, 32, 3)

    Salimans et al. 2017, arXiv 1701.05517.
    """

    whole_pixels = True

    # ---- networks --------------------------------------------------------------------------------

    def __init__(
        self,
        image_shape: Sequence[int],
        levels: int = 256,
        *,
        filters: int = 32,
        num_blocks: int = 1,
        num_scales: int = 3,
        dropout: float = 0.0,
        num_classes: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(image_shape, levels=levels, num_classes=num_classes, **kwargs)
        height, width, _ = self.image_shape
        self.filters = checks.positive("filters", filters)
        self.num_blocks = checks.in_range("num_blocks", num_blocks, 1, 1000)
        self.num_scales = checks.in_range("num_scales", num_scales, 1, 8)
        self.dropout = checks.share("dropout", dropout)
        self._stride = 2 ** (num_scales - 1)
        if height % self._stride or width % self._stride:
            raise ValueError(
                f"image_shape must have a height and width that {self._stride} divides, for "
                f"num_scales={num_scales}, received {self.image_shape}."
            )
        policy = self.dtype_policy

        def resnets(name: str, num_shortcuts: int) -> tuple[DownShiftedResnet, GatedResnet]:
            # The stream of pixels takes in that of rows too, as its first short-cut.
            options = {"num_classes": num_classes, "dropout": dropout, "dtype": policy}
            return (
                DownShiftedResnet(filters, num_shortcuts, name=f"{name}_row", **options),
                GatedResnet(filters, num_shortcuts + 1, name=f"{name}_pixel", **options),
            )

        # The image has a feature of ones beside its own, so that its edge can be seen.
        inputs = self.embedding.size + 1
        self.first_row = DownShiftedConv2D(inputs, filters, dtype=policy, name="first_row")
        self.first_pixel = MaskedConv2D(
            inputs, filters, 3, channels=1, strict=True, dtype=policy, name="first_pixel"
        )
        # By scale, the pairs of blocks on the way down and on the way up: of rows and of pixels.
        scales = range(num_scales)
        self.down = [[resnets(f"down_{s}_{i}", 0) for i in range(num_blocks)] for s in scales]
        self.up = [
            [resnets(f"up_{s}_{i}", 1) for i in range(num_blocks + (s < num_scales - 1))]
            for s in scales
        ]
        self.halve = [
            tuple(
                convolution(filters, filters, stride=2, dtype=policy, name=f"halve_{s}_{stream}")
                for convolution, stream in (
                    (DownShiftedConv2D, "row"),
                    (DownRightShiftedConv2D, "pixel"),
                )
            )
            for s in scales[:-1]
        ]
        self.double = [
            (
                DownShiftedDoubling(filters, dtype=policy, name=f"double_{s}_row"),
                DownRightShiftedDoubling(filters, dtype=policy, name=f"double_{s}_pixel"),
            )
            for s in scales[:-1]
        ]
        self.head = MaskedDense(
            filters, self.likelihood.num_parameters, channels=1, dtype="float32", name="head"
        )
        self._build_source(filters)
        self.finish_build()

    def _through(
        self,
        x: Any,
        active: int,
        run: Callable[[Any, Any, list], Any],
        halve: Callable[[Any, Any, bool], Any],
        double: Callable[[Any, Any, int], Any],
    ) -> Any:
        """Goes down through the resolutions and up again.

        Args:
            x: the first features, of one stream or of both.
            active: how many of the scales, from the finest, have a row or pixel just here.
            run: (pair of blocks, features, short-cuts) -> features.
            halve: (pair of layers, features, whether the next scale is active) -> its features.
            double: (pair of layers, features of the coarser scale or `None`, scale) -> its
                features.
        """
        outputs = [x]
        for scale in range(active):
            for pair in self.down[scale]:
                outputs.append(run(pair, outputs[-1], []))
            if scale + 1 < self.num_scales:
                halved = halve(self.halve[scale], outputs[-1], scale + 1 < active)
                if scale + 1 < active:
                    outputs.append(halved)
        x = outputs.pop() if active == self.num_scales else None
        for scale in reversed(range(active)):
            if scale + 1 < self.num_scales:
                x = double(self.double[scale], x, scale)
            for pair in self.up[scale]:
                x = run(pair, x, [outputs.pop()])
        return x

    # ---- objective -------------------------------------------------------------------------------

    def _parameters(
        self, x: tf.Tensor, conditions: Conditions, training: bool = False
    ) -> tf.Tensor:
        image = with_ones(self.embedding(x))
        labels, source = conditions.get("labels"), self.source_features(conditions)
        seeds = self.dropout_seeds(training)

        def run(pair: Any, streams: Any, shortcuts: list) -> tuple[tf.Tensor, tf.Tensor]:
            row_block, pixel_block = pair
            rows, pixels = streams
            rows = row_block(rows, [shortcut[0] for shortcut in shortcuts], labels, next(seeds))
            others = [rows, *(shortcut[1] for shortcut in shortcuts)]
            return rows, pixel_block(pixels, others, labels, next(seeds))

        def each(pair: Any, streams: Any, _: int) -> list[tf.Tensor]:
            return [layer(stream) for layer, stream in zip(pair, streams, strict=True)]

        above = tf.pad(image[:, :-1], [[0, 0], [1, 0], [0, 0], [0, 0]])
        streams = [self.first_row(above), self.first_pixel(image)[0]]
        if source is not None:
            streams = [stream + source for stream in streams]
        _, pixels = self._through(streams, self.num_scales, run, each, each)
        return self.head(tf.nn.elu(pixels))

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
        # All layers with a cache, by name: (layer, the scale at which its cache is).
        of_rows, of_pixels = self._cached_layers(0), self._cached_layers(1)
        layers = of_rows | of_pixels
        weights = {name: layer.step_weights(labels) for name, (layer, _) in layers.items()}
        (head,) = self.head.step_weights()
        # What columns without layers of a coarser scale keep of them.
        nothing = {
            name: tf.nest.map_structure(lambda size: tf.zeros([num, size]), layer.kept)
            for name, (layer, _) in of_pixels.items()
        }

        def begin_row(row: tf.Tensor, above: tf.Tensor, caches: dict[str, Any], phase: int) -> Row:
            begun: dict[str, Begun] = {}

            def begin(layer: Any, stream: Any, **options: Any) -> Any:
                name = layer.name
                begun[name] = layer.begin_row(
                    row, stream, caches[name], weights[name].row, **options
                )
                return begun[name].stream

            def run(pair: Any, x: tf.Tensor, shortcuts: list) -> tf.Tensor:
                # The stream of rows goes on from block to block; that of pixels takes it in.
                return begin(pair[1], begin(pair[0], x, shortcuts=shortcuts))

            def halve(pair: Any, x: tf.Tensor, is_active: bool) -> tf.Tensor:
                halved = begin(pair[0], x, has_outputs=is_active)
                begin(pair[1], None, has_outputs=is_active)
                return halved

            def double(pair: Any, x: tf.Tensor | None, scale: int) -> tf.Tensor:
                half = phase >> scale & 1
                begin(pair[1], None, half=half)
                return begin(pair[0], x, half=half)

            # Above the first row there is nothing, no feature of ones either.
            x = begin(self.first_row, with_ones(above) * tf.cast(row > 0, tf.float32))
            begin(self.first_pixel, None)
            if source is not None:
                source_row = tf.gather(source, row, axis=1)
                first = begun["first_pixel"]
                begun["first_pixel"] = first._replace(features=first.features + source_row)
                x += source_row
            active = self._active(phase)
            self._through(x, active, run, halve, double)

            # Caches of the stream of rows are ready for the next row, and so are those of scales
            # that have no row here; all others follow from the row when it is drawn.
            ready = caches | {name: each.row_cache for name, each in begun.items()}
            drawn = [name for name, (_, scale) in of_pixels.items() if scale < active]
            pixels = {name: each for name, each in begun.items() if name in of_pixels}
            return Row(
                features={
                    name: tf.nest.map_structure(of_columns, each.features)
                    for name, each in pixels.items()
                },
                noise=self.row_noise(noise, row),
                column_cache={name: each.cache for name, each in pixels.items()},
                row_cache=(ready, {name: ready.pop(name) for name in drawn}),
                shared={name: each.shared for name, each in pixels.items()},
                # Columns differ by the scales that are here: more of them make the graph larger.
                unroll=2 ** (active - 1),
            )

        def of_columns(row: tf.Tensor) -> tf.Tensor:
            # A column of a coarse scale stands at the first of the columns that it covers.
            times = width // row.shape[1]
            return row if times == 1 else tf.repeat(row, times, axis=1)

        def step(column: Column, caches: dict[str, Any]) -> Step:
            ended: dict[str, tuple] = {}

            def place_of(layer: StepwiseLayer) -> Place:
                name = layer.name
                parts = column.features[name], caches[name], weights[name].column[0]
                return Place(*parts, {}, column.shared[name])

            def end(layer: StepwiseLayer, inputs: list[tf.Tensor], place: Place) -> None:
                ended[layer.name] = layer.end_column(inputs, place)

            def run(pair: Any, x: tf.Tensor, shortcuts: list) -> tf.Tensor:
                place = place_of(pair[1])
                output = pair[1].step([x], place, shortcuts=shortcuts)
                end(pair[1], [x], place)
                return output

            def halve(pair: Any, x: tf.Tensor, is_active: bool) -> tf.Tensor | None:
                place = place_of(pair[1])
                end(pair[1], [x], place)
                return pair[1].step([x], place) if is_active else None

            def double(pair: Any, x: tf.Tensor | None, scale: int) -> tf.Tensor:
                place, inputs = place_of(pair[1]), [] if x is None else [x]
                halves = tuple(phase >> scale & 1 for phase in column.phases)
                output = pair[1].step(inputs, place, halves=halves)
                if inputs:
                    end(pair[1], inputs, place)
                return output

            first = place_of(self.first_pixel)
            x = self.first_pixel.step([], first)
            x = self._through(x, self._active(*column.phases), run, halve, double)
            parameters = self.head.step(tf.nn.elu(x), head)
            pixel = self.choose_value(
                parameters, column.noise, settings["temperature"], column.known, choose
            )
            end(self.first_pixel, [with_ones(self.embedding(pixel, dtype="float32"))], first)
            # The caches of a scale that has no column here pass on unchanged.
            after = {name: ended.get(name, [cache])[0] for name, cache in caches.items()}
            kept = {
                name: ended[name][1] if name in ended else zeros for name, zeros in nothing.items()
            }
            return Step(pixel, after, kept)

        def end_row(begun: Row, caches: dict[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
            ready, drawn = begun.row_cache
            for name, row_cache in drawn.items():
                layer, scale = of_pixels[name]
                of_scale = tf.nest.map_structure(lambda x, s=2**scale: x[:, ::s], kept[name])
                ready |= {name: layer.end_row(row_cache, caches[name], of_scale)}
            return ready

        return self.raster_scan(
            num,
            {name: layer.empty(num, width // 2**scale) for name, (layer, scale) in layers.items()},
            begin_row,
            step,
            end_row,
            given,
            kept={name: layer.kept for name, (layer, _) in of_pixels.items()},
            unroll=self._stride,
        )

    def _active(self, *phases: int) -> int:
        """How many of the scales, from the finest, have a row (and column) at these phases."""
        scales = range(self.num_scales)
        return sum(all(phase % 2**scale == 0 for phase in phases) for scale in scales)

    def _cached_layers(self, stream: int) -> dict[str, tuple[Any, int]]:
        """The layers of a stream, 0 of rows or 1 of pixels, and the scale of each one's cache."""
        found = [((self.first_row, self.first_pixel)[stream], 0)]
        for way in (self.down, self.up):
            found += [(pair[stream], scale) for scale, pairs in enumerate(way) for pair in pairs]
        # Inputs of the finer scale, and what the pixels of the coarser one become.
        found += [(pair[stream], scale) for scale, pair in enumerate(self.halve)]
        found += [(pair[stream], scale + 1) for scale, pair in enumerate(self.double)]
        return {layer.name: (layer, scale) for layer, scale in found}
