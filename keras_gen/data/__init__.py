"""Data sets of images, as `tf.data.Dataset`s that `fit` takes and descriptions that models need."""

from keras_gen.data.images import Description, load, load_arrays

__all__ = ["Description", "load", "load_arrays"]
