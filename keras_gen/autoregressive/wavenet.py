"""WaveNet: raw sound, sample by sample, from dilated causal convolutions.

van den Oord et al. 2016, "WaveNet: A Generative Model for Raw Audio", arXiv 1609.03499.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen import checks
from keras_gen.autoregressive.gated_layer import gate
from keras_gen.autoregressive.masked_dense import pointwise
from keras_gen.autoregressive.sequence_model import SequenceModel, in_blocks
from keras_gen.autoregressive.tokenizers import MuLaw
from keras_gen.signature import Input


class Upsampling(keras.layers.Layer):
    """Frames to samples: a transposed convolution of two frames, each channel by itself.

    It begins as what it may improve on: a straight line from each frame to the next.

    Args:
        hop: samples of a frame.
        channels: of the frames.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, hop: int, channels: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.hop, self.channels = hop, channels
        after = np.repeat(np.arange(hop)[:, None] / hop, channels, axis=1)
        shape, start = (2, hop, channels), np.stack([1.0 - after, after])
        self.kernel = self.add_weight(shape, lambda *_, **__: start, name="kernel")
        self.built = True

    def call(self, frames):
        """Maps `[n, frames, channels]` to `[n, frames * hop, channels]`."""
        following = tf.concat([frames[:, 1:], frames[:, -1:]], axis=1)
        this, after = tf.unstack(tf.convert_to_tensor(self.kernel))
        samples = frames[:, :, None] * this + following[:, :, None] * after
        return tf.reshape(samples, [-1, tf.shape(frames)[1] * self.hop, self.channels])


