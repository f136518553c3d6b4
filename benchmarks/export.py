"""Exports: how they serve, how long they take, what they weigh, and what shorter loops gain.

    python benchmarks/export.py serving --side 64
    python benchmarks/export.py seconds                        # of whole exports, verification too
    python benchmarks/export.py sizes
    python benchmarks/export.py loops --models gated_pixel_cnn pixel_cnn_plus_plus

`serving` compares a DCGAN's generator in ONNX Runtime with Keras's `predict_on_batch`; `loops` the
samplers with and without the states that never change in their loops.
"""

from __future__ import annotations

import argparse
import functools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import onnxruntime

import keras_gen
from keras_gen_export import onnx as onnx_writer
from keras_gen_export import runtime, shared_weights
from sampling import MODELS as SAMPLERS
from sampling import SIDES, perturbed
from table import print_table, seconds_in_turn

# In the sizes of the README's tables.
MODELS: dict[str, Callable[[int], Any]] = SAMPLERS | {
    "vae": lambda side: keras_gen.VAE((side, side, 1), levels=2),
    "dcgan": lambda _: keras_gen.DCGAN((64, 64, 3)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    tables = {"serving": serving, "seconds": seconds, "sizes": sizes, "loops": loops}
    parser.add_argument("table", nargs="?", choices=tables, default="serving")
    parser.add_argument("--models", nargs="+", choices=sorted(MODELS))
    parser.add_argument("--side", type=int, default=64, help="of the DCGAN's pictures")
    parser.add_argument("--filters", type=int, default=64, help="of the DCGAN")
    parser.add_argument("--batches", type=int, nargs="+")
    parser.add_argument("--rounds", type=int, default=21)
    arguments = parser.parse_args()
    tables[arguments.table](arguments)


def built(name: str) -> Any:
    return MODELS[name](SIDES.get(name, 28))


def serving(arguments: argparse.Namespace) -> None:
    """A generator in ONNX Runtime against Keras."""
    model = keras_gen.DCGAN((arguments.side, arguments.side, 3), filters=arguments.filters)
    folder = tempfile.mkdtemp() + "/artefact"
    model.export(folder, format="onnx", verbose=False)
    artefact = runtime.load(folder)
    rows = []
    for batch in arguments.batches or [1, 64]:
        latents = model.draw_latents(batch, seed=0)
        keras_seconds, ort_seconds = seconds_in_turn(
            [
                functools.partial(model.generator.predict_on_batch, latents),
                functools.partial(artefact.decode, latents),
            ],
            arguments.rounds,
        )
        difference = np.abs(artefact.decode(latents).astype(int) - model.decode(latents))
        rows.append(
            [
                str(batch),
                f"{1e3 * keras_seconds:.2f}",
                f"{1e3 * ort_seconds:.2f}",
                f"{keras_seconds / ort_seconds:.2f}",
                f"{(difference == 0).sum()}/{difference.size}",
                str(difference.max()),
            ]
        )
    print_table(
        f"DCGAN generator {arguments.side}x{arguments.side}x3, {arguments.filters} filters; median "
        f"of {arguments.rounds} in turn",
        ["batch", "Keras ms", "ONNX Runtime ms", "times faster", "equal values", "largest gap"],
        rows,
    )


def seconds(arguments: argparse.Namespace) -> None:
    """A whole export of each model, verification included, each format on a model of its own."""
    rows = []
    for name in arguments.models or MODELS:
        row = [name]
        for format in ("tf_saved_model", "onnx"):
            model = built(name)
            begin = time.perf_counter()
            model.export(tempfile.mkdtemp() + "/artefact", format=format, verbose=False)
            row.append(f"{time.perf_counter() - begin:.1f}")
        rows.append(row)
        print("exported", *row, flush=True)
    print_table("Seconds of a whole export", ["model", "SavedModel", "ONNX"], rows)


def sizes(arguments: argparse.Namespace) -> None:
    """What ONNX artefacts weigh, with weights stored once, and in each file."""
    rows = []
    for name in arguments.models or ["vae"]:
        model = built(name)
        weights = sum(np.asarray(weight).nbytes for weight in model.weights)
        row = [name, f"{weights / 1e6:.2f}"]
        for least in (shared_weights.LEAST_BYTES, float("inf")):
            folder = Path(tempfile.mkdtemp()) / "artefact"
            with mock.patch.object(shared_weights, "LEAST_BYTES", least):
                model.export(folder, format="onnx", verbose=False)
            size = sum(path.stat().st_size for path in folder.iterdir())
            row += [f"{size / 1e6:.2f}", f"{size / weights:.2f}"]
        rows.append(row)
    print_table(
        "Megabytes of ONNX artefacts",
        ["model", "weights", "stored once", "times weights", "in each file", "times weights"],
        rows,
    )


def loops(arguments: argparse.Namespace) -> None:
    """Samplers in ONNX Runtime, with the states that never change in their loops, and without."""
    rows = []
    for name in arguments.models or ["gated_pixel_cnn", "pixel_cnn_plus_plus"]:
        model = perturbed(built(name))
        signature = model.signatures()["sample"]
        lifted = onnx_writer.convert(signature)
        with mock.patch.object(onnx_writer, "lift_constant_states", return_value=0):
            converted = onnx_writer.convert(signature)
        sessions = [
            onnxruntime.InferenceSession(proto.SerializeToString()) for proto in (converted, lifted)
        ]
        for batch in arguments.batches or [1, 16]:
            inputs = signature.check({"seeds": runtime.spread(0, batch)})
            calls = [functools.partial(each.run, None, inputs) for each in sessions]
            before, after = seconds_in_turn(calls, arguments.rounds)
            equal = np.mean([np.mean(a == b) for a, b in zip(calls[0](), calls[1](), strict=True)])
            rows.append(
                [
                    name,
                    str(batch),
                    f"{1e3 * before:.1f}",
                    f"{1e3 * after:.1f}",
                    f"{before / after:.2f}",
                    f"{equal:.2%}",
                ]
            )
            print("measured", *rows[-1], flush=True)
    print_table(
        f"Samplers in ONNX Runtime; median of {arguments.rounds} in turn",
        ["model", "batch", "states within ms", "lifted ms", "times faster", "equal values"],
        rows,
    )


if __name__ == "__main__":
    main()
