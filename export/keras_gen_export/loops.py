"""Loops without ballast: what a loop's body only passes on leaves the loop.

A `Loop` of ONNX hands its states to every turn, weights and conditions among them, which the body
gives back unchanged. A body may as well refer to what lies outside of it. A runtime then has less
to hand on, sees that weights are constants, and need not ask whether a state is a copy: some refuse
loops that give an input back as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import onnx

# What a `Loop` takes before its states: how many turns, and whether there is a first; its body
# takes the turn's number and that condition, and gives the condition alone before its states.
_INPUTS_BEFORE_STATES = 2
_OUTPUTS_BEFORE_STATES = 1


def lift_constant_states(graph: onnx.GraphProto) -> int:
    """Takes out of all loops of a graph the states that never change; the graph computes the same.

    What a body or a branch still gives back as it came goes by an `Identity`.

    Args:
        graph: with its nodes in order; it is changed in place.

    Returns:
        How many states left their loops.
    """
    num_lifted = 0
    renamed: dict[str, str] = {}
    for node in graph.node:
        # From the inside out: what leaves an inner loop may be a constant state of an outer one.
        num_lifted += sum(lift_constant_states(body) for body in subgraphs(node))
        if node.op_type == "Loop":
            constant = _lift_states_of(node)
            renamed |= constant
            num_lifted += len(constant)
    _rename_inputs(graph, renamed)
    for output in graph.output:  # whose names are not ours to change
        if output.name in renamed:
            graph.node.append(_identity(renamed[output.name], output.name))
    for node in graph.node:
        for subgraph in subgraphs(node):
            _give_by_identities(subgraph)
    _drop_unused_identities(graph)
    return num_lifted


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The bodies or branches of a node."""
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.g


def constant_states(loop: onnx.NodeProto) -> list[int]:
    """Which of a loop's states its body gives back as they came, by number."""
    (body,) = subgraphs(loop)
    sources = {node.output[0]: node.input[0] for node in body.node if node.op_type == "Identity"}

    def source_of(name: str) -> str:
        while name in sources:
            name = sources[name]
        return name

    outputs = body.output[_OUTPUTS_BEFORE_STATES:]
    return [
        number
        for number, state in enumerate(body.input[_INPUTS_BEFORE_STATES:])
        if source_of(outputs[number].name) == state.name
    ]


def _lift_states_of(loop: onnx.NodeProto) -> dict[str, str]:
    """Takes out a loop's constant states; gives what stands for its outputs, by their names."""
    (body,) = subgraphs(loop)
    taken = set(_names_defined_in(body))
    inside, outside = {}, {}
    for number in reversed(constant_states(loop)):
        at_input, at_output = number + _INPUTS_BEFORE_STATES, number + _OUTPUTS_BEFORE_STATES
        value = loop.input[at_input]
        if value in taken:  # within the body, the name stands for something else
            continue
        inside[body.input[at_input].name] = value
        if loop.output[number]:
            outside[loop.output[number]] = value
        del body.input[at_input], body.output[at_output]
        del loop.input[at_input], loop.output[number]
    _rename_inputs(body, inside)
    _drop_unused_identities(body)
    return outside


def _names_defined_in(graph: onnx.GraphProto) -> Iterator[str]:
    for value in (*graph.input, *graph.initializer):
        yield value.name
    for node in graph.node:
        yield from node.output
        for subgraph in subgraphs(node):
            yield from _names_defined_in(subgraph)


def _rename_inputs(graph: onnx.GraphProto, renamed: dict[str, str]) -> None:
    """Renames what nodes take, those of bodies and branches too."""
    if not renamed:
        return
    for node in graph.node:
        for i, name in enumerate(node.input):
            if name in renamed:
                # One name may stand for another that left a loop before.
                while name in renamed:
                    name = renamed[name]
                node.input[i] = name
        for subgraph in subgraphs(node):
            _rename_inputs(subgraph, renamed)


def _give_by_identities(graph: onnx.GraphProto) -> None:
    """Outputs of a body or branch that are inputs, or lie outside, are given by an `Identity`."""
    given = {name for node in graph.node for name in node.output}
    for number, output in enumerate(graph.output):
        if output.name not in given:
            name = f"{graph.name}_output_{number}:passed"
            graph.node.append(_identity(output.name, name))
            output.name = name


def _drop_unused_identities(graph: onnx.GraphProto) -> None:
    """Drops the copies that nobody takes."""
    uses = Counter(_names_taken_in(graph))
    uses.update(output.name for output in graph.output)
    for at in reversed(range(len(graph.node))):  # a copy of a copy comes after it
        node = graph.node[at]
        if node.op_type == "Identity" and not uses[node.output[0]]:
            uses[node.input[0]] -= 1
            del graph.node[at]


def _names_taken_in(graph: onnx.GraphProto) -> Iterator[str]:
    for node in graph.node:
        yield from node.input
        for subgraph in subgraphs(node):
            yield from (output.name for output in subgraph.output)
            yield from _names_taken_in(subgraph)


def _identity(name: str, output: str) -> onnx.NodeProto:
    return onnx.helper.make_node("Identity", [name], [output], name=f"{output}_identity")
