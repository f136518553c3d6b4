"""Sampling a Gated PixelCNN: the whole network for every pixel, against the cached sampler.

    python benchmarks/sampling.py --batches 1 16 64

All draw from the same noise, and their pixels are compared. The naive loop is one TensorFlow graph
too: what is measured is the recomputation, not Python.
"""

from __future__ import annotations

import argparse
import tempfile

import numpy as np
import tensorflow as tf

from keras_gen import GatedPixelCNN
from keras_gen.random import Noise
from keras_gen_export import runtime
from table import print_table, seconds_in_turn


def build(side: int, levels: int, filters: int, num_blocks: int) -> GatedPixelCNN:
    """A model with random weights, large enough that its pixels vary."""
    model = GatedPixelCNN((side, side, 1), levels=levels, filters=filters, num_blocks=num_blocks)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign_add(0.1 * rng.standard_normal(weight.shape))
    return model


def naive_sampler(model: GatedPixelCNN):
    """One graph that runs the whole network once for every pixel."""
    height, width, channels = model.image_shape

    @tf.function(autograph=False)
    def sample(seeds, temperature):
        noise = Noise(seeds)

        def draw_row(row, x):
            numbers = model.likelihood.noise(noise, (width, channels), step=row)

            def draw_pixel(column, x):
                parameters = model(x)[:, row, column, 0]
                value = model.likelihood.draw(parameters, numbers[:, column, 0], temperature)
                at = tf.one_hot(row * width + column, height * width, True, False, dtype=tf.bool)
                here = tf.reshape(at, [1, height, width, 1])
                return column + 1, tf.where(here, value[:, None, None, None], x)

            return row + 1, tf.while_loop(lambda c, _: c < width, draw_pixel, (0, x))[1]

        x = tf.zeros([tf.shape(seeds)[0], *model.image_shape], tf.uint8)
        return tf.while_loop(
            lambda r, _: r < height,
            draw_row,
            (0, x),
            shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, *model.image_shape])),
        )[1]

    return sample


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--side", type=int, default=28)
    parser.add_argument("--levels", type=int, default=16)
    parser.add_argument("--filters", type=int, default=32)
    parser.add_argument("--num-blocks", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--no-xla", action="store_true")
    arguments = parser.parse_args()

    model = build(arguments.side, arguments.levels, arguments.filters, arguments.num_blocks)
    naive = naive_sampler(model)
    draw = model.signatures()["sample"].function
    graph = tf.function(draw, autograph=False)
    xla = tf.function(draw, autograph=False, jit_compile=True)
    folder = tempfile.mkdtemp() + "/artefact"
    model.export(folder, format="onnx", verbose=False)
    artefact = runtime.load(folder)

    rows = []
    for batch in arguments.batches:
        seeds = runtime.spread(0, batch)
        temperature = np.ones(batch, np.float32)
        inputs = (tf.constant(seeds), tf.constant(temperature))
        cached = {
            "TF graph": lambda inputs=inputs: graph(*inputs)["samples"].numpy(),
            "ONNX Runtime": lambda seeds=seeds: artefact.sample(seeds=seeds, temperature=1.0)[
                "samples"
            ],
        }
        if not arguments.no_xla:
            cached["TF XLA"] = lambda inputs=inputs: xla(*inputs)["samples"].numpy()
        (naive_seconds,) = seconds_in_turn([lambda inputs=inputs: naive(*inputs).numpy()], 1)
        reference = naive(*inputs).numpy()
        taken = seconds_in_turn(list(cached.values()), arguments.rounds)
        rows.append([batch, "naive TF graph", f"{naive_seconds:.3f}", "1", ""])
        for (name, call), seconds in zip(cached.items(), taken, strict=True):
            equal = int((call() == reference).sum())
            ratio = f"{naive_seconds / seconds:.0f}"
            rows.append([batch, name, f"{seconds:.4f}", ratio, f"{equal}/{reference.size}"])
    print_table(
        f"GatedPixelCNN {arguments.side}x{arguments.side}x1, {arguments.levels} levels, "
        f"{arguments.num_blocks + 1} layers of {arguments.filters} filters; median of "
        f"{arguments.rounds} in turn (naive: one)",
        ["batch", "sampler", "seconds", "times faster", "equal pixels"],
        rows,
    )


if __name__ == "__main__":
    main()
