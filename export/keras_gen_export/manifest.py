"""The manifest of an artefact: what it holds, what it takes and gives, where it was verified."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from keras_gen_export import checksums

FILE_NAME = "manifest.json"
FORMAT_VERSION = 3


def describe(signatures: dict[str, Any]) -> dict[str, Any]:
    """Describes signatures in plain types; `null` in a shape is a free size, first the batch."""
    return {
        name: {
            "inputs": {key: value.describe() for key, value in signature.inputs.items()},
            "choices": dict(signature.chosen),
            "outputs": {
                key: {
                    "tolerance": value.tolerance,
                    "relative": value.relative,
                    "unequal": value.unequal,
                }
                for key, value in signature.outputs.items()
            },
        }
        for name, signature in signatures.items()
    }


def write(folder: Path, manifest: dict[str, Any]) -> None:
    """Writes an artefact's manifest, and the checksums of all files: what is written last."""
    text = json.dumps(manifest, indent=2, allow_nan=False)
    (folder / FILE_NAME).write_bytes(f"{text}\n".encode())
    checksums.write(folder)


def read(folder: Path) -> dict[str, Any]:
    """Reads an artefact's manifest, after a look at all files' checksums.

    Args:
        folder: the artefact.

    Raises:
        ValueError: there is no artefact in the folder, it is of another version, or a file of it
            is not what it was.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise ValueError(f"folder must hold an artefact with {FILE_NAME}, received {folder}.")
    try:
        manifest = json.loads(path.read_bytes().decode())
        version = manifest["format_version"]
    except (KeyError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"{folder} is damaged: {FILE_NAME} is no manifest.") from error
    except OSError as error:
        raise ValueError(f"{folder} cannot be read: {error}.") from error
    if version != FORMAT_VERSION:
        raise ValueError(
            f"{path} must have format_version {FORMAT_VERSION}, received {version!r}; export the "
            "model anew."
        )
    checksums.check(folder)
    return manifest
