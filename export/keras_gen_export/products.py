"""Products with what is added to them as one node, and in halves where halves are what is used.

A loop takes about as long for each of its nodes, however small, and runtimes fuse few of them by
themselves: a `Gemm` is a product and a sum, and ONNX Runtime takes in the tanh or sigmoid that
follows it, if nothing comes between.
"""

from __future__ import annotations

from typing import Any


def fuse_products(graph: Any, nodes: list[Any]) -> list[Any]:
    """Makes a `Gemm` of each sum of a product and an addend; of a gate, one for either half.

    Only TensorFlow's operations say that a product is one of matrices (`MatMul`), and an addend of
    its shape (`AddN`): so this is done before they become ONNX's.

    Args:
        graph: of tf2onnx, before its conversion; it is changed in place.
        nodes: of the graph.

    Returns:
        The nodes of the graph.
    """
    for node in list(nodes):
        if not _is_sum_with_product(graph, node):
            continue
        product, addend = node.inputs[0], node.input[1]
        x, kernel = product.input
        outputs, kernels, addends = node.output, [kernel], [addend]
        halves = _halves(graph, node)
        if halves is not None:
            outputs = halves.output
            kernels, addends = _in_halves(graph, kernel), _in_halves(graph, addend)
            graph.remove_node(halves.name)
        elif node.type != "AddN":
            continue  # a bias, which runtimes fuse by themselves
        shapes = [graph.get_shape(output) for output in outputs]
        dtype = graph.get_dtype(product.output[0])
        graph.remove_node(node.name)
        graph.remove_node(product.name)
        for output, shape, *terms in zip(outputs, shapes, kernels, addends, strict=True):
            graph.make_node("Gemm", [x, *terms], outputs=[output], shapes=[shape], dtypes=[dtype])
    return graph.get_nodes()


def _is_sum_with_product(graph: Any, node: Any) -> bool:
    """Whether a node adds to a product, which nothing else takes, its like or a bias."""
    if node.type not in ("AddN", "AddV2") or len(node.input) != 2:
        return False
    product = node.inputs[0]
    if product is None or product.type != "MatMul" or graph.get_shape(product.output[0]) is None:
        return False
    plain = not any(product.get_attr_value(f"transpose_{side}") for side in "ab")
    is_bias = graph.get_shape(node.input[1]) == graph.get_shape(product.output[0])[1:]
    return plain and _is_taken_once(graph, product) and (node.type == "AddN" or is_bias)


def _halves(graph: Any, node: Any) -> Any:
    """The node that cuts a matrix in halves, if that is all that takes it."""
    if not _is_taken_once(graph, node):
        return None
    (taker,) = graph.find_output_consumers(node.output[0])
    is_split = taker.type == "Split" and len(taker.output) == 2
    # Features are the last of a matrix's axes.
    return taker if is_split and taker.inputs[0].get_tensor_value() in (1, -1) else None


def _is_taken_once(graph: Any, node: Any) -> bool:
    takers = graph.find_output_consumers(node.output[0])
    return len(takers) == 1 and node.output[0] not in graph.outputs


def _in_halves(graph: Any, name: str) -> list[str]:
    attributes = {"axis": -1, "num_outputs": 2}
    shape = graph.get_shape(name)
    shapes = [[*shape[:-1], shape[-1] // 2]] * 2
    dtypes = [graph.get_dtype(name)] * 2
    return graph.make_node(
        "Split", [name], attributes, output_count=2, shapes=shapes, dtypes=dtypes
    ).output
