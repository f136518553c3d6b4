"""The gated residual block of PixelCNN++ and PixelSNAIL: whole, row by row, or step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from keras_gen.autoregressive.masked_dense import pointwise
from keras_gen.autoregressive.shifted_convolution import ShiftedConv2D


class Memory:
    """What layers saw last: at the row above, or at the column to the left, by name.

    Args:
        before: what they saw before this row or column.
    """

    def __init__(self, before: dict[str, tf.Tensor]):
        self.before = before
        self.now: dict[str, tf.Tensor] = {}

    def swap(self, name: str, value: tf.Tensor) -> tf.Tensor:
        """Takes in what a layer sees now, and gives what it saw before."""
        self.now[name] = value
        return self.before[name]

    def next(self) -> dict[str, tf.Tensor]:
        """The memory for the next row or column: what was not seen now stays."""
        return self.before | self.now


class StepWeights(NamedTuple):
    """A block's weights as its steps take them."""

    first: tf.Tensor
    second: tf.Tensor
    shortcuts: list[tf.Tensor]


def concat_elu(x: tf.Tensor) -> tf.Tensor:
    """elu of x and of -x, side by side: as linear as may be, and blind to no sign."""
    return tf.nn.elu(tf.concat([x, -x], axis=x.shape.rank - 1))


