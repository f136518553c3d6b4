"""Seconds of StyleGAN's samples in ONNX Runtime, beside Keras.

python benchmarks/style_gan_serving.py --side 64 --samples 64
"""

from __future__ import annotations

import argparse
import functools
import tempfile

import keras_gen
from keras_gen_export import runtime
from table import print_table, seconds_in_turn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--filters", type=int, default=32)
    parser.add_argument("--latent-dim", type=int, default=128)
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()

    model = keras_gen.StyleGAN(
        (arguments.side, arguments.side, 3),
        filters=arguments.filters,
        latent_dim=arguments.latent_dim,
    )
    with tempfile.TemporaryDirectory() as folder:
        model.export(f"{folder}/artefact", format="onnx", verbose=False)
        artefact = runtime.load(f"{folder}/artefact")
        of_keras, of_artefact = seconds_in_turn(
            [
                functools.partial(each.sample, arguments.samples, seed=0)
                for each in (model, artefact)
            ],
            arguments.rounds,
        )
    print_table(
        f"StyleGAN {arguments.side}x{arguments.side}x3, {arguments.filters} filters, "
        f"{model.generator.count_params():,} numbers; {arguments.samples} samples, median of "
        f"{arguments.rounds} in turn",
        ["Keras s", "ONNX Runtime s"],
        [[f"{of_keras:.2f}", f"{of_artefact:.2f}"]],
    )


if __name__ == "__main__":
    main()
