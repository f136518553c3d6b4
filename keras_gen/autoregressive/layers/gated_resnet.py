"""The gated residual block of PixelCNN++ and PixelSNAIL: whole, row by row, or step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from keras_gen.autoregressive.layers.masked_dense import pointwise as pointwise_product
from keras_gen.autoregressive.layers.shifted_convolution import (
    DownRightShiftedConv2D,
    DownShiftedConv2D,
)
from keras_gen.autoregressive.layers.stepwise import Begun, Place, StepWeights, StepwiseLayer


def concat_elu(x: tf.Tensor) -> tf.Tensor:
    """elu of x and of -x, side by side: as linear as may be, and blind to no sign."""
    return tf.nn.elu(tf.concat([x, -x], axis=x.shape.rank - 1))


class GatedResnet(StepwiseLayer):
    """x + a * sigmoid(b) for a stream of pixels, where (a, b) come of two convolutions of x.

    Salimans et al. 2017, arXiv 1701.05517.

    Args:
        filters: features in and out.
        num_shortcuts: how many other streams' features come in.
        num_classes: of the labels that shift the gates; `None` is unconditional.
        dropout: the share of features dropped in training.
        pointwise: whether the convolutions see the pixel itself alone.
        **kwargs: of `keras.layers.Layer`.
    """

    _convolution: type = DownRightShiftedConv2D

    def __init__(
        self,
        filters: int,
        num_shortcuts: int = 0,
        num_classes: int | None = None,
        dropout: float = 0.0,
        pointwise: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters, self.num_classes, self.dropout = filters, num_classes, dropout
        options: dict[str, Any] = {"rows": 1, "left": 0} if pointwise else {}
        options["dtype"] = self.dtype_policy
        self.first = self._convolution(2 * filters, filters, name="first", **options)
        # Small at first, so that a deep network begins near the identity.
        self.second = self._convolution(
            2 * filters, 2 * filters, gain=0.3, name="second", **options
        )
        self.shortcuts = [
            self.add_weight((2 * filters, filters), "glorot_uniform", name=f"shortcut_{i}")
            for i in range(num_shortcuts)
        ]
        if num_classes is not None:
            shape = (num_classes, 2 * filters)
            self.label_bias = self.add_weight(shape, "zeros", name="label_bias")
        self.built = True

    def call(
        self,
        x: tf.Tensor,
        shortcuts: Sequence[tf.Tensor] = (),
        labels: tf.Tensor | None = None,
        dropout_seed: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Maps `[n, height, width, filters]` to the same.

        Args:
            x: features.
            shortcuts: other features, each of the shape of `x`.
            labels: int32 `[n]`.
            dropout_seed: int32 `[2]`; `None` drops nothing.
        """
        hidden = concat_elu(self._with_shortcuts(self.first(concat_elu(x)), shortcuts))
        if dropout_seed is not None and self.dropout > 0:
            hidden = tf.nn.experimental.stateless_dropout(hidden, self.dropout, dropout_seed)
        gates = self.second(hidden)
        if self.num_classes is not None:
            gates += tf.gather(self.label_bias, labels)[:, None, None]
        return x + _gate(gates)

    def _with_shortcuts(self, hidden: tf.Tensor, shortcuts: Sequence[tf.Tensor]) -> tf.Tensor:
        """Adds what other streams give: all of the short-cuts, or the first of them."""
        for other, kernel in zip(shortcuts, self.shortcuts, strict=False):
            hidden += pointwise_product(concat_elu(other), tf.convert_to_tensor(kernel))
        return hidden

    # ---- row by row and step by step: the caches are those of both convolutions ------------------

    @property
    def kept(self) -> Any:
        return self.first.kept, self.second.kept

    def empty(self, num: tf.Tensor, columns: int) -> Any:
        return self.first.empty(num, columns), self.second.empty(num, columns)

    def step_weights(self, labels: tf.Tensor | None = None) -> StepWeights:
        first, second = self.first.step_weights(), self.second.step_weights()
        # What the labels add to the gates.
        bias = None if self.num_classes is None else tf.gather(self.label_bias, labels)
        shortcuts = [tf.convert_to_tensor(kernel) for kernel in self.shortcuts]
        return StepWeights(
            (first.row, second.row, bias), [(first.column[0], second.column[0], shortcuts)]
        )

    def begin_row(self, row: tf.Tensor, stream: Any, row_cache: Any, weights: Any) -> Begun:
        """As of `StepwiseLayer`.

        Args:
            row: its index.
            stream: a short-cut that is known for the whole row, the first of them, `[n, width,
                filters]`; or `None`.
            row_cache: of both convolutions.
            weights: `StepWeights.row`.
        """
        *of_convolutions, bias = weights
        first, second = (
            convolution.begin_row(row, None, *parts)
            for convolution, *parts in zip(
                (self.first, self.second), row_cache, of_convolutions, strict=True
            )
        )
        if stream is not None:
            first = first._replace(features=self._with_shortcuts(first.features, [stream]))
        if bias is not None and self.second.rows == 2:
            second = second._replace(features=second.features + bias[:, None])
        elif bias is not None:
            second = second._replace(shared=second.shared + bias)
        # Each part of what both convolutions begin with, as a pair.
        features, cache, row_cache, _, shared = zip(first, second, strict=True)
        return Begun(features, cache, row_cache, stream, shared)

    def step(
        self, inputs: list[tf.Tensor], place: Place, shortcuts: Sequence[tf.Tensor] = ()
    ) -> tf.Tensor:
        """As of `StepwiseLayer`.

        Args:
            inputs: the pixel's features, `[n, filters]`.
            place: where the step stands.
            shortcuts: the short-cuts that `begin_row` did not take, each `[n, filters]`.
        """
        first, second = _places(place)
        kernels = place.weights[2]
        seen = concat_elu(inputs[-1])
        hidden = self.first.step([seen], first)
        for other, kernel in zip(shortcuts, kernels[len(kernels) - len(shortcuts) :], strict=True):
            hidden += tf.matmul(concat_elu(other), kernel)
        hidden = concat_elu(hidden)
        place.column["seen"] = [seen, hidden]
        return inputs[-1] + _gate(self.second.step([hidden], second))

    def end_column(self, inputs: list[tf.Tensor], place: Place) -> tuple[Any, Any]:
        # What both convolutions saw of the column; of the pixel itself they see nothing.
        seen, hidden = place.column["seen"]
        first, second = _places(place)
        ended = self.first.end_column([seen], first), self.second.end_column([hidden], second)
        cache, kept = zip(*ended, strict=True)
        return cache, kept

    def end_row(self, row_cache: Any, cache: Any, kept: Any) -> Any:
        parts = zip((self.first, self.second), row_cache, cache, kept, strict=True)
        return tuple(convolution.end_row(*of_both) for convolution, *of_both in parts)


