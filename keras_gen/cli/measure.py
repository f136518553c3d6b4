"""The command that scores a model."""

from __future__ import annotations

from typing import Annotated

import typer

from keras_gen.cli.app import MOST, Run, app
from keras_gen.cli.data_options import DataOptions, takes_data


@app.command()
@takes_data
def evaluate(
    data_options: DataOptions,
    run: Run,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    batch_size: Annotated[int, typer.Option(min=1, max=MOST)] = 250,
    num_samples: Annotated[
        int,
        typer.Option(
            min=1, max=MOST, help="Of an importance-weighted bound, where a model has one."
        ),
    ] = 50,
) -> None:
    """Print a model's scores on held-out data, each with its unit."""
    from keras_gen import runs

    model = runs.load_model(run)
    examples, labels = data_options.load_for(model, run, split)
    scores = model.measure(examples, labels, batch_size=batch_size, num_samples=num_samples)
    typer.echo(f"{len(examples)} examples of {split}")
    for name, (value, unit) in scores.items():
        typer.echo(f"{name}: {value:.4f} {unit}")
