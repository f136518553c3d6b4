"""Samples of the same seed after each epoch, to watch a model learn."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen.pictures import grid


class SampleGrid(keras.callbacks.Callback):
    """Writes a grid of samples to TensorBoard at the end of each epoch.

    Args:
        log_dir: TensorBoard's folder.
        num_samples: images on the grid; a conditional model's show each label in turn.
        seed: of the samples, the same at each epoch.

    Example:
        >>> model.fit(dataset, epochs=10, callbacks=[SampleGrid("run/logs")])
    """

    def __init__(self, log_dir: Any, num_samples: int = 16, seed: int = 0):
        super().__init__()
        self.writer = tf.summary.create_file_writer(str(log_dir))
        self.num_samples, self.seed = num_samples, seed

    def on_epoch_end(self, epoch, logs=None):
        classes = self.model.num_classes
        labels = None if classes is None else np.arange(self.num_samples) % classes
        images = self.model.sample(self.num_samples, labels=labels, seed=self.seed)
        with self.writer.as_default(step=epoch):
            tf.summary.image("samples", grid(images, self.model.levels)[None])

    def on_train_end(self, logs=None):
        self.writer.close()
