"""keras_gen: deep generative models that train with `fit`, are measured, and ship whole."""

from keras_gen import backend as _backend  # noqa: F401 - first: it refuses other backends
from keras_gen import data, formats, likelihoods, metrics, random
from keras_gen.adversarial import (
    DCGAN,
    GAN,
    AdversarialModel,
    Minimax,
    NonSaturating,
    Wasserstein,
)
from keras_gen.autoencoders import VAE
from keras_gen.autoregressive import (
    MADE,
    CharRNN,
    GatedPixelCNN,
    PixelCNN,
    PixelCNNPlusPlus,
    PixelRNN,
    PixelSNAIL,
    Transformer,
    WaveNet,
)
from keras_gen.explicit_model import ExplicitModel
from keras_gen.formats import Codes, Images, Points, Sound, Text, Tokens
from keras_gen.generative_model import GenerativeModel
from keras_gen.latent_model import LatentModel
from keras_gen.model import Model
from keras_gen.translator import Translator

__all__ = [
    "DCGAN",
    "GAN",
    "MADE",
    "VAE",
    "AdversarialModel",
    "CharRNN",
    "Codes",
    "ExplicitModel",
    "GatedPixelCNN",
    "GenerativeModel",
    "Images",
    "LatentModel",
    "Minimax",
    "Model",
    "NonSaturating",
    "PixelCNN",
    "PixelCNNPlusPlus",
    "PixelRNN",
    "PixelSNAIL",
    "Points",
    "Sound",
    "Text",
    "Tokens",
    "Transformer",
    "Translator",
    "Wasserstein",
    "WaveNet",
    "data",
    "formats",
    "likelihoods",
    "metrics",
    "random",
]
