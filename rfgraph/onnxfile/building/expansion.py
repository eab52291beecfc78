"""How many nodes functions and subgraphs would become, counted before any of them is made.

Bodies that call each other twice, thirty deep, are 2^30 nodes in a file of a few kilobytes: the
count costs what the file holds, the expansion what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import onnx

from rfgraph.errors import ModelError
from rfgraph.onnxfile.building.attributes import tensor_value
from rfgraph.onnxfile.building.budget import (
    BYTES_PER_NODE,
    MAX_EXPANDED,
    MAX_TURNS,
    MAX_UNROLLED,
    too_many_nodes,
)
from rfgraph.onnxfile.building.order import NodeBoundError, describe
from rfgraph.onnxfile.building.scope import Entry
from rfgraph.ops.node import Value

Key: TypeAlias = tuple[str, str, str]
Known: TypeAlias = Callable[[str], Entry | None]
Body: TypeAlias = onnx.GraphProto | onnx.FunctionProto

# Counts from here on are not told apart, so that they have no millions of digits.
_MANY = 1 << 60
# What the body of a Loop is told while it goes on.
_TRUE = Entry(Value((), constant=True, data=np.array(True)))
_CONTROL = ("If", "Loop", "Scan")


class Expansion:
    """Counts for the functions of one model, which are `functions`, each looked at once.

    Both branches of an If count where its condition is not a stored constant; a Loop or a Scan
    counts as often as a stored number of turns says, or not at all where it would not be unrolled.
    """

    def __init__(self, functions: Mapping[Key, onnx.FunctionProto]) -> None:
        self._functions = functions
        self._sizes: dict[Key, int] = {}

    def check(self, nodes: Sequence[onnx.NodeProto], known: Known) -> None:
        """Raise BoundError, naming the node that becomes most, if `nodes` become too many."""
        roots = [node for node in nodes if self._expands(node)]
        if not roots:
            return
        inside = _overlaid(nodes, None, known)
        sizes = [self._of_node(node, inside) for node in roots]
        if sum(sizes) > MAX_EXPANDED:
            worst = roots[max(range(len(sizes)), key=sizes.__getitem__)]
            raise NodeBoundError(f"{describe(worst)}: {too_many_nodes()}")

    def turns_that_fit(self, node: onnx.NodeProto, body: onnx.GraphProto, known: Known) -> int:
        """Return how many turns of a Loop or Scan are unrolled at most."""
        return _most_turns(body, self.turn_size(node, body, known))

    def turn_size(self, node: onnx.NodeProto, body: onnx.GraphProto, known: Known) -> int:
        """Return how many nodes one turn of a Loop or Scan becomes."""
        if node.op_type == "Loop" and len(body.input) > 1:
            known = _with(body.input[1].name, _TRUE, known)
        return self._of_body(body, known)

    def _of_body(self, body: Body, known: Known) -> int:
        size: int = len(body.node) + body.ByteSize() // BYTES_PER_NODE
        callers = [node for node in body.node if self._expands(node)]
        if callers:
            inside = _overlaid(body.node, body, known)
            size += sum(self._of_node(node, inside) for node in callers)
        return min(size, _MANY)

    def _of_node(self, node: onnx.NodeProto, known: Known) -> int:
        key = _key(node)
        if key in self._functions:
            return self._of_function(key)
        bodies = {item.name: item.g for item in node.attribute if item.HasField("g")}
        if node.op_type == "If":
            return self._of_branches(node, bodies, known)
        body = bodies.get("body")
        turns = None if body is None else _turns(node, known)
        if body is None or turns is None:
            return 0
        size = self.turn_size(node, body, known)
        return turns * size if turns <= _most_turns(body, size) else 0

    def _of_branches(
        self, node: onnx.NodeProto, bodies: Mapping[str, onnx.GraphProto], known: Known
    ) -> int:
        condition = known(node.input[0]) if node.input else None
        truth = None if condition is None else condition.number()
        names = [
            name
            for name, taken in (("then_branch", True), ("else_branch", False))
            if name in bodies and (truth is None or bool(truth) is taken)
        ]
        return sum(self._of_body(bodies[name], known) for name in names)

    def _of_function(self, root: Key) -> int:
        """Return the size of a function, those that it calls first; a circle counts once."""
        if root not in self._sizes:
            self._sizes[root] = 0
            stack = [(root, self._callees(root))]
            while stack:
                key, called = stack[-1]
                following = next((one for one in called if one not in self._sizes), None)
                if following is None:
                    stack.pop()
                    self._sizes[key] = self._of_body(self._functions[key], _unknown)
                else:
                    self._sizes[following] = 0
                    stack.append((following, self._callees(following)))
        return self._sizes[root]

    def _callees(self, key: Key) -> Iterator[Key]:
        """Yield the functions that a body calls, those that its subgraphs call included."""
        stack = [self._functions[key].node]
        while stack:
            for node in stack.pop():
                if _key(node) in self._functions:
                    yield _key(node)
                stack.extend(item.g.node for item in node.attribute if item.HasField("g"))

    def _expands(self, node: onnx.NodeProto) -> bool:
        follows = node.op_type in _CONTROL or (self._functions and _key(node) in self._functions)
        return bool(follows) and any(node.output)


def _most_turns(body: onnx.GraphProto, size: int) -> int:
    """Return how many turns are unrolled at most, if each becomes `size` nodes."""
    unrolled = MAX_UNROLLED // max(len(body.node), 1)
    return min(MAX_TURNS, unrolled, MAX_EXPANDED // max(size, 1))


def _key(node: onnx.NodeProto) -> Key:
    return node.domain, node.op_type, node.overload


def _unknown(_name: str) -> Entry | None:
    """What a function sees of the names around it."""
    return None


def _overlaid(nodes: Sequence[onnx.NodeProto], body: Body | None, known: Known) -> Known:
    """Return what is known inside a body: its stored constants, and `known` of what is outside."""
    names: dict[str, Entry | None] = {}
    if isinstance(body, onnx.GraphProto):
        names.update((value.name, None) for value in body.input if known(value.name) is not _TRUE)
        names.update((tensor.name, _stored_entry(tensor)) for tensor in body.initializer)
    for node in nodes:
        names.update(dict.fromkeys(node.output))
        if node.op_type == "Constant" and node.output:
            names[node.output[0]] = _constant(node)
    return lambda name: names[name] if name in names else known(name)


def _with(name: str, entry: Entry, known: Known) -> Known:
    return lambda asked: entry if asked == name else known(asked)


def _constant(node: onnx.NodeProto) -> Entry | None:
    for attribute in node.attribute:
        if attribute.HasField("t"):
            return _stored_entry(attribute.t)
        if attribute.name == "value_int":
            return Entry(Value((), constant=True, data=np.array(attribute.i, dtype=np.int64)))
    return None


def _stored_entry(tensor: onnx.TensorProto) -> Entry | None:
    """Return a stored tensor of one element; what is wrong with one is told when it is its turn."""
    if len(tensor.dims) > 1 or any(length != 1 for length in tensor.dims):
        return None
    try:
        return Entry(tensor_value(tensor))
    except ModelError:
        return None


def _turns(node: onnx.NodeProto, known: Known) -> int | None:
    """Return how often a Loop or Scan turns, None if that is not stored, or it does not at all."""
    if node.op_type == "Scan":
        return _positions(node, known)
    names = [*node.input, "", ""]
    limit = known(names[0]) if names[0] else None
    condition = known(names[1]) if names[1] else None
    if names[1] and (condition is None or not condition.number()):
        return None
    return None if limit is None else limit.number()


def _positions(node: onnx.NodeProto, known: Known) -> int | None:
    """Return the length of the first input that a Scan goes along."""
    count = next((item.i for item in node.attribute if item.name == "num_scan_inputs"), 0)
    axes = next((list(item.ints) for item in node.attribute if item.name == "scan_input_axes"), [])
    if not 0 < count <= len(node.input):
        return None
    scanned = known(node.input[-count])
    shape = None if scanned is None else scanned.value.shape
    axis = axes[0] if axes else 0
    if shape is None or not -len(shape) <= axis < len(shape):
        return None
    return shape[axis]
