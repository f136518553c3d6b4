"""The manifest of an artefact: what it holds, what it takes and gives, and its checksums."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

FILE_NAME = "manifest.json"
FORMAT_VERSION = 2


def describe(signatures: dict[str, Any]) -> dict[str, Any]:
    """Describes signatures in plain types; `null` in a shape is a free size, first the batch."""
    return {
        name: {
            "inputs": {key: value.describe() for key, value in signature.inputs.items()},
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


def checksums(folder: Path) -> dict[str, str]:
    """The sha256 of every file of an artefact but the manifest itself, by relative path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != FILE_NAME
    }


def write(folder: Path, manifest: dict[str, Any]) -> None:
    """Writes an artefact's manifest."""
    text = json.dumps(manifest, indent=2, allow_nan=False)
    (folder / FILE_NAME).write_text(text + "\n", encoding="utf-8")


def read(folder: Path, check_files: bool = True) -> dict[str, Any]:
    """Reads an artefact's manifest.

    Args:
        folder: the artefact.
        check_files: whether to compare the files with their checksums.

    Raises:
        ValueError: there is no artefact in the folder, or its files are not those it was made of.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise ValueError(f"folder must hold an artefact with {FILE_NAME}, received {folder}.")
    manifest = json.loads(path.read_text(encoding="utf-8"))
    if manifest.get("format_version") != FORMAT_VERSION:
        raise ValueError(
            f"{path} must have format_version {FORMAT_VERSION}, received "
            f"{manifest.get('format_version')!r}."
        )
    if check_files:
        found = checksums(folder)
        changed = [name for name, sha in manifest["files"].items() if found.get(name) != sha]
        if changed:
            raise ValueError(
                f"{folder} is damaged: {', '.join(changed)} differs from its checksum in the "
                "manifest, or is missing."
            )
    return manifest
