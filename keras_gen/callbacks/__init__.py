"""Callbacks for generative training: checkpoints, history, samples, figures, divergence."""

from keras_gen.callbacks.divergence import DivergenceError, StopOnDivergence, check_finite
from keras_gen.callbacks.epoch_checkpoint import EpochCheckpoint, checkpoints, latest_checkpoint
from keras_gen.callbacks.game_plot import GamePlot
from keras_gen.callbacks.history_file import HistoryFile
from keras_gen.callbacks.sample_grid import SampleGrid
from keras_gen.callbacks.sample_measure import SampleMeasure

__all__ = [
    "DivergenceError",
    "EpochCheckpoint",
    "GamePlot",
    "HistoryFile",
    "SampleGrid",
    "SampleMeasure",
    "StopOnDivergence",
    "check_finite",
    "checkpoints",
    "latest_checkpoint",
]
