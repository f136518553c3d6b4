"""Products and sums of ONNX graphs as one node: the same numbers, fewer nodes."""

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf

from keras_gen import WaveNet
from keras_gen.signature import NUMBER, Input, Signature
from keras_gen_export import onnx as onnx_writer
from keras_gen_export.loops import subgraphs

KERNEL = np.random.default_rng(0).standard_normal((4, 6)).astype(np.float32)
BIAS = np.arange(6, dtype=np.float32)


def with_its_like(x, y):
    return tf.add_n([x @ KERNEL, y])


def gate_of_its_like(x, y):
    content, openness = tf.split(tf.add_n([x @ KERNEL, y]), 2, axis=-1)
    return tf.tanh(content) * tf.sigmoid(openness)


def gate_with_a_bias(x, y):
    content, openness = tf.split(x @ KERNEL + BIAS, 2, axis=1)
    return content * tf.sigmoid(openness) + y[:, :3]


def taken_twice(x, y):
    product = x @ KERNEL
    return tf.add_n([product, y]) * product


def sum_taken_twice(x, y):
    total = x @ KERNEL + BIAS
    content, _ = tf.split(total, 2, axis=1)
    return tf.concat([content, total], axis=1) + y[:, :1]


def addend_of_more_rows(x, y):
    total = tf.reduce_sum(x, axis=0, keepdims=True) @ KERNEL + y
    content, openness = tf.split(total, 2, axis=1)
    return content * openness


def halves_of_rows(x, y):
    above, below = tf.split(tf.add_n([x[:2] @ KERNEL, y[:2]]), 2, axis=0)
    return above * below


def transposed(x, y):
    return tf.add_n([tf.matmul(x, KERNEL.T, transpose_b=True), y])


@pytest.mark.parametrize(
    ("function", "gemms"),
    [
        (with_its_like, 1),
        (gate_of_its_like, 2),
        (gate_with_a_bias, 2),
        (halves_of_rows, 1),
        (taken_twice, 0),
        (sum_taken_twice, 0),
        (addend_of_more_rows, 0),
        (transposed, 0),
    ],
)
def test_small_functions(function, gemms):
    inputs = {"x": Input((None, 4), "float32"), "y": Input((None, 6), "float32")}
    signature = Signature(lambda x, y: {"z": function(x, y)}, inputs, {"z": NUMBER})
    proto = onnx_writer.convert(signature)
    rng = np.random.default_rng(1)
    values = {
        name: rng.standard_normal((3, *given.shape[1:])).astype(np.float32)
        for name, given in inputs.items()
    }
    (received,) = onnxruntime.InferenceSession(proto.SerializeToString()).run(None, values)
    expected = function(**{name: tf.constant(value) for name, value in values.items()})
    np.testing.assert_allclose(received, expected, rtol=1e-5, atol=1e-6)
    assert Counter(node.op_type for node in proto.graph.node)["Gemm"] == gemms


def innermost(graph):
    for node in graph.node:
        if node.op_type == "Loop":
            (body,) = subgraphs(node)
            return innermost(body)
    return graph


def test_a_sample_of_wavenet_is_few_nodes(tmp_path):
    model = WaveNet(64, 8000, levels=8, filters=2, skip_filters=2)
    assert len(model.dilations) == 20
    proto = onnx_writer.convert(model.signatures()["sample"])
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 3  # such a file is for this machine alone, as it should be
    onnxruntime.InferenceSession(proto.SerializeToString(), options)
    step = innermost(onnx.load(options.optimized_model_filepath).graph)
    assert len(step.node) < 130
