"""Trains a model for a given time on fixed binarized MNIST and prints its test score in nats.

    python benchmarks/likelihood.py gated_pixel_cnn --minutes 15 --data-file FILE

The file is Larochelle's binarization (Larochelle & Murray 2011), an `.npz` of bit-packed rows.
"""

import argparse
import contextlib
import math
import time

import keras

import keras_gen
from keras_gen import data


class TimeOverError(Exception):
    """Ends `fit` in the middle of an epoch."""


class Deadline(keras.callbacks.Callback):
    """Anneals the learning rate along a cosine of the time, and stops when it is over."""

    def __init__(self, seconds: float):
        super().__init__()
        self.seconds = seconds

    def on_train_begin(self, logs=None):
        self.begin = time.perf_counter()
        self.peak = float(self.model.optimizer.learning_rate)

    def on_train_batch_end(self, batch, logs=None):
        share = min((time.perf_counter() - self.begin) / self.seconds, 1.0)
        self.model.optimizer.learning_rate = self.peak * 0.5 * (1 + math.cos(math.pi * share))
        if share >= 1.0:
            raise TimeOverError


MODELS = {
    "gated_pixel_cnn": (keras_gen.GatedPixelCNN, {"filters": 32, "num_blocks": 6}, 3e-3),
    "made": (keras_gen.MADE, {"hidden_units": (1024,)}, 1e-3),
    "pixel_cnn": (keras_gen.PixelCNN, {"filters": 64, "num_blocks": 6}, 3e-3),
    "pixel_cnn_plus_plus": (keras_gen.PixelCNNPlusPlus, {"filters": 32}, 2e-3),
    "pixel_snail": (keras_gen.PixelSNAIL, {"filters": 32, "num_blocks": 2}, 2e-3),
    "pixel_rnn": (keras_gen.PixelRNN, {"filters": 32, "num_blocks": 2}, 3e-3),
    "vae": (keras_gen.VAE, {}, 2e-3),
}


def options_of(arguments: list[str]) -> dict:
    """Reads `name=value` pairs; numbers and tuples as Python writes them."""
    import ast

    pairs = (argument.split("=", 1) for argument in arguments)
    return {name: ast.literal_eval(value) for name, value in pairs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=sorted(MODELS))
    parser.add_argument("--data-file", required=True)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--num-samples", type=int, default=64, help="of a latent model's bound")
    parser.add_argument("--save", help="a .keras file to write")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()

    kwargs = {"image_shape": (28, 28, 1)}
    name = f"npz:{arguments.data_file}"
    train, description = data.load(name, "train", arguments.batch_size, first_epoch=0, **kwargs)
    test, _, _ = data.load_arrays(name, "test", **kwargs)

    keras.utils.set_random_seed(0)
    model_class, options, learning_rate = MODELS[arguments.model]
    model = model_class(levels=2, **kwargs, **(options | options_of(arguments.set)))
    model.compile(keras.optimizers.Adam(arguments.learning_rate or learning_rate))
    seconds = arguments.minutes * 60
    begin = time.perf_counter()
    with contextlib.suppress(TimeOverError):
        model.fit(
            train,
            epochs=10**6,
            shuffle=False,
            steps_per_epoch=-(-description.count // arguments.batch_size),
            callbacks=[Deadline(seconds)],
            verbose=0,
        )
    minutes = (time.perf_counter() - begin) / 60
    steps = int(model.optimizer.iterations)
    images = steps * arguments.batch_size
    if arguments.save:
        model.save(arguments.save)
    scores = model.evaluate(test, batch_size=250, return_dict=True, verbose=0)
    print(f"{arguments.model}: {model.count_params():,} parameters")
    print(
        f"{minutes:.1f} minutes, {steps:,} steps, {images / description.count:.2f} epochs, "
        f"{images / minutes / 60:.0f} images a second"
    )
    for term, value in scores.items():
        print(f"test {term}: {value:.4f}")
    if hasattr(model, "importance_weighted_bound"):
        k = arguments.num_samples
        bound = -model.importance_weighted_bound(test, num_samples=k).mean()
        print(f"test -bound of {k} samples: {bound:.4f} nats")


if __name__ == "__main__":
    main()
