"""Autoregressive models: exact likelihoods, one conditional at a time."""

from keras_gen.autoregressive.char_rnn import CharRNN
from keras_gen.autoregressive.gated_pixel_cnn import GatedPixelCNN
from keras_gen.autoregressive.made import MADE
from keras_gen.autoregressive.pixel_cnn import PixelCNN
from keras_gen.autoregressive.pixel_cnn_plus_plus import PixelCNNPlusPlus
from keras_gen.autoregressive.pixel_rnn import PixelRNN
from keras_gen.autoregressive.pixel_snail import PixelSNAIL
from keras_gen.autoregressive.tokenizers import Characters, MuLaw, Pixels, Tokens
from keras_gen.autoregressive.transformer import Transformer
from keras_gen.autoregressive.wavenet import WaveNet

__all__ = [
    "MADE",
    "CharRNN",
    "Characters",
    "GatedPixelCNN",
    "MuLaw",
    "PixelCNN",
    "PixelCNNPlusPlus",
    "PixelRNN",
    "PixelSNAIL",
    "Pixels",
    "Tokens",
    "Transformer",
    "WaveNet",
]
