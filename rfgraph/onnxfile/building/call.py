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
from rfgraph.relations.steps import Everything
from rfgraph.wording.names import quote

if TYPE_CHECKING:
    from rfgraph.onnxfile.building.expansion import Expansion
    from rfgraph.onnxfile.building.writer import Writer
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.operator import Operator

# Adds the nodes of a body to the graph.
Walk: TypeAlias = Callable[[Sequence[onnx.NodeProto], Scope], None]


class Call(NamedTuple):
    """A node in its scope, with what its inputs stand for, the graph's writer and the walker.

    `outputs` are the names of its outputs, empty where nothing is made. `stored` gives the value of
    a tensor that a body stores.
    """

    operator: Operator
    node: onnx.NodeProto
    outputs: Sequence[str]
    entries: Sequence[Entry | None]
    scope: Scope
    writer: Writer
    walk: Walk
    expansion: Expansion
    stored: Callable[[onnx.TensorProto], Value]

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

    def op_node(self, *, masks: bool = False) -> OpNode:
        """Return the node as a rule sees it, which may be asked for what stored masks cut."""
        domain = normal_domain(self.operator.domain)
        return OpNode(
            self.operator.op_type,
            self.values,
            [bool(name) for name in self.outputs],
            decode_all(self.node, self.scope.attributes),
            version=self.scope.opsets.get(domain, 0) or 1,
            domain=domain,
            name=self.node.name,
            masks=masks,
        )

    def with_whole_sequences(self) -> Call:
        """Return the call with each sequence that it reads as one tensor of unknown shape."""
        if all(entry is None or entry.items is None for entry in self.entries):
            return self
        whole = [
            entry if entry is None or entry.items is None else self._join(entry.items)
            for entry in self.entries
        ]
        return self._replace(entries=whole)

    def _join(self, items: Iterable[Entry]) -> Entry:
        """Add a tensor of unknown shape that reads the elements of a sequence."""
        fed = [entry for entry in items if entry.tensor is not None]
        reads = [(entry, Link(slot, ())) for slot, entry in enumerate(fed)]
        return self.add(f"{self.operator.label}/sequence", None, reads)

    def _data_in(self, entry: Entry | None) -> list[Entry]:
        """Return the data in a value: of a sequence one tensor, the same for all its readers."""
        if entry is None or entry.items is None or len(entry.items) < 2:
            return _parts_of(entry)
        pools = self.writer.pools
        if id(entry) not in pools:
            pools[id(entry)] = entry, self._join(_parts_of(entry))
        return _parts_of(pools[id(entry)][1])

    def subgraph(self, name: str) -> onnx.GraphProto:
        """Return a subgraph attribute, which is required."""
        for attribute in self.node.attribute:
            if attribute.name == name:
                resolved = resolve(attribute, self.scope.attributes)
                if resolved is not None and resolved.HasField("g"):
                    return resolved.g
        raise ModelError(f"requires attribute {quote(name)} with a graph, which is missing")

    def add_tensor(self, name: str, shape: Shape | None) -> str:
        """Add a tensor of the node and return its name in the graph."""
        return self.writer.add_tensor(self.scope.prefix + name, shape, self.operator)

    def add(self, name: str, shape: Shape | None, reads: Iterable[tuple[Entry, Link]]) -> Entry:
        """Add an output with what it reads; what is not named, or reads no data, is a constant."""
        named = self.scope.prefix + name
        return self.writer.add(named, shape, self.operator, reads if name else ())

    def report(self, reason: str, made: Iterable[Entry]) -> None:
        """Report why no more can be said of those outputs that data reaches."""
        tensors = tuple(entry.tensor for entry in made if entry.tensor is not None)
        if tensors:
            from rfgraph.relations.beside import Unanalysed

            self.writer.unanalysed.append(Unanalysed(self.operator, reason, tensors))

    def unknown(
        self,
        name: str,
        sources: Sequence[Entry | None],
        reason: str,
        shape: Shape | None = None,
    ) -> Entry:
        """Add a tensor that may read all of several values, and report why no more can be said."""
        fed = [part for source in sources for part in self._data_in(source)]
        steps = (Everything(shape or (), unknown=True),)
        made = self.add(name, shape, [(entry, Link(k, steps)) for k, entry in enumerate(fed)])
        self.report(reason, [made])
        return made

    def unknown_outputs(
        self, reason: str, sources: Sequence[Entry | None] | None = None
    ) -> list[Entry]:
        """Return outputs that may read all of some values, by default the node's inputs."""
        read = self.entries if sources is None else sources
        return [self.unknown(name, read, reason) for name in self.outputs]


def _parts_of(entry: Entry | None) -> list[Entry]:
    """Return what data there is in a value: itself, the elements of a sequence, or nothing."""
    if entry is None:
        return []
    if entry.items is not None:
        return [part for item in entry.items for part in _parts_of(item)]
    return [entry] if entry.tensor is not None else []


# What replaces a rule for an operator that adds to the graph; None leaves it to the rule after all.
Handler: TypeAlias = Callable[[Call], "list[Entry] | None"]
