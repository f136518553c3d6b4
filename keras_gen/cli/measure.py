"""The command that scores a model."""

from __future__ import annotations

import typing
from typing import Annotated, Any

import typer

from keras_gen.cli.app import MOST, Run, app
from keras_gen.cli.data_options import DataOptions, takes_data

if typing.TYPE_CHECKING:
    import numpy as np

    from keras_gen import Model
    from keras_gen.metrics import PictureClassifier

# Drawn for a classifier to judge, where there are as many examples to compare them with.
_NUM_JUDGED = 1000


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
    classifier: Annotated[
        str | None,
        typer.Option(help="mnist, fashion_mnist, or a file: what 1,000 samples are judged by."),
    ] = None,
) -> None:
    """Print a model's scores on held-out data, each with its unit."""
    from keras_gen import metrics, runs

    model = runs.load_model(run)
    network = None if classifier is None else metrics.classifier(classifier)
    if network is not None:
        _check_judged(model, network)
    examples, labels = data_options.load_for(model, run, split)
    scores = model.measure(examples, labels, batch_size=batch_size, num_samples=num_samples)
    if network is not None:
        learned, _ = data_options.load_for(model, run, "test" if split == "train" else "train")
        scores |= _judged(model, network, examples, labels, learned)
    typer.echo(f"{len(examples)} examples of {split}")
    for name, (value, unit) in scores.items():
        typer.echo(f"{name}: {value:.4f} {unit}")


def _check_judged(model: Model, classifier: PictureClassifier) -> None:
    """Refuses samples that the classifier could not judge, before an evaluation of minutes.

    Raises:
        ValueError: the model draws no pictures, or others.
    """
    import numpy as np

    from keras_gen import GenerativeModel, Images

    if not (
        isinstance(model, GenerativeModel)
        and isinstance(model.format, Images)
        and model.sample_condition_inputs().keys() <= {"labels"}
    ):
        raise ValueError(
            f"classifier must not be given: {type(model).__name__} draws no pictures from labels "
            "or from nothing."
        )
    classifier.prepare(np.zeros((0, *model.format.image_shape), np.uint8))


def _judged(
    model: Any,
    classifier: PictureClassifier,
    examples: np.ndarray,
    labels: np.ndarray | None,
    learned: np.ndarray,
) -> dict[str, tuple[float, str]]:
    """What a classifier says of samples, drawn with the labels of held-out examples."""
    from keras_gen import metrics

    num = min(_NUM_JUDGED, len(examples), len(learned))
    asked = None if labels is None else labels[:num]
    return metrics.classifier_figures(
        model.sample(num, labels=asked, seed=0),
        examples,
        classifier,
        labels=asked,
        train=learned,
        levels=model.format.levels,
    )
