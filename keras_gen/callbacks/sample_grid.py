"""Samples of the same seed after each epoch, to watch a model learn."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen.formats.images import Grid, grid
from keras_gen.generative_model import GenerativeModel


class SampleGrid(keras.callbacks.Callback):
    """Writes a grid of samples to TensorBoard at the end of each epoch.

    Of a model that does not draw images of 1 or 3 channels, nothing is written.

    Args:
        log_dir: TensorBoard's folder.
        num_samples: images on the grid; a conditional model's show each label in turn.
        seed: of the samples, the same at each epoch.

    Example:
        >>> model.fit(dataset, epochs=10, callbacks=[SampleGrid("run/logs")])
    """

    def __init__(self, log_dir: Any, num_samples: int = 16, seed: int = 0) -> None:
        super().__init__()
        self.log_dir, self.num_samples, self.seed = log_dir, num_samples, seed
        self.writer: Any = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        format = self.model.format
        is_picture = isinstance(format, Grid) and format.image_shape[-1] in (1, 3)
        if (
            is_picture
            and isinstance(self.model, GenerativeModel)
            and self.model.sample_condition_inputs().keys() <= {"labels"}
        ):
            self.writer = tf.summary.create_file_writer(str(self.log_dir))

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if self.writer is None:
            return
        classes = self.model.num_classes
        labels = None if classes is None else np.arange(self.num_samples) % classes
        images = self.model.sample(self.num_samples, labels=labels, seed=self.seed)
        with self.writer.as_default(step=epoch):
            tf.summary.image("samples", grid(images, self.model.format.levels)[None])

    def on_train_end(self, logs: dict | None = None) -> None:
        if self.writer is not None:
            self.writer.close()
            self.writer = None
