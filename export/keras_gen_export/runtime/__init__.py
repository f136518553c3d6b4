"""Runs ONNX artefacts with numpy and onnxruntime alone, where TensorFlow is not installed."""

from keras_gen_export.runtime.artefact import Artefact, load
from keras_gen_export.runtime.seeds import spread

__all__ = ["Artefact", "load", "spread"]
