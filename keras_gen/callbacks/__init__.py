"""Callbacks for generative training: checkpoints, history, samples, an end where it diverges."""

from keras_gen.callbacks.divergence import DivergenceError, StopOnDivergence, check_finite
from keras_gen.callbacks.epoch_checkpoint import EpochCheckpoint, checkpoints, latest_checkpoint
from keras_gen.callbacks.history_file import HistoryFile
from keras_gen.callbacks.sample_grid import SampleGrid

__all__ = [
    "DivergenceError",
    "EpochCheckpoint",
    "HistoryFile",
    "SampleGrid",
    "StopOnDivergence",
    "check_finite",
    "checkpoints",
    "latest_checkpoint",
]
