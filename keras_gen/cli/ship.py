"""The commands that let a model leave Python: its artefacts, and the whole way there as a demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from keras_gen.cli.app import Run, Seed, app, named_values


@app.command()
def export(
    run: Run,
    output: Annotated[Path, typer.Option(help="The artefact's folder to make.")],
    format: Annotated[str, typer.Option(help="tf_saved_model or onnx.")] = "tf_saved_model",
    set: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE, what is fixed in the graph, as num_samples of a bound."),
    ] = None,
) -> None:
    """Write all of a model's signatures as one artefact, verified."""
    choices = named_values(set)
    from keras_gen import runs
    from keras_gen_export.inputs import check_known

    model = runs.load_model(run)
    known = {name: None for each in model.signatures().values() for name in each.choices}
    check_known(choices, known, "choices")  # not the other arguments of `export`
    model.export(output, format=format, **choices)


@app.command()
def demo(
    output: Annotated[Path, typer.Option(help="The folder to make.")] = Path("runs/demo"),
    epochs: Annotated[int, typer.Option(min=1)] = 28,
    seed: Seed = 0,
) -> None:
    """Train a Gated PixelCNN on real digits, score it, look at it, ship it twice, and sample it
    again in ONNX Runtime without TensorFlow."""
    from keras_gen.demo import run_demo

    run_demo(output, epochs, seed)
