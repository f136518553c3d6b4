"""Run folders: one training, with all that it takes to repeat it and to go on.

A folder holds `config.json` (what was asked for), `history.csv`, `logs/` (TensorBoard), while it
trains `checkpoint-<epochs>.keras`, and once it is finished `model.keras`.
"""

from __future__ import annotations

import csv
import dataclasses
import importlib.metadata
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from keras_gen import data
from keras_gen.callbacks import EpochCheckpoint, SampleGrid, latest_checkpoint
from keras_gen.configuration import constructor_options
from keras_gen.model import Model

CONFIG, HISTORY, LOGS, MODEL = "config.json", "history.csv", "logs", "model.keras"

# What the data or the run says, though constructors take it by keyword.
_SAID_ELSEWHERE = ("codes", "num_classes", "seed")
# What can be written on a command line.
_PLAIN_TYPES = {"bool", "dict", "float", "int", "list", "None", "Sequence", "str", "tuple"}


@dataclasses.dataclass
class Configuration:
    """What a run was asked for.

    Args:
        model: the name of the model's class, as the command has it.
        data: arguments of `keras_gen.data.load`, `name` and `batch_size` among them.
        options: arguments of the model's constructor, beyond what the data says.
        conditional: whether the model learns the data's labels too.
        epochs: how many.
        optimizer: arguments of Adam, beyond those that the model recommends.
        schedule: "constant" or "cosine", of the learning rate.
        jit_compile: whether XLA compiles the step.
        steps_per_execution: steps that one call of the compiled function takes.
        seed: of the weights, the order of the data and the training's noise.
    """

    model: str
    data: dict[str, Any]
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    conditional: bool = False
    epochs: int = 10
    optimizer: dict[str, Any] = dataclasses.field(default_factory=dict)
    schedule: str = "constant"
    jit_compile: bool = False
    steps_per_execution: int = 1
    seed: int = 0


def start(folder: Any, configuration: Configuration, model_class: type[Model]) -> Model:
    """Trains a model in a new run folder.

    Args:
        folder: to make; it must not exist, or be empty.
        configuration: of the run.
        model_class: what `configuration.model` names.

    Returns:
        The trained model.

    Raises:
        ValueError: the folder is not empty, or the configuration does not fit.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(
            f"run must be a new or empty folder, received {folder}; --resume goes on with a run "
            "that was interrupted."
        )
    # All that may fail for a bad argument comes before anything is written.
    keras.utils.set_random_seed(configuration.seed)
    train, description = _load(configuration, first_epoch=0)
    validation, _ = _load(configuration, split="validation")
    model = _build(configuration, model_class, description)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        record = dataclasses.asdict(configuration) | {"versions": _versions()}
        (folder / CONFIG).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise ValueError(
            f"run must be a place that can be written, received {folder}: {error.strerror}."
        ) from error
    return _fit(folder, configuration, model, train, validation, description, first_epoch=0)


def resume(folder: Any, model_classes: dict[str, type[Model]]) -> Model:
    """Goes on with an interrupted run, as if nothing had happened.

    Args:
        folder: of the run.
        model_classes: what a configuration may name.

    Returns:
        The trained model.

    Raises:
        ValueError: there is no run in the folder, or it is finished.
    """
    folder = Path(folder)
    configuration = read_configuration(folder)
    if (folder / MODEL).exists():
        raise ValueError(f"run must be interrupted, received {folder}, which is finished.")
    checkpoint = latest_checkpoint(folder)
    # Killed before its first checkpoint, a run begins anew, from the same seed.
    path, first_epoch = checkpoint or (None, 0)
    keras.utils.set_random_seed(configuration.seed)
    train, description = _load(configuration, first_epoch)
    validation, _ = _load(configuration, split="validation")
    if path is None:
        if configuration.model not in model_classes:
            raise ValueError(f"{CONFIG} must name a model, received {configuration.model!r}.")
        model = _build(configuration, model_classes[configuration.model], description)
    else:
        model = load_model(path)
    _trim_history(folder / HISTORY, first_epoch)
    return _fit(folder, configuration, model, train, validation, description, first_epoch)


def read_configuration(folder: Path) -> Configuration:
    """Reads a run's configuration.

    Raises:
        ValueError: there is none, or it is not as a run writes it.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise ValueError(f"run must be a folder with {CONFIG}, received {folder}.")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        names = {field.name for field in dataclasses.fields(Configuration)}
        return Configuration(**{name: record[name] for name in names})
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise ValueError(f"{path} must be as a run writes it: {error!r}.") from error


def load_model(path: Any) -> Model:
    """Loads the model of a run, finished or not, or of a `.keras` file.

    Raises:
        ValueError: there is no such file, or it is damaged, or not a model of keras_gen.
    """
    path = Path(path)
    if path.is_dir():
        checkpoint = latest_checkpoint(path)
        if (path / MODEL).exists():
            path = path / MODEL
        elif checkpoint is not None:
            path = checkpoint[0]
    if not path.is_file():
        raise ValueError(f"run must be a run folder or a .keras file, received {path}.")
    try:
        model = keras.models.load_model(path)
    except Exception as error:  # Keras raises what its parsers do
        reason = (str(error).strip() or repr(error)).splitlines()[0]
        raise ValueError(f"{path} must be a file that Keras can load: {reason}") from error
    if not isinstance(model, Model):
        raise ValueError(f"{path} must hold a model of keras_gen, it holds {type(model).__name__}.")
    return model


