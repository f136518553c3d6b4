"""Adversarial models: a generator that learns from a discriminator."""

from keras_gen.adversarial.dcgan import DCGAN
from keras_gen.adversarial.gan import GAN
from keras_gen.adversarial.losses import minimax, non_saturating

__all__ = ["DCGAN", "GAN", "minimax", "non_saturating"]
