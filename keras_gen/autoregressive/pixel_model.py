"""What autoregressive models of pictures in raster order share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from keras_gen.ancestral_sampling import Column, Given, Row, Step, ancestral_sampling
from keras_gen.autoregressive.autoregressive_model import AutoregressiveModel, Choice
from keras_gen.autoregressive.layers.grid_embedding import GridEmbedding
from keras_gen.autoregressive.layers.source_network import SourceNetwork
from keras_gen.formats import Codes, Grid, Images
from keras_gen.likelihoods import Likelihood, likelihood_of, pixel_likelihood_of
from keras_gen.model import Conditions
from keras_gen.random import Noise
from keras_gen.signature import Input


class PixelModel(AutoregressiveModel):
    """A model of pictures, or of codes on a grid, each value given those before it.

    A subclass supplies `_parameters`, for whole pictures, and `draw`.

    Args:
        image_shape: (height, width, channels).
        levels: how many values a channel takes, 2 to 256; of codes, 2 to 65,536.
        codes: whether the grid holds codes, int32 without an order, which are embedded; else
            pixels, uint8.
        source: the format of a grid that comes with each example and shifts its pixels, given as
            the condition "source"; `None` is none.
        likelihood: of a value, or of whole pixels; `None` chooses one that fits.
        **kwargs: of `Model`.

    Attributes:
        whole_pixels: whether the network sees and gives whole pixels, rather than their channels.
    """

    format: Grid
    whole_pixels: bool = False

    def __init__(
        self,
        image_shape: Sequence[int],
        *,
        levels: int = 256,
        codes: bool = False,
        source: Grid | None = None,
        likelihood: Likelihood | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.format = (Codes if codes else Images)(image_shape, levels)
        self.image_shape, self.levels, self.codes = self.format.image_shape, levels, codes
        channels = self.image_shape[-1]
        if source is not None and not isinstance(source, Grid):
            raise ValueError(f"source must be Images or Codes, received {source!r}.")
        self.source = source
        self.likelihood = (
            pixel_likelihood_of(levels, channels, likelihood, codes)
            if self.whole_pixels
            else likelihood_of(levels, likelihood)
        )
        self.embedding = GridEmbedding(self.format, dtype=self.dtype_policy, name="embedding")

    def _build_source(self, filters: int) -> None:
        """Builds what a source gives to each pixel, where there is one."""
        if self.source is not None:
            self.source_network = SourceNetwork(
                self.source, self.image_shape, filters, dtype=self.dtype_policy, name="source"
            )

    def condition_inputs(self) -> dict[str, Input]:
        inputs = super().condition_inputs()
        return inputs if self.source is None else inputs | {"source": self.source.input()}

    def source_features(self, conditions: Conditions) -> tf.Tensor | None:
        """What the source gives to each pixel, `[n, height, width, filters]`."""
        return None if self.source is None else self.source_network(conditions["source"])

    def _parameters(
        self, x: tf.Tensor, conditions: Conditions, training: bool = False
    ) -> tf.Tensor:
        """The likelihood's parameters for every value, given those before it.

        Args:
            x: stored values `[n, height, width, channels]`.
            conditions: tensors `[n, ...]` by name.
            training: whether dropout drops.

        Returns:
            float32 `[n, height, width, channels, likelihood.num_parameters]`, or without the axis
            of channels where the likelihood is of whole pixels.
        """
        raise NotImplementedError(f"{type(self).__name__} must supply _parameters().")

    def _log_conditionals(
        self, x: tf.Tensor, conditions: Conditions, training: bool = False
    ) -> tf.Tensor:
        return self.likelihood.log_prob(self._parameters(x, conditions, training), x)

    # ---- sampling --------------------------------------------------------------------------------

    def row_noise(self, noise: Noise, row: Any) -> tf.Tensor:
        """The noise that a row's draws take: float32 `[n, width, k]`, channel after channel."""
        _, width, channels = self.image_shape
        shape = (width,) if self.likelihood.event_shape else (width, channels)
        drawn = self.likelihood.noise(noise, shape, step=row)
        return tf.reshape(drawn, [-1, width, math.prod(drawn.shape[2:])])

    def raster_scan(
        self,
        num: tf.Tensor,
        row_cache: Any,
        begin_row: Callable[[tf.Tensor, tf.Tensor, Any, int], Row],
        step: Callable[[Column, Any], Step],
        end_row: Callable[[Row, Any, Any], Any],
        given: Given | None = None,
        kept: Any = (),
        unroll: int = 1,
    ) -> tf.Tensor:
        """Draws pictures in raster order.

        Args:
            num: int32 scalar, how many.
            row_cache: before the first row.
            begin_row: (row index, the row above as features `[num, width, k]`, row cache, phase) ->
                what can be made for the whole row. Above the first row there is nothing: zeros, as
                padding has it, and no pixel's value.
            step: as in `ancestral_sampling`; its value is the pixel, as stored `[num, channels]`.
            end_row: (what `begin_row` gave, the last column cache, what was kept of the row, a nest
                of `[num, width, k]`) -> row cache.
            given: known pixels `[num, height, width, channels]`.
            kept: as in `ancestral_sampling`.
            unroll: likewise.

        Returns:
            Stored values `[num, height, width, channels]`.
        """
        height, width, channels = self.image_shape

        def of_width(x: tf.Tensor, size: int) -> tf.Tensor:
            return tf.ensure_shape(x, [None, width, size])

        def finish_row(
            begun: Row, column_cache: Any, pixels: tf.Tensor, of_columns: Any
        ) -> tuple[tf.Tensor, Any]:
            of_columns = tf.nest.map_structure(of_width, of_columns, kept)
            above = self.embedding(of_width(pixels, channels), dtype="float32")
            return above, end_row(begun, column_cache, of_columns)

        pixels = ancestral_sampling(
            height,
            width,
            tf.TensorSpec([None, channels], self.format.dtype),
            (tf.zeros([num, width, self.embedding.size]), row_cache),
            lambda row, cache, phase: begin_row(row, cache[0], cache[1], phase),
            step,
            finish_row,
            given,
            kept,
            unroll,
        )
        return tf.ensure_shape(tf.transpose(pixels, [2, 0, 1, 3]), [None, *self.image_shape])

    def choose_value(
        self,
        parameters: tf.Tensor,
        noise: tf.Tensor,
        temperature: tf.Tensor,
        known: Given | None,
        choose: Choice | None,
    ) -> tf.Tensor:
        """A value as it is stored: known, chosen, or drawn from its parameters by noise."""
        if choose is None:
            value = self.likelihood.draw(parameters, noise, temperature, known)
        else:
            value = choose(parameters)
        value = self.format.store(value)
        return value if known is None else known.keep(value)
