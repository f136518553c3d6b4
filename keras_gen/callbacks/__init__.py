"""Callbacks for generative training: checkpoints to resume from, grids of samples."""

from keras_gen.callbacks.epoch_checkpoint import EpochCheckpoint, latest_checkpoint
from keras_gen.callbacks.sample_grid import SampleGrid

__all__ = ["EpochCheckpoint", "SampleGrid", "latest_checkpoint"]
