"""Run folders: one training, with all that it takes to repeat it and to go on.

A folder holds `config.json` (what was asked for), `history.csv`, `logs/` (TensorBoard), while it
trains the last two `checkpoint-<epochs>.keras` and a lock that keeps other trainings out, and once
it is finished `model.keras`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import inspect
import json
import math
import re
import sys
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from keras_gen import checks, data, memory
from keras_gen.callbacks import (
    DivergenceError,
    EpochCheckpoint,
    HistoryFile,
    SampleGrid,
    StopOnDivergence,
    check_finite,
    checkpoints,
    latest_checkpoint,
)
from keras_gen.configuration import constructor_options
from keras_gen.files import (
    LOCK,
    UnwritableError,
    alone_in,
    is_unfinished,
    made,
    of_the_disk,
    reason,
    write_beside,
)
from keras_gen.model import Model
from keras_gen_export.inputs import check_known

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
    _check(configuration)
    with made(folder, "run"), alone_in(folder):
        if any(not _is_leftover(path) for path in folder.iterdir()):
            raise ValueError(
                f"run must be a new or empty folder, received {folder}; --resume goes on with a "
                "run that was interrupted."
            )
        # All that may fail for a bad argument comes before anything is written.
        keras.utils.set_random_seed(configuration.seed)
        train, description = _load(configuration, first_epoch=0)
        validation, _ = _load(configuration, split="validation")
        model = _build(configuration, model_class, description)
        model.unpack(next(iter(train)))  # what the model wants and the data has not
        record = dataclasses.asdict(configuration) | {"versions": _versions()}
        text = json.dumps(record, indent=2) + "\n"
        write_beside(folder / CONFIG, lambda beside: beside.write_text(text, "utf-8"), name="run")
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
    with alone_in(folder):
        if (folder / MODEL).exists():
            raise ValueError(f"run must be interrupted, received {folder}, which is finished.")
        if configuration.model not in model_classes:
            raise ValueError(
                f"{folder / CONFIG} must name one of {', '.join(model_classes)} as its model, "
                f"received {configuration.model!r}."
            )
        model, first_epoch = _newest_intact(folder)
        keras.utils.set_random_seed(configuration.seed)
        train, description = _load(configuration, first_epoch)
        validation, _ = _load(configuration, split="validation")
        if model is None:
            # Killed before its first checkpoint, a run begins anew, from the same seed.
            model = _build(configuration, model_classes[configuration.model], description)
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
    except (ValueError, OSError, RecursionError) as error:
        raise ValueError(f"{path} must be as a run writes it: {reason(error)}.") from error
    if not isinstance(record, dict):
        raise ValueError(
            f"{path} must be as a run writes it, an object, it holds {str(record)[:50]}."
        )
    names = {field.name for field in dataclasses.fields(Configuration)}
    missing, unknown = names - record.keys(), record.keys() - names - {"versions"}
    if missing or unknown:
        what = f"lacks {min(missing)}" if missing else f"has {min(unknown)} besides"
        raise ValueError(f"{path} must be as a run writes it, it {what}.")
    configuration = Configuration(**{name: record[name] for name in names})
    try:
        _check(configuration)
    except ValueError as error:
        raise ValueError(f"{path} must be as a run writes it: {error}") from None
    return configuration


def load_model(path: Any) -> Model:
    """Loads the model of a run, finished or not, or of a `.keras` file.

    Of an unfinished run, it is the newest intact checkpoint's.

    Raises:
        ValueError: there is no such file, or it is damaged, or not a model of keras_gen.
    """
    path = Path(path)
    if path.is_dir() and not (path / MODEL).exists():
        model, _ = _newest_intact(path)
        if model is None:
            raise ValueError(f"run must hold a model or a checkpoint, {path} has none.")
        return model
    return _load_file(path / MODEL if path.is_dir() else path)


def _newest_intact(folder: Path) -> tuple[Model | None, int]:
    """The model of the newest checkpoint that can be read, and the epochs that it has seen.

    Returns:
        `None` and 0 where there is no checkpoint.

    Raises:
        ValueError: there are some, and none can be read.
    """
    faults = []
    for path, epochs in checkpoints(folder):
        try:
            model = _load_file(path)
        except ValueError as error:
            faults.append(str(error))
            continue
        if faults:
            warnings.warn(f"{faults[0]} The one before is used: {path}.", stacklevel=3)
        return model, epochs
    if faults:
        raise ValueError(faults[0])
    return None, 0


def _load_file(path: Path) -> Model:
    if not path.is_file():
        raise ValueError(f"run must be a run folder or a .keras file, received {path}.")
    try:
        zipfile.ZipFile(path).close()  # Keras takes one that is cut short for one that is missing
        model = keras.models.load_model(path)
    except Exception as error:  # Keras raises what its parsers do
        raise ValueError(f"{path} must be a file that Keras can load: {reason(error)}.") from error
    if not isinstance(model, Model):
        raise ValueError(f"{path} must hold a model of keras_gen, it holds {type(model).__name__}.")
    try:
        check_finite(model, str(path))
    except DivergenceError as error:
        raise ValueError(str(error)) from None
    return model


def _check(configuration: Configuration) -> None:
    """Refuses what no data and no model would mend.

    Raises:
        ValueError: an entry is of another kind, or out of range.
    """
    entries = {"model": str, "data": dict, "options": dict, "optimizer": dict}
    for name, kind in entries.items():
        value = getattr(configuration, name)
        if not isinstance(value, kind):
            raise ValueError(f"{name} must be a {kind.__name__}, received {value!r}.")
    for name in ("conditional", "jit_compile"):
        if not isinstance(value := getattr(configuration, name), bool):
            raise ValueError(f"{name} must be true or false, received {value!r}.")
    allowed = inspect.signature(data.load_arrays).parameters.keys() - {"split", "seed"}
    unknown = configuration.data.keys() - allowed - {"batch_size"}
    if unknown or not {"name", "batch_size"} <= configuration.data.keys():
        raise ValueError(
            f"data must have a name, a batch_size, and else of {', '.join(sorted(allowed))}, "
            f"received {', '.join(map(str, configuration.data))}."
        )
    for name, kinds in (("name", str), ("data_dir", str | None)):
        if not isinstance(value := configuration.data.get(name), kinds):
            raise ValueError(f"data's {name} must be a str, received {value!r}.")
    checks.in_range("batch_size", configuration.data["batch_size"], 1, 2**31 - 1)
    checks.in_range("epochs", configuration.epochs, 1, 2**31 - 1)
    checks.in_range("steps_per_execution", configuration.steps_per_execution, 1, 2**31 - 1)
    checks.in_range("seed", configuration.seed, 0, 2**31 - 1)
    if configuration.schedule not in ("constant", "cosine"):
        raise ValueError(
            f"schedule must be constant or cosine, received {configuration.schedule!r}."
        )
    rate = configuration.optimizer.get("learning_rate", 1.0)
    if not (isinstance(rate, int | float) and math.isfinite(rate) and rate > 0.0):
        raise ValueError(f"learning_rate must be finite and above 0, received {rate}.")
    checks.share("ema_momentum", configuration.optimizer.get("ema_momentum", 0.0))


def _is_leftover(path: Path) -> bool:
    """Whether a file in a run folder is what a start that failed, or was killed, left behind."""
    return path.name == LOCK or is_unfinished(path)


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
    if description.source is not None and "source" in constructor_options(model_class):
        options["source"] = description.source
    allowed = [name for name in plain_options(model_class) if name not in options]
    given = {name: value for name, value in configuration.options.items() if name != "dtype"}
    check_known(given, dict.fromkeys(allowed), f"options of {configuration.model}")
    try:
        with memory.weights_within("set" if configuration.options else "data"):
            model = model_class(**options, **configuration.options)
    except ValueError:
        raise
    except Exception as error:
        if not configuration.options:
            raise  # no option is to blame
        raise ValueError(f"set must give values of the right kind: {reason(error)}.") from error

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
    try:
        optimizer = keras.optimizers.Adam(**arguments)
    except (TypeError, ValueError) as error:
        raise ValueError(f"optimizer must be as Adam takes it: {reason(error)}.") from error
    model.compile(
        optimizer,
        jit_compile=configuration.jit_compile,
        steps_per_execution=configuration.steps_per_execution,
    )
    model.optimizer.build(model.trainable_variables)  # so that the first checkpoint has its slots
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
        StopOnDivergence(),
        HistoryFile(folder / HISTORY, first_epoch),
        keras.callbacks.TensorBoard(str(folder / LOGS), write_graph=False),
        EpochCheckpoint(folder),
        SampleGrid(folder / LOGS / "samples"),
    ]
    with _told_what_is_kept(folder):
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
        check_finite(model, "the model at its end")  # it may be an average of its weights
        write_beside(folder / MODEL, model.save, name="run")
        for path, _ in checkpoints(folder):
            path.unlink()
    return model


@contextlib.contextmanager
def _told_what_is_kept(folder: Path) -> Iterator[None]:
    """Says of a training that ends too early, in one sentence, what is kept and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"stopped {_where(folder)}; go on with --resume {folder}") from None
    except DivergenceError as error:
        newest = latest_checkpoint(folder)
        kept = f" {newest[0]} is kept." if newest else ""
        raise DivergenceError(f"{error}{kept}") from None
    except (UnwritableError, OSError, tf.errors.OpError) as error:
        # TensorBoard's files are written by TensorFlow, whose errors are of all kinds.
        why = error.why if isinstance(error, UnwritableError) else of_the_disk(error)
        if why is None:
            raise
        why = f"{why}; it stopped {_where(folder)}, go on with --resume {folder}"
        raise UnwritableError("run", folder, why) from error


def _where(folder: Path) -> str:
    newest = latest_checkpoint(folder)
    return f"in epoch {newest[1] + 1}" if newest else "before its first epoch"


def _versions() -> dict[str, str]:
    packages = ("tensorflow", "keras", "tensorflow_probability", "numpy")
    # The modules know: a distribution may have another name, such as tensorflow-cpu.
    versions = {name: importlib.import_module(name).__version__ for name in packages}
    return {"keras-gen": importlib.metadata.version("keras-gen")} | versions
