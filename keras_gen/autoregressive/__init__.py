"""Autoregressive models: exact likelihoods, one conditional at a time."""

from keras_gen.autoregressive.char_rnn import CharRNN
from keras_gen.autoregressive.gated_pixel_cnn import GatedPixelCNN
from keras_gen.autoregressive.made import MADE
from keras_gen.autoregressive.pixel_cnn import PixelCNN
from keras_gen.autoregressive.pixel_cnn_plus_plus import PixelCNNPlusPlus
from keras_gen.autoregressive.pixel_rnn import PixelRNN
from keras_gen.autoregressive.pixel_snail import PixelSNAIL

__all__ = ["MADE", "CharRNN", "GatedPixelCNN", "PixelCNN", "PixelCNNPlusPlus", "PixelRNN", "PixelSNAIL"]
