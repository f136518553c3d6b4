"""The way from a model to an artefact: write beside, verify, rename."""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path
from typing import Any

from keras_gen_export import manifest as manifests
from keras_gen_export.inputs import check_known
from keras_gen_export.logs import quiet
from keras_gen_export.places import UnwritableError, made, reason
from keras_gen_export.progress import progress_line
from keras_gen_export.staging import staging_folder
from keras_gen_export.verification import measure

# Each with the module that writes it, imported on use, and with what runs it where it is verified.
FORMATS = {"tf_saved_model": ("saved_model", "tensorflow"), "onnx": ("onnx", "onnxruntime")}


def export(
    model: Any,
    filepath: Any,
    format: str = "tf_saved_model",
    verbose: bool | None = None,
    seed: int = 0,
    **choices: Any,
) -> dict[str, Any]:
    """Writes all signatures of a model as one artefact, and verifies it.

    Args:
        model: a Keras model with `signatures()` and `get_config()`.
        filepath: the folder to make; it must not exist, or be empty.
        format: "tf_saved_model" or "onnx".
        verbose: whether to say what was written and measured; `None` does.
        seed: of the inputs of the verification.
        **choices: what signatures leave to choose, such as the `num_samples` of a bound; it is
            fixed in the graph. Each has a default.

    Returns:
        The manifest, as written.

    Raises:
        ValueError: an unknown format or choice, or a target that is not empty or cannot be written.
        VerificationError: the artefact gives something else than the model.

    Example:
        >>> manifest = keras_gen_export.export(model, "artefacts/dcgan", format="onnx")
    """
    if format not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, received {format!r}.")
    writer = importlib.import_module(f"keras_gen_export.{FORMATS[format][0]}")

    target = Path(filepath)
    try:
        taken = target.exists() and not (target.is_dir() and not any(target.iterdir()))
    except OSError as error:  # such as a name that is too long
        raise UnwritableError("filepath", target, reason(error)) from error
    if taken:
        raise ValueError(f"filepath must be a new or empty folder, received {target}.")
    signatures = model.signatures()
    known = {name: None for each in signatures.values() for name in each.choices}
    check_known(choices, known, "choices")
    signatures = {name: each.choose(choices) for name, each in signatures.items()}
    what = f"Exporting {type(model).__name__} to {target}"
    # An export traces many graphs on purpose: TensorFlow need not warn of it.
    with (
        made(target.parent, "filepath"),
        staging_folder(target, "filepath") as staging,
        progress_line(what, 2 * len(signatures)) as progress,
        quiet("tensorflow"),
    ):
        writer.write(signatures, staging, progress)
        manifest = _manifest(model, signatures, format)
        manifest["verification"] = measure(staging, manifest, signatures, seed, progress)
        manifests.write(staging, manifest)
        os.chmod(staging, 0o755)  # mkdtemp's folders are their owner's alone
        os.replace(staging, target)
    if verbose or verbose is None:
        _say(target, manifest)
    return manifest


def _manifest(model: Any, signatures: dict[str, Any], format: str) -> dict[str, Any]:
    runtime = FORMATS[format][1]
    packages = ["tensorflow", "keras", "tensorflow_probability"]
    if format == "onnx":
        packages += ["tf2onnx", "onnx", "onnxruntime"]
    return {
        "format_version": manifests.FORMAT_VERSION,
        "format": format,
        "model": {
            "class": type(model).__name__,
            # By way of text, so that the record holds plain types alone.
            "config": json.loads(json.dumps(model.get_config())),
        },
        "signatures": manifests.describe(signatures),
        "versions": {name: _version(name) for name in packages},
        "verified_in": [{"runtime": runtime, "version": _version(runtime)}],
    }


def _version(name: str) -> str:
    # Asked of the module: its distribution may go by another name, such as tensorflow-cpu.
    return importlib.import_module(name).__version__


def _say(target: Path, manifest: dict[str, Any]) -> None:
    print(f"Exported {manifest['model']['class']} to {target} ({manifest['format']}), verified:")
    for name, measured in manifest["verification"].items():
        for output, numbers in measured["outputs"].items():
            described = manifest["signatures"][name]["outputs"][output]
            print(f"  {name}: {output} {_in_words(numbers, described)}")


def _in_words(numbers: dict[str, float], described: dict[str, float]) -> str:
    """What was measured of an output, beside what is allowed."""
    if numbers["max_difference"] == 0:
        return "equal"
    within = f"within {numbers['max_difference']:.2g} (allowed {numbers['allowed']:.2g})"
    if described["unequal"] == 1:
        return within
    return f"{within} in {numbers['unequal_share']:.2%} (allowed {described['unequal']:.2%})"
