"""The options that say which data a command reads, written once for all commands."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from keras_gen.cli.app import whole_numbers

if typing.TYPE_CHECKING:
    import numpy as np

    from keras_gen import Model

_Data = Annotated[
    str | None,
    typer.Option(
        help="digits, tfds:NAME, npz:FILE, folder:PATH, text, text:FILE, audio:PATH, "
        "points:ring or points:grid; else the "
        "run's own data, and digits to train."
    ),
]
_DataDir = Annotated[Path | None, typer.Option(help="Where TFDS has prepared its data.")]
_Binarize = Annotated[str | None, typer.Option(help="fixed, or dynamic (anew each epoch).")]
_Resize = Annotated[str | None, typer.Option(help="HEIGHT,WIDTH.")]
_Crop = Annotated[
    str | None, typer.Option(help="HEIGHT,WIDTH of random pieces of a folder's pictures.")
]
_ImageShape = Annotated[
    str | None, typer.Option(help="HEIGHT,WIDTH,CHANNELS of an .npz file's flat or packed rows.")
]
_Length = Annotated[int | None, typer.Option(min=1, help="Characters of texts, samples of sounds.")]
_SampleRate = Annotated[int | None, typer.Option(min=1, help="Resample sounds to so many Hz.")]
_Sides = Annotated[
    bool | None, typer.Option(help="Take two classes of pictures as sides to translate between.")
]
_Source = Annotated[
    str | None, typer.Option(help="edges, or grey: what pictures shall be made from.")
]

# The kinds of data that a path follows.
_WITH_PATH = ("npz:", "folder:", "text:", "audio:")


class DataOptions(NamedTuple):
    """The data that a command reads, as typed; the fields are the command's options."""

    data: _Data = None
    data_dir: _DataDir = None
    binarize: _Binarize = None
    resize: _Resize = None
    crop: _Crop = None
    image_shape: _ImageShape = None
    length: _Length = None
    sample_rate: _SampleRate = None
    sides: _Sides = None
    source: _Source = None

    def arguments(self) -> dict[str, Any]:
        """The arguments of `keras_gen.data.load` that were given."""
        name = self.data
        # A run is read again from other places: paths are recorded whole.
        if name is not None and name.startswith(_WITH_PATH):
            kind, _, path = name.partition(":")
            name = f"{kind}:{Path(path).absolute()}"
        arguments = self._asdict() | {
            "data_dir": None if self.data_dir is None else str(self.data_dir.absolute()),
            "resize": whole_numbers("resize", self.resize),
            "crop": whole_numbers("crop", self.crop),
            "image_shape": whole_numbers("image_shape", self.image_shape),
        }
        arguments.pop("data")
        arguments["name"] = name
        return {key: value for key, value in arguments.items() if value is not None}

    def load_for(self, model: Model, run: Path, split: str) -> tuple[np.ndarray, Any]:
        """What a model takes of a split of these data or, where unnamed, of its run's own.

        Args:
            model: that takes the examples.
            run: its run folder, or a `.keras` file in it.
            split: "train", "validation" or "test".

        Returns:
            Stored data `[n, ...]`, and what it comes with: labels `[n]`, or a dict of conditions;
            `None` for a model that takes neither.

        Raises:
            ValueError: there are no such data, or the model does not take them.
        """
        from keras_gen import data, runs

        arguments, seed = self.arguments(), 0
        if self.data is None:
            configuration = runs.read_configuration(run if run.is_dir() else run.parent)
            arguments, seed = configuration.data | arguments, configuration.seed
        arguments.pop("batch_size", None)
        if arguments.get("binarize") == "dynamic":
            arguments["binarize"] = "fixed"  # to measure on, images must not change
        examples, given, description = data.load_arrays(split=split, seed=seed, **arguments)
        examples = model.check_data(examples, "data")
        wanted = model.condition_inputs().keys()
        if not wanted:
            return examples, None
        received = given if isinstance(given, dict) else {"labels": given}
        if missing := [name for name in wanted if received.get(name) is None]:
            raise ValueError(
                f"data must have {missing[0]}, which {type(model).__name__} needs: "
                f"{description.name} has none."
            )
        return examples, given


def takes_data(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command that has an argument `data_options` the options of its fields instead.

    Args:
        command: the function, with an argument `data_options` of type `DataOptions`.

    Returns:
        A function with an argument for each field.
    """
    hints = typing.get_type_hints(DataOptions, include_extras=True)
    fields = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=DataOptions._field_defaults[name],
            annotation=hints[name],
        )
        for name in DataOptions._fields
    ]
    others = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in inspect.signature(command, eval_str=True).parameters.values()
        if parameter.name != "data_options"
    ]

    @functools.wraps(command)
    def with_fields(**given: Any) -> None:
        options = DataOptions(**{name: given.pop(name) for name in DataOptions._fields})
        command(data_options=options, **given)

    # What typer makes options of.
    parameters = [*others, *fields]
    with_fields.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_fields.__annotations__ = {p.name: p.annotation for p in parameters}
    return with_fields
