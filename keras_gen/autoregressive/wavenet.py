"""WaveNet: raw sound, sample by sample, from dilated causal convolutions.

van den Oord et al. 2016, "WaveNet: A Generative Model for Raw Audio", arXiv 1609.03499.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import tensorflow as tf

from keras_gen import checks
from keras_gen.autoregressive.layers.dense_head import DenseHead
from keras_gen.autoregressive.layers.dilated_layer import DilatedLayer, DilatedStack
from keras_gen.autoregressive.layers.token_embedding import TokenEmbedding
from keras_gen.autoregressive.layers.upsampling import Upsampling
from keras_gen.autoregressive.sequence_model import SequenceModel
from keras_gen.formats import Sound
from keras_gen.model import Conditions
from keras_gen.signature import Input


@keras.saving.register_keras_serializable("keras_gen")
class WaveNet(SequenceModel):
    """WaveNet over sound: float32 `[n, time]` in [-1, 1], companded by the mu-law within.

    A sample enters as a learned vector of the one before it, in place of the paper's first causal
    convolution, which sees the two before.

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
            They are the condition "local", float32 `[n, frames, local_channels]`, a frame for each
            `hop` samples; 0 is none.
        hop: samples of a frame.
        **kwargs: of `Model`: `average_decay`, `seed` (unused in training).

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

    format: Sound

    # ---- networks --------------------------------------------------------------------------------

    def __init__(
        self,
        length: int = 16000,
        sample_rate: int = 16000,
        *,
        levels: int = 256,
        filters: int = 32,
        skip_filters: int = 128,
        num_blocks: int = 2,
        layers_per_block: int = 10,
        num_classes: int | None = None,
        local_channels: int = 0,
        hop: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(Sound(sample_rate, levels), length, num_classes=num_classes, **kwargs)
        self.sample_rate, self.levels = self.format.sample_rate, self.format.levels
        self.filters = checks.positive("filters", filters)
        self.skip_filters = checks.positive("skip_filters", skip_filters)
        self.num_blocks = checks.in_range("num_blocks", num_blocks, 1, 100)
        self.layers_per_block = checks.in_range("layers_per_block", layers_per_block, 1, 16)
        self.local_channels = checks.in_range("local_channels", local_channels, 0, 2**16)
        self.hop = checks.positive("hop", hop)
        self.dilations = [2**i for i in range(layers_per_block)] * num_blocks

        policy = self.dtype_policy
        self.embedding = TokenEmbedding(levels, filters, dtype=policy, name="embedding")
        if local_channels:
            self.upsampling = Upsampling(hop, local_channels, dtype="float32", name="upsampling")
        self.dilated = [
            DilatedLayer(
                filters,
                dilation,
                self.row_length,
                num_classes,
                local_channels,
                last=i == len(self.dilations) - 1,
                dtype=policy,
                name=f"layer_{i + 1}",
            )
            for i, dilation in enumerate(self.dilations)
        ]
        self.dilated_stack = DilatedStack(self.dilated, dtype=policy, name="dilated_stack")
        # All layers' skip paths in one: the sum of products is one product.
        sizes = [len(self.dilations) * filters, skip_filters, skip_filters, levels]
        self.head = DenseHead(sizes, dtype=policy, name="head")
        self.stack = [self.embedding, self.dilated_stack, self.head]
        self.finish_build()

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
        """How many frames of "local" go with so many samples."""
        return -(-time // self.hop)

    def condition_inputs(self) -> dict[str, Input]:
        inputs = super().condition_inputs()
        if self.local_channels:
            inputs["local"] = Input((None, None, self.local_channels), "float32")
        return inputs

    def sample_condition_inputs(self) -> dict[str, Input]:
        inputs = super().sample_condition_inputs()
        if self.local_channels:
            shape = (None, self.num_frames(self.length), self.local_channels)
            inputs["local"] = dataclasses.replace(inputs["local"], shape=shape)
        return inputs

    def check_together(self, inputs: dict[str, Any]) -> None:
        if "local" not in inputs or self.format.name not in inputs:
            return
        time, frames = inputs[self.format.name].shape[1], inputs["local"].shape[1]
        if None not in (time, frames) and frames != self.num_frames(time):
            raise ValueError(
                f"local must have {self.num_frames(time)} frames, one for each {self.hop} of "
                f"{time} samples, received {frames}."
            )

    def local_features(self, conditions: Conditions) -> tf.Tensor | None:
        return self.upsampling(conditions["local"]) if self.local_channels else None

    # ---- objective -------------------------------------------------------------------------------

    def _parameters(
        self, x: tf.Tensor, conditions: Conditions, training: bool = False
    ) -> tf.Tensor:
        tokens = self.shifted(self.format.to_tokens(x))
        local = self.local_features(conditions)
        if local is not None:
            local = local[:, : tf.shape(tokens)[1]]
        features, stream = self.embedding(tokens, local)
        return self.head(self.dilated_stack(features, stream, conditions.get("labels")))
