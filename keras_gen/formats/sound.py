"""Sound: samples in [-1, 1], and their companding into levels."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen import checks
from keras_gen.files import write_beside
from keras_gen.formats.format import Tokenized
from keras_gen.signature import Input


@keras.saving.register_keras_serializable("keras_gen")
class Sound(Tokenized):
    """Sound, companded and cut into levels (ITU-T G.711): float32 `[n, time]` in [-1, 1].

    Args:
        sample_rate: in Hz; what files are written with.
        levels: how many, 2 to 256.

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> Sound(8000).write(model.sample(4), "samples.wav")
    """

    name = "audio"
    dtype = "float32"
    suffix = ".wav"

    def __init__(self, sample_rate: int = 16000, levels: int = 256) -> None:
        self.sample_rate = checks.positive("sample_rate", sample_rate)
        self.levels = self.num_tokens = checks.in_range("levels", levels, 2, 256)
        mu = levels - 1
        y = np.arange(levels) / mu * 2 - 1
        self._values = (np.sign(y) * np.expm1(np.abs(y) * np.log1p(mu)) / mu).astype(np.float32)

    def input(self) -> Input:
        return Input((None, None), "float32", -1.0, 1.0)

    def options(self, length: int | None = None) -> dict[str, Any]:
        return {"sample_rate": self.sample_rate, "length": length}

    def to_tokens(self, x: tf.Tensor) -> tf.Tensor:
        mu = self.levels - 1
        y = tf.sign(x) * tf.math.log(1.0 + mu * tf.abs(x)) / math.log(1.0 + mu)
        token = tf.cast(tf.floor((y + 1.0) / 2.0 * mu + 0.5), tf.int32)
        return tf.clip_by_value(token, 0, mu)

    def from_tokens(self, tokens: tf.Tensor) -> tf.Tensor:
        return tf.gather(self._values, tokens)

    def summary(self) -> Callable[[str, np.ndarray], Any] | None:
        return lambda name, examples: tf.summary.audio(
            name, examples[..., None], self.sample_rate, max_outputs=len(examples)
        )

    def write(self, examples: np.ndarray, path: Any, columns: int | None = None) -> Path:
        return write_wav(path, examples, self.sample_rate)


def write_wav(path: Any, sounds: np.ndarray, sample_rate: int, pause: float = 0.25) -> Path:
    """Writes sounds one after another into a WAV file of 16 bits.

    Args:
        path: of the file.
        sounds: float `[n, time]` in [-1, 1].
        sample_rate: in Hz.
        pause: seconds of silence after each.

    Returns:
        The path.

    Raises:
        ValueError: the file cannot be written.
    """
    from scipy.io import wavfile

    silence = np.zeros((len(sounds), round(pause * sample_rate)), np.float32)
    joined = np.concatenate([sounds, silence], axis=1).reshape(-1)
    samples = np.rint(np.clip(joined, -1, 1) * 32767).astype(np.int16)
    return write_beside(path, lambda beside: wavfile.write(beside, sample_rate, samples))
