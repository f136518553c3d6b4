"""Autoregressive models: exact likelihoods, one conditional at a time."""

from keras_gen.autoregressive.gated_pixel_cnn import GatedPixelCNN

__all__ = ["GatedPixelCNN"]
