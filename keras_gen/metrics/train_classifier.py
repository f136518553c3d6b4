"""Trains a small classifier of pictures, and writes it beside its SHA-256.

    python -m keras_gen.metrics.train_classifier --data tfds:mnist --epochs 5 \\
        --data-dir ../shared/data/tfds --output keras_gen/metrics/classifiers/mnist.npz
    python -m keras_gen.metrics.train_classifier --data tfds:fashion_mnist --epochs 8 \\
        --data-dir ../shared/data/tfds --output keras_gen/metrics/classifiers/fashion_mnist.npz

It prints the accuracy of the file that it wrote, on test data.
"""

from __future__ import annotations

import argparse
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen import data
from keras_gen.metrics.picture_classifier import (
    PictureClassifier,
    check_output,
    classifier,
    save_classifier,
)

_PEAK_LEARNING_RATE = 3e-3
_BATCH_SIZE = 128
# How far training moves a picture, in pixels: samples need not be as well centred as data.
_SHIFT = 1


def train_classifier(
    name: str, output: Any, *, epochs: int = 6, seed: int = 0, **options: Any
) -> float:
    """Trains a classifier, and writes it.

    Args:
        name: of labelled pictures, as `keras_gen.data.load` takes it.
        output: the file to write, `.npz`.
        epochs: how many.
        seed: of the weights, the order and the shifts.
        **options: of `keras_gen.data.load`, such as `data_dir`.

    Returns:
        The share of test pictures that the written file classifies rightly.

    Raises:
        ValueError: data without labels, or not of 256 levels; another suffix.

    Example:
        >>> train_classifier("tfds:mnist", "mnist.npz", data_dir="../shared/data/tfds")
    """
    check_output(output)
    keras.utils.set_random_seed(seed)
    train, description = data.load(name, batch_size=_BATCH_SIZE, seed=seed, **options)
    if description.num_classes is None or getattr(description.format, "levels", None) != 256:
        raise ValueError(f"data must be pictures of 256 levels with labels, received {name}.")
    model = PictureClassifier(description.image_shape, description.num_classes)
    steps = epochs * len(train)
    rate = keras.optimizers.schedules.CosineDecay(_PEAK_LEARNING_RATE, steps)
    model.compile(
        keras.optimizers.Adam(rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(train.map(_shifted), epochs=epochs, verbose=2, shuffle=False)
    save_classifier(model, output)
    pictures, labels, _ = data.load_arrays(name, "test", seed=seed, **options)
    logits = classifier(output).predict(pictures, batch_size=1000, verbose=0)
    return float(np.mean(logits.argmax(axis=1) == labels))


def _shifted(pictures: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Moves a batch of pictures by a few pixels, all of them the same way."""
    shape = tf.shape(pictures)
    frame = [[0, 0], [_SHIFT, _SHIFT], [_SHIFT, _SHIFT], [0, 0]]
    return tf.image.random_crop(tf.pad(pictures, frame), shape), labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="labelled pictures, such as tfds:mnist")
    parser.add_argument("--data-dir", help="where TFDS has prepared them")
    parser.add_argument("--output", required=True, help="the file to write, .npz")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    options = {} if given.data_dir is None else {"data_dir": given.data_dir}
    accuracy = train_classifier(
        given.data, given.output, epochs=given.epochs, seed=given.seed, **options
    )
    print(f"{given.output}: {accuracy:.2%} of test pictures classified rightly")


if __name__ == "__main__":
    main()
