"""Loops of ONNX graphs without the states that never change: the same numbers, less handed on."""

import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf

from keras_gen import CharRNN, GatedPixelCNN
from keras_gen.signature import NUMBER, Input, Signature
from keras_gen_export import loops
from keras_gen_export import onnx as onnx_writer
from keras_gen_export.runtime import spread

FLOAT = onnx.TensorProto.FLOAT


def all_loops(graph):
    for node in graph.node:
        if node.op_type == "Loop":
            yield node
        for subgraph in loops.subgraphs(node):
            yield from all_loops(subgraph)


def all_subgraphs(graph):
    for node in graph.node:
        for subgraph in loops.subgraphs(node):
            yield subgraph
            yield from all_subgraphs(subgraph)


def num_states(graph):
    return sum(len(loop.input) - 2 for loop in all_loops(graph))


def run(proto, inputs):
    onnx.checker.check_model(proto, full_check=True)
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def assert_equal(received, expected):
    assert received.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(received[name], value)


def assert_without_ballast(graph):
    for loop in all_loops(graph):
        assert not loops.constant_states(loop)
    for subgraph in all_subgraphs(graph):  # what still passes through goes by a node
        given = {name for node in subgraph.node for name in node.output}
        assert {output.name for output in subgraph.output} <= given


def as_converted(signature, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(onnx_writer, "lift_constant_states", lambda graph: 0)
        return onnx_writer.convert(signature)


def sampler(model):
    seeds = {"seeds": spread(0, 3), "temperature": np.ones(3, np.float32)}
    return model.signatures()["sample"], seeds


def nested(x, w):
    """Two loops, in which weights change nowhere, in the outer one alone, or in the inner one."""

    def outer(i, x, w, scale):
        def inner(j, x, w, scale):
            return j + 1, x @ w * scale, w, scale

        _, x, w, _ = tf.while_loop(lambda j, *_: j < 2, inner, (0, x, w, scale))
        return i + 1, x, w, scale * 0.5

    _, x, w, _ = tf.while_loop(lambda i, *_: i < 3, outer, (0, x, w, tf.constant(2.0)))
    return {"y": x, "same": w + 0.0}


def swapping(x, w):
    """What each turn gives back came in, but elsewhere: not constant."""
    _, x, w, k = tf.while_loop(
        lambda i, *_: i < 3, lambda i, x, w, k: (i + 1, w, x, k), (0, x, w, x + w)
    )
    return {"y": x, "other": w, "kept": k}


def branching(x, w):
    """A branch of a loop that gives what lies outside of it."""

    def turn(i, x, w):
        return i + 1, tf.cond(i > 1, lambda: w, lambda: x + w), w

    _, x, _ = tf.while_loop(lambda i, *_: i < 4, turn, (0, x, w))
    return {"y": x}


@pytest.mark.parametrize("function", [nested, swapping, branching])
def test_small_loops(function, monkeypatch):
    square = Input((2, 2), "float32")
    outputs = dict.fromkeys(function(tf.eye(2), tf.eye(2)), NUMBER)
    signature = Signature(function, {"x": square, "w": square}, outputs)
    rng = np.random.default_rng(0)
    inputs = {name: rng.standard_normal((2, 2)).astype(np.float32) for name in ("x", "w")}
    before, after = as_converted(signature, monkeypatch), onnx_writer.convert(signature)
    assert_without_ballast(after.graph)
    assert num_states(after.graph) < num_states(before.graph)
    expected = function(**{name: tf.constant(value) for name, value in inputs.items()})
    for name, received in run(after, inputs).items():
        np.testing.assert_allclose(received, expected[name], rtol=1e-5)
    assert_equal(run(after, inputs), run(before, inputs))


@pytest.mark.parametrize(
    "model",
    [
        lambda: GatedPixelCNN((4, 3, 1), 3, filters=4, num_blocks=2),
        lambda: CharRNN("abcd", length=5, units=8, num_layers=2),
    ],
    ids=["a loop in a loop", "a branch in a loop"],
)
def test_samplers_draw_the_same(model, monkeypatch):
    signature, inputs = sampler(model())
    before, after = as_converted(signature, monkeypatch), onnx_writer.convert(signature)
    assert_without_ballast(after.graph)
    assert num_states(after.graph) < num_states(before.graph) / 2
    inputs = {value.name: inputs.get(value.name) for value in after.graph.input}
    if "top_k" in inputs:
        inputs["top_k"] = np.full(3, 4, np.int32)
    assert_equal(run(after, inputs), run(before, inputs))


def loop_of(body, states, outputs):
    node = onnx.helper.make_node("Loop", ["turns", "", *states], outputs, body=body)
    return onnx.helper.make_graph(
        [node],
        "outer",
        [onnx.helper.make_tensor_value_info(name, FLOAT, [1]) for name in states],
        [onnx.helper.make_tensor_value_info(name, FLOAT, [1]) for name in outputs],
        [onnx.numpy_helper.from_array(np.array(3), "turns")],
    )


def body_of(nodes, states, outputs):
    scalar = onnx.helper.make_tensor_value_info
    return onnx.helper.make_graph(
        nodes,
        "body",
        [scalar("turn", onnx.TensorProto.INT64, []), scalar("go", onnx.TensorProto.BOOL, [])]
        + [scalar(name, FLOAT, [1]) for name in states],
        [scalar("go", onnx.TensorProto.BOOL, [])] + [scalar(name, FLOAT, [1]) for name in outputs],
    )


def model_of(graph):
    opset = onnx.helper.make_opsetid("", onnx_writer.OPSET)
    return onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8)


def test_a_constant_state_that_is_an_output_of_the_graph():
    add = onnx.helper.make_node("Add", ["a", "b"], ["a2"])
    body = body_of([add], ["a", "b"], ["a2", "b"])
    proto = model_of(loop_of(body, ["x", "w"], ["y", "same"]))
    assert loops.lift_constant_states(proto.graph) == 1
    assert_without_ballast(proto.graph)
    given = {"x": np.ones(1, np.float32), "w": np.full(1, 2, np.float32)}
    assert_equal(run(proto, given), {"y": [7.0], "same": [2.0]})


def test_a_name_that_means_something_else_within_stays():
    # Inside, "w" is a node's output: the outer "w" cannot be referred to.
    nodes = [
        onnx.helper.make_node("Add", ["a", "b"], ["w"]),
        onnx.helper.make_node("Identity", ["b"], ["b2"]),
    ]
    graph = loop_of(body_of(nodes, ["a", "b"], ["w", "b2"]), ["x", "w"], ["y", "same"])
    assert loops.lift_constant_states(graph) == 0
    assert len(next(all_loops(graph)).input) == 4
