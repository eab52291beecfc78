"""The nodes of a graph body in an order in which each comes after what it reads."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from rfgraph.errors import BoundError, ModelError, UsageError
from rfgraph.wording.names import printable, quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import onnx

    from rfgraph.onnxfile.building.scope import Scope


class NodeError(ModelError):
    """An error that already names its node."""


class NodeUsageError(UsageError):
    """A fault of a caller's own rule that already names the node it was for."""


class NodeBoundError(BoundError):
    """An exceeded bound that already names the node at which it was."""


def describe(node: onnx.NodeProto, prefix: str = "") -> str:
    """Name a node for an error: by its name, else its first output; `prefix` says inside what."""
    kind = printable(node.op_type or "without type", 40)
    inside = f" inside {quote(prefix.rstrip('/'))}" if prefix else ""
    if node.name:
        return f"node {quote(node.name)} ({kind}){inside}"
    first = next((name for name in node.output if name), "")
    return f"{f'node that makes {quote(first)}' if first else 'a node'} ({kind}){inside}"


def in_order(nodes: Sequence[onnx.NodeProto], scope: Scope) -> Sequence[onnx.NodeProto]:
    """Return the nodes in file order if that is one, else sorted, ties in file order.

    Raises ModelError for a cycle or an input that nothing produces.
    """
    wanted = [names_read(node) for node in nodes]
    made: set[str] = set()
    for node, names in zip(nodes, wanted, strict=True):
        if any(name not in made and scope.find(name) is None for name in names):
            return _sort(nodes, wanted, scope)
        made.update(node.output)
    return nodes


def _sort(
    nodes: Sequence[onnx.NodeProto], wanted: Sequence[list[str]], scope: Scope
) -> list[onnx.NodeProto]:
    readers, waits = _readers_and_waits(nodes, wanted, scope)
    ready = [k for k, count in enumerate(waits) if not count]
    ordered: list[onnx.NodeProto] = []
    while ready:
        k = heapq.heappop(ready)
        ordered.append(nodes[k])
        for reader in readers[k]:
            waits[reader] -= 1
            if not waits[reader]:
                heapq.heappush(ready, reader)
    if len(ordered) < len(nodes):
        stuck = next(node for node, count in zip(nodes, waits, strict=True) if count)
        raise NodeError(
            f"{describe(stuck, scope.prefix)}: lies on a cycle, or reads what a cycle makes"
        )
    return ordered


def _readers_and_waits(
    nodes: Sequence[onnx.NodeProto], wanted: Sequence[list[str]], scope: Scope
) -> tuple[list[list[int]], list[int]]:
    """Return which nodes read each node, and on how many tensors of this body each waits."""
    maker = {name: k for k, node in enumerate(nodes) for name in node.output if name}
    readers: list[list[int]] = [[] for _ in nodes]
    waits = [0] * len(nodes)
    for k, names in enumerate(wanted):
        for name in set(names):
            if name in maker:
                readers[maker[name]].append(k)
                waits[k] += 1
            elif scope.find(name) is None:
                raise NodeError(
                    f"{describe(nodes[k], scope.prefix)}: requires tensor {quote(name)}, "
                    "which nothing produces"
                )
    return readers, waits


def names_read(node: onnx.NodeProto) -> list[str]:
    """Return the names that a node reads, those that its subgraphs take from outside included."""
    names = [name for name in node.input if name]
    for attribute in node.attribute:
        if attribute.HasField("g"):
            names.extend(_names_taken(attribute.g))
    return names


def _names_taken(graph: onnx.GraphProto) -> Iterator[str]:
    """Yield the names that a subgraph takes from outside, in any order, possibly more than once."""
    stack: list[tuple[onnx.GraphProto, tuple[set[str], ...]]] = [(graph, ())]
    while stack:
        body, around = stack.pop()
        inside = {value.name for value in body.input}
        inside.update(tensor.name for tensor in body.initializer)
        inside.update(sparse.values.name for sparse in body.sparse_initializer)
        for node in body.node:
            inside.update(node.output)
        here = (inside, *around)
        for node in body.node:
            yield from (name for name in node.input if name and not _in_any(name, here))
            stack.extend((item.g, here) for item in node.attribute if item.HasField("g"))
        yield from (value.name for value in body.output if not _in_any(value.name, here))


def _in_any(name: str, sets: tuple[set[str], ...]) -> bool:
    return any(name in one for one in sets)
