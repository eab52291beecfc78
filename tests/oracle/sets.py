"""Index sets by definition: what a unit reads, and what each walk through the graph reads.

Only for small graphs: everything is enumerated, nothing is closed form. `clip=False` continues
every window, slice, pad and Resize past the ends of the tensors; `clip=True` stops at them, as a
runtime does.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import onnx

from oracle.operators import parts
from oracle.perturb import run_all
from oracle.reads import Box, Node, Part, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Index = tuple[int, ...]
Reading = dict[str, tuple[Span, ...]]


class Graph:
    """A model taken apart into its data edges; shapes come from a run under onnxruntime."""

    def __init__(
        self,
        model: onnx.ModelProto,
        *,
        clip: bool = False,
        shapes: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:
        self.clip = clip
        self.values = run_all(model, shapes)
        initializers = {tensor.name for tensor in model.graph.initializer}
        names = [value.name for value in model.graph.input]
        self.inputs = [name for name in names if name not in initializers]
        self.kinds = [node.op_type for node in model.graph.node]
        # The nodes that put something beside what they move.
        self.padding: set[int] = set()
        self.edges: list[Part] = []
        self._memo: dict[tuple[object, int, frozenset[int]], frozenset[int]] = {}
        self._moving: set[str] = set(self.inputs)
        opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
        for number, proto in enumerate(model.graph.node):
            if self._moving.intersection(proto.input) and proto.op_type not in ("Shape", "Size"):
                self._add(number, proto, opset)

    def _add(self, number: int, proto: onnx.NodeProto, opset: int) -> None:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in proto.attribute}
        constant = frozenset(set(proto.input) - self._moving)
        node = Node(number, proto, attributes, self.values, constant, opset, self.clip)
        self.edges.extend(parts(node))
        if proto.op_type == "Pad":
            amounts = attributes["pads"] if "pads" in attributes else self.values[proto.input[1]]
            if max(amounts, default=0) > 0:
                self.padding.add(number)
        self._moving.update(proto.output)

    def shape(self, tensor: str) -> Index:
        return tuple(int(n) for n in self.values[tensor].shape)

    def unit(self, index: Sequence[int]) -> Box:
        return tuple(Span(frozenset([int(i)])) for i in index)

    def along(self, edge: Part, box: Box) -> list[Box]:
        """Return what an edge reads for a box of units, as boxes; some spans may be empty."""
        if edge.moved is None:
            return [self._clipped(edge.source, self._separable(edge, box))]
        return self._moved(edge, edge.moved, box)

    def _separable(self, edge: Part, box: Box) -> Box:
        result = []
        for axis, (steer, _, whole) in enumerate(edge.axes):
            units = box[steer] if steer is not None else Span(frozenset([0]))
            read = self._axis(edge, axis, units.positions)
            result.append(Span(read, whole or units.whole))
        return tuple(result)

    def _axis(self, edge: Part, axis: int, units: frozenset[int]) -> frozenset[int]:
        key = (edge.key, axis, units)
        if key not in self._memo:
            rule = edge.axes[axis][1]
            self._memo[key] = frozenset(i for o in units for i in rule(o))
        return self._memo[key]

    def _moved(self, edge: Part, table: Mapping[Index, Index], box: Box) -> list[Box]:
        """Move each element by the table; an axis is whole if whole axes alone sweep all of it."""
        swept: dict[Index, set[Index]] = defaultdict(set)
        for index in itertools.product(*(span.positions for span in box)):
            if index in table:
                fixed = tuple(i for i, span in zip(index, box, strict=True) if not span.whole)
                swept[fixed].add(table[index])
        whole = [
            n > 1 and any(len({i[axis] for i in group}) == n for group in swept.values())
            for axis, n in enumerate(self.shape(edge.source))
        ]
        whole = [w and any(span.whole for span in box) for w in whole]
        return [
            tuple(Span(frozenset([i]), w) for i, w in zip(index, whole, strict=True))
            for index in set().union(*swept.values())
        ]

    def _clipped(self, tensor: str, box: Box) -> Box:
        if not self.clip:
            return box
        return tuple(
            Span(frozenset(i for i in span.positions if 0 <= i < length), span.whole)
            for span, length in zip(box, self.shape(tensor), strict=True)
        )

    def boxes(self, tensor: str, index: Sequence[int]) -> dict[str, frozenset[Box]]:
        """Return, per graph input, the boxes that one unit reads, one or more for each path."""
        pending: dict[str, set[Box]] = defaultdict(set)
        pending[tensor] = {self.unit(index)}
        for edge in reversed(self.edges):
            for box in list(pending[edge.target]):
                found = [b for b in self.along(edge, box) if all(s.positions for s in b)]
                pending[edge.source].update(found)
        return {name: frozenset(pending[name]) for name in self.inputs if pending[name]}

    def read(self, tensor: str, index: Sequence[int], *, local: Iterable[int] = ()) -> Reading:
        """Return, per graph input that is read, the union on each axis of what one unit reads.

        `local` names input axes: boxes that are whole on one of them are left out.
        """
        axes = set(local)
        result = {}
        for name, boxes in self.boxes(tensor, index).items():
            kept = [b for b in boxes if not any(b[axis].whole for axis in axes if axis < len(b))]
            if kept:
                result[name] = union(kept)
        return result

    @cached_property
    def labels(self) -> dict[str, list[set[tuple[str, int]]]]:
        """Which input axes each axis of each tensor carries, where axes keep their identity."""
        result = {name: [{(name, a)} for a in range(len(self.shape(name)))] for name in self.inputs}
        for edge in self.edges:
            here = result.setdefault(edge.target, [set() for _ in self.shape(edge.target)])
            for axis, (steer, _, _) in enumerate(edge.axes):
                if steer is not None:
                    here[steer] |= result[edge.source][axis]
        return result

    @cached_property
    def spatial(self) -> dict[str, frozenset[int]]:
        """The spatial axes of each input: carried to a spatial axis of a window or a Resize."""
        found: dict[str, set[int]] = {name: set() for name in self.inputs}
        for edge in self.edges:
            if edge.spatial:
                for name, axis in set().union(*self.labels[edge.source][2:]):
                    found[name].add(axis)
        return {
            name: frozenset(axes or range(1, len(self.shape(name)))) for name, axes in found.items()
        }


def union(boxes: Iterable[Box]) -> Box:
    """Return the union on each axis of boxes of one input."""
    columns = zip(*boxes, strict=True)
    return tuple(
        Span(frozenset().union(*(s.positions for s in column)), any(s.whole for s in column))
        for column in columns
    )


def hull(span: Span) -> tuple[int, int] | None:
    """Return (lo, hi) of a span, None if it is empty."""
    return (min(span.positions), max(span.positions)) if span.positions else None


def length(span: Span) -> int:
    """Return hi - lo + 1 of a span, 0 if it is empty."""
    return max(span.positions) - min(span.positions) + 1 if span.positions else 0


def unclipped(model: onnx.ModelProto, tensor: str, index: Sequence[int]) -> Reading:
    """Return, per graph input that one unit reads, its unclipped `Span` on each axis."""
    return Graph(model).read(tensor, index)


def clipped(model: onnx.ModelProto, tensor: str, index: Sequence[int]) -> Reading:
    """Return, per graph input that one unit reads, the `Span` inside the input on each axis."""
    return Graph(model, clip=True).read(tensor, index)


def clipped_tables(
    graph: Graph, tensor: str, name: str
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return (lo, hi) of all units in the form of `perturb.hull_tables`: empty has lo > hi."""
    lengths = graph.shape(name)
    lo = np.zeros((*graph.shape(tensor), len(lengths)), np.int64) + np.array(lengths, np.int64)
    hi = np.full_like(lo, -1)
    for index in np.ndindex(*graph.shape(tensor)):
        for axis, span in enumerate(graph.read(tensor, index).get(name, ())):
            lo[(*index, axis)], hi[(*index, axis)] = hull(span) or (lengths[axis], -1)
    return lo, hi
