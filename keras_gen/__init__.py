"""keras_gen: deep generative models that train with `fit`, are measured, and ship whole."""

from keras_gen import data, likelihoods, metrics, random
from keras_gen.adversarial import DCGAN, GAN, minimax, non_saturating
from keras_gen.autoencoders import VAE
from keras_gen.autoregressive import (
    MADE,
    Characters,
    CharRNN,
    GatedPixelCNN,
    MuLaw,
    PixelCNN,
    PixelCNNPlusPlus,
    PixelRNN,
    Pixels,
    PixelSNAIL,
    Tokens,
    Transformer,
    WaveNet,
)
from keras_gen.generative_model import GenerativeModel

__all__ = [
    "DCGAN",
    "GAN",
    "MADE",
    "VAE",
    "CharRNN",
    "Characters",
    "GatedPixelCNN",
    "GenerativeModel",
    "MuLaw",
    "PixelCNN",
    "PixelCNNPlusPlus",
    "PixelRNN",
    "PixelSNAIL",
    "Pixels",
    "Tokens",
    "Transformer",
    "WaveNet",
    "data",
    "likelihoods",
    "metrics",
    "minimax",
    "non_saturating",
    "random",
]
