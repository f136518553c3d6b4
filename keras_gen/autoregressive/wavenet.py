"""WaveNet: raw sound, sample by sample, from dilated causal convolutions.

van den Oord et al. 2016, "WaveNet: A Generative Model for Raw Audio", arXiv 1609.03499.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from keras_gen import checks
from keras_gen.autoregressive.gated_layer import gate
from keras_gen.autoregressive.masked_dense import pointwise
from keras_gen.autoregressive.sequence_model import SequenceModel
from keras_gen.autoregressive.tokenizers import MuLaw


class DilatedLayer(keras.layers.Layer):
    """A gated layer that sees this sample and one other, `dilation` samples before.

    Args:
        filters: features in and out.
        dilation: how far back the other sample lies.
        num_classes: of the labels that shift the gates; `None` is unconditional.
        last: whether no layer follows, so that the skip path alone goes on.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(
        self,
        filters: int,
        dilation: int,
        num_classes: int | None,
        last: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.last = last
        self.filters, self.dilation, self.num_classes = filters, dilation, num_classes
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
        self.built = True

    def call(self, x, labels=None):
        """Maps `[n, time, filters]` to the next layer's input and this one's gated features."""
        past = tf.pad(x, [[0, 0], [self.dilation, 0], [0, 0]])[:, : -self.dilation]
        seen = tf.concat([past, x], axis=2)
        bias = self.gate_bias(labels)
        bias = bias if self.num_classes is None else bias[:, None]
        gated = gate(pointwise(seen, tf.convert_to_tensor(self.kernel)) + bias)
        if self.last:
            return None, gated
        residual = pointwise(gated, tf.convert_to_tensor(self.residual)) + self.residual_bias
        return x + residual, gated

    def gate_bias(self, labels: tf.Tensor | None) -> tf.Tensor:
        """What is added before the gates: `[2 filters]`, or `[n, 2 filters]` by label."""
        bias = tf.convert_to_tensor(self.bias)
        return bias if self.num_classes is None else bias + tf.gather(self.label_bias, labels)

    def step_weights(self, labels: tf.Tensor | None) -> dict[str, tf.Tensor]:
        """The weights as the model's steps take them; of the last layer, without a residual."""
        weights = {
            "both": tf.convert_to_tensor(self.kernel),
            "past": self.kernel[: self.filters],
            "now": self.kernel[self.filters :],
            "bias": self.gate_bias(labels),
        }
        if not self.last:
            weights["residual"] = tf.convert_to_tensor(self.residual)
            weights["residual_bias"] = tf.convert_to_tensor(self.residual_bias)
        return weights


@keras.saving.register_keras_serializable("keras_gen")
class WaveNet(SequenceModel):
    """WaveNet over sound: float32 `[n, time]` in [-1, 1], companded by the mu-law within.

    Args:
        length: samples of a sound that the model draws.
        sample_rate: of the sound, in Hz: `context_milliseconds` and files want it, the network does
            not.
        levels: of the companded sound, 2 to 256.
        filters: features of the residual path.
        skip_filters: features of the skip path.
        num_blocks: how many times the dilations 1, 2, 4, ... are gone through.
        layers_per_block: how many dilations there are: 10 is 1 to 512.
        num_classes: of the labels that shift every gate (a speaker, a word): what the paper calls
            global conditioning; `None` is unconditional.
        seed: kept for symmetry: training uses no noise.
        **kwargs: of `keras.Model`.

    Attributes:
        dilations: of all layers.

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> model = WaveNet(length=8000, sample_rate=8000, num_classes=10)
        >>> model.compile()
        >>> model.fit(sounds, digits, epochs=10)
        >>> model.sample(4, labels=7, seed=0).shape
        (4, 8000)

    van den Oord et al. 2016, arXiv 1609.03499.
    """

    # ---- networks --------------------------------------------------------------------------------

    def __init__(
        self,
        length: int = 16000,
        sample_rate: int = 16000,
        levels: int = 256,
        filters: int = 32,
        skip_filters: int = 128,
        num_blocks: int = 2,
        layers_per_block: int = 10,
        num_classes: int | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(MuLaw(levels), length=length, num_classes=num_classes, seed=seed, **kwargs)
        self.sample_rate = checks.positive("sample_rate", sample_rate)
        self.levels = self.tokenizer.levels
        self.filters = checks.positive("filters", filters)
        self.skip_filters = checks.positive("skip_filters", skip_filters)
        self.num_blocks = checks.in_range("num_blocks", num_blocks, 1, 100)
        self.layers_per_block = checks.in_range("layers_per_block", layers_per_block, 1, 16)
        self.dilations = [2**i for i in range(layers_per_block)] * num_blocks
        self.embedding = self.add_weight((levels + 1, filters), "uniform", name="embedding")
        self.dilated = [
            DilatedLayer(
                filters,
                dilation,
                num_classes,
                last=i == len(self.dilations) - 1,
                dtype=self.dtype_policy,
                name=f"layer_{i}",
            )
            for i, dilation in enumerate(self.dilations)
        ]

        def dense(inputs, outputs, name, dtype=None):
            layer = keras.layers.Dense(outputs, dtype=dtype or self.dtype_policy, name=name)
            layer.build((None, inputs))
            return layer

        # All layers' skip paths in one: the sum of products is one product.
        self.skip = dense(len(self.dilations) * filters, skip_filters, "skip")
        self.hidden = dense(skip_filters, skip_filters, "hidden")
        self.head = dense(skip_filters, levels, "head", "float32")
        # The oldest that a far layer sees in a block was there before the block began.
        self._far = [d >= self.block for d in self.dilations]
        self.kept_size = filters * sum(self._far)
        self.built = True

    @property
    def receptive_field(self) -> int:
        """How many samples before it each sample depends on."""
        return 1 + sum(self.dilations)

    @property
    def context_milliseconds(self) -> float:
        """The receptive field in milliseconds."""
        return 1000.0 * self.receptive_field / self.sample_rate

    # ---- objective -------------------------------------------------------------------------------

    def call(self, x, labels=None, training=False):
        inputs = self.shifted(self.tokenizer.encode(x))
        features = tf.gather(tf.cast(self.embedding, self.compute_dtype), inputs)
        gated = []
        for layer in self.dilated:
            features, of_layer = layer(features, labels)
            gated.append(of_layer)
        skip = tf.nn.relu(self.skip(tf.concat(gated, axis=2)))
        return self.head(tf.nn.relu(self.hidden(skip)))

    # ---- sampling --------------------------------------------------------------------------------

    def start(self, num, labels):
        layers = [layer.step_weights(labels) for layer in self.dilated]
        ends = [
            (tf.convert_to_tensor(dense.kernel), tf.convert_to_tensor(dense.bias))
            for dense in (self.skip, self.hidden, self.head)
        ]
        # What each layer saw last: of far ones as one array, to be read a block at a time; of near
        # ones as so many parts, which pass from step to step without a copy.
        far = [
            tf.zeros([d, num, self.filters])
            for d, is_far in zip(self.dilations, self._far, strict=True)
            if is_far
        ]
        near = [
            [tf.zeros([num, self.filters])] * d
            for d, is_far in zip(self.dilations, self._far, strict=True)
            if not is_far
        ]
        embedding = tf.convert_to_tensor(self.embedding)
        return (embedding, layers, ends), (far, near)

    def begin_block(self, block, cache, weights):
        far, near = cache
        layers = [w for w, is_far in zip(weights[1], self._far, strict=True) if is_far]
        features = [
            pointwise(history[: self.block], w["past"]) + w["bias"]
            for history, w in zip(far, layers, strict=True)
        ]
        return tf.concat(features, axis=2) if features else None, near, []

    def step(self, token, features, cache, weights, shared):
        embedding, layers, ends = weights
        num_far = sum(self._far)
        of_past = iter(tf.split(features, num_far, axis=1) if num_far else [])
        near, next_near = iter(cache), []
        x = tf.gather(embedding, token)
        gated, kept = [], []
        for w, is_far in zip(layers, self._far, strict=True):
            if is_far:
                kept.append(x)
                content = tf.matmul(x, w["now"]) + next(of_past)
            else:
                oldest, *newer = next(near)
                next_near.append([*newer, x])
                content = tf.matmul(tf.concat([oldest, x], axis=1), w["both"]) + w["bias"]
            gated.append(gate(content))
            if "residual" in w:
                x += tf.matmul(gated[-1], w["residual"]) + w["residual_bias"]
        hidden = tf.concat(gated, axis=1)
        for i, (kernel, bias) in enumerate(ends):
            hidden = tf.matmul(tf.nn.relu(hidden) if i else hidden, kernel) + bias
        return hidden, next_near, tf.concat(kept, axis=1) if kept else None

    def end_block(self, block, cache, column_cache, kept):
        far, _ = cache
        new = tf.split(kept, len(far), axis=2) if far else []
        far = [
            tf.ensure_shape(tf.concat([history[self.block :], x], axis=0), history.shape)
            for history, x in zip(far, new, strict=True)
        ]
        return far, column_cache
