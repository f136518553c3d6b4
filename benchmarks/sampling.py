"""Sampling: the whole network for every value, against the cached sampler in three runtimes.

    python benchmarks/sampling.py gated_pixel_cnn pixel_cnn_plus_plus --batches 1 16
    python benchmarks/sampling.py wavenet --batches 1
    python benchmarks/sampling.py gated_pixel_cnn --sides 28 32 64 --batches 16

The naive loop is a run of the whole network (of WaveNet: of its receptive field), as one TensorFlow
graph, times the number of values; the runs are measured, in turn with the samplers, and the product
is not. The samplers draw from the same noise, and what they draw is compared.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tensorflow as tf

import keras_gen
from keras_gen.autoregressive.autoregressive_model import AutoregressiveModel
from keras_gen.autoregressive.sequence_model import SequenceModel
from keras_gen.likelihoods import DiscretizedLogisticMixture
from keras_gen_export import manifest, runtime
from keras_gen_export.onnx import convert
from table import print_table, seconds_in_turn


def mixture(channels: int) -> DiscretizedLogisticMixture:
    return DiscretizedLogisticMixture(256, channels, num_components=5)


# By the side of a picture; sequences have a length of their own.
MODELS: dict[str, Callable[[int], Any]] = {
    "made": lambda side: keras_gen.MADE((side, side, 1), 2, hidden_units=(512, 512)),
    "pixel_cnn": lambda side: keras_gen.PixelCNN((side, side, 1), 16, filters=64),
    "gated_pixel_cnn": lambda side: keras_gen.GatedPixelCNN(
        (side, side, 1), 16, filters=32, num_blocks=5
    ),
    "row_lstm": lambda side: keras_gen.PixelRNN((side, side, 1), 16, recurrence="row", filters=32),
    "diagonal_bilstm": lambda side: keras_gen.PixelRNN((side, side, 1), 16, filters=32),
    "pixel_cnn_plus_plus": lambda side: keras_gen.PixelCNNPlusPlus(
        (side, side, 3), likelihood=mixture(3)
    ),
    "pixel_snail": lambda side: keras_gen.PixelSNAIL((side, side, 1), 2),
    "transformer": lambda side: keras_gen.Transformer(keras_gen.Images((side, side, 1), 2)),
    "char_rnn": lambda _: keras_gen.CharRNN("".join(map(chr, range(32, 97))), length=500),
    "wavenet": lambda _: keras_gen.WaveNet(length=8000),
}
# A side that PixelCNN++ can halve twice, and that its authors sampled.
SIDES = {"pixel_cnn_plus_plus": 32}


def perturbed(model: AutoregressiveModel) -> AutoregressiveModel:
    """The model with random weights, large enough that what it draws varies."""
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign_add(0.05 * rng.standard_normal(weight.shape))
    return model


def draws_of(model: AutoregressiveModel) -> int:
    """How many draws a sample takes, each of which a naive loop runs the network for."""
    if isinstance(model, SequenceModel):
        return model.length
    sizes = [size or 1 for size in model.data_input().shape[1:]]
    whole_pixels = model.likelihood.event_shape == (sizes[-1],)
    return math.prod(sizes[:-1] if whole_pixels else sizes)


def network(model: AutoregressiveModel, batch: int) -> Callable[[], Any]:
    """One run of the whole network, as the naive loop takes for each draw."""
    data = model.data_input()
    sizes = list(data.shape[1:])
    if sizes == [None]:
        sizes = [min(model.length, getattr(model, "receptive_field", model.length))]
    x = tf.cast(tf.fill([batch, *sizes], data.minimum), data.dtype)
    run = tf.function(lambda x: model(x), autograph=False)
    return lambda: run(x).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=["gated_pixel_cnn"], choices=sorted(MODELS))
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--sides", type=int, nargs="+", help="of pictures; else 28 or 32")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, help="of ONNX Runtime's operations")
    parser.add_argument("--no-xla", action="store_true")
    arguments = parser.parse_args()

    rows = []
    for name in arguments.models:
        for side in arguments.sides or [SIDES.get(name, 28)]:
            model = perturbed(MODELS[name](side))
            signature = model.signatures()["sample"]
            graph = signature.graph()
            xla = tf.function(
                signature.positional, signature.tensor_specs(), False, jit_compile=True
            )
            folder = tempfile.mkdtemp() + "/artefact"
            # Random weights are no model: what is drawn may hang on a float's last bit, and the
            # share of equal values is in the table.
            write_sampler(model, folder)
            artefact = runtime.load(folder, threads=arguments.threads)
            for batch in arguments.batches:
                rows += measured(name, model, batch, graph, xla, artefact, arguments)
                print("measured", *rows[-1], flush=True)
    print_table(
        f"Sampling; median of {arguments.rounds} in turn",
        ["model", "values", "batch", "naive s", "sampler", "s", "us a draw", "faster", "equal"],
        rows,
    )


def write_sampler(model: AutoregressiveModel, folder: str) -> None:
    """Writes the sampler alone, without the comparison that export makes."""
    signatures = {"sample": model.signatures()["sample"]}
    Path(folder).mkdir()
    onnx.save(convert(signatures["sample"]), f"{folder}/sample.onnx")
    record = {
        "format_version": manifest.FORMAT_VERSION,
        "format": "onnx",
        "signatures": manifest.describe(signatures),
    }
    manifest.write(Path(folder), record)


def measured(
    name: str,
    model: AutoregressiveModel,
    batch: int,
    graph: Callable,
    xla: Callable,
    artefact: runtime.Artefact,
    arguments: argparse.Namespace,
) -> list[list[str]]:
    """The rows of one model at one batch size."""
    seeds = runtime.spread(0, batch)
    arrays = model.signatures()["sample"].check({"seeds": seeds})  # settings by default
    inputs = [tf.convert_to_tensor(array) for array in arrays.values()]
    samplers = {"TF graph": lambda: graph(*inputs)["samples"].numpy()}
    if not arguments.no_xla:
        samplers["TF XLA"] = lambda: xla(*inputs)["samples"].numpy()
    samplers["ONNX Runtime"] = lambda: artefact.run("sample", seeds=seeds)["samples"]
    taken = seconds_in_turn([network(model, batch), *samplers.values()], arguments.rounds)
    draws = draws_of(model)
    naive = taken[0] * draws
    reference = samplers["TF graph"]()
    shape = "x".join(map(str, reference.shape[1:]))
    rows = []
    for (label, call), seconds in zip(samplers.items(), taken[1:], strict=True):
        rows.append(
            [
                name,
                shape,
                str(batch),
                f"{naive:.2f}",
                label,
                f"{seconds:.4f}",
                f"{seconds / draws * 1e6:.0f}",
                f"{naive / seconds:.0f}",
                f"{(call() == reference).mean():.2%}",
            ]
        )
    return rows


if __name__ == "__main__":
    main()
