"""Trains a model for a given time and prints its test score, in nats and bits per dimension.

    python benchmarks/likelihood.py gated_pixel_cnn --minutes 15 --data-file FILE
    python benchmarks/likelihood.py char_rnn --minutes 15 --data text:FILE

`--data-file` is Larochelle's binarization of MNIST (Larochelle & Murray 2011), an `.npz` of
bit-packed rows.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import math
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import keras_gen
from keras_gen import data


class TimeOverError(Exception):
    """Ends `fit` in the middle of an epoch."""


class Deadline(keras.callbacks.Callback):
    """Anneals the learning rate along a cosine of the time, and stops when it is over."""

    def __init__(self, seconds: float):
        super().__init__()
        self.seconds = seconds
        self.batches = 0

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.begin = time.perf_counter()
        self.peak = float(self.model.optimizer.learning_rate)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.batches += 1
        share = min((time.perf_counter() - self.begin) / self.seconds, 1.0)
        self.model.optimizer.learning_rate = self.peak * 0.5 * (1 + math.cos(math.pi * share))
        if share >= 1.0:
            raise TimeOverError


# The class, its options beyond what the data says, and its learning rate.
MODELS: dict[str, tuple[type[keras_gen.Model], dict[str, Any], float]] = {
    "made": (keras_gen.MADE, {"hidden_units": (2048,), "num_masks": 4}, 1e-3),
    "pixel_cnn": (keras_gen.PixelCNN, {"filters": 64, "num_blocks": 6}, 3e-3),
    "gated_pixel_cnn": (keras_gen.GatedPixelCNN, {"filters": 32, "num_blocks": 6}, 3e-3),
    "pixel_cnn_plus_plus": (keras_gen.PixelCNNPlusPlus, {"filters": 32}, 2e-3),
    "pixel_snail": (keras_gen.PixelSNAIL, {"filters": 32, "num_blocks": 2}, 2e-3),
    "pixel_rnn": (keras_gen.PixelRNN, {"filters": 32, "num_blocks": 2}, 3e-3),
    "transformer": (keras_gen.Transformer, {"model_dim": 128, "num_blocks": 3}, 1e-3),
    "char_rnn": (keras_gen.CharRNN, {"units": 256}, 3e-3),
    "wavenet": (keras_gen.WaveNet, {}, 2e-3),
    "vae": (keras_gen.VAE, {}, 2e-3),
}
MEL_CHANNELS = 40


def options_of(arguments: list[str]) -> dict:
    """Reads `name=value` pairs; numbers and tuples as Python writes them."""
    pairs = (argument.split("=", 1) for argument in arguments)
    return {name: ast.literal_eval(value) for name, value in pairs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=sorted(MODELS))
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data-file", help="of fixed binarized MNIST")
    source.add_argument("--data", help="as `keras_gen.data.load` names it")
    parser.add_argument("--data-length", type=int, help="of texts and sounds")
    parser.add_argument("--conditional", action="store_true", help="on the labels")
    parser.add_argument("--mel-hop", type=int, help="on mel spectrograms, a frame a hop")
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--eval-batch-size", type=int, default=100)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--num-samples", type=int, default=64, help="of a latent model's bound")
    parser.add_argument("--save", help="a .keras file to write")
    parser.add_argument(
        "--wav",
        help="a file to write: sounds drawn, each after the one whose mel spectrogram it follows",
    )
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()

    kwargs: dict[str, Any] = {"length": arguments.data_length}
    if arguments.data_file:
        kwargs["image_shape"] = (28, 28, 1)
    name = arguments.data or f"npz:{arguments.data_file}"
    test, labels, description = data.load_arrays(name, "test", **kwargs)

    def conditions_of(x: np.ndarray, labels: np.ndarray | None) -> dict[str, Any]:
        conditions = {"labels": labels} if arguments.conditional else {}
        if arguments.mel_hop:
            rate, hop = description.sample_rate, arguments.mel_hop
            conditions["local"] = data.log_mel_spectrogram(x, rate, hop, MEL_CHANNELS)
        return conditions

    conditions = conditions_of(test, labels)
    if arguments.mel_hop:
        x, train_labels, description = data.load_arrays(name, "train", **kwargs)
        examples = tf.data.Dataset.from_tensor_slices((x, conditions_of(x, train_labels)))
        train = examples.shuffle(len(x), seed=0).batch(arguments.batch_size).repeat()
    else:
        train, description = data.load(name, "train", arguments.batch_size, first_epoch=0, **kwargs)

    keras.utils.set_random_seed(0)
    model_class, options, learning_rate = MODELS[arguments.model]
    options = model_class.options_for(description.format, description.length) | options
    if arguments.conditional:
        options["num_classes"] = description.num_classes
    if arguments.mel_hop:
        options |= {"local_channels": MEL_CHANNELS, "hop": arguments.mel_hop}
    model = model_class(**(options | options_of(arguments.set)), seed=0)
    rate = arguments.learning_rate or learning_rate
    model.compile(keras.optimizers.Adam(**(model.default_optimizer | {"learning_rate": rate})))
    seconds = arguments.minutes * 60
    deadline = Deadline(seconds)
    begin = time.perf_counter()
    with contextlib.suppress(TimeOverError):
        model.fit(
            train,
            epochs=10**6,
            shuffle=False,
            steps_per_epoch=-(-description.count // arguments.batch_size),
            callbacks=[deadline],
            verbose=0,
        )
    minutes = (time.perf_counter() - begin) / 60
    steps = int(model.optimizer.iterations)
    if arguments.save:
        model.save(arguments.save)
    bound = {"num_samples": arguments.num_samples}  # of models that have one
    y = conditions if arguments.mel_hop else conditions.get("labels")
    scores = model.measure(test, y, arguments.eval_batch_size, **bound)
    print(f"{arguments.model}: {model.count_params():,} parameters")
    print(
        f"{minutes:.1f} minutes, {steps:,} steps, {deadline.batches} batches, "
        f"{deadline.batches * arguments.batch_size / description.count:.2f} epochs"
    )
    for term, (value, unit) in scores.items():
        print(f"test {term}: {value:.4f} {unit}")
    if arguments.wav:
        some = slice(0, len(test), max(len(test) // 8, 1))
        conditions = {key: value[some] for key, value in conditions.items()}
        sounds = model.sample(len(test[some]), seed=0, **conditions)
        if arguments.mel_hop:
            sounds = np.stack([test[some], sounds], axis=1).reshape(-1, sounds.shape[1])
        print(data.write_wav(arguments.wav, sounds, description.sample_rate))


if __name__ == "__main__":
    main()
