"""The models that the command knows: found among those that keras_gen exports, not listed."""

from __future__ import annotations

import inspect
import re
import typing

import typer

from keras_gen.cli.app import app

if typing.TYPE_CHECKING:
    from keras_gen import Model

# Between words: pixel|CNN, CNN|Plus; but WaveNet is one word, as its authors write it.
_WORD_ENDS = re.compile(r"(?<=[a-z])(?=[A-Z])(?!Net$)|(?<=[A-Z])(?=[A-Z][a-z])")


def model_classes() -> dict[str, type[Model]]:
    """The models by the command's names for them, in the order of those.

    Those are the exported models that can be saved: the classes that they share are not registered
    with Keras.
    """
    import keras

    import keras_gen

    exported = (getattr(keras_gen, name) for name in keras_gen.__all__)
    classes = [
        exported_class
        for exported_class in exported
        if inspect.isclass(exported_class)
        and issubclass(exported_class, keras_gen.Model)
        and keras.saving.get_registered_name(exported_class) != exported_class.__name__
    ]
    return dict(sorted((command_name(model_class), model_class) for model_class in classes))


def command_name(model_class: type) -> str:
    """The command's name for a class: "gated_pixel_cnn" for `GatedPixelCNN`."""
    return _WORD_ENDS.sub("_", model_class.__name__).lower()


def model_class_of(name: str) -> type[Model]:
    """The class of a name.

    Raises:
        ValueError: there is no such model.
    """
    classes = model_classes()
    if name not in classes:
        raise ValueError(f"model must be one of {', '.join(classes)}, received {name!r}.")
    return classes[name]


@app.command()
def models() -> None:
    """List the models, what each is for, and its options."""
    from keras_gen import runs

    for name, model_class in model_classes().items():
        summary = inspect.getdoc(model_class).partition("\n\n")[0]  # type: ignore[union-attr]
        typer.echo(f"{name}: {' '.join(summary.split())}")
        for option, default in runs.plain_options(model_class).items():
            typer.echo(f"    {option}={default!r}")
