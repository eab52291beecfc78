"""A node in its scope: all that it takes to make it part of the graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import onnx

from rfgraph.errors import ModelError
from rfgraph.onnxfile.building.attributes import decode_all, resolve
from rfgraph.onnxfile.building.scope import Entry, Scope
from rfgraph.ops.node import Link, OpNode, Value
from rfgraph.ops.registry import normal_domain
from rfgraph.relations.graph import Unanalysed
from rfgraph.wording.names import quoted

if TYPE_CHECKING:
    from rfgraph.onnxfile.building.expansion import Expansion
    from rfgraph.onnxfile.building.fetching import ConstantFetcher
    from rfgraph.onnxfile.building.stored_masks import MaskTracker
    from rfgraph.onnxfile.building.writer import Writer
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.graph import Operator

# Adds the nodes of a body to the graph.
Walk: TypeAlias = Callable[[Sequence[onnx.NodeProto], Scope], None]


class Call(NamedTuple):
    """A node in its scope, with what its inputs stand for, the graph's writer and the walker.

    `constants` fetches the values of constants, where these are asked for.
    """

    operator: Operator
    node: onnx.NodeProto
    entries: Sequence[Entry | None]
    scope: Scope
    writer: Writer
    walk: Walk
    expansion: Expansion
    masks: MaskTracker | None
    constants: ConstantFetcher | None

    @property
    def values(self) -> list[Value | None]:
        """What is known of the inputs, None for those that are left out."""
        return [None if entry is None else entry.value for entry in self.entries]

    def entry(self, slot: int) -> Entry | None:
        """Return what an input stands for, None if it is left out."""
        return self.entries[slot] if slot < len(self.entries) else None

    def require(self, slot: int) -> Entry:
        """Return what an input stands for; ModelError if it is left out."""
        entry = self.entry(slot)
        if entry is None:
            raise ModelError(f"requires input {slot}, which is missing")
        return entry

    def op_node(self) -> OpNode:
        """Return the node as a rule sees it."""
        domain = normal_domain(self.node.domain)
        return OpNode(
            self.node.op_type,
            self.values,
            [bool(name) for name in self.node.output],
            decode_all(self.node, self.scope.attributes),
            version=self.scope.opsets.get(domain, 0) or 1,
            domain=domain,
            name=self.node.name,
            masks=self.masks is not None,
        )

    def with_whole_sequences(self) -> Call:
        """Return the call with each sequence that it reads as one tensor of unknown shape."""
        if not any(entry is not None and entry.items is not None for entry in self.entries):
            return self
        prefix = self.scope.prefix
        whole = [self.writer.join_sequence(entry, self.operator, prefix) for entry in self.entries]
        return self._replace(entries=whole)

    def subgraph(self, name: str) -> onnx.GraphProto:
        """Return a subgraph attribute, which is required."""
        for attribute in self.node.attribute:
            if attribute.name == name:
                resolved = resolve(attribute, self.scope.attributes)
                if resolved is not None and resolved.HasField("g"):
                    return resolved.g
        raise ModelError(f"requires attribute {quoted(name)} with a graph, which is missing")

    def add_tensor(self, name: str, shape: Shape | None) -> str:
        """Add a tensor of the node and return its name in the graph."""
        return self.writer.add_tensor(self.scope.prefix + name, shape, self.operator)

    def add_edge(self, source: Entry, tensor: str, link: Link, shape: Shape | None) -> None:
        """Add the edge of one link."""
        self.writer.add_edge(source, tensor, self.operator, link, shape, {})

    def report(self, reason: str, made: Iterable[Entry]) -> None:
        """Report why no more can be said of those outputs that data reaches."""
        tensors = tuple(entry.tensor for entry in made if entry.tensor is not None)
        if tensors:
            self.writer.unanalysed.append(Unanalysed(self.operator, reason, tensors))

    def unknown(
        self,
        name: str,
        sources: Sequence[Entry | None],
        reason: str,
        shape: Shape | None = None,
    ) -> Entry:
        """Add a tensor that may read all of several values, and report why no more can be said."""
        return self.writer.unknown(
            self.scope.prefix, name, sources, self.operator, reason, shape=shape
        )

    def unknown_outputs(
        self, reason: str, sources: Sequence[Entry | None] | None = None
    ) -> list[Entry]:
        """Return outputs that may read all of some values, by default the node's inputs."""
        read = self.entries if sources is None else sources
        return [self.unknown(name, read, reason) for name in self.node.output]


# What replaces a rule for an operator that adds to the graph; None leaves it to the rule after all.
Handler: TypeAlias = Callable[[Call], "list[Entry] | None"]
