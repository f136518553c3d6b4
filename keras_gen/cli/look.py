"""The commands that draw from a model: samples, completions, walks, and texts that go on."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from keras_gen.cli.app import MOST, Run, Seed, app, named_values
from keras_gen.cli.data_options import DataOptions, takes_data

if typing.TYPE_CHECKING:
    import numpy as np

    from keras_gen import GenerativeModel, Model

Temperature = Annotated[
    float | None, typer.Option(min=0.0, help="1 samples, 0 gives the mode; of some models only.")
]
Settings = Annotated[
    list[str] | None, typer.Option(help="NAME=VALUE, how a model draws, such as truncation=0.7.")
]
Label = Annotated[int | None, typer.Option(help="A label for all; else each in turn.")]


@app.command()
def sample(
    run: Run,
    output: Annotated[
        Path | None, typer.Option(help="The file to write; else samples.png, .wav or .txt.")
    ] = None,
    num_samples: Annotated[int, typer.Option("--num-samples", "-n", min=1, max=MOST)] = 64,
    seed: Seed = 0,
    temperature: Temperature = None,
    set: Settings = None,
    label: Label = None,
) -> None:
    """Write samples: a grid of pictures, sounds one after another, or texts."""
    from keras_gen import GenerativeModel, runs

    model = runs.load_model(run)
    if not isinstance(model, GenerativeModel):
        raise ValueError(f"run must hold a model that draws samples, not {type(model).__name__}.")
    labels = _labels(model, num_samples, label)
    settings = _settings(model, temperature, set)
    samples = model.sample(num_samples, labels=labels, seed=seed, **settings)
    path = output or f"samples{model.format.suffix}"
    typer.echo(f"wrote {model.format.write(samples, path)}")


@app.command()
def generate(
    run: Run,
    prompt: Annotated[str, typer.Option(help="The text to go on with.")] = "",
    length: Annotated[
        int | None,
        typer.Option(min=1, max=MOST, help="Characters to add; else the model's own number."),
    ] = None,
    seed: Seed = 0,
    temperature: Temperature = None,
    top_k: Annotated[
        int | None, typer.Option(min=1, help="Draw from so many of the likeliest alone.")
    ] = None,
    label: Label = None,
) -> None:
    """Go on writing a text, and print it."""
    from keras_gen import runs
    from keras_gen.autoregressive.sequence_model import SequenceModel

    model = runs.load_model(run)
    if not isinstance(model, SequenceModel):
        raise ValueError(f"run must hold a model of text, not {type(model).__name__}.")
    text = model.generate(
        prompt,
        length,
        seed=seed,
        labels=_labels(model, 1, label),
        temperature=temperature,
        top_k=top_k,
    )
    typer.echo(text)


@app.command()
@takes_data
def complete(
    data_options: DataOptions,
    run: Run,
    output: Annotated[Path, typer.Option(help="The PNG file to write.")] = Path("completions.png"),
    num_images: Annotated[int, typer.Option(min=1, max=MOST)] = 8,
    completions: Annotated[int, typer.Option(min=1, max=MOST, help="Of each image.")] = 6,
    known: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="The share of rows, from the top, that is given."),
    ] = 0.5,
    seed: Seed = 0,
    temperature: Temperature = None,
    set: Settings = None,
) -> None:
    """Draw the missing lower part of test images: a row each, the original and the hidden first."""
    import numpy as np

    from keras_gen import runs
    from keras_gen.autoregressive.autoregressive_model import AutoregressiveModel
    from keras_gen.formats import Grid

    model = runs.load_model(run)
    if not (isinstance(model, AutoregressiveModel) and isinstance(model.format, Grid)):
        raise ValueError(
            f"run must hold a model that completes images, not {type(model).__name__}."
        )
    settings = _settings(model, temperature, set)
    images, labels = data_options.load_for(model, run, "test")
    # Spread over the split, since some come sorted.
    chosen = np.linspace(0, len(images) - 1, num_images).astype(int)
    images = images[chosen]
    mask = np.zeros(images.shape[1:], bool)
    mask[: round(known * len(mask))] = True
    repeated = np.repeat(images, completions, axis=0)
    repeated_labels = None if labels is None else np.repeat(labels[chosen], completions)
    drawn = model.complete(repeated, mask, labels=repeated_labels, seed=seed, **settings)
    drawn = drawn.reshape(len(images), completions, *images.shape[1:])
    hidden = np.where(mask, images, 0).astype(images.dtype)
    rows = np.concatenate([images[:, None], hidden[:, None], drawn], axis=1)
    path = model.format.write(rows.reshape(-1, *images.shape[1:]), output, completions + 2)
    typer.echo(f"wrote {path}")


@app.command()
def interpolate(
    run: Run,
    output: Annotated[Path | None, typer.Option(help="The file to write; else walks.png.")] = None,
    num_walks: Annotated[int, typer.Option(min=1, max=MOST)] = 8,
    num_steps: Annotated[int, typer.Option(min=2, max=MOST)] = 10,
    seed: Seed = 0,
    label: Label = None,
) -> None:
    """Walk between latents of the prior: a row each."""
    import keras

    from keras_gen import LatentModel, runs

    model = runs.load_model(run)
    if not isinstance(model, LatentModel):
        raise ValueError(f"run must hold a model with latents, not {type(model).__name__}.")
    latents = model.draw_latents(2 * num_walks, seed)
    start = keras.tree.map_structure(lambda z: z[:num_walks], latents)
    end = keras.tree.map_structure(lambda z: z[num_walks:], latents)
    walks = model.interpolate(start, end, num_steps, labels=_labels(model, num_walks, label))
    path = output or f"walks{model.format.suffix}"
    path = model.format.write(walks.reshape(-1, *walks.shape[2:]), path, columns=num_steps)
    typer.echo(f"wrote {path}")


def _labels(model: Model, num: int, label: int | None) -> np.ndarray | int | None:
    """The label for all, or each of a conditional model's in turn."""
    import numpy as np

    if model.num_classes is None:
        if label is not None:
            raise ValueError(f"label must not be given: this {type(model).__name__} knows none.")
        return None
    return np.arange(num) % model.num_classes if label is None else label


def _settings(
    model: GenerativeModel, temperature: float | None, pairs: Sequence[str] | None
) -> dict[str, Any]:
    """The settings that were given, by name.

    Raises:
        ValueError: the model has no such setting.
    """
    from keras_gen_export.inputs import check_known

    settings = named_values(pairs)
    if temperature is not None:
        settings["temperature"] = temperature
    allowed = model.setting_inputs()
    check_known(settings, allowed, f"settings of {type(model).__name__}")
    return settings
