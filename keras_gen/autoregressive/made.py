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

from keras_gen import checks, random
from keras_gen.autoregressive.ancestral_sampling import Given, Row, Step, ancestral_sampling
from keras_gen.autoregressive.pixel_model import PixelModel
from keras_gen.likelihoods import Likelihood, likelihood_of
from keras_gen.random import Noise

# The noise that chooses a mask: apart from that of the values.
_MASK_STREAM = 1

ORDERINGS = ("natural", "random")


@keras.saving.register_keras_serializable("keras_gen")
class MADE(PixelModel):
    """MADE over the values of images, in raster order or in random ones.

    With several masks, each training step takes one of them at random (order- and
    connectivity-agnostic training), `log_prob` is that of their equal mixture (the ensemble), and
    each sample is drawn under a mask of its own, as a sample of a mixture is.

    Args:
        image_shape: (height, width, channels).
        levels: how many values a channel takes, 2 to 256.
        hidden_units: of each hidden layer.
        ordering: "natural", raster order, or "random", another order for each mask.
        num_masks: how many masks there are.
        num_classes: of the labels that shift the first layer and the logits; `None` is
            unconditional.
        likelihood: of a channel's value; `None` is Bernoulli for 2 levels and else Categorical.
        seed: of the orderings and masks, and of the choice among them.
        **kwargs: of `keras.Model`.

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
        hidden_units: Sequence[int] = (512, 512),
        ordering: str = "natural",
        num_masks: int = 1,
        num_classes: int | None = None,
        likelihood: Likelihood | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(image_shape, levels=levels, num_classes=num_classes, seed=seed, **kwargs)
        self.hidden_units = tuple(checks.positive("hidden_units", units) for units in hidden_units)
        if not self.hidden_units:
            raise ValueError("hidden_units must name at least one layer, received none.")
        if ordering not in ORDERINGS:
            raise ValueError(
                f"ordering must be one of {', '.join(ORDERINGS)}, received {ordering!r}."
            )
        self.ordering = ordering
        self.num_masks = checks.in_range("num_masks", num_masks, 1, 10_000)
        self.likelihood = likelihood_of(self.levels, likelihood)

        outputs = self.num_dimensions * self.likelihood.num_parameters
        sizes = [self.num_dimensions, *self.hidden_units, outputs]
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
        rngs = [np.random.default_rng([self.seed, mask]) for mask in range(num_masks)]
        self.orders = np.stack([self._order(rng) for rng in rngs])
        # A hidden unit of degree k sees the k first values; an output, units of lesser degrees.
        per_mask = [self._degrees(rng) for rng in rngs]
        self.degrees = [np.stack(layer) for layer in zip(*per_mask, strict=True)]
        self.ranks = np.argsort(self.orders, axis=1).astype(np.int32)
        self.built = True

    def _order(self, rng: np.random.Generator) -> np.ndarray:
        size = self.num_dimensions
        order = np.arange(size) if self.ordering == "natural" else rng.permutation(size)
        return order.astype(np.int32)

    def _degrees(self, rng: np.random.Generator) -> list[np.ndarray]:
        """The degree of each unit, by layer: spread evenly, or at random where masks differ."""
        most = max(self.num_dimensions - 1, 1)
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
        degrees = [ranks + 1, *(tf.gather(layer, mask) for layer in self.degrees)]
        masks = [after[None] >= before[:, None] for before, after in itertools.pairwise(degrees)]
        of_outputs = tf.repeat(ranks + 1, self.likelihood.num_parameters)
        masks.append(of_outputs[None] > degrees[-1][:, None])
        return [
            tf.cast(kernel, self.compute_dtype) * tf.cast(mask, self.compute_dtype)
            for kernel, mask in zip(self.kernels, masks, strict=True)
        ]

    def layer_biases(self, labels: tf.Tensor | None) -> list[tf.Tensor]:
        """The bias of each layer, `[units]`, or `[n, units]` where labels shift it."""
        biases = [tf.convert_to_tensor(bias) for bias in self.biases]
        if self.num_classes is not None:
            for i, of_label in zip((0, -1), self.label_biases, strict=True):
                biases[i] += tf.gather(of_label, labels)
        return biases

    # ---- objective -------------------------------------------------------------------------------

    def call(self, x, labels=None, training=False, mask_index: int | tf.Tensor = 0):
        hidden = tf.reshape(self.to_unit(x), [-1, self.num_dimensions])
        layers = list(zip(self.masked_kernels(mask_index), self.layer_biases(labels), strict=True))
        for kernel, bias in layers[:-1]:
            hidden = tf.nn.relu(tf.matmul(hidden, kernel) + tf.cast(bias, hidden.dtype))
        kernel, bias = layers[-1]
        parameters = tf.cast(tf.matmul(hidden, kernel), tf.float32) + tf.cast(bias, tf.float32)
        return tf.reshape(parameters, [-1, *self.image_shape, self.likelihood.num_parameters])

    def log_likelihood(self, x, labels, training=False):
        if self.num_masks == 1:
            return super().log_likelihood(x, labels, training)
        if training:
            step = tf.cast(self.optimizer.iterations, tf.int64)
            mask = self.mask_of(Noise(random.spread(self.seed, 1, stream=step)))[0]
            return self._log_likelihood_under(mask, x, labels)
        # log of the mean of the probabilities, mask after mask: one set of activations at a time.
        log_probs = [self._log_likelihood_under(i, x, labels) for i in range(self.num_masks)]
        return tf.reduce_logsumexp(tf.stack(log_probs), axis=0) - math.log(self.num_masks)

    def _log_likelihood_under(self, mask_index, x, labels):
        log_probs = self.likelihood.log_prob(self(x, labels, mask_index=mask_index), x)
        return tf.reduce_sum(log_probs, axis=[1, 2, 3])

    # ---- sampling --------------------------------------------------------------------------------

    def mask_of(self, noise: Noise) -> tf.Tensor:
        """The mask under which each sample is drawn: int32 `[n]`."""
        u = noise.uniform((1,), stream=_MASK_STREAM)[:, 0]
        return tf.cast(u * self.num_masks, tf.int32)

    def draw(self, noise, labels, temperature, given=None):
        height, width, channels = self.image_shape
        num = tf.shape(noise.seeds)[0]
        # With one mask for all, what follows from it has a batch of one, and broadcasts.
        mask = self.mask_of(noise) if self.num_masks > 1 else tf.zeros([1], tf.int32)
        orders = tf.gather(self.orders, mask)
        groups = [
            tf.gather(_units_by_degree(layer, self.num_dimensions), mask) for layer in self.degrees
        ]
        degrees = [tf.gather(layer, mask) for layer in self.degrees]
        # A row more, of zeros: where a degree has fewer units than another, it pads.
        kernels = [tf.pad(kernel, [[0, 1], [0, 0]]) for kernel in self.kernels[1:-1]]
        biases = self.layer_biases(labels)
        k = self.likelihood.num_parameters
        to_logits = tf.transpose(
            tf.reshape(self.kernels[-1], [-1, self.num_dimensions, k]), [1, 0, 2]
        )
        logit_bias = tf.reshape(biases[-1], [-1, self.num_dimensions, k])

        def begin_row(row, cache, _):
            return Row((), self.likelihood.noise(noise, (width * channels,), step=row), cache, ())

        def step(column, cache):
            # The value of rank t + 1, from the units of degrees up to t: all that are complete.
            t, sums = cache
            at = tf.gather(orders, t, axis=1)
            complete = tf.cast(degrees[-1] <= t, tf.float32) * tf.nn.relu(sums[-1])
            logits = tf.matmul(complete[:, None], tf.gather(to_logits, at))[:, 0]
            logits += _at(logit_bias, at)
            value = column.keep(self.likelihood.draw(logits, column.noise, temperature))
            # The value goes to the units that may see it; those that it completes pass it on.
            t += 1
            rows = tf.gather(self.kernels[0], at) * tf.cast(degrees[0] >= t, tf.float32)
            next_sums = [sums[0] + self.to_unit(value, "float32")[:, None] * rows]
            for group, after, kernel, total in zip(
                groups, degrees[1:], kernels, sums[1:], strict=False
            ):
                units = tf.gather(group, t, axis=1)
                final = tf.nn.relu(_columns(tf.pad(next_sums[-1], [[0, 0], [0, 1]]), units))
                passed = tf.matmul(final[:, None], tf.gather(kernel, units))[:, 0]
                next_sums.append(total + passed * tf.cast(after >= t, tf.float32))
            return Step(value, (t, next_sums))

        if given is not None:
            shape = [num, height, width * channels]
            given = Given(
                *(
                    tf.reshape(_columns(tf.reshape(part, [num, -1]), orders), shape)
                    for part in given
                )
            )
        sums = [
            tf.zeros([num, units]) + bias
            for units, bias in zip(self.hidden_units, biases[:-1], strict=True)
        ]
        values = ancestral_sampling(
            height,
            width * channels,
            tf.TensorSpec([None], tf.uint8),
            (tf.constant(0), sums),
            begin_row,
            step,
            lambda begun, column_cache, *_: column_cache,
            given,
        )
        by_rank = tf.transpose(tf.reshape(values, [self.num_dimensions, -1]))
        images = _columns(by_rank, tf.gather(self.ranks, mask))
        return tf.reshape(images, [-1, *self.image_shape])

    # ---- signatures ------------------------------------------------------------------------------

    @property
    def has_conditionals(self):
        # A mixture over orders has none: no value comes before another.
        return self.num_masks == 1


def _columns(x: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    """Chosen columns of `[n, d]`: by an index `[n, m]`, or by one for all, `[1, m]`."""
    if index.shape[0] == 1:
        return tf.gather(x, index[0], axis=1)
    return tf.gather(x, index, batch_dims=1)


def _at(x: tf.Tensor, at: tf.Tensor) -> tf.Tensor:
    """One entry each of `[n or 1, d, k]`, at `[n or 1]`: `[n or 1, k]`."""
    if at.shape[0] == 1:
        return tf.gather(x, at[0], axis=1)
    if x.shape[0] == 1:
        return tf.gather(x[0], at)
    return tf.gather(x, at, batch_dims=1)


def _units_by_degree(degrees: np.ndarray, size: int) -> np.ndarray:
    """The units of each degree, `[masks, size + 1, most]`, padded by one that is not there."""
    groups = [[np.flatnonzero(layer == d) for d in range(size + 1)] for layer in degrees]
    most = max(len(group) for layer in groups for group in layer)
    padded = np.full((len(degrees), size + 1, most), degrees.shape[1], np.int32)
    for layer, by_degree in zip(padded, groups, strict=True):
        for row, group in zip(layer, by_degree, strict=True):
            row[: len(group)] = group
    return padded
