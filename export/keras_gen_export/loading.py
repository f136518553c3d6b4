"""Loading of artefacts, each in the runtime that its format is for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_gen_export import checksums
from keras_gen_export import manifest as manifests
from keras_gen_export.artefact import Artefact


def load(folder: Any) -> Artefact:
    """Loads an artefact: a SavedModel in a TensorFlow session, ONNX in ONNX Runtime.

    Where TensorFlow is not installed, `keras_gen_export.runtime.load` loads ONNX artefacts.

    Args:
        folder: what `model.export(folder)` wrote.

    Returns:
        The artefact, with the verbs of its model.

    Raises:
        ValueError: the folder holds no artefact, or a file of it is damaged.

    Example:
        >>> artefact = keras_gen_export.load("artefacts/gated_pixel_cnn")
        >>> artefact.sample(16, seed=0)
    """
    folder = Path(folder).resolve()
    manifest = manifests.read(folder)
    return load_as_described(folder, manifest, check=checksums.seal(folder))


def load_as_described(
    folder: Path,
    manifest: dict[str, Any],
    threads: int | None = None,
    check: Callable[[], None] | None = None,
) -> Artefact:
    """Loads what a manifest describes, without a look at checksums.

    Args:
        folder: the artefact.
        manifest: what it holds.
        threads: of each operation, in ONNX Runtime.
        check: is called before a file is opened later than now, as those of ONNX are.
    """
    if manifest["format"] == "onnx":
        from keras_gen_export.runtime import loading

        return Artefact(manifest, loading.functions(folder, manifest, None, threads, check))
    from keras_gen_export import saved_model

    return saved_model.load(folder, manifest)
