"""Adversarial models: a generator that learns from a discriminator."""

from keras_gen.adversarial.adversarial_model import AdversarialModel, Play
from keras_gen.adversarial.augmentation import AdaptiveAugment, DiffAugment
from keras_gen.adversarial.big_gan import BigGAN
from keras_gen.adversarial.cycle_gan import CycleGAN
from keras_gen.adversarial.dcgan import DCGAN
from keras_gen.adversarial.gan import GAN
from keras_gen.adversarial.latent_gan import LatentGAN
from keras_gen.adversarial.losses import (
    AdversarialLoss,
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    RelativisticPaired,
    Wasserstein,
)
from keras_gen.adversarial.penalties import DRAGAN, R1, R2, GradientPenalty, Penalty
from keras_gen.adversarial.pix2pix import Pix2Pix
from keras_gen.adversarial.players_optimizer import PlayersOptimizer
from keras_gen.adversarial.progressive_gan import ProgressiveGAN
from keras_gen.adversarial.sr_gan import SRGAN
from keras_gen.adversarial.sr_resnet import SRResNet
from keras_gen.adversarial.style_gan import StyleGAN

__all__ = [
    "DCGAN",
    "DRAGAN",
    "GAN",
    "R1",
    "R2",
    "SRGAN",
    "AdaptiveAugment",
    "AdversarialLoss",
    "AdversarialModel",
    "BigGAN",
    "CycleGAN",
    "DiffAugment",
    "GradientPenalty",
    "Hinge",
    "LatentGAN",
    "LeastSquares",
    "Minimax",
    "NonSaturating",
    "Penalty",
    "Pix2Pix",
    "Play",
    "PlayersOptimizer",
    "ProgressiveGAN",
    "RelativisticPaired",
    "SRResNet",
    "StyleGAN",
    "Wasserstein",
]
