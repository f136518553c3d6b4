"""Serving a DCGAN generator: ONNX Runtime against Keras's `predict_on_batch`.

python benchmarks/export.py --side 64
"""

from __future__ import annotations

import argparse
import functools
import tempfile

import numpy as np

from keras_gen import DCGAN
from keras_gen_export import runtime
from table import print_table, seconds_in_turn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--filters", type=int, default=64)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 64])
    parser.add_argument("--rounds", type=int, default=21)
    arguments = parser.parse_args()

    model = DCGAN((arguments.side, arguments.side, 3), filters=arguments.filters)
    folder = tempfile.mkdtemp() + "/artefact"
    model.export(folder, format="onnx", verbose=False)
    artefact = runtime.load(folder)
    rows = []
    for batch in arguments.batches:
        latents = model.draw_latents(batch, seed=0)
        keras_seconds, ort_seconds = seconds_in_turn(
            [
                functools.partial(model.generator.predict_on_batch, latents),
                functools.partial(artefact.decode, latents=latents),
            ],
            arguments.rounds,
        )
        difference = np.abs(
            artefact.decode(latents=latents)["images"].astype(int) - model.decode(latents)
        )
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


if __name__ == "__main__":
    main()
