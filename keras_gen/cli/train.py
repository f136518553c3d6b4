"""The command that trains."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from keras_gen.cli.app import Seed, app, named_values
from keras_gen.cli.data_options import DataOptions, takes_data
from keras_gen.cli.models import model_class_of, model_classes


@app.command()
@takes_data
def train(
    context: typer.Context,
    data_options: DataOptions,
    model: Annotated[str | None, typer.Argument(help="One of `keras-gen models`.")] = None,
    run: Annotated[Path | None, typer.Option(help="The run folder to make.")] = None,
    resume: Annotated[Path | None, typer.Option(help="A run folder to go on with.")] = None,
    epochs: Annotated[int, typer.Option(min=1)] = 10,
    batch_size: Annotated[int, typer.Option(min=1)] = 64,
    learning_rate: Annotated[float | None, typer.Option(help="Else the model's own.")] = None,
    schedule: Annotated[str, typer.Option(help="constant, or cosine.")] = "constant",
    ema: Annotated[
        float | None, typer.Option(help="Momentum of the weight average that training ends with.")
    ] = None,
    conditional: Annotated[bool, typer.Option(help="Learn the data's labels too.")] = False,
    dtype: Annotated[str | None, typer.Option(help="float32, mixed_bfloat16...")] = None,
    jit: Annotated[bool, typer.Option(help="Compile the training step with XLA.")] = False,
    steps_per_execution: Annotated[int, typer.Option(min=1)] = 1,
    seed: Seed = 0,
    set: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, a model's option.")] = None,
) -> None:
    """Train a model in a new run folder, or go on with an interrupted run."""
    from keras_gen import runs

    if resume is not None:
        others = sorted(_given(context) - {"resume"})
        if others:
            raise ValueError(
                "resume takes all that it needs from its run: give nothing else, received "
                f"{', '.join(others)}."
            )
        with _stopped_by_ctrl_c():
            runs.resume(resume, model_classes())
        typer.echo(f"finished {resume}")
        return
    if model is None or run is None:
        raise ValueError("train needs a model and --run FOLDER, or --resume FOLDER.")
    optimizer: dict[str, Any] = {}
    if learning_rate is not None:
        optimizer["learning_rate"] = learning_rate
    if ema is not None:
        optimizer |= {"use_ema": True, "ema_momentum": ema}
    options = named_values(set)
    if dtype is not None:
        options["dtype"] = dtype
    model_class = model_class_of(model)
    usual = {"name": "digits", "batch_size": batch_size} | model_class.usual_data
    configuration = runs.Configuration(
        model=model,
        data=usual | data_options.arguments(),
        options=options,
        conditional=conditional,
        epochs=epochs,
        optimizer=optimizer,
        schedule=schedule,
        jit_compile=jit,
        steps_per_execution=steps_per_execution,
        seed=seed,
    )
    with _stopped_by_ctrl_c():
        runs.start(run, configuration, model_class)
    typer.echo(f"finished {run}")


def _given(context: typer.Context) -> set[str]:
    """The names of what was typed, rather than left at its default."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {name for name, source in sources.items() if source and source.name == "COMMANDLINE"}


@contextlib.contextmanager
def _stopped_by_ctrl_c() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as interrupt:
        typer.echo(f"keras-gen: {str(interrupt) or 'stopped, and nothing was begun'}", err=True)
        raise typer.Exit(130) from None
