"""The application that commands register with, and the options that several of them share."""

from __future__ import annotations

import ast
import json
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    help="Deep generative models: train, measure, look, ship.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

# More than anybody waits for: what is asked for beyond it is a slip of the hand.
MOST = 1_000_000
# Of what was typed, so much is repeated in a message.
_LONGEST = 80

Run = Annotated[Path, typer.Argument(help="A run folder, or a .keras file.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same result.")]


def main() -> None:
    """Runs the command; a mistake of the user's is one sentence and exit status 2."""
    warnings.formatwarning = _in_a_sentence  # type: ignore[assignment]
    try:
        app()
    except ValueError as error:
        _say(error)
        sys.exit(2)
    except RuntimeError as error:
        # Not the user's mistake, such as a failed verification, but said as plainly.
        _say(error)
        sys.exit(1)
    except Exception as error:
        from keras_gen.files import of_the_disk  # only now: it brings TensorFlow

        if why := of_the_disk(error):
            name = getattr(error, "filename", None) or "a file"
            _say(f"{name} must be one that can be read and written: {why}.")
            sys.exit(2)
        if _is_of_memory(error):
            _say("out of memory: a smaller batch, model or number of samples takes less.")
            sys.exit(1)
        raise


def _say(message: object) -> None:
    typer.echo(f"keras-gen: {' '.join(str(message).split())}", err=True)


def _in_a_sentence(message: Warning | str, *_: Any) -> str:
    return f"keras-gen: {message}\n"


def _is_of_memory(error: Exception) -> bool:
    # By name: what needs no TensorFlow does not wait for it.
    return isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"


def named_values(pairs: Sequence[str] | None) -> dict[str, Any]:
    """The values of `--set NAME=VALUE`, by name.

    Args:
        pairs: as typed, each with a value as Python writes it.

    Raises:
        ValueError: one is no such pair.

    Example:
        >>> named_values(["filters=(4, 8)"])
        {'filters': (4, 8)}
    """
    values = {}
    for pair in pairs or []:
        name, sign, value = pair.partition("=")
        try:
            if not (name and sign):
                raise ValueError
            values[name] = ast.literal_eval(value)
            json.dumps(values[name])  # a run's configuration records it
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            received = pair if len(pair) <= _LONGEST else f"{pair[:_LONGEST]}..."
            raise ValueError(
                "set must be NAME=VALUE with a number, a word in quotes, or some of them in "
                f"brackets, as Python writes them, received {received!r}."
            ) from None
    return values


def whole_numbers(name: str, text: str | None) -> tuple[int, ...] | None:
    """The numbers of an option such as `--resize 28,28`.

    Args:
        name: of the option.
        text: as typed, or `None`.

    Raises:
        ValueError: it is something else than numbers with commas between.
    """
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ValueError(
            f"{name} must be whole numbers with commas between, received {text!r}."
        ) from None
