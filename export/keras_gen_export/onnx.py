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
from keras_gen_export.loops import lift_constant_states, subgraphs
from keras_gen_export.products import fuse_products
from keras_gen_export.progress import Progress, silent
from keras_gen_export.shared_weights import SharedWeights

OPSET = 18  # The first with bitwise operations, the last that tf2onnx writes.


def write(signatures: dict[str, Any], folder: Path, progress: Progress = silent) -> None:
    """Writes each signature as `<name>.onnx` into `folder`, and beside them their weights."""
    weights = SharedWeights(folder)
    for name, signature in signatures.items():
        progress(f"writing {name}")
        proto = convert(signature)
        weights.take(proto.graph)
        onnx.save(proto, str(folder / f"{name}.onnx"))


def convert(signature: Any) -> onnx.ModelProto:
    """Converts a signature, and checks that what came out is standard ONNX.

    Raises:
        ValueError: the function holds an operation that ONNX does not have, or a random one.
    """
    import tf2onnx

    with tf.device("/cpu:0"), quiet("tf2onnx"), _hurried():
        proto, _ = tf2onnx.convert.from_function(
            graph_on_cpu(signature),
            signature.tensor_specs(),
            opset=OPSET,
            custom_rewriter=[fuse_products],
        )
    lift_constant_states(proto.graph)
    _name_axes(proto.graph)
    check(proto)
    return proto


def _name_axes(graph: onnx.GraphProto) -> None:
    """Names the free axes of a graph's inputs and outputs: the first of all of them is the batch.

    A runtime may then be told of one batch size, and knows all.
    """
    for value in (*graph.input, *graph.output):
        sizes = value.type.tensor_type.shape.dim
        for axis, size in enumerate(sizes):
            if not size.HasField("dim_value"):
                size.dim_param = f"{value.name}_{axis}" if axis else "batch"


@contextlib.contextmanager
def _hurried() -> Iterator[None]:
    """Takes out of tf2onnx what makes large graphs slow to convert, and changes no result.

    Optimization is left to ONNX Runtime, which does it whenever it loads a graph: tf2onnx's own
    passes copy the graph again and again, a sampler of many layers then converts ten times slower,
    and runs no faster (`benchmarks/sampling.py`). And what a graph's outputs need is found by one
    walk from all of them, rather than one from each: loops have hundreds; and where an input gets
    another name, nodes that do not take it are left alone.
    """
    from tf2onnx import graph, optimizer

    replace = graph.Graph.replace_all_inputs

    def replace_where_taken(self: Any, old_input: str, new_input: str, ops: Any = None) -> None:
        if ops is not None:
            ops = [node for node in ops if old_input in node.input]
        replace(self, old_input, new_input, ops)

    with (
        mock.patch.object(optimizer, "optimize_graph", _sort_only),
        mock.patch.object(graph.Graph, "extract_sub_graph_nodes", _nodes_needed),
        mock.patch.object(graph.Graph, "replace_all_inputs", replace_where_taken),
    ):
        yield


def _sort_only(graph: Any, *_: Any, **__: Any) -> Any:
    graph.topological_sort(graph.get_nodes())
    return graph


def _nodes_needed(
    graph: Any, outputs_name: Any, input_checker: Any = None, remove_unused_inputs: bool = True
) -> list[Any]:
    """The nodes of a graph of tf2onnx that outputs need, and its inputs unless they may go."""
    names = list(outputs_name)
    if not remove_unused_inputs:
        names += [node.output[0] for node in graph.inputs]
    needed = set()
    while names:
        node = graph.get_node_by_output(names.pop(), search_in_parent_graphs=False)
        if node is None or node in needed or (input_checker and input_checker(node) is False):
            continue
        needed.add(node)
        names += [*node.input, *node.get_implicit_inputs()]
    return list(needed)


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
        for subgraph in subgraphs(node):
            yield from _nodes(subgraph)
