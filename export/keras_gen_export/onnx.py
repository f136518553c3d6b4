"""ONNX: one file a signature, loops and noise inside, standard operations only."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import onnx
import tensorflow as tf

from keras_gen_export.graphs import graph_on_cpu
from keras_gen_export.logs import quiet

OPSET = 18  # The first with bitwise operations, the last that tf2onnx writes.


def write(model: Any, signatures: dict[str, Any], folder: Path) -> None:
    """Writes each signature as `<name>.onnx` into `folder`."""
    for name, signature in signatures.items():
        onnx.save(convert(signature), str(folder / f"{name}.onnx"))


def convert(signature: Any) -> onnx.ModelProto:
    """Converts a signature, and checks that what came out is standard ONNX.

    Raises:
        ValueError: the function holds an operation that ONNX does not have, or a random one.
    """
    import tf2onnx

    with tf.device("/cpu:0"), quiet("tf2onnx"), _unoptimized():
        proto, _ = tf2onnx.convert.from_function(
            graph_on_cpu(signature), signature.tensor_specs(), opset=OPSET
        )
    check(proto)
    return proto


@contextlib.contextmanager
def _unoptimized() -> Iterator[None]:
    """Leaves optimization to ONNX Runtime, which does it whenever it loads a graph.

    tf2onnx's own passes copy the graph again and again: a sampler of many layers then converts ten
    times slower, and runs no faster (`benchmarks/sampling.py`).
    """
    from tf2onnx import optimizer

    def sort_only(graph: Any, *_: Any, **__: Any) -> Any:
        graph.topological_sort(graph.get_nodes())
        return graph

    with mock.patch.object(optimizer, "optimize_graph", sort_only):
        yield


def check(proto: onnx.ModelProto) -> None:
    """Refuses a graph that another runtime could not run, or not repeat."""
    for node in _nodes(proto.graph):
        if node.domain not in ("", "ai.onnx"):
            raise ValueError(f"{node.op_type} is not an operation of ONNX (node {node.name}).")
        if node.op_type.startswith("Random") or node.op_type in ("Multinomial", "Bernoulli"):
            raise ValueError(f"{node.op_type} draws its own noise (node {node.name}).")
    onnx.checker.check_model(proto, full_check=True)


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _nodes(attribute.g)
