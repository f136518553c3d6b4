"""Normal: a mean, and a scale that is fixed or learned."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from keras_gen import checks
from keras_gen.ancestral_sampling import Given
from keras_gen.likelihoods.likelihood import Likelihood
from keras_gen.random import Noise
from keras_gen.signature import ROUNDED

# Beyond it, squares of distances in scales are no numbers of float32.
_SCALES = (1e-6, 1e6)


@keras.saving.register_keras_serializable("keras_gen")
class Normal(Likelihood):
    """The likelihood of values in `[0, levels)` as a density over the real line.

    The network's mean is in the units of its input, [-1, 1]; the density is in stored units (one
    level is 1), so that its nats compare with those of the discrete likelihoods: a density at an
    integer is about the mass of the level around it, once the scale exceeds one level.

    Args:
        levels: how many values there are, 2 to 256.
        scale: the fixed standard deviation in units of [-1, 1], 1e-6 to 1e6; `None` learns one for
            every value.
        min_scale: the least learned scale, likewise; `None` is one level, so that a density never
            exceeds what a mass can be.

    Raises:
        ValueError: `levels` or a scale is out of range.

    Example:
        >>> Normal(256, scale=0.1).num_parameters, Normal(256).num_parameters
        (1, 2)
    """

    levels: int
    draw_output = ROUNDED
    dtype = "float32"

    def __init__(
        self, levels: int = 256, scale: float | None = None, min_scale: float | None = None
    ) -> None:
        self.levels = checks.in_range("levels", levels, 2, 256)
        for name, value in (("scale", scale), ("min_scale", min_scale)):
            if value is not None:
                checks.number(name, value, *_SCALES)
        self.scale = scale
        self.min_scale = min_scale
        self.num_parameters = 2 if scale is None else 1

    def distribution(self, parameters: tf.Tensor) -> tfp.distributions.Distribution:
        per_level = (self.levels - 1) / 2
        loc = (parameters[..., 0] + 1.0) * per_level
        if self.scale is None:
            min_scale = 1 / per_level if self.min_scale is None else self.min_scale
            scale = (min_scale + tf.nn.softplus(parameters[..., 1])) * per_level
        else:
            scale = self.scale * per_level
        return tfp.distributions.Normal(loc, scale)

    def noise(
        self, noise: Noise, shape: Sequence[int], stream: int = 0, step: int | tf.Tensor = 0
    ) -> tf.Tensor:
        return noise.normal((*shape, 1), stream, step)

    def draw(
        self,
        parameters: tf.Tensor,
        noise: tf.Tensor,
        temperature: tf.Tensor,
        known: Given | None = None,
    ) -> tf.Tensor:
        distribution = self.distribution(parameters)
        return distribution.loc + temperature * distribution.scale * noise[..., 0]

    def mode(self, parameters: tf.Tensor) -> tf.Tensor:
        return self.distribution(parameters).loc
