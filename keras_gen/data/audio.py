"""Sounds: folders of WAV files, as arrays of one length and rate."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_gen import checks, memory
from keras_gen.files import reason

MOST_HERTZ = 1_000_000
_MOST_STEPS = 100_000


def read_wav(path: Any) -> tuple[np.ndarray, int]:
    """Reads a WAV file.

    Args:
        path: of the file.

    Returns:
        float32 `[time]` in [-1, 1], the mean of its channels, and its rate in Hz.

    Raises:
        ValueError: it is not a WAV file, or holds samples that are not finite.
    """
    from scipy.io import wavfile

    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            rate, sound = wavfile.read(path)
    except Exception as error:  # of a damaged header, whatever reading on leads to
        raise ValueError(f"{path} must be a WAV file: {reason(error)}.") from None
    if not (sound.size and sound.ndim <= 2 and 1 <= rate <= MOST_HERTZ):
        raise ValueError(
            f"{path} must be a WAV file with samples, at 1 to {MOST_HERTZ} Hz, received "
            f"{len(sound)} at {rate} Hz."
        )
    if not np.isfinite(sound).all():
        raise ValueError(f"{path} must hold finite samples, some are NaN or infinite.")
    for each in said:
        if "EOF" in str(each.message):
            warnings.warn(f"{path} is cut short: {each.message}", stacklevel=2)
    if sound.dtype.kind in "iu":
        middle = 128 if sound.dtype == np.uint8 else 0
        limit = 128 if sound.dtype == np.uint8 else -float(np.iinfo(sound.dtype).min)
        sound = (sound.astype(np.float64) - middle) / limit
    if sound.ndim == 2:
        sound = sound.mean(axis=1)
    return np.clip(sound, -1.0, 1.0).astype(np.float32), int(rate)


def read_folder(path: Path) -> tuple[list[np.ndarray], list[int], list[str] | None]:
    """Reads all WAV files of a folder, in the order of their names.

    Returns:
        Sounds, their rates, and their classes: the subfolder that a file lies in or, where there
        is none, what stands before the first underscore of its name; `None` where some have none.

    Raises:
        ValueError: there is no such folder, or no WAV file in it.
    """
    if not path.is_dir():
        raise ValueError(f"data must name a folder that exists, received {path}.")
    files = sorted(path.rglob("*.wav"))
    if not files:
        raise ValueError(f"data must name a folder with .wav files, {path} has none.")
    sounds, rates = zip(*(read_wav(file) for file in files), strict=True)
    inside = all(file.parent != path for file in files)
    before = [file.stem.partition("_") for file in files]
    classes = [
        file.parent.name if inside else first if underscore else ""
        for file, (first, underscore, _) in zip(files, before, strict=True)
    ]
    return list(sounds), list(rates), classes if all(classes) else None


def cut_alike(
    sounds: Sequence[np.ndarray],
    rates: Sequence[int],
    sample_rate: int | None,
    length: int | None,
) -> tuple[np.ndarray, int]:
    """Gives sounds one rate and one length.

    Args:
        sounds: float32 `[time]` each.
        rates: of each, in Hz.
        sample_rate: to resample to; `None` where all have the same.
        length: samples of each, cut or filled up with silence; `None` is that of the longest.

    Returns:
        float32 `[n, length]`, and the rate in Hz.

    Raises:
        ValueError: the rates differ, and `sample_rate` is not given; it stands in no simple ratio
            to theirs; or the sounds do not fit into memory.
    """
    from scipy.signal import resample_poly

    if sample_rate is None:
        if len(set(rates)) > 1:
            raise ValueError(
                f"sample_rate must be given: the sounds have {len(set(rates))} different rates."
            )
        sample_rate = rates[0]
    _require(sounds, rates, sample_rate, length)
    sounds = [
        sound if rate == sample_rate else resample_poly(sound, sample_rate, rate)
        for sound, rate in zip(sounds, rates, strict=True)
    ]
    length = max(map(len, sounds)) if length is None else length
    alike = np.zeros((len(sounds), length), np.float32)
    for row, sound in zip(alike, sounds, strict=True):
        row[: min(length, len(sound))] = np.clip(sound[:length], -1.0, 1.0)
    return alike, sample_rate


def _require(
    sounds: Sequence[np.ndarray], rates: Sequence[int], sample_rate: int, length: int | None
) -> None:
    """Refuses more sound than fits into memory."""
    resampled = [len(sound) * sample_rate / rate for sound, rate in zip(sounds, rates, strict=True)]
    # SciPy's filter has twenty values for each whole number up to the greater one of the ratio.
    for rate in set(rates):
        if max(rate, sample_rate) // math.gcd(rate, sample_rate) > _MOST_STEPS:
            raise ValueError(
                f"sample_rate must stand to the sounds' own, {rate} Hz, as whole numbers up to "
                f"{_MOST_STEPS} do, received {sample_rate}."
            )
    memory.require("sample_rate", 8 * sum(resampled), "the resampled sounds")
    most = max(resampled) if length is None else length
    name = "sample_rate" if length is None else "length"
    memory.require(name, 2 * 4 * len(sounds) * most, f"the {len(sounds)} sounds")


def log_mel_spectrogram(
    sounds: np.ndarray, sample_rate: int, hop: int, channels: int = 40
) -> np.ndarray:
    """What is heard in each frame of sounds: decibels of mel bands, scaled for a network.

    Args:
        sounds: float `[n, time]` in [-1, 1].
        sample_rate: in Hz.
        hop: samples from frame to frame; frame k has its middle at sample k * hop, and looks two
            hops around it.
        channels: mel bands, from 20 Hz to half the rate.

    Returns:
        float32 `[n, ceil(time / hop), channels]`: -1 is silence (100 dB under a full tone), 1 a
        full tone.

    Raises:
        ValueError: an argument is of another shape, or out of range.

    Example:
        >>> log_mel_spectrogram(sounds, sample_rate=8000, hop=80).shape
        (4, 100, 40)
    """
    checks.shaped("sounds", np.asarray(sounds), (None, None))
    for name, value in (("sample_rate", sample_rate), ("hop", hop), ("channels", channels)):
        checks.positive(name, value)
    window = 4 * hop
    # The last frame stands within the sound, and its window ends a hop or more after that.
    after = hop + -sounds.shape[1] % hop
    padded = np.pad(np.asarray(sounds, np.float32), [(0, 0), (window // 2, after)])
    spectrum = tf.abs(tf.signal.stft(padded, window, hop))
    bands = tf.signal.linear_to_mel_weight_matrix(
        channels, spectrum.shape[-1], sample_rate, 20.0, sample_rate / 2
    )
    # A tone as loud as can be has the magnitude of half the window's sum, which is half of it.
    loudness = tf.matmul(spectrum, bands) / (window / 4)
    decibels = 20.0 * tf.math.log(tf.maximum(loudness, 1e-5)) / math.log(10.0)
    return (decibels / 50.0 + 1.0).numpy()
