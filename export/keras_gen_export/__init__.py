"""Artefacts: a model's signatures as SavedModel or ONNX, with a manifest, verified.

The package knows models by what `signatures()` and `get_config()` give, and never imports one.
Importing it, or `keras_gen_export.runtime`, needs no TensorFlow.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["Artefact", "VerificationError", "export", "load", "verify"]

# Imported on use: some of these need TensorFlow, and `runtime` must do without.
_MODULES = {
    "Artefact": "artefact",
    "VerificationError": "verification",
    "export": "exporter",
    "load": "loading",
    "verify": "verification",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
