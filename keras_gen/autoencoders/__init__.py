"""Autoencoders: models with an inference network."""

from keras_gen.autoencoders.vae import VAE

__all__ = ["VAE"]