class GatedResnet(keras.layers.Layer):
    """x + a * sigmoid(b), where (a, b) come of two shifted convolutions of x.

    Salimans et al. 2017, arXiv 1701.05517.

    Args:
        filters: features in and out.
        right: columns seen to the right: 1 for a stream of whole rows, else 0.
        pointwise: whether the convolutions see the pixel itself alone.
        num_shortcuts: how many other streams' features come in.
        num_classes: of the labels that shift the gates; `None` is unconditional.
        dropout: the share of features dropped in training.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(
        self,
        filters: int,
        right: int = 0,
        num_shortcuts: int = 0,
        num_classes: int | None = None,
        dropout: float = 0.0,
        pointwise: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.filters, self.num_classes, self.dropout = filters, num_classes, dropout
        self.pointwise = pointwise
        reach: dict[str, Any] = {"rows": 1, "left": 0} if pointwise else {"right": right}
        reach["dtype"] = self.dtype_policy
        self.first = ShiftedConv2D(2 * filters, filters, name="first", **reach)
        # Small at first, so that a deep network begins near the identity.
        self.second = ShiftedConv2D(2 * filters, 2 * filters, gain=0.3, name="second", **reach)
        self.shortcuts = [
            self.add_weight((2 * filters, filters), "glorot_uniform", name=f"shortcut_{i}")
            for i in range(num_shortcuts)
        ]
        if num_classes is not None:
            shape = (num_classes, 2 * filters)
            self.label_bias = self.add_weight(shape, "zeros", name="label_bias")
        self.built = True

    def call(self, x, shortcuts: Sequence[tf.Tensor] = (), labels=None, dropout_seed=None):
        """Maps `[n, height, width, filters]` to the same.

        Args:
            x: features.
            shortcuts: other features, each of the shape of `x`.
            labels: int32 `[n]`.
            dropout_seed: int32 `[2]`; `None` drops nothing.
        """
        hidden = self._with_shortcuts(self.first(concat_elu(x)), shortcuts)
        hidden = concat_elu(hidden)
        if dropout_seed is not None and self.dropout > 0:
            hidden = tf.nn.experimental.stateless_dropout(hidden, self.dropout, dropout_seed)
        gates = self.second(hidden)
        if self.num_classes is not None:
            gates += self.bias_of(labels)[:, None, None]
        return x + _gate(gates)

    def _with_shortcuts(self, hidden: tf.Tensor, shortcuts: Sequence[tf.Tensor]) -> tf.Tensor:
        """Adds what other streams give: all of the short-cuts, or the first of them."""
        for other, kernel in zip(shortcuts, self.shortcuts, strict=False):
            hidden += pointwise(concat_elu(other), tf.convert_to_tensor(kernel))
        return hidden

    def bias_of(self, labels: tf.Tensor | None) -> tf.Tensor | float:
        """What the labels add to the gates, `[n, 2 filters]`; 0 without labels."""
        return 0.0 if self.num_classes is None else tf.gather(self.label_bias, labels)

    @property
    def cache_names(self) -> tuple[str, ...]:
        """What the block remembers, by name: the inputs of its two convolutions."""
        return () if self.pointwise else (f"{self.name}/first", f"{self.name}/second")

    @property
    def cache_size(self) -> int:
        """Features of each thing remembered."""
        return 2 * self.filters

    # ---- a stream of whole rows ------------------------------------------------------------------

    def row(self, x, shortcuts: Sequence[tf.Tensor], labels, memory: Memory) -> tf.Tensor:
        """One row: `[n, width, filters]` to the same, with the rows above in the memory."""
        first, second = self.cache_names
        seen = concat_elu(x)
        hidden = self._with_shortcuts(self.first.row(memory.swap(first, seen), seen), shortcuts)
        seen = concat_elu(hidden)
        gates = self.second.row(memory.swap(second, seen), seen)
        bias = self.bias_of(labels)
        return x + _gate(gates if self.num_classes is None else gates + bias[:, None])

    # ---- a stream of single pixels ---------------------------------------------------------------

    def above(self, rows: dict[str, tf.Tensor], row_shortcuts, labels) -> list[tf.Tensor]:
        """What a row's pixels get from what is known when it begins.

        Args:
            rows: what the block remembers of the row above, by name, each `[n, width, k]`.
            row_shortcuts: the first of the shortcuts, as far as they are known for the whole row.
            labels: int32 `[n]`.

        Returns:
            `[n, width, filters]` and `[n, width, 2 filters]`.
        """
        first, second = (
            convolution.above(rows[name])
            for convolution, name in zip((self.first, self.second), self.cache_names, strict=True)
        )
        first = self._with_shortcuts(first, row_shortcuts)
        bias = self.bias_of(labels)
        return [first, second if self.num_classes is None else second + bias[:, None]]

    def step_weights(self) -> StepWeights:
        """The weights of `step`."""
        shortcuts = [tf.convert_to_tensor(kernel) for kernel in self.shortcuts]
        return StepWeights(self.first.step_weights(), self.second.step_weights(), shortcuts)

    def step(self, x, shortcuts, above, memory: Memory, weights: StepWeights) -> tf.Tensor:
        """One pixel: `[n, filters]` to the same.

        Args:
            x: the pixel's features.
            shortcuts: the last of the shortcuts, those that `above` did not take.
            above: what `above` gave for the pixel; of a pointwise block, its `biases`.
            memory: of the column to the left.
            weights: from `step_weights`.
        """
        to_hidden, to_gates = above
        hidden = self.first.step(to_hidden, self._seen(0, x, memory), weights.first)
        kernels = weights.shortcuts[len(weights.shortcuts) - len(shortcuts) :]
        for other, kernel in zip(shortcuts, kernels, strict=True):
            hidden += tf.matmul(concat_elu(other), kernel)
        gates = self.second.step(to_gates, self._seen(1, hidden, memory), weights.second)
        return x + _gate(gates)

    def _seen(self, index: int, x: tf.Tensor, memory: Memory) -> list[tf.Tensor]:
        """What one of the convolutions sees of the row: the column to the left, and this one."""
        x = concat_elu(x)
        return [x] if self.pointwise else [memory.swap(self.cache_names[index], x), x]

    def biases(self, labels: tf.Tensor | None) -> list[tf.Tensor]:
        """What a pointwise block's steps take in place of what comes from above."""
        return [tf.convert_to_tensor(self.first.bias), self.second.bias + self.bias_of(labels)]


def _gate(x: tf.Tensor) -> tf.Tensor:
    content, openness = tf.split(x, 2, axis=x.shape.rank - 1)
    return content * tf.sigmoid(openness)
