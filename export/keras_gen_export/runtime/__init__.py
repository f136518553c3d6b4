"""Runs ONNX artefacts with numpy and onnxruntime alone, where TensorFlow is not installed."""

from keras_gen_export.artefact import Artefact
from keras_gen_export.runtime.loading import load
from keras_gen_export.seeds import spread

__all__ = ["Artefact", "load", "spread"]
