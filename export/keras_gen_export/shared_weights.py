"""Weights that the ONNX files of an artefact share, stored once: ONNX's external data."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

import onnx
from onnx.external_data_helper import set_external_data

from keras_gen_export.loops import subgraphs

FILE_NAME = "weights.bin"

# What is smaller stays where it is: shapes and axes, which ONNX's own checks read.
LEAST_BYTES = 1024
# Weights begin at multiples of so many bytes, so that they can be used where a file is mapped.
_ALIGNMENT = 64


class SharedWeights:
    """A file of weights; equal ones are in it once, whichever graphs they come from.

    Args:
        folder: of the file, and of the ONNX files that refer to it: by its name alone, so that
            they can be moved together.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._places: dict[bytes, int] = {}
        self._size = 0

    def take(self, graph: onnx.GraphProto) -> None:
        """Moves the weights of a graph into the file, and leaves references."""
        large = [tensor for tensor in _constants(graph) if len(tensor.raw_data) >= LEAST_BYTES]
        if not large:
            return
        with self._path.open("ab") as file:
            for tensor in large:
                data = tensor.raw_data
                key = hashlib.sha256(data).digest()
                if key not in self._places:
                    self._places[key] = self._append(file, data)
                set_external_data(tensor, FILE_NAME, self._places[key], len(data))
                tensor.ClearField("raw_data")

    def _append(self, file: BinaryIO, data: bytes) -> int:
        padding = -self._size % _ALIGNMENT
        file.write(bytes(padding))
        file.write(data)
        offset = self._size + padding
        self._size = offset + len(data)
        return offset


def _constants(graph: onnx.GraphProto) -> list[onnx.TensorProto]:
    """The constants of a graph, and of the bodies and branches within."""
    found = list(graph.initializer)
    for node in graph.node:
        for subgraph in subgraphs(node):
            found += _constants(subgraph)
    return found
