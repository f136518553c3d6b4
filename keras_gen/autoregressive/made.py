"""MADE: an autoencoder whose masks make each output depend on earlier inputs alone.

Germain, Gregor, Murray, Larochelle 2015, "MADE: Masked Autoencoder for Distribution Estimation",
arXiv 1502.03509.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen import checks
from keras_gen.ancestral_sampling import Column, Given, Row, Step, ancestral_sampling
from keras_gen.autoregressive.autoregressive_model import Choice
from keras_gen.autoregressive.layers.masked_dense import pointwise
from keras_gen.autoregressive.pixel_model import PixelModel
from keras_gen.model import Conditions
from keras_gen.random import Noise, Purpose

# The noise that chooses a mask is another than that of the values.
_MASK_STREAM = 1
# Features that a source gives to each pixel.
_SOURCE_FILTERS = 16

ORDERINGS = ("natural", "random")


@keras.saving.register_keras_serializable("keras_gen")
class MADE(PixelModel):
    """Small images with exact likelihoods, in raster order or random ones: quick to train and draw.

    With several masks, each training step takes one of them at random (order- and
    connectivity-agnostic training), `log_prob` is that of their equal mixture (the ensemble), and
    each sample is drawn under a mask of its own, as a sample of a mixture is; a completion takes
    any of them alike, whatever is known. The paper goes through its masks in turn, and may have
    weights straight from inputs to outputs, and weights that tell a unit its mask: there are none
    here.

    Args:
        image_shape: (height, width, channels).
        levels: how many values a channel takes, 2 to 256; of codes, 2 to 65,536.
        hidden_units: of each hidden layer.
        ordering: "natural", raster order, or "random", another order for each mask.
        num_masks: how many masks there are.
        num_classes: of the labels that shift the first layer and the logits; `None` is
            unconditional.
        **kwargs: of `PixelModel`: `likelihood` (of a channel's value), `source` (which shifts what
            labels shift), `codes`, `average_decay`, `seed` (of the orderings and masks, and of the
            choice among them in training).

    Attributes:
        orders: int32 `[num_masks, d]`, the flat index of the value that comes 1st, 2nd, ...

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> model = MADE((28, 28, 1), levels=2, ordering="random", num_masks=8)
        >>> model.compile()
        >>> model.fit(images, epochs=10)
        >>> model.log_prob(images).mean()

    Germain et al. 2015, arXiv 1502.03509.
    """

    # ---- networks --------------------------------------------------------------------------------

    def __init__(
        self,
        image_shape: Sequence[int],
        levels: int = 256,
        *,
        hidden_units: Sequence[int] = (512, 512),
        ordering: str = "natural",
        num_masks: int = 1,
        num_classes: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(image_shape, levels=levels, num_classes=num_classes, **kwargs)
        self.hidden_units = checks.sizes("hidden_units", hidden_units)
        if not self.hidden_units:
            raise ValueError("hidden_units must name at least one layer, received none.")
        if ordering not in ORDERINGS:
            raise ValueError(
                f"ordering must be one of {', '.join(ORDERINGS)}, received {ordering!r}."
            )
        self.ordering = ordering
        self.num_masks = checks.in_range("num_masks", num_masks, 1, 10_000)

        height, width, channels = self.image_shape
        self._num_values = height * width * channels
        # One feature of a pixel's channel, several of a code.
        self._value_features = self.embedding.size // channels
        outputs = self._num_values * self.likelihood.num_parameters
        sizes = [self._num_values * self._value_features, *self.hidden_units, outputs]
        self.kernels = [
            self.add_weight(shape, keras.initializers.GlorotUniform(), name=f"kernel_{i}")
            for i, shape in enumerate(itertools.pairwise(sizes))
        ]
        self.biases = [
            self.add_weight((size,), "zeros", name=f"bias_{i}") for i, size in enumerate(sizes[1:])
        ]
        if num_classes is not None:
            self.label_biases = [
                self.add_weight((num_classes, size), "zeros", name=f"label_bias_{i}")
                for i, size in ((0, sizes[1]), (len(sizes) - 2, outputs))
            ]
        self._build_source(_SOURCE_FILTERS)
        if self.source is not None:
            # All of the source reaches every hidden unit; a pixel's own part, its logits too.
            shapes = {
                "source_to_hidden": (height * width * _SOURCE_FILTERS, sizes[1]),
                "source_to_logits": (_SOURCE_FILTERS, channels * self.likelihood.num_parameters),
            }
            self.source_to_hidden, self.source_to_logits = (
                self.add_weight(shape, keras.initializers.GlorotUniform(), name=name)
                for name, shape in shapes.items()
            )
        rngs = [np.random.default_rng([self.seed % 2**64, mask]) for mask in range(num_masks)]
        self.orders = np.stack([self._order(rng) for rng in rngs])
        self.ranks = np.argsort(self.orders, axis=1).astype(np.int32)
        # A hidden unit of degree k sees the k first values; an output, units of lesser degrees.
        of_masks = [self._degrees(rng) for rng in rngs]
        self.degrees = [np.stack(layer) for layer in zip(*of_masks, strict=True)]
        self.finish_build()

    def _order(self, rng: np.random.Generator) -> np.ndarray:
        size = self._num_values
        order = np.arange(size) if self.ordering == "natural" else rng.permutation(size)
        return order.astype(np.int32)

    def _degrees(self, rng: np.random.Generator) -> list[np.ndarray]:
        """The degree of each unit, by layer: spread evenly, or at random where masks differ."""
        most = max(self._num_values - 1, 1)
        least, degrees = 1, []
        for units in self.hidden_units:
            if self.num_masks == 1:
                layer = np.arange(units) * most // units + 1
            else:
                layer = rng.integers(least, most + 1, units)
            # No unit sees less than the least of the layer before, or it would see nothing.
            least = layer.min()
            degrees.append(layer.astype(np.int32))
        return degrees

    def masked_kernels(self, mask: int | tf.Tensor) -> list[tf.Tensor]:
        """The kernels under one of the masks: int scalar, a tensor will do."""
        ranks = tf.gather(self.ranks, mask)
        degrees = [
            tf.repeat(ranks + 1, self._value_features),
            *(tf.gather(layer, mask) for layer in self.degrees),
        ]
        masks = [after[None] >= before[:, None] for before, after in itertools.pairwise(degrees)]
        of_outputs = tf.repeat(ranks + 1, self.likelihood.num_parameters)
        masks.append(of_outputs[None] > degrees[-1][:, None])
        return [
            tf.cast(kernel, self.compute_dtype) * tf.cast(mask, self.compute_dtype)
            for kernel, mask in zip(self.kernels, masks, strict=True)
        ]

    def layer_biases(self, conditions: Conditions) -> list[tf.Tensor]:
        """The bias of each layer, float32 `[units]`, or `[n, units]` where conditions shift it."""
        # Cast, since Keras reads weights in half precision where the model itself is called.
        biases = [tf.cast(bias, tf.float32) for bias in self.biases]
        if self.num_classes is not None:
            for i, of_label in zip((0, -1), self.label_biases, strict=True):
                biases[i] += tf.gather(tf.cast(of_label, tf.float32), conditions["labels"])
        source = self.source_features(conditions)
        if source is not None:
            source = tf.cast(source, tf.float32)  # [n, height, width, filters]
            flat = tf.reshape(source, [-1, self.source_to_hidden.shape[0]])
            biases[0] += tf.matmul(flat, tf.cast(self.source_to_hidden, tf.float32))
            to_logits = pointwise(source, tf.cast(self.source_to_logits, tf.float32))
            biases[-1] += tf.reshape(to_logits, [-1, self.biases[-1].shape[0]])
        return biases

    # ---- objective -------------------------------------------------------------------------------

    def _parameters(
        self,
        x: tf.Tensor,
        conditions: Conditions,
        training: bool = False,
        mask: int | tf.Tensor = 0,
    ) -> tf.Tensor:
        hidden = tf.reshape(self.embedding(x), [-1, self.kernels[0].shape[0]])
        layers = list(zip(self.masked_kernels(mask), self.layer_biases(conditions), strict=True))
        for kernel, bias in layers[:-1]:
            hidden = tf.nn.relu(tf.matmul(hidden, kernel) + tf.cast(bias, hidden.dtype))
        kernel, bias = layers[-1]
        parameters = tf.cast(tf.matmul(hidden, kernel), tf.float32) + bias
        return tf.reshape(parameters, [-1, *self.image_shape, self.likelihood.num_parameters])

    def _log_prob(self, x: tf.Tensor, conditions: Conditions, training: bool = False) -> tf.Tensor:
        if self.num_masks == 1:
            return super()._log_prob(x, conditions, training)
        if training:
            mask = self.mask_of(self.noise_of_step(Purpose.TRAIN))[0]
            return self._log_prob_under(mask, x, conditions)
        # log of the mean of the probabilities, mask after mask: one set of activations at a time.
        log_probs = [self._log_prob_under(mask, x, conditions) for mask in range(self.num_masks)]
        return tf.reduce_logsumexp(tf.stack(log_probs), axis=0) - math.log(self.num_masks)

    def _log_prob_under(
        self, mask: int | tf.Tensor, x: tf.Tensor, conditions: Conditions
    ) -> tf.Tensor:
        log_probs = self.likelihood.log_prob(self._parameters(x, conditions, mask=mask), x)
        return tf.reduce_sum(log_probs, axis=[1, 2, 3])

    @property
    def has_conditionals(self) -> bool:
        # A mixture over orders has none: no value comes before another.
        return self.num_masks == 1

    # ---- sampling --------------------------------------------------------------------------------

    def mask_of(self, noise: Noise) -> tf.Tensor:
        """The mask of each sample: int32 `[n]`."""
        u = noise.uniform((1,), stream=_MASK_STREAM)[:, 0]
        return tf.cast(u * self.num_masks, tf.int32)

    def draw(
        self,
        noise: Noise,
        conditions: Conditions,
        settings: dict[str, tf.Tensor],
        given: Given | None = None,
        choose: Choice | None = None,
    ) -> tf.Tensor:
        if choose is not None and not self.has_conditionals:
            raise ValueError("choose must be None: this model mixes several masks.")
        height, width, channels = self.image_shape
        size, columns = self._num_values, width * channels
        num = tf.shape(noise.seeds)[0]
        # Of a mask for each sample, what follows from it has an axis of samples first; with one
        # mask for all, it has none.
        mask = 0 if self.num_masks == 1 else self.mask_of(noise)
        orders, ranks = tf.gather(self.orders, mask), tf.gather(self.ranks, mask)
        degrees = [tf.gather(layer, mask) for layer in self.degrees]
        groups = [tf.gather(_units_by_degree(layer, size), mask) for layer in self.degrees]
        biases = self.layer_biases(conditions)
        # By value: the kernel from its features, and that to its parameters, with their bias.
        k = self.likelihood.num_parameters
        from_value = tf.reshape(self.kernels[0], [size, self._value_features, -1])
        to_value = tf.transpose(tf.reshape(self.kernels[-1], [-1, size, k]), [1, 0, 2])
        value_bias = tf.reshape(biases[-1], [*([-1] * (biases[-1].shape.rank - 1)), size, k])
        # A row more, of zeros: where a degree has fewer units than another, it pads.
        kernels = [tf.pad(kernel, [[0, 1], [0, 0]]) for kernel in self.kernels[1:-1]]

        def begin_row(row: tf.Tensor, cache: Any, _: int) -> Row:
            return Row((), self.likelihood.noise(noise, (columns,), step=row), cache, ())

        def step(column: Column, cache: Any) -> Step:
            # The value of rank t, counted from 0, follows from the units of degrees up to t: all
            # that they see is there.
            t, sums = cache
            at = tf.gather(orders, t, axis=orders.shape.rank - 1)
            complete = tf.where(degrees[-1] <= t, tf.nn.relu(sums[-1]), 0.0)
            parameters = _product(complete, tf.gather(to_value, at)) + _entry(value_bias, at)
            value = self.choose_value(
                parameters, column.noise, settings["temperature"], column.known, choose
            )
            # The value goes to the units that may see it; those that it completes pass it on.
            t += 1
            features = self.embedding(value[:, None], dtype="float32")
            seen = sums[0] + _product(features, tf.gather(from_value, at))
            next_sums = [tf.where(degrees[0] >= t, seen, sums[0])]
            for group, after, kernel, total in zip(
                groups, degrees[1:], kernels, sums[1:], strict=False
            ):
                units = tf.gather(group, t, axis=group.shape.rank - 2)
                final = tf.nn.relu(_columns(tf.pad(next_sums[-1], [[0, 0], [0, 1]]), units))
                passed = total + _product(final, tf.gather(kernel, units))
                next_sums.append(tf.where(after >= t, passed, total))
            return Step(value, (t, next_sums))

        if given is not None:
            # As rows of values in the order in which they are drawn.
            shape = [num, height, columns]
            given = Given(
                *(tf.reshape(_columns(tf.reshape(x, [num, size]), orders), shape) for x in given)
            )
        values = ancestral_sampling(
            height,
            columns,
            tf.TensorSpec([None], self.format.dtype),
            (
                tf.constant(0),
                [
                    tf.zeros([num, units]) + bias
                    for units, bias in zip(self.hidden_units, biases[:-1], strict=True)
                ],
            ),
            begin_row,
            step,
            lambda begun, column_cache, *_: column_cache,
            given,
        )
        in_order = tf.transpose(tf.reshape(values, [size, num]))
        return tf.reshape(_columns(in_order, ranks), [-1, *self.image_shape])


# ---- with one mask for all examples, or one for each ---------------------------------------------


def _columns(x: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    """Chosen columns of `[n, d]`: by one index for all, `[m]`, or by each one's own, `[n, m]`."""
    if index.shape.rank == 1:
        return tf.gather(x, index, axis=1)
    return tf.gather(x, index, batch_dims=1)


def _product(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """`[n, d]` by a kernel for all, `[d, m]`, or by each one's own, `[n, d, m]`: `[n, m]`."""
    if kernel.shape.rank == 2:
        return tf.matmul(x, kernel)
    return tf.matmul(x[:, None], kernel)[:, 0]


def _entry(x: tf.Tensor, at: tf.Tensor) -> tf.Tensor:
    """One entry of `[d, k]`, or of each one's own `[n, d, k]`: at a scalar for all, or at `[n]`."""
    if x.shape.rank == 2:
        return tf.gather(x, at)
    return tf.gather(x, at, axis=1, batch_dims=at.shape.rank)


def _units_by_degree(degrees: np.ndarray, size: int) -> np.ndarray:
    """The units of each degree, `[masks, size + 1, most]`, padded by one that is not there."""
    groups = [[np.flatnonzero(layer == d) for d in range(size + 1)] for layer in degrees]
    most = max(len(group) for layer in groups for group in layer)
    padded = np.full((len(degrees), size + 1, most), degrees.shape[1], np.int32)
    for layer, by_degree in zip(padded, groups, strict=True):
        for row, group in zip(layer, by_degree, strict=True):
            row[: len(group)] = group
    return padded
