"""A mixture of discretised logistics over whole pixels, whose channels depend on each other."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
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
        loc, log_scale, coupling = (
            tf.reshape(part, tf.concat([tf.shape(part)[:-1], [k, part.shape[-1] // k]], axis=0))
            for part in parts[1:]
        )
        log_scale = tf.clip_by_value(log_scale, _MIN_LOG_SCALE, _MAX_LOG_SCALE)
        return parts[0], loc, log_scale, tf.tanh(coupling)

    @staticmethod
    def _mean(
        channel: int, loc: tf.Tensor, coupling: tf.Tensor, earlier: list[tf.Tensor]
    ) -> tf.Tensor:
        """A channel's mean `[..., k]`, given the channels before it in [-1, 1]."""
        first = channel * (channel - 1) // 2
        moves = [coupling[..., first + i] * value for i, value in enumerate(earlier)]
        return sum(moves, loc[..., channel])

    def _unit(self, x: tf.Tensor) -> tf.Tensor:
        return tf.cast(x, tf.float32) * (2.0 / (self.levels - 1)) - 1.0

    def distribution(self, parameters: tf.Tensor) -> tfp.distributions.Distribution:
        """The distribution of stored pixels: a `tfd.MixtureSameFamily` of event shape `[c]`."""
        logits, loc, log_scale, coupling = self._split(parameters)
        per_level = (self.levels - 1) / 2

        def component(x: tf.Tensor) -> tfp.distributions.Distribution:
            # The values that a channel's mean depends on, in each component its own.
            unit = self._unit(x) + tf.zeros_like(loc)
            start, earlier = loc + tf.zeros_like(unit), tf.unstack(unit, axis=-1)
            means = [self._mean(c, start, coupling, earlier[:c]) for c in range(self.channels)]
            stored = (tf.stack(means, axis=-1) + 1.0) * per_level
            # `QuantizedDistribution` rounds up: moved down by a half, it rounds to the nearest.
            logistic = tfd.Logistic(stored - 0.5, tf.exp(log_scale) * per_level)
            return tfd.Independent(tfd.QuantizedDistribution(logistic, 0.0, self.levels - 1.0), 1)

        components = tfd.Autoregressive(component, tf.zeros_like(loc), num_steps=self.channels)
        return tfd.MixtureSameFamily(tfd.Categorical(logits=logits), components)

    def log_prob(self, parameters: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """The log-probability of each channel, given those before it: float32 `[..., c]`."""
        logits, loc, log_scale, coupling = self._split(parameters)
        unit = tf.split(self._unit(x), self.channels, axis=-1)
        weights = tf.nn.log_softmax(logits)
        log_probs = []
        for channel in range(self.channels):
            mean = self._mean(channel, loc, coupling, unit[:channel])
            level = x[..., channel, None]
            log_mass = self._log_mass(level, level, mean, log_scale[..., channel])
            joint = weights + tf.maximum(log_mass, _NEVER)
            log_probs.append(tf.reduce_logsumexp(joint, axis=-1))
            # The mixture's weights adapt to the channels seen. They sum to one again, so that an
            # unlikely channel leaves no great number, in which the next one's would be lost.
            weights = tf.nn.log_softmax(joint)
        return tf.stack(log_probs, axis=-1)

    def _log_mass(
        self, lowest: tf.Tensor, highest: tf.Tensor, mean: tf.Tensor, log_scale: tf.Tensor
    ) -> tf.Tensor:
        """The log of a logistic's mass from one level's lower edge to another's upper edge."""
        inverse = tf.exp(-log_scale)
        half = 1.0 / (self.levels - 1)
        above = inverse * (self._unit(highest) + half - mean)
        below = inverse * (self._unit(lowest) - half - mean)
        # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)): no difference of two
        # numbers that are nearly equal.
        log_upto = -tf.nn.softplus(-above)
        log_beyond = -tf.nn.softplus(below)
        # 1 - exp(-w) = 2 t / (1 + t) for t = tanh(w / 2), and that is exact for small w.
        width = self._unit(highest) - self._unit(lowest) + 2.0 * half
        t = tf.tanh(0.5 * width * inverse)
        inner = log_upto + log_beyond + tf.math.log(2.0 * t / (1.0 + t))
        first, last = lowest == 0, highest == self.levels - 1
        return tf.where(first, log_upto, tf.where(last, log_beyond, inner))

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
        logits, *of_components = self._split(parameters)
        cold = tf.expand_dims(temperature, -1) < _MIN_TEMPERATURE
        temperature = tf.maximum(tf.expand_dims(temperature, -1), _MIN_TEMPERATURE)
        loc, log_scale, coupling = of_components
        of_components = [loc, log_scale + tf.math.log(temperature)[..., None], coupling]
        num_ranges, width = self._stages
        sizes = [*[self.num_components] * self.channels, *[num_ranges, width] * self.channels]
        parts = tf.split(noise, sizes, axis=-1)
        of_choices, of_channels = parts[: self.channels], parts[self.channels :]

        def component_of(weights: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
            chosen = tf.argmax(weights + temperature * noise, axis=-1)
            return tf.one_hot(chosen, self.num_components)[..., None]

        def part_of(component: tf.Tensor) -> list[tf.Tensor]:
            return [tf.reduce_sum(component * x, axis=-2, keepdims=True) for x in of_components]

        component = component_of(logits, of_choices[0])
        loc, log_scale, coupling = part_of(component)
        starts = width * tf.range(num_ranges)
        ends = tf.minimum(starts + width, self.levels) - 1
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
                loc, log_scale, coupling = part_of(component)
            # By masses, not by the inverse of their sum: a draw then hangs on no float's last bit,
            # but where two choices are as good as equal. And first a range of levels, then one of
            # them: that takes fewer of both masses and noise than all levels at once.
            earlier = [self._unit(value) for value in values]
            place = self._mean(channel, loc, coupling, earlier), log_scale[..., channel]
            of_range, of_level = of_channels[2 * channel : 2 * channel + 2]
            drawn = _choose(self._log_mass(starts, ends, *place) + of_range)
            levels = drawn * width + tf.range(width)
            log_mass = self._log_mass(levels, levels, *place)
            log_mass = tf.where(levels < self.levels, log_mass, _NEVER)
            values.append(_kept(known, channel, drawn * width + _choose(log_mass + of_level)))
        pixel = tf.concat(values, axis=-1)
        return tf.cond(
            tf.reduce_any(cold),
            lambda: tf.where(cold, self.mode(parameters, known), pixel),
            lambda: pixel,
        )

    def mode(self, parameters: tf.Tensor, known: Given | None = None) -> tf.Tensor:
        """Each channel's likeliest level, given those of the channels before it."""
        logits, *of_components = self._split(parameters)
        loc, log_scale, coupling = of_components
        weights, level = tf.nn.log_softmax(logits), tf.range(self.levels)
        values: list[tf.Tensor] = []
        for channel in range(self.channels):
            mean = self._mean(channel, loc, coupling, [self._unit(value) for value in values])
            # By component and level; the mixture's weights adapt to the channels before.
            place = mean[..., None], log_scale[..., channel, None]
            log_mass = weights[..., None] + self._log_mass(level, level, *place)
            likeliest = _choose(tf.reduce_logsumexp(log_mass, axis=-2))
            values.append(_kept(known, channel, likeliest))
            weights = tf.nn.log_softmax(weights + self._log_mass_of(values, *of_components))
        return tf.concat(values, axis=-1)

    def _log_mass_of(
        self, values: list[tf.Tensor], loc: tf.Tensor, log_scale: tf.Tensor, coupling: tf.Tensor
    ) -> tf.Tensor:
        """The log of the last value's mass in each component, given those before it."""
        channel, value = len(values) - 1, values[-1]
        mean = self._mean(channel, loc, coupling, [self._unit(x) for x in values[:-1]])
        return tf.maximum(self._log_mass(value, value, mean, log_scale[..., channel]), _NEVER)


def _kept(known: Given | None, channel: int, value: tf.Tensor) -> tf.Tensor:
    """A channel's value `[..., 1]`, or what is known of it."""
    if known is None:
        return value
    stored = tf.cast(known.values[..., channel, None], value.dtype)
    return tf.where(known.mask[..., channel, None], stored, value)


def _choose(perturbed: tf.Tensor) -> tf.Tensor:
    """The place of the greatest, int32 `[..., 1]`."""
    return tf.argmax(perturbed, axis=-1, output_type=tf.int32)[..., None]