def _load(
    configuration: Configuration, first_epoch: int | None = None, split: str = "train"
) -> tuple[tf.data.Dataset, data.Description]:
    return data.load(
        split=split, seed=configuration.seed, first_epoch=first_epoch, **configuration.data
    )


def _build(
    configuration: Configuration,
    model_class: type[Model],
    description: data.Description,
) -> Model:
    if configuration.conditional and description.num_classes is None:
        raise ValueError(f"conditional must be off: {description.name} has no labels.")
    options = model_class.options_for(description.format, description.length)
    options["seed"] = configuration.seed
    if configuration.conditional:
        options["num_classes"] = description.num_classes
    allowed = [name for name in plain_options(model_class) if name not in options]
    unknown = configuration.options.keys() - {*allowed, "dtype"}
    if unknown:
        raise ValueError(
            f"set must name options of {configuration.model}, which are {', '.join(allowed)}, "
            f"received {', '.join(sorted(unknown))}."
        )
    try:
        model = model_class(**options, **configuration.options)
    except TypeError as error:
        raise ValueError(f"set must give values of the right kind: {error}.") from error

    steps_per_epoch = _steps_per_epoch(configuration, description)
    if steps_per_epoch % configuration.steps_per_execution:
        raise ValueError(
            f"steps_per_execution must divide the {steps_per_epoch} steps of an epoch, received "
            f"{configuration.steps_per_execution}."
        )
    arguments = model_class.default_optimizer | configuration.optimizer
    if configuration.schedule == "cosine":
        steps = configuration.epochs * steps_per_epoch
        arguments["learning_rate"] = keras.optimizers.schedules.CosineDecay(
            arguments["learning_rate"], steps
        )
    model.compile(
        keras.optimizers.Adam(**arguments),
        jit_compile=configuration.jit_compile,
        steps_per_execution=configuration.steps_per_execution,
    )
    return model


def plain_options(model_class: type[Model]) -> dict[str, Any]:
    """The options of a model that can be written on a command line, with their defaults.

    Those are the keyword arguments of its constructor, and of those that it passes others on to,
    that take numbers, words or tuples of them; but not what the data or the run says.

    Args:
        model_class: the model.

    Returns:
        Defaults by name.

    Example:
        >>> plain_options(DCGAN)["latent_dim"]
        100
    """
    return {
        name: parameter.default
        for name, parameter in constructor_options(model_class).items()
        if parameter.kind is parameter.KEYWORD_ONLY  # data arguments are not
        and parameter.default is not parameter.empty
        and name not in _SAID_ELSEWHERE
        and set(re.findall(r"\w+", str(parameter.annotation))) <= _PLAIN_TYPES
    }


def _steps_per_epoch(configuration: Configuration, description: data.Description) -> int:
    return -(-description.count // configuration.data["batch_size"])


def _fit(
    folder: Path,
    configuration: Configuration,
    model: Model,
    train: tf.data.Dataset,
    validation: tf.data.Dataset,
    description: data.Description,
    first_epoch: int,
) -> Model:
    callbacks = [
        keras.callbacks.CSVLogger(str(folder / HISTORY), append=first_epoch > 0),
        keras.callbacks.TensorBoard(str(folder / LOGS), write_graph=False),
        EpochCheckpoint(folder),
        SampleGrid(folder / LOGS / "samples"),
    ]
    model.fit(
        train,
        epochs=configuration.epochs,
        initial_epoch=first_epoch,
        steps_per_epoch=_steps_per_epoch(configuration, description),
        validation_data=validation,
        shuffle=False,  # the dataset does it
        verbose=1 if sys.stdout.isatty() else 2,  # the progress bar, or a line an epoch
        callbacks=callbacks,
    )
    beside = folder / ".model.part.keras"
    model.save(beside)
    os.replace(beside, folder / MODEL)
    for path in folder.glob("checkpoint-*.keras"):
        path.unlink()
    return model


def _trim_history(path: Path, epochs: int) -> None:
    """Drops the rows of epochs that the checkpoint has not seen: they will come again."""
    if not path.exists():
        return
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = [*csv.reader(file)] or [[]]
    kept = [row for row in rows if row and int(row[header.index("epoch")]) < epochs]
    if kept:
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *kept])
    else:
        path.unlink()


def _versions() -> dict[str, str]:
    packages = ("tensorflow", "keras", "tensorflow_probability", "numpy")
    # The modules know: a distribution may have another name, such as tensorflow-cpu.
    versions = {name: importlib.import_module(name).__version__ for name in packages}
    return {"keras-gen": importlib.metadata.version("keras-gen")} | versions
