"""Samples of the same seed after each epoch, to watch a model learn."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen.generative_model import GenerativeModel


class SampleGrid(keras.callbacks.Callback):
    """Writes samples to TensorBoard at the end of each epoch: a grid of pictures, texts, or sounds.

    Of a model that draws nothing that TensorBoard can show, nothing is written.

    Args:
        log_dir: TensorBoard's folder.
        num_samples: how many; a conditional model's show each label in turn.
        seed: of the samples, the same at each epoch.

    Example:
        >>> model.fit(dataset, epochs=10, callbacks=[SampleGrid("run/logs")])
    """

    def __init__(self, log_dir: Any, num_samples: int = 16, seed: int = 0) -> None:
        super().__init__()
        self.log_dir, self.num_samples, self.seed = log_dir, num_samples, seed
        self.writer: Any = None
        self.summary: Any = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.summary = self.model.format.summary()
        if (
            self.summary is not None
            and isinstance(self.model, GenerativeModel)
            and self.model.sample_condition_inputs().keys() <= {"labels"}
        ):
            self.writer = tf.summary.create_file_writer(str(self.log_dir))

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if self.writer is None:
            return
        classes = self.model.num_classes
        labels = None if classes is None else np.arange(self.num_samples) % classes
        samples = self.model.sample(self.num_samples, labels=labels, seed=self.seed)
        with self.writer.as_default(step=epoch):
            self.summary("samples", samples)

    def on_train_end(self, logs: dict | None = None) -> None:
        if self.writer is not None:
            self.writer.close()
            self.writer = None
