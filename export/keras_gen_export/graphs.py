"""Graphs to be exported: traced on the CPU, so that no operation of one accelerator is in them."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def graph_on_cpu(signature: Any) -> Any:
    """A signature's graph, its choices made: the model's, where there is no accelerator."""
    if not tf.config.list_physical_devices("GPU"):
        return signature.graph()
    with tf.device("/cpu:0"):
        graph = tf.function(
            signature.positional, input_signature=signature.tensor_specs(), autograph=False
        )
        graph.get_concrete_function()
        return graph
