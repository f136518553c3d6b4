"""Data sets by name, as `tf.data.Dataset`s that `fit` takes and descriptions that models need."""

from keras_gen.data.audio import read_wav, write_wav
from keras_gen.data.loading import Description, load, load_arrays

__all__ = ["Description", "load", "load_arrays", "read_wav", "write_wav"]
