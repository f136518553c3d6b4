"""The layer of WaveNet, over whole sounds or sample by sample.

van den Oord et al. 2016, "WaveNet: A Generative Model for Raw Audio", arXiv 1609.03499.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from keras_gen.ancestral_sampling import joined
from keras_gen.autoregressive.layers.gated_layer import gate
from keras_gen.autoregressive.layers.masked_dense import pointwise
from keras_gen.autoregressive.layers.stepwise import Begun, Place, StepWeights, StepwiseLayer


class DilatedLayer(StepwiseLayer):
    """A gated layer that sees this sample and one other, `dilation` samples before.

    It takes and gives a list: the features of the residual path, then the gated features of each
    layer so far. The last layer gives the gated features alone, side by side: so all layers' skip
    paths are one product.

    Args:
        filters: features in and out.
        dilation: how far back the other sample lies.
        row_length: samples of the rows in which sounds are drawn. A layer is far when its dilation
            is no less: all that it sees of the past in a row is there before the row begins.
        num_classes: of the labels that shift the gates; `None` is unconditional.
        local_channels: of the local conditions, which shift each sample's gates; 0 is none.
        last: whether no layer follows.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(
        self,
        filters: int,
        dilation: int,
        row_length: int,
        num_classes: int | None = None,
        local_channels: int = 0,
        last: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters, self.dilation, self.row_length = filters, dilation, row_length
        self.num_classes, self.local_channels, self.last = num_classes, local_channels, last
        self.is_far = dilation >= row_length
        self.kept = filters if self.is_far else ()
        # The first half of its rows is of the sample before, the second of this one.
        self.kernel = self.add_weight((2 * filters, 2 * filters), "glorot_uniform", name="kernel")
        self.bias = self.add_weight((2 * filters,), "zeros", name="bias")
        if not last:
            shape = (filters, filters)
            self.residual = self.add_weight(shape, "glorot_uniform", name="residual")
            self.residual_bias = self.add_weight((filters,), "zeros", name="residual_bias")
        if num_classes is not None:
            shape = (num_classes, 2 * filters)
            self.label_bias = self.add_weight(shape, "zeros", name="label_bias")
        if local_channels:
            shape = (local_channels, 2 * filters)
            self.local_kernel = self.add_weight(shape, "glorot_uniform", name="local_kernel")
        self.built = True

    def _gate_bias(self, labels: tf.Tensor | None) -> tf.Tensor:
        """What is added before the gates: `[2 filters]`, or by label `[n, 1, 2 filters]`."""
        bias = tf.convert_to_tensor(self.bias)
        if self.num_classes is None:
            return bias
        return bias + tf.gather(tf.convert_to_tensor(self.label_bias), labels)[:, None]

    # ---- the whole sound -------------------------------------------------------------------------

    def call(
        self, features: Any, local: tf.Tensor | None = None, labels: tf.Tensor | None = None
    ) -> tuple[Any, tf.Tensor | None]:
        """Maps a list of `[n, time, filters]` to one with this layer's gated features added.

        Args:
            features: see above; the first layer takes one tensor, `[n, time, filters]`.
            local: `[n, time, local_channels]`, handed on.
            labels: int32 `[n]`.
        """
        x, *gated = tf.nest.flatten(features)
        past = tf.pad(x, [[0, 0], [self.dilation, 0], [0, 0]])[:, : -self.dilation]
        seen = tf.concat([past, x], axis=2)
        content = pointwise(seen, tf.convert_to_tensor(self.kernel)) + self._gate_bias(labels)
        if self.local_channels:
            content += pointwise(local, tf.convert_to_tensor(self.local_kernel))
        gated.append(gate(content))
        if self.last:
            return joined(gated), local
        residual = pointwise(gated[-1], tf.convert_to_tensor(self.residual))
        return [x + residual + self.residual_bias, *gated], local

    # ---- a row, a sample -------------------------------------------------------------------------

    def empty(self, num: tf.Tensor, columns: int) -> Any:
        # What the layer saw last: of a far one as one array, to be read a row at a time; of a near
        # one as so many parts, which pass from step to step without a copy.
        if self.is_far:
            return tf.zeros([num, self.dilation, self.filters])
        return [tf.zeros([num, self.filters])] * self.dilation

    def step_weights(self, labels: tf.Tensor | None = None) -> StepWeights:
        kernel, bias = tf.convert_to_tensor(self.kernel), self._gate_bias(labels)
        past, now = tf.split(kernel, 2)
        local = tf.convert_to_tensor(self.local_kernel) if self.local_channels else None
        of_step = {
            "kernel": now if self.is_far else kernel,
            "bias": bias if bias.shape.rank == 1 else bias[:, 0],
        }
        if not self.last:
            of_step["residual"] = tf.convert_to_tensor(self.residual)
            of_step["residual_bias"] = tf.convert_to_tensor(self.residual_bias)
        return StepWeights((past, local, bias), [of_step])

    def begin_row(self, row: tf.Tensor, stream: Any, row_cache: Any, weights: Any) -> Begun:
        past, local_kernel, bias = weights
        # What the gates take in that is known by now: not this sample, nor a near one before it.
        known = []
        if self.is_far:
            known.append(pointwise(row_cache[:, : self.row_length], past))
        if self.local_channels:
            known.append(pointwise(stream, local_kernel))
        features = sum(known, bias) if known else ()
        return Begun(features, () if self.is_far else row_cache, row_cache, stream)

    def step(self, inputs: list[tf.Tensor], place: Place) -> Any:
        x, *gated = tf.nest.flatten(inputs[-1])
        weights = place.weights
        seen = x if self.is_far else tf.concat([place.cache[0], x], axis=1)
        made_before = self.is_far or self.local_channels
        of_row = place.features if made_before else weights["bias"]
        gated.append(gate(tf.matmul(seen, weights["kernel"]) + of_row))
        if self.last:
            return joined(gated)
        x += tf.matmul(gated[-1], weights["residual"]) + weights["residual_bias"]
        return [x, *gated]

    def end_column(self, inputs: list[tf.Tensor], place: Place) -> tuple[Any, Any]:
        x, *_ = tf.nest.flatten(inputs[-1])
        return ((), x) if self.is_far else ([*place.cache[1:], x], ())

    def end_row(self, row_cache: Any, cache: Any, kept: Any) -> Any:
        if not self.is_far:
            return cache
        history = tf.concat([row_cache[:, self.row_length :], kept], axis=1)
        return tf.ensure_shape(history, row_cache.shape)
