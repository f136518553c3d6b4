"""A mixture of discretised logistics over whole pixels, whose channels depend on each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_gen import checks
from keras_gen.ancestral_sampling import Given
from keras_gen.likelihoods.likelihood import Likelihood
from keras_gen.random import Noise

tfd, tfb = tfp.distributions, tfp.bijectors

# Below it a logistic is a step: a scale of exp(-7), in units of [-1, 1], is 0.1 of 256 levels.
# Above it, half of its mass is below all levels and half above.
_MIN_LOG_SCALE, _MAX_LOG_SCALE = -7.0, 7.0
# Less is as good as zero, and takes the mode.
_MIN_TEMPERATURE = 1e-4
# As good as minus infinity, and no NaN when it meets one.
_NEVER = -1e30


class _Cells(NamedTuple):
    """Ranges of levels, by their edges in [-1, 1]; the outermost edges are at infinity.

    With those, one formula holds for all of them. Its gradient would not be finite there: only
    draws, which need none, go by cells.
    """

    lower: tf.Tensor
    upper: tf.Tensor
    half_width: tf.Tensor

    def at(self, index: tf.Tensor) -> _Cells:
        return _Cells(*(tf.gather(part, index) for part in self))

    def log_mass(self, mean: tf.Tensor, inverse_scale: tf.Tensor) -> tf.Tensor:
        """The log of a logistic's mass within each, as `_log_mass` has it of a level."""
        t = tf.tanh(self.half_width * inverse_scale)
        upto = tf.nn.softplus(inverse_scale * (mean - self.upper))
        beyond = tf.nn.softplus(inverse_scale * (self.lower - mean))
        return tf.math.log(2.0 * t / (1.0 + t)) - (upto + beyond)


