"""Autoregressive models: each value given those before it."""

from keras_gen.autoregressive.autoregressive_model import AutoregressiveModel
from keras_gen.autoregressive.char_rnn import CharRNN
from keras_gen.autoregressive.gated_pixel_cnn import GatedPixelCNN
from keras_gen.autoregressive.made import MADE
from keras_gen.autoregressive.pixel_cnn import PixelCNN
from keras_gen.autoregressive.pixel_cnn_plus_plus import PixelCNNPlusPlus
from keras_gen.autoregressive.pixel_model import PixelModel
from keras_gen.autoregressive.pixel_rnn import PixelRNN
from keras_gen.autoregressive.pixel_snail import PixelSNAIL
from keras_gen.autoregressive.sequence_model import SequenceModel
from keras_gen.autoregressive.transformer import Transformer
from keras_gen.autoregressive.wavenet import WaveNet

__all__ = [
    "MADE",
    "AutoregressiveModel",
    "CharRNN",
    "GatedPixelCNN",
    "PixelCNN",
    "PixelCNNPlusPlus",
    "PixelModel",
    "PixelRNN",
    "PixelSNAIL",
    "SequenceModel",
    "Transformer",
    "WaveNet",
]
