"""The layers of WaveNet, over whole sounds or sample by sample.

van den Oord et al. 2016, "WaveNet: A Generative Model for Raw Audio", arXiv 1609.03499.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_gen.ancestral_sampling import apart, joined, side_by_side
from keras_gen.autoregressive.layers.gated_layer import gate
from keras_gen.autoregressive.layers.masked_dense import pointwise
from keras_gen.autoregressive.layers.stepwise import Begun, Place, StepWeights, StepwiseLayer


class DilatedLayer(keras.layers.Layer):
    """A gated layer that sees this sample and one other, `dilation` samples before.

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

    def gate_bias(self, labels: tf.Tensor | None) -> tf.Tensor:
        """What is added before the gates: `[2 filters]`, or by label `[n, 1, 2 filters]`."""
        bias = tf.convert_to_tensor(self.bias)
        if self.num_classes is None:
            return bias
        return bias + tf.gather(tf.convert_to_tensor(self.label_bias), labels)[:, None]

    def call(
        self, x: tf.Tensor, local: tf.Tensor | None = None, labels: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Gives the features of the residual path, and the gated ones: both `[n, time, filters]`.

        Args:
            x: `[n, time, filters]`.
            local: `[n, time, local_channels]`.
            labels: int32 `[n]`.
        """
        past = tf.pad(x, [[0, 0], [self.dilation, 0], [0, 0]])[:, : -self.dilation]
        seen = tf.concat([past, x], axis=2)
        content = pointwise(seen, tf.convert_to_tensor(self.kernel)) + self.gate_bias(labels)
        if self.local_channels:
            content += pointwise(local, tf.convert_to_tensor(self.local_kernel))
        gated = gate(content)
        if self.last:
            return x, gated
        return x + pointwise(gated, tf.convert_to_tensor(self.residual)) + self.residual_bias, gated


class DilatedStack(StepwiseLayer):
    """All dilated layers: they give their gated features side by side, so skips are one product.

    A step of a sample is a hundred small operations, and takes as long as there are many. So what
    near layers saw is one array, read and written at once. And residual biases are added to no
    sample's features: what those before a layer come to reaches its gates by their bias.

    Args:
        layers: one after another.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, layers: Sequence[DilatedLayer], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layers = list(layers)
        self.kept = [layer.filters if layer.is_far else () for layer in layers]
        # What each near layer saw last: the oldest sample, then the others.
        self.queues: list[Any] = []
        for layer in layers:
            oldest, others = layer.filters, (layer.dilation - 1) * layer.filters
            queue = [oldest, others] if others else [oldest]
            self.queues.append(() if layer.is_far else queue)
        self.built = True

    def _biases_before(self) -> list[tf.Tensor]:
        """What the residual biases before each layer come to, `[filters]`."""
        sums = [tf.zeros(self.layers[0].filters)]
        for layer in self.layers[:-1]:
            sums.append(sums[-1] + layer.residual_bias)
        return sums

    # ---- the whole sound -------------------------------------------------------------------------

    def call(
        self, x: tf.Tensor, local: tf.Tensor | None = None, labels: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Maps `[n, time, filters]` to `[n, time, layers * filters]`.

        Args:
            x: of the first layer.
            local: `[n, time, local_channels]`.
            labels: int32 `[n]`.
        """
        skips = []
        for layer in self.layers:
            x, gated = layer(x, local, labels)
            skips.append(gated)
        return joined(skips)

    # ---- a row, a sample -------------------------------------------------------------------------

    def empty(self, num: tf.Tensor, columns: int) -> Any:
        queues, histories = [], []
        for layer, biases in zip(self.layers, self._biases_before(), strict=True):
            # Zeros, less the biases that steps do not add.
            silence = tf.tile(-biases[None], [num, layer.dilation])
            if layer.is_far:
                shape = [num, layer.dilation, layer.filters]
                histories.append(tf.reshape(silence, shape))
            else:
                queues.append(silence)
                histories.append(())
        return joined(queues), histories

    def step_weights(self, labels: tf.Tensor | None = None) -> StepWeights:
        of_row, of_step = [], []
        for layer, biases in zip(self.layers, self._biases_before(), strict=True):
            kernel = tf.convert_to_tensor(layer.kernel)
            past, now = tf.split(kernel, 2)
            bias = layer.gate_bias(labels) + tf.linalg.matvec(past + now, biases, transpose_a=True)
            local = tf.convert_to_tensor(layer.local_kernel) if layer.local_channels else None
            residual = None if layer.last else tf.convert_to_tensor(layer.residual)
            of_row.append((past, local, bias))
            bias = bias if bias.shape.rank == 1 else bias[:, 0]
            of_step.append((kernel[layer.filters :] if layer.is_far else kernel, bias, residual))
        return StepWeights(of_row, [of_step])

    def begin_row(self, row: tf.Tensor, stream: Any, row_cache: Any, weights: Any) -> Begun:
        queue, histories = row_cache
        features = []
        for layer, history, of_layer in zip(self.layers, histories, weights, strict=True):
            past, local_kernel, bias = of_layer
            # What the gates take in that is known by now: not this sample, nor a near one before.
            known = []
            if layer.is_far:
                known.append(pointwise(history[:, : layer.row_length], past))
            if layer.local_channels:
                known.append(pointwise(stream, local_kernel))
            features.append(sum(known) + bias if known else ())
        return Begun(features, queue, histories, stream)

    def step(self, inputs: list[tf.Tensor], place: Place) -> tf.Tensor:
        x = inputs[-1]
        queues = apart(place.cache, self.queues)
        seen, skips = [], []
        of_layers = zip(self.layers, queues, place.features, place.weights, strict=True)
        for layer, queue, known, (kernel, bias, residual) in of_layers:
            seen.append(x)
            made_before = layer.is_far or layer.local_channels
            past_and_now = x if layer.is_far else joined([queue[0], x])
            gated = gate(product(past_and_now, kernel, known if made_before else bias))
            skips.append(gated)
            x = x if layer.last else product(gated, residual, x)
        place.column["queues"], place.column["seen"] = queues, seen
        return joined(skips)

    def end_column(self, inputs: list[tf.Tensor], place: Place) -> tuple[Any, Any]:
        queues, kept = [], []
        for queue, x in zip(place.column["queues"], place.column["seen"], strict=True):
            queues.append([*queue[1:], x] if queue else ())
            kept.append(() if queue else x)
        return side_by_side(queues), kept

    def end_row(self, row_cache: Any, cache: Any, kept: Any) -> Any:
        histories = []
        for layer, history, row in zip(self.layers, row_cache, kept, strict=True):
            if layer.is_far:
                later = tf.concat([history[:, layer.row_length :], row], axis=1)
                history = tf.ensure_shape(later, history.shape)
            histories.append(history)
        return cache, histories


def product(x: tf.Tensor, kernel: tf.Tensor, addend: tf.Tensor) -> tf.Tensor:
    """`x @ kernel + addend`, for a bias or an addend of the product's shape: in ONNX one node."""
    if addend.shape.rank == 1:
        return tf.matmul(x, kernel) + addend
    return tf.add_n([tf.matmul(x, kernel), addend])
