"""What autoregressive models of pictures in raster order share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_gen.autoregressive.ancestral_sampling import Above, Column, Given
from keras_gen.autoregressive.autoregressive_model import AutoregressiveModel
from keras_gen.image_model import ImageModel
from keras_gen.likelihoods import Likelihood
from keras_gen.random import Noise


class PixelModel(AutoregressiveModel, ImageModel):
    """A model of images whose network gives the likelihood's parameters for every value at once.

    A subclass sets `likelihood` and supplies `call`, for whole images, and `draw`.
    """

    likelihood: Likelihood

    @property
    def sample_output(self):
        return self.likelihood.draw_output

    def call(self, x: tf.Tensor, labels: tf.Tensor | None = None, training: bool = False):
        """The likelihood's parameters for every value, given those before it.

        Args:
            x: stored values `[n, height, width, channels]`.
            labels: int32 `[n]`, of a conditional model.
            training: whether dropout drops.

        Returns:
            float32 `[n, height, width, channels, likelihood.num_parameters]`, or without the axis
            of channels where the likelihood is of whole pixels.
        """
        raise NotImplementedError(f"{type(self).__name__} must supply call().")

    def log_conditionals(self, x, labels, training=False):
        return self.likelihood.log_prob(self(x, labels, training=training), x)

    def row_noise(self, noise: Noise, row: Any) -> tf.Tensor:
        """The noise that a row's draws take: float32 `[n, width, k]`, channel after channel."""
        _, width, channels = self.image_shape
        shape = (width, channels) if self.likelihood.channels is None else (width,)
        drawn = self.likelihood.noise(noise, shape, step=row)
        return tf.reshape(drawn, [-1, width, math.prod(drawn.shape[2:])])

    def with_ones(self, x: tf.Tensor, dtype: Any = None) -> tf.Tensor:
        """Images in [-1, 1] with a channel of ones more, so that a network sees their edge."""
        unit = self.to_unit(x, dtype)
        return tf.concat([unit, tf.ones_like(unit[..., :1])], axis=unit.shape.rank - 1)

    def above_in_unit(self, row: tf.Tensor, above: Above, ones: bool = False) -> tf.Tensor:
        """The pixels of the row above in [-1, 1], float32, with a channel of ones if asked for.

        Above the first row there is nothing: zeros, as padding has it, and no pixel's value.
        """
        unit = (self.with_ones if ones else self.to_unit)(above.pixels, "float32")
        return unit * tf.cast(row > 0, "float32")

    def draw_channels(
        self,
        parameters_of: Callable[[list[tf.Tensor]], tf.Tensor],
        column: Column,
        temperature: tf.Tensor,
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Draws a pixel's channels, each given those before it.

        Args:
            parameters_of: (the pixel's channels so far, each in [-1, 1], `[n, 1]`) -> the next
                channel's parameters, `[n, num_parameters]`.
            column: the pixel's place in its row.
            temperature: `[n]`.

        Returns:
            The pixel, uint8 `[n, channels]`, and its channels in [-1, 1], each `[n, 1]`.
        """
        channels, known = self.image_shape[-1], column.known
        values, inputs = [], []
        for channel, channel_noise in enumerate(tf.split(column.noise, channels, axis=-1)):
            value = self.likelihood.draw(parameters_of(inputs), channel_noise, temperature)
            value = tf.expand_dims(value, -1)
            if known is not None:
                here = slice(channel, channel + 1)
                value = Given(known.values[:, here], known.mask[:, here]).keep(value)
            values.append(value)
            inputs.append(self.to_unit(value, "float32"))
        return values[0] if channels == 1 else tf.concat(values, axis=-1), inputs
