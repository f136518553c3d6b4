"""PixelCNN++: whole pixels under a mixture of logistics, at several resolutions with short-cuts.

Salimans, Karpathy, Chen, Kingma 2017, "PixelCNN++: Improving the PixelCNN with Discretized Logistic
Mixture Likelihood and Other Modifications", arXiv 1701.05517.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_gen import checks
from keras_gen.autoregressive.ancestral_sampling import Row, Step, raster_scan
from keras_gen.autoregressive.gated_resnet import GatedResnet, Memory
from keras_gen.autoregressive.masked_convolution import MaskedConv2D
from keras_gen.autoregressive.pixel_model import PixelModel
from keras_gen.autoregressive.shifted_convolution import ShiftedConv2D
from keras_gen.likelihoods import Likelihood, pixel_likelihood_of


@keras.saving.register_keras_serializable("keras_gen")
class PixelCNNPlusPlus(PixelModel):
    """PixelCNN++ over images of any number of channels.

    Two streams of gated residual blocks, one of whole rows above and one of pixels to the left, go
    down through `num_scales` resolutions and up again; each block on the way up takes a short-cut
    from its mirror image on the way down.

    Args:
        image_shape: (height, width, channels); height and width are multiples of
            2 ** (num_scales - 1).
        levels: how many values a channel takes, 2 to 256.
        filters: features of each stream.
        num_blocks: residual blocks at each resolution, on the way down.
        num_scales: resolutions, each half of the one before.
        dropout: the share of features dropped in training, within blocks.
        num_classes: of the labels that shift every gate; `None` is unconditional.
        likelihood: of whole pixels, or of single values; `None` is Bernoulli for binary images of
            one channel, else a mixture of ten discretised logistics.
        seed: of the dropout.
        **kwargs: of `keras.Model`.

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

    # ---- networks --------------------------------------------------------------------------------

    def __init__(
        self,
        image_shape: Sequence[int],
        levels: int = 256,
        filters: int = 32,
        num_blocks: int = 1,
        num_scales: int = 3,
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
        self.num_scales = checks.in_range("num_scales", num_scales, 1, 8)
        self.dropout = checks.share("dropout", dropout)
        self._stride = 2 ** (num_scales - 1)
        if height % self._stride or width % self._stride:
            raise ValueError(
                f"image_shape must have a height and width that {self._stride} divides, for "
                f"num_scales={num_scales}, received {self.image_shape}."
            )
        self.likelihood = pixel_likelihood_of(self.levels, channels, likelihood)

        def resnet(name, right, num_shortcuts):
            return GatedResnet(
                filters,
                right,
                num_shortcuts,
                num_classes,
                dropout,
                dtype=self.dtype_policy,
                name=name,
            )

        def convolution(name, outputs=filters, **options):
            return ShiftedConv2D(filters, outputs, dtype=self.dtype_policy, name=name, **options)

        # The image has a channel of ones beside its own, so that its edge can be seen.
        self.first_row = ShiftedConv2D(
            channels + 1, filters, right=1, dtype=self.dtype_policy, name="first_row"
        )
        self.first_pixel = MaskedConv2D(
            channels + 1, filters, 3, 1, strict=True, dtype=self.dtype_policy, name="first_pixel"
        )
        # By scale, the pairs of blocks on the way down and on the way up: of rows and of pixels.
        # Downwards the pixels take in the rows; upwards both take in their short-cuts.
        scales = range(num_scales)
        self.down = [
            [
                (resnet(f"down_{s}_{i}_row", 1, 0), resnet(f"down_{s}_{i}_pixel", 0, 1))
                for i in range(num_blocks)
            ]
            for s in scales
        ]
        self.up = [
            [
                (resnet(f"up_{s}_{i}_row", 1, 1), resnet(f"up_{s}_{i}_pixel", 0, 2))
                for i in range(num_blocks + (s < num_scales - 1))
            ]
            for s in scales
        ]
        self.halve = [
            (
                convolution(f"halve_{s}_row", right=1, stride=2),
                convolution(f"halve_{s}_pixel", stride=2),
            )
            for s in scales[:-1]
        ]
        # Twice the size: four pixels' features out of one, a sub-pixel convolution.
        self.double = [
            (
                convolution(f"double_{s}_row", 4 * filters, rows=1, right=1),
                convolution(f"double_{s}_pixel", 4 * filters, rows=1, left=0),
            )
            for s in scales[:-1]
        ]
        self.head = keras.layers.Dense(self.likelihood.num_parameters, dtype="float32", name="head")
        self.head.build((None, filters))
        self.built = True

    def _through(self, stream: int, x, active: int, run, halve, double):
        """Takes one stream down through the resolutions and up again.

        Args:
            stream: 0 of rows, 1 of pixels.
            x: the stream's first features.
            active: how many of the scales, from the finest, have a row or pixel just here.
            run: (pair of blocks, features, short-cuts) -> features.
            halve: (layer, features, whether the next scale is active) -> features of that scale.
            double: (layer, features of the coarser scale or `None`, scale) -> its features.
        """
        outputs = [x]
        for scale in range(active):
            for pair in self.down[scale]:
                outputs.append(run(pair, outputs[-1], []))
            if scale + 1 < self.num_scales:
                halved = halve(self.halve[scale][stream], outputs[-1], scale + 1 < active)
                if scale + 1 < active:
                    outputs.append(halved)
        x = outputs.pop() if active == self.num_scales else None
        for scale in reversed(range(active)):
            if scale + 1 < self.num_scales:
                x = double(self.double[scale][stream], x, scale)
            for pair in self.up[scale]:
                x = run(pair, x, [outputs.pop()])
        return x

    # ---- objective -------------------------------------------------------------------------------

    def call(self, x, labels=None, training=False):
        image = self.with_ones(x)
        seeds = self.dropout_seeds(training)
        row_of: dict[str, tf.Tensor] = {}

        def run_row(pair, x, shortcuts):
            of_row, of_pixel = pair
            row_of[of_pixel.name] = of_row(x, shortcuts, labels, next(seeds))
            return row_of[of_pixel.name]

        def run_pixel(pair, x, shortcuts):
            of_pixel = pair[1]
            return of_pixel(x, [row_of[of_pixel.name], *shortcuts], labels, next(seeds))

        def halve(layer, x, _):
            return layer(x)

        def double(layer, x, _):
            return tf.nn.depth_to_space(layer(x), 2)

        above = tf.pad(image[:, :-1], [[0, 0], [1, 0], [0, 0], [0, 0]])
        self._through(0, self.first_row(above), self.num_scales, run_row, halve, double)
        features = self.first_pixel(image)
        features = self._through(1, features, self.num_scales, run_pixel, halve, double)
        return self.head(tf.nn.elu(features))

    # ---- sampling --------------------------------------------------------------------------------

    def draw(self, noise, labels, temperature, given=None):
        _, width, channels = self.image_shape
        num = tf.shape(noise.seeds)[0]
        layers = self._by_stream(1)
        weights = {layer.name: layer.step_weights() for layer in layers}
        first_weights = self.first_pixel.step_weights()[0]
        head = [tf.convert_to_tensor(part) for part in (self.head.kernel, self.head.bias)]
        remembered = self._remembered(1)

        def begin_row(row, above, cache, phase):
            image = self.above_in_unit(row, above, ones=True)
            # What the row above left, of the scales that had a row there.
            seen = cache["pixels"] | {
                name: above.kept[name][:, :: 2**scale]
                for name, (scale, _) in remembered.items()
                if scale < self._active((phase - 1) % self._stride)
            }
            rows = Memory(cache["rows"])
            row_of = self._draw_row(image, rows, labels, phase)
            features = {"first_pixel": self.first_pixel.step_row(image[:, None])}
            features |= self._known_of_row(seen, row_of, labels, phase)
            left = {name: tf.zeros([num, size]) for name, (_, size) in remembered.items()}
            left["image"] = tf.zeros([num, channels + 1])
            row_cache = {"rows": rows.next(), "pixels": seen}
            return Row(features, self.row_noise(noise, row), left, row_cache)

        def step(column, left):
            above, memory = column.features, Memory(left)

            def run(pair, x, shortcuts):
                block = pair[1]
                of_row = [above[name] for name in block.cache_names]
                return block.step(x, shortcuts, of_row, memory, weights[block.name])

            def halve(layer, x, is_active):
                seen = [memory.swap(layer.name, x), x]
                if not is_active:
                    return None
                return layer.step(above[layer.name], seen, weights[layer.name])

            def double(layer, x, scale):
                at_row, at_column = (phase >> scale & 1 for phase in column.phases)
                if at_row:  # of a coarser row that is finished
                    return above[layer.name]
                if x is not None:
                    memory.now[layer.name] = layer.step(layer.bias, [x], weights[layer.name])
                quarters = tf.split(memory.next()[layer.name], 4, axis=1)
                return quarters[at_column]

            x = self.first_pixel.step(above["first_pixel"], left["image"], [], first_weights)
            active = self._active(*column.phases)
            x = self._through(1, x, active, run, halve, double)
            parameters = tf.matmul(tf.nn.elu(x), head[0]) + head[1]
            pixel = column.keep(self.likelihood.draw(parameters, column.noise, temperature))
            memory.now["image"] = self.with_ones(pixel, "float32")
            kept = {
                name: memory.now.get(name, tf.zeros([num, size]))
                for name, (_, size) in remembered.items()
            }
            return Step(pixel, memory.next(), kept)

        def empty_rows(stream):
            return {
                name: tf.zeros([num, width // 2**scale, size])
                for name, (scale, size) in self._remembered(stream).items()
            }

        rows = empty_rows(0) | {"first_row": tf.zeros([num, width, channels + 1])}
        return raster_scan(
            num,
            self.image_shape,
            {"rows": rows, "pixels": empty_rows(1)},
            begin_row,
            step,
            given,
            kept={name: size for name, (_, size) in remembered.items()},
            unroll=self._stride,
        )

    def _active(self, *phases: int) -> int:
        """How many of the scales, from the finest, have a row (and column) at these phases."""
        scales = range(self.num_scales)
        return sum(all(phase % 2**scale == 0 for phase in phases) for scale in scales)

    def _by_stream(self, stream: int) -> list:
        """The layers of one stream but the first and the last."""
        pairs = [pair for scale in (*self.down, *self.up) for pair in scale]
        return [pair[stream] for pair in (*pairs, *self.halve, *self.double)]

    def _remembered(self, stream: int) -> dict[str, tuple[int, int]]:
        """What a stream remembers of the row above and the column to the left: scale and size."""
        remembered = {
            name: (scale, pair[stream].cache_size)
            for way in (self.down, self.up)
            for scale, pairs in enumerate(way)
            for pair in pairs
            for name in pair[stream].cache_names
        }
        for scale, (halve, double) in enumerate(zip(self.halve, self.double, strict=True)):
            remembered[halve[stream].name] = (scale, self.filters)
            remembered[double[stream].name] = (scale + 1, 4 * self.filters)
        return remembered

    def _draw_row(self, image, memory: Memory, labels, phase: int) -> dict[str, tf.Tensor]:
        """Runs the stream of rows: what each block of the stream of pixels takes from it."""
        row_of: dict[str, tf.Tensor] = {}

        def run(pair, x, shortcuts):
            of_row, of_pixel = pair
            row_of[of_pixel.name] = of_row.row(x, shortcuts, labels, memory)
            return row_of[of_pixel.name]

        def halve(layer, x, is_active):
            above = memory.swap(layer.name, x)
            return layer.row(above, x) if is_active else None

        def double(layer, x, scale):
            if x is not None:
                memory.now[layer.name] = layer.row(None, x)
            return _doubled(memory.next()[layer.name], phase >> scale & 1)

        first = self.first_row.row(memory.swap("first_row", image), image)
        self._through(0, first, self._active(phase), run, halve, double)
        return row_of

    def _known_of_row(self, seen, row_of, labels, phase: int) -> dict[str, tf.Tensor]:
        """What the stream of pixels gets from what is known when a row begins, by column."""
        known: dict[str, tf.Tensor] = {}
        active = self._active(phase)
        for scale in range(active):
            of_scale = {}
            for _, block in (*self.down[scale], *self.up[scale]):
                parts = block.above(seen, [row_of[block.name]], labels)
                of_scale |= dict(zip(block.cache_names, parts, strict=True))
            if scale > 0:
                layer = self.halve[scale - 1][1]
                of_scale[layer.name] = layer.above(seen[layer.name])
            if scale + 1 == active < self.num_scales:
                layer = self.double[scale][1]
                of_scale[layer.name] = _doubled(seen[layer.name], 1)
            # A column of a coarse scale stands at the first of the columns that it covers.
            known |= {name: tf.repeat(part, 2**scale, axis=1) for name, part in of_scale.items()}
        return known


def _doubled(row: tf.Tensor, half: int) -> tf.Tensor:
    """One of the two rows that a coarse row becomes: `[n, w, 4 f]` to `[n, 2 w, f]`."""
    _, width, features = row.shape
    row = tf.split(row, 2, axis=-1)[half]
    return tf.reshape(row, [-1, 2 * width, features // 4])