class DilatedLayer(keras.layers.Layer):
    """A gated layer that sees this sample and one other, `dilation` samples before.

    Args:
        filters: features in and out.
        dilation: how far back the other sample lies.
        num_classes: of the labels that shift the gates; `None` is unconditional.
        local_channels: of what is told each sample, and shifts its gates; 0 is nothing.
        last: whether no layer follows, so that the skip path alone goes on.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(
        self,
        filters: int,
        dilation: int,
        num_classes: int | None,
        local_channels: int = 0,
        last: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.filters, self.dilation, self.num_classes = filters, dilation, num_classes
        self.local_channels, self.last = local_channels, last
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

    def call(self, x, labels=None, local=None):
        """Maps `[n, time, filters]` to the next layer's input and this one's gated features."""
        past = tf.pad(x, [[0, 0], [self.dilation, 0], [0, 0]])[:, : -self.dilation]
        seen = tf.concat([past, x], axis=2)
        bias = self.gate_bias(labels)
        bias = bias if self.num_classes is None else bias[:, None]
        content = pointwise(seen, tf.convert_to_tensor(self.kernel)) + bias
        if self.local_channels:
            content += pointwise(local, tf.convert_to_tensor(self.local_kernel))
        gated = gate(content)
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
        if self.local_channels:
            weights["local"] = tf.convert_to_tensor(self.local_kernel)
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
        local_channels: of the frames that shift the gates sample by sample (a spectrogram, a pitch,
            what is said): what the paper calls local conditioning, with its learned upsampling.
            Every method then takes `local`, float32 `[n, frames, local_channels]`, and a batch's
            labels are a dict of "local" and, with `num_classes`, "labels"; 0 is none.
        hop: samples of a frame of `local`.
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

        A vocoder, from mel spectrograms to sound:

        >>> mels = keras_gen.data.log_mel_spectrogram(sounds, sample_rate=8000, hop=80, channels=40)
        >>> model = WaveNet(8000, sample_rate=8000, local_channels=40, hop=80)
        >>> model.compile()
        >>> model.fit(sounds, {"local": mels}, epochs=10)
        >>> model.sample(4, local=mels[:4], seed=0)

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
        local_channels: int = 0,
        hop: int = 1,
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
        self.local_channels = checks.in_range("local_channels", local_channels, 0, 2**16)
        self.hop = checks.positive("hop", hop)
        self.dilations = [2**i for i in range(layers_per_block)] * num_blocks
        self.embedding = self.add_weight((levels + 1, filters), "uniform", name="embedding")
        self.dilated = [
            DilatedLayer(
                filters,
                dilation,
                num_classes,
                local_channels,
                last=i == len(self.dilations) - 1,
                dtype=self.dtype_policy,
                name=f"layer_{i}",
            )
            for i, dilation in enumerate(self.dilations)
        ]

        if local_channels:
            self.upsampling = Upsampling(
                hop, local_channels, dtype=self.dtype_policy, name="upsampling"
            )

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
        self.kept_sizes = [filters] * sum(self._far)
        self.built = True

    @property
    def receptive_field(self) -> int:
        """How many samples before it each sample depends on."""
        return 1 + sum(self.dilations)

    @property
    def context_milliseconds(self) -> float:
        """The receptive field in milliseconds."""
        return 1000.0 * self.receptive_field / self.sample_rate

    # ---- conditions ------------------------------------------------------------------------------

    def num_frames(self, time: int) -> int:
        """How many frames of `local` go with so many samples."""
        return -(-time // self.hop)

    def condition_inputs(self):
        inputs = super().condition_inputs()
        if self.local_channels:
            inputs["local"] = Input((None, None, self.local_channels), "float32")
        return inputs

    def condition(self, **conditions):
        return conditions if self.local_channels else super().condition(**conditions)

    def check_conditions(self, num, labels, x=None, local=None, **others):
        conditions = super().check_conditions(num, labels, x, **others)
        if not self.local_channels:
            if local is not None:
                raise ValueError("local must be None: this model has local_channels=0.")
            return conditions
        if local is None:
            raise ValueError(f"local is missing: local_channels is {self.local_channels}.")
        time = self.length if x is None else x.shape[1]
        shape = (num, self.num_frames(time), self.local_channels)
        why = f", a frame for each {self.hop} samples"
        return [*conditions, checks.for_each("local", np.asarray(local, np.float32), shape, why)]

    def unpack(self, data):
        if not self.local_channels:
            return super().unpack(data)
        x, told, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        told = told if isinstance(told, dict) else {"labels": told}
        x, labels = super().unpack((x, told.get("labels"), sample_weight))
        if "local" not in told:
            raise ValueError(
                f"local is missing: {type(self).__name__} has local_channels="
                f'{self.local_channels}, so a batch must be (x, {{"local": frames}}).'
            )
        frames = None if x.shape[1] is None else self.num_frames(x.shape[1])
        checks.shaped("local", told["local"], (None, frames, self.local_channels))
        local = {"local": tf.cast(told["local"], tf.float32)}
        return x, local if labels is None else local | {"labels": labels}

    def signatures(self):
        signatures = super().signatures()
        if self.local_channels:
            # A sample's length is the model's, and so is what there is to tell of it.
            shape = (None, self.num_frames(self.length), self.local_channels)
            inputs = signatures["sample"].inputs | {"local": Input(shape, "float32")}
            signatures["sample"] = dataclasses.replace(signatures["sample"], inputs=inputs)
        return signatures

    def told(self, condition: Any, time: Any) -> tuple[tf.Tensor | None, tf.Tensor | None]:
        """The labels, and what is local of each sample: `[n, time, local_channels]`."""
        if not self.local_channels:
            return condition, None
        return condition.get("labels"), self.upsampling(condition["local"])[:, :time]

    # ---- objective -------------------------------------------------------------------------------

    def call(self, x, condition=None, training=False):
        inputs = self.shifted(self.tokenizer.encode(x))
        labels, local = self.told(condition, tf.shape(inputs)[1])
        features = tf.gather(tf.cast(self.embedding, self.compute_dtype), inputs)
        gated = []
        for layer in self.dilated:
            features, of_layer = layer(features, labels, local)
            gated.append(of_layer)
        skip = tf.nn.relu(self.skip(tf.concat(gated, axis=2)))
        return self.head(tf.nn.relu(self.hidden(skip)))

    # ---- sampling --------------------------------------------------------------------------------

    def start(self, num, condition):
        labels, local = self.told(condition, None)
        layers = [layer.step_weights(labels) for layer in self.dilated]
        ends = [
            (tf.convert_to_tensor(dense.kernel), tf.convert_to_tensor(dense.bias))
            for dense in (self.skip, self.hidden, self.head)
        ]
        if local is not None:
            local = in_blocks(tf.cast(local, tf.float32), self.block)
        # What each layer saw last: of far ones as one array, to be read a block at a time; of near
        # ones as so many parts, which pass from step to step without a copy.
        far = [
            tf.zeros([num, d, self.filters])
            for d, is_far in zip(self.dilations, self._far, strict=True)
            if is_far
        ]
        near = [
            [tf.zeros([num, self.filters])] * d
            for d, is_far in zip(self.dilations, self._far, strict=True)
            if not is_far
        ]
        return (tf.convert_to_tensor(self.embedding), layers, ends, local), (far, near)

    def begin_block(self, block, cache, weights):
        far, near = cache
        _, layers, _, local = weights
        histories = iter(far)
        local = None if local is None else tf.gather(local, block, axis=1)
        # What gates take in that is known by now: not this sample, nor a near one before it.
        for_gates = {}
        for i, (w, is_far) in enumerate(zip(layers, self._far, strict=True)):
            known = []
            if is_far:
                known.append(pointwise(next(histories)[:, : self.block], w["past"]))
            if local is not None:
                known.append(pointwise(local, w["local"]))
            if known:
                for_gates[i] = sum(known, tf.expand_dims(w["bias"], -2))
        return for_gates, near, None

    def step(self, token, for_gates, cache, weights, shared):
        embedding, layers, ends, _ = weights
        near, next_near = iter(cache), []
        x = tf.gather(embedding, token)
        gated, kept = [], []
        for i, (w, is_far) in enumerate(zip(layers, self._far, strict=True)):
            if is_far:
                kept.append(x)
                content = tf.matmul(x, w["now"])
            else:
                oldest, *newer = next(near)
                next_near.append([*newer, x])
                content = tf.matmul(tf.concat([oldest, x], axis=1), w["both"])
            gated.append(gate(content + for_gates.get(i, w["bias"])))
            if "residual" in w:
                x += tf.matmul(gated[-1], w["residual"]) + w["residual_bias"]
        hidden = tf.concat(gated, axis=1)
        for i, (kernel, bias) in enumerate(ends):
            hidden = tf.matmul(tf.nn.relu(hidden) if i else hidden, kernel) + bias
        return hidden, next_near, kept

    def end_block(self, block, cache, column_cache, kept):
        far, _ = cache
        far = [
            tf.ensure_shape(tf.concat([history[:, self.block :], x], axis=1), history.shape)
            for history, x in zip(far, kept, strict=True)
        ]
        return far, column_cache
