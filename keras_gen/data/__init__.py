"""Data sets by name, as `tf.data.Dataset`s that `fit` takes and descriptions that models need."""

from keras_gen.data.audio import log_mel_spectrogram, read_wav
from keras_gen.data.loading import Description, load, load_arrays
from keras_gen.data.mixtures import MIXTURES, Mixture
from keras_gen.formats.sound import write_wav

__all__ = [
    "MIXTURES",
    "Description",
    "Mixture",
    "load",
    "load_arrays",
    "log_mel_spectrogram",
    "read_wav",
    "write_wav",
]
