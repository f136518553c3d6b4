"""Adversarial models: a generator that learns from a discriminator."""

from keras_gen.adversarial.adversarial_model import AdversarialModel, Play
from keras_gen.adversarial.dcgan import DCGAN
from keras_gen.adversarial.gan import GAN
from keras_gen.adversarial.losses import AdversarialLoss, Minimax, NonSaturating, Wasserstein
from keras_gen.adversarial.players_optimizer import PlayersOptimizer

__all__ = [
    "DCGAN",
    "GAN",
    "AdversarialLoss",
    "AdversarialModel",
    "Minimax",
    "NonSaturating",
    "Play",
    "PlayersOptimizer",
    "Wasserstein",
]
