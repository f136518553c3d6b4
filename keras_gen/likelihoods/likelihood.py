"""The contract of a likelihood: from a network's output to a distribution, and to a draw."""

from __future__ import annotations

import abc
from collections.abc import Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from keras_gen.ancestral_sampling import Given
from keras_gen.random import Noise
from keras_gen.record import Record
from keras_gen.signature import DECISION, Output


class Likelihood(Record, abc.ABC):
    """The distribution of a value (a pixel's channel, a token, a whole pixel), given outputs.

    Attributes:
        num_parameters: how many network outputs one value needs.
        levels: how many values a number takes; `None` where they are not counted.
        event_shape: of one value: `()` of a number, `(channels,)` of a pixel whose channels depend
            on each other.
        dtype: of what is drawn, as NumPy says it: whole numbers, or floats that a format rounds to
            what it stores.
        draw_output: how far runtimes may differ in a draw.
    """

    num_parameters: int
    levels: int | None = None
    event_shape: tuple[int, ...] = ()
    dtype: str = "int32"
    draw_output: Output = DECISION

    @abc.abstractmethod
    def distribution(self, parameters: tf.Tensor) -> tfp.distributions.Distribution:
        """The distribution of values.

        Args:
            parameters: float32 `[..., num_parameters]`.

        Returns:
            A `tfd.Distribution` of batch shape `[...]` and this event shape.
        """

    @abc.abstractmethod
    def noise(
        self, noise: Noise, shape: Sequence[int], stream: int = 0, step: int | tf.Tensor = 0
    ) -> tf.Tensor:
        """The noise that drawing `[n, *shape]` values takes: float32 `[n, *shape, k]`."""

    @abc.abstractmethod
    def draw(
        self,
        parameters: tf.Tensor,
        noise: tf.Tensor,
        temperature: tf.Tensor,
        known: Given | None = None,
    ) -> tf.Tensor:
        """Draws values as a deterministic function of noise.

        Args:
            parameters: float32 `[..., num_parameters]`.
            noise: float32 `[..., k]`, from `noise`.
            temperature: float32, broadcasts against `[...]`; 1 draws from the distribution, less
                stays closer to its mode, and 0 is its mode.
            known: of an event of several numbers, those that are known beforehand: a mask and
                values `[..., *event_shape]`, which the numbers after them take into account.

        Returns:
            `[..., *event_shape]` of `dtype`.
        """

    @abc.abstractmethod
    def mode(self, parameters: tf.Tensor) -> tf.Tensor:
        """The likeliest values: `[..., *event_shape]` of `dtype`."""

    def log_prob(self, parameters: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """The log-probability of each value, in nats.

        Args:
            parameters: `[..., num_parameters]`, of any float dtype; computed in float32.
            x: `[..., *event_shape]`.

        Returns:
            float32, of the shape of `x`: of a pixel's channels, each given those before it.
        """
        distribution = self.distribution(tf.cast(parameters, tf.float32))
        return distribution.log_prob(tf.cast(x, distribution.dtype))