class DownShiftedResnet(GatedResnet):
    """A `GatedResnet` for a stream of whole rows.

    `begin_row` takes a row of features as its stream, and hands on the row of outputs.

    Args:
        filters: as of `GatedResnet`.
        **kwargs: likewise.
    """

    _convolution = DownShiftedConv2D
    kept = ()

    def begin_row(
        self,
        row: tf.Tensor,
        stream: Any,
        row_cache: Any,
        weights: Any,
        shortcuts: Sequence[tf.Tensor] = (),
    ) -> Begun:
        """As of `StepwiseLayer`.

        Args:
            row: its index.
            stream: its features, `[n, width, filters]`.
            row_cache: of both convolutions.
            weights: `StepWeights.row`.
            shortcuts: other features of the row, each of the shape of `stream`.
        """
        bias = weights[2]
        first = self.first.begin_row(row, concat_elu(stream), row_cache[0], weights[0])
        hidden = concat_elu(self._with_shortcuts(first.stream, shortcuts))
        second = self.second.begin_row(row, hidden, row_cache[1], weights[1])
        gates = second.stream if bias is None else second.stream + bias[:, None]
        outputs = stream + _gate(gates)
        return Begun(outputs, (), (first.row_cache, second.row_cache), outputs)

    def step(self, inputs: list[tf.Tensor], place: Place) -> tf.Tensor:  # type: ignore[override]
        return place.features

    def end_column(self, inputs: list[tf.Tensor], place: Place) -> tuple[Any, Any]:
        return place.cache, ()

    def end_row(self, row_cache: Any, cache: Any, kept: Any) -> Any:
        return row_cache


def _places(place: Place) -> list[Place]:
    """Where both convolutions of a block stand."""
    of_both = zip(place.features, place.cache, place.weights[:2], place.shared, strict=True)
    return [Place(*parts[:3], {}, parts[3]) for parts in of_both]


def _gate(x: tf.Tensor) -> tf.Tensor:
    content, openness = tf.split(x, 2, axis=x.shape.rank - 1)
    return content * tf.sigmoid(openness)