@keras.saving.register_keras_serializable("keras_gen")
class DiscretizedLogisticMixture(Likelihood):
    """The likelihood of PixelCNN++ (Salimans et al. 2017, arXiv 1701.05517, section 2.1).

    A level's mass is the logistic's between its edges, half a level below and above; the first
    level's begins at minus infinity, and the last one's ends at infinity. Within a component, a
    channel's mean moves in proportion to the channels before it.

    Args:
        levels: how many values a channel takes, 2 to 256.
        channels: of a pixel.
        num_components: of the mixture.

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> DiscretizedLogisticMixture(256, channels=3, num_components=10).num_parameters
        100
    """

    levels: int

    def __init__(self, levels: int = 256, channels: int = 3, num_components: int = 10) -> None:
        self.levels = levels = checks.in_range("levels", levels, 2, 256)
        self.channels = channels = checks.positive("channels", channels)
        self.event_shape = (channels,)
        self.num_components = checks.positive("num_components", num_components)
        # A weight; a mean and a scale a channel; a coefficient for each earlier channel.
        self._couplings = channels * (channels - 1) // 2
        self.num_parameters = num_components * (1 + 2 * channels + self._couplings)

    def _split(self, parameters: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Logits `[..., k]`; means, log scales and couplings `[..., k, channels or pairs]`."""
        k, channels = self.num_components, self.channels
        sizes = [k, k * channels, k * channels, k * self._couplings]
        parts = tf.split(tf.cast(parameters, tf.float32), sizes, axis=-1)
        loc, log_scale, coupling = (_by_component(part, k) for part in parts[1:])
        log_scale = tf.clip_by_value(log_scale, _MIN_LOG_SCALE, _MAX_LOG_SCALE)
        return parts[0], loc, log_scale, tf.tanh(coupling)

    @staticmethod
    def _mean(
        channel: int, loc: list[tf.Tensor], coupling: list[tf.Tensor], earlier: list[tf.Tensor]
    ) -> tf.Tensor:
        """A channel's mean, given the channels before it in [-1, 1].

        Args:
            channel: its index.
            loc: of each channel, `[..., k]`, where components are kept apart.
            coupling: of each pair of channels, likewise.
            earlier: of each channel before it, `[..., 1]`.
        """
        first = channel * (channel - 1) // 2
        moves = [coupling[first + i] * value for i, value in enumerate(earlier)]
        return sum(moves, loc[channel])

    def _unit(self, x: tf.Tensor) -> tf.Tensor:
        return tf.cast(x, tf.float32) * (2.0 / (self.levels - 1)) - 1.0

    def distribution(self, parameters: tf.Tensor) -> tfp.distributions.Distribution:
        """The distribution of stored pixels: a `tfd.MixtureSameFamily` of event shape `[c]`."""
        logits, loc, log_scale, coupling = self._split(parameters)
        per_level = (self.levels - 1) / 2

        def component(x: tf.Tensor) -> tfp.distributions.Distribution:
            # The values that a channel's mean depends on, in each component its own.
            unit = self._unit(x) + tf.zeros_like(loc)
            starts, earlier = (tf.unstack(part, axis=-1) for part in (loc + 0.0 * unit, unit))
            moves = tf.unstack(coupling, axis=-1)
            means = [self._mean(c, starts, moves, earlier[:c]) for c in range(self.channels)]
            stored = (tf.stack(means, axis=-1) + 1.0) * per_level
            # `QuantizedDistribution` rounds up: moved down by a half, it rounds to the nearest.
            logistic = tfd.Logistic(stored - 0.5, tf.exp(log_scale) * per_level)
            return tfd.Independent(tfd.QuantizedDistribution(logistic, 0.0, self.levels - 1.0), 1)

        components = tfd.Autoregressive(component, tf.zeros_like(loc), num_steps=self.channels)
        return tfd.MixtureSameFamily(tfd.Categorical(logits=logits), components)

    def log_prob(self, parameters: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """The log-probability of each channel, given those before it: float32 `[..., c]`."""
        logits, *of_components = self._split(parameters)
        loc, log_scale, coupling = (tf.unstack(part, axis=-1) for part in of_components)
        levels = tf.split(x, self.channels, axis=-1)
        unit = tf.split(self._unit(x), self.channels, axis=-1)
        weights = tf.nn.log_softmax(logits)
        log_probs = []
        for channel in range(self.channels):
            mean = self._mean(channel, loc, coupling, unit[:channel])
            log_mass = self._log_mass(levels[channel], mean, log_scale[channel])
            joint = weights + tf.maximum(log_mass, _NEVER)
            log_probs.append(tf.reduce_logsumexp(joint, axis=-1))
            # The mixture's weights adapt to the channels seen. They sum to one again, so that an
            # unlikely channel leaves no great number, in which the next one's would be lost.
            weights = tf.nn.log_softmax(joint)
        return tf.stack(log_probs, axis=-1)

    def _log_mass(self, level: tf.Tensor, mean: tf.Tensor, log_scale: tf.Tensor) -> tf.Tensor:
        """The log of a logistic's mass between a level's edges."""
        inverse = tf.exp(-log_scale)
        half = 1.0 / (self.levels - 1)
        above = inverse * (self._unit(level) + half - mean)
        below = inverse * (self._unit(level) - half - mean)
        # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)): no difference of two
        # numbers that are nearly equal.
        log_upto = -tf.nn.softplus(-above)
        log_beyond = -tf.nn.softplus(below)
        # 1 - exp(-w) = 2 t / (1 + t) for t = tanh(w / 2), and that is exact for small w.
        t = tf.tanh(half * inverse)
        inner = log_upto + log_beyond + tf.math.log(2.0 * t / (1.0 + t))
        first, last = level == 0, level == self.levels - 1
        return tf.where(first, log_upto, tf.where(last, log_beyond, inner))

    def _cells(self, first: np.ndarray, last: np.ndarray) -> _Cells:
        """The cells from one level to another; those beyond the last level have no mass."""
        unit = np.float32(2.0 / (self.levels - 1))
        half = np.float32(1.0 / (self.levels - 1))
        one = np.float32(1.0)
        lowest, highest = (level.astype(np.float32) * unit - one for level in (first, last))
        infinity = np.float32(np.inf)
        lower = np.where(first == 0, -infinity, lowest - half)
        upper = np.where(last >= self.levels - 1, infinity, highest + half)
        width = np.where(np.isfinite(upper - lower), highest - lowest + 2 * half, infinity)
        lower = np.where(first >= self.levels, infinity, lower)
        return _Cells(*(tf.constant(part, tf.float32) for part in (lower, upper, width / 2)))

    def noise(
        self, noise: Noise, shape: Sequence[int], stream: int = 0, step: int | tf.Tensor = 0
    ) -> tf.Tensor:
        size = self.channels * (self.num_components + sum(self._stages))
        return noise.gumbel((*shape, size), stream, step)

    @property
    def _stages(self) -> tuple[int, int]:
        """How many ranges of levels a draw chooses from, and of how many levels each is."""
        width = math.ceil(math.sqrt(self.levels))
        return math.ceil(self.levels / width), width

    def draw(
        self,
        parameters: tf.Tensor,
        noise: tf.Tensor,
        temperature: tf.Tensor,
        known: Given | None = None,
    ) -> tf.Tensor:
        """Draws whole pixels: int32 `[..., channels]`.

        A temperature flattens or sharpens the mixture's weights, and widens or narrows its
        components; at 0 the draw is the mode. A channel is drawn given those before it, known ones
        too: what is known of a pixel says which components it may come from.
        """
        temperature = tf.expand_dims(temperature, -1)
        cold = temperature < _MIN_TEMPERATURE
        temperature = tf.maximum(temperature, _MIN_TEMPERATURE)
        logits, loc, log_scale, coupling = self._split(parameters)
        inverse_scale = tf.exp(-(log_scale + tf.expand_dims(tf.math.log(temperature), -1)))
        of_components = [loc, inverse_scale, coupling]
        num_ranges, width = self._stages
        sizes = [*[self.num_components] * self.channels, *[num_ranges, width] * self.channels]
        parts = tf.split(noise, sizes, axis=-1)
        of_choices, of_channels = parts[: self.channels], parts[self.channels :]

        def component_of(weights: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
            chosen = tf.argmax(weights + temperature * noise, axis=-1)
            return tf.expand_dims(tf.one_hot(chosen, self.num_components), -1)

        def part_of(component: tf.Tensor) -> list[list[tf.Tensor]]:
            return [_columns(tf.reduce_sum(component * x, axis=-2)) for x in of_components]

        component = component_of(logits, of_choices[0])
        loc, inverse_scale, coupling = part_of(component)
        levels = np.arange(num_ranges * width).reshape(num_ranges, width)
        ranges = self._cells(levels[:, 0], np.minimum(levels[:, -1], self.levels - 1))
        of_ranges = self._cells(levels, levels)
        values: list[tf.Tensor] = []
        for channel in range(self.channels):
            if channel and known is not None:
                # The component was chosen as if the channel before were free; where that is known,
                # it is chosen again, given its value.
                logits += temperature * self._log_mass_of(values, *of_components)
                logits -= tf.reduce_max(logits, axis=-1, keepdims=True)
                again = component_of(logits, of_choices[channel])
                is_known = known.mask[..., channel - 1, None, None]
                component = tf.where(is_known, again, component)
                loc, inverse_scale, coupling = part_of(component)
            # By masses, not by the inverse of their sum: a draw then hangs on no float's last bit,
            # but where two choices are as good as equal. And first a range of levels, then one of
            # them: that takes fewer of both masses and noise than all levels at once.
            mean = self._mean(channel, loc, coupling, [self._unit(value) for value in values])
            place = mean, inverse_scale[channel]
            of_range, of_level = of_channels[2 * channel : 2 * channel + 2]
            drawn = tf.argmax(ranges.log_mass(*place) + of_range, axis=-1)
            within = tf.argmax(of_ranges.at(drawn).log_mass(*place) + of_level, axis=-1)
            level = tf.expand_dims(drawn * width + within, -1)
            values.append(_kept(known, channel, level))
        pixel = tf.cast(tf.concat(values, axis=-1), tf.int32)
        return tf.cond(
            tf.reduce_any(cold),
            lambda: tf.where(cold, self.mode(parameters, known), pixel),
            lambda: pixel,
        )

    def mode(self, parameters: tf.Tensor, known: Given | None = None) -> tf.Tensor:
        """Each channel's likeliest level, given those of the channels before it."""
        logits, loc, log_scale, coupling = self._split(parameters)
        of_components = [loc, tf.exp(-log_scale), coupling]
        loc, inverse_scale, coupling = (tf.unstack(part, axis=-1) for part in of_components)
        weights, levels = tf.nn.log_softmax(logits), np.arange(self.levels)
        cells = self._cells(levels, levels)
        values: list[tf.Tensor] = []
        for channel in range(self.channels):
            mean = self._mean(channel, loc, coupling, [self._unit(value) for value in values])
            # By component and level; the mixture's weights adapt to the channels before.
            place = (tf.expand_dims(part, -1) for part in (mean, inverse_scale[channel]))
            log_mass = tf.expand_dims(weights, -1) + cells.log_mass(*place)
            likeliest = tf.argmax(tf.reduce_logsumexp(log_mass, axis=-2), axis=-1)
            values.append(_kept(known, channel, tf.expand_dims(likeliest, -1)))
            if channel + 1 < self.channels:
                log_mass = self._log_mass_of(values, *of_components)
                weights = tf.nn.log_softmax(weights + log_mass)
        return tf.cast(tf.concat(values, axis=-1), tf.int32)

    def _log_mass_of(
        self, values: list[tf.Tensor], loc: tf.Tensor, inverse_scale: tf.Tensor, coupling: tf.Tensor
    ) -> tf.Tensor:
        """The log of the last value's mass in each component, given those before it."""
        loc, inverse_scale, coupling = (
            tf.unstack(part, axis=-1) for part in (loc, inverse_scale, coupling)
        )
        channel, levels = len(values) - 1, np.arange(self.levels)
        mean = self._mean(channel, loc, coupling, [self._unit(x) for x in values[:-1]])
        cell = self._cells(levels, levels).at(values[-1])
        return tf.maximum(cell.log_mass(mean, inverse_scale[channel]), _NEVER)


def _by_component(x: tf.Tensor, num_components: int) -> tf.Tensor:
    """From `[..., k * n]` to `[..., k, n]`."""
    leading = [-1 if size is None else size for size in x.shape[:-1]]
    sizes = [num_components, x.shape[-1] // num_components]
    # A shape that is known needs no operation; one size of it follows from the others.
    if leading.count(-1) <= 1:
        return tf.reshape(x, [*leading, *sizes])
    return tf.reshape(x, tf.concat([tf.shape(x)[:-1], sizes], axis=0))


def _columns(x: tf.Tensor) -> list[tf.Tensor]:
    """The features of `[..., n]`, each `[..., 1]`."""
    return tf.split(x, x.shape[-1], axis=-1) if x.shape[-1] else []


def _kept(known: Given | None, channel: int, value: tf.Tensor) -> tf.Tensor:
    """A channel's value `[..., 1]`, or what is known of it."""
    if known is None:
        return value
    stored = tf.cast(known.values[..., channel, None], value.dtype)
    return tf.where(known.mask[..., channel, None], stored, value)
