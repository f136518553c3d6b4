"""Artefacts: a model's signatures as SavedModel or ONNX, with a manifest, verified.

The package knows models by what `signatures()` gives, and never imports one. Importing it, or
`keras_gen_export.runtime`, needs no TensorFlow.
"""

from __future__ import annotations

from typing import Any

__all__ = ["VerificationError", "export", "verify"]


def __getattr__(name: str) -> Any:
    # Imported on use: these need TensorFlow, and `runtime` must do without.
    if name == "export":
        from keras_gen_export.exporter import export

        return export
    if name in ("VerificationError", "verify"):
        from keras_gen_export import verification

        return getattr(verification, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
