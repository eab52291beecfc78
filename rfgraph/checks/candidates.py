"""Which layers can help a field that falls short, and how each may be changed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, TypeAlias

import networkx as nx

from rfgraph.analysis.layers import Layer, layers_of, windows_of
from rfgraph.analysis.lossy import is_lossy
from rfgraph.analysis.paths import paths
from rfgraph.domains.fields.layout import has_local_path
from rfgraph.errors import BoundError
from rfgraph.relations.axis_rules import Blocks, Shift, Transposed, Window
from rfgraph.relations.graph import between, edges_from, edges_into, producer_of
from rfgraph.relations.steps import Reduce, Select

if TYPE_CHECKING:
    from rfgraph.analysis.analysis import Analysis
    from rfgraph.analysis.paths import Path
    from rfgraph.relations.beside import Setting


Kind: TypeAlias = Literal["dilation", "kernel", "layer", "stride"]
# Steps along each spatial axis, and what `what_if` takes for them.
Vector: TypeAlias = tuple[int, ...]
Made: TypeAlias = dict[tuple[str, str], "Setting"]

KINDS: tuple[Kind, ...] = ("dilation", "kernel", "layer", "stride")
# The most steps of each kind.
MOST: Mapping[Kind, int] = {"dilation": 1 << 16, "kernel": 1 << 12, "layer": 64, "stride": 7}
_ATTRIBUTE = {"dilation": "dilations", "kernel": "kernel_shape", "stride": "strides"}


@dataclass(frozen=True, slots=True)
class Padding:
    """A Pad node of its own in front of a window: its pads, and the tensor axis of each place."""

    address: str
    pads: tuple[int, ...]
    axes: Mapping[int, int]

    def wider(self, more: Mapping[int, int], *, causal: bool) -> tuple[int, ...]:
        """Return the pads for windows that span more positions, by place."""
        pads, rank = list(self.pads), len(self.pads) // 2
        for place, extent in more.items():
            axis = self.axes[place]
            before, after = pads[axis], pads[axis + rank]
            total = before + after
            first = extent if causal else extent * before // total if total else 0
            pads[axis] += first if total else 0
            pads[axis + rank] += extent - first if total else 0
        return tuple(pads)

    def turn_to_start(self, place: int) -> tuple[int, ...]:
        """Return the pads with all that is padded along a place at the beginning."""
        pads, axis = list(self.pads), self.axes[place]
        after = axis + len(self.pads) // 2
        pads[axis], pads[after] = pads[axis] + pads[after], 0
        return tuple(pads)


@dataclass(frozen=True, slots=True)
class Move:
    """A kind of change to one layer or to several alike: steps that make the field larger.

    `padding` are the Pad nodes in front of them; with `causal`, all that is padded more is padded
    at the beginning. `padded`: what windows span more is padded though they have no pads.
    """

    kind: Kind
    layers: tuple[Layer, ...]
    padding: Mapping[str, Padding]
    causal: bool = False
    padded: bool = False

    @property
    def first(self) -> Layer:
        """The layer that is changed, or the first of them."""
        return self.layers[0]

    def changes(self, steps: Vector) -> Made:
        """Return what `what_if` takes for some steps along each spatial axis.

        A kernel grows by two, so that it stays as centred as it is; a layer more is one along all
        axes.
        """
        if self.kind == "layer":
            return {(layer.address, "repeat"): 1 + max(steps) for layer in self.layers}
        made: Made = {}
        for layer in self.layers:
            made |= self._changes(layer, steps)
        return made

    def _changes(self, layer: Layer, steps: Vector) -> Made:
        name = _ATTRIBUTE[self.kind]
        values = layer.enlarge(self.kind, steps, 2 if self.kind == "kernel" else 1)
        made: Made = {(layer.address, name): values}
        if self.kind == "stride":
            return made
        wider = [
            replace(rule, **{self.kind: value})
            for rule, value in zip(layer.rules, values, strict=True)
        ]
        more = {
            place: new.extent - old.extent
            for place, (old, new) in enumerate(zip(layer.rules, wider, strict=True))
        }
        padding = self.padding.get(layer.address)
        if padding is not None:
            made[padding.address, "pads"] = padding.wider(more, causal=self.causal)
        elif (self.causal or self.padded) and {rule.stride for rule in layer.rules} == {1}:
            made[layer.address, "pads"] = _wider_pads(layer, more, causal=self.causal)
        return made

    @property
    def with_pads(self) -> Move | None:
        """The same with pads for what windows span more, which have none; None where it has some.

        It keeps the lengths, which what comes behind may need.
        """
        if self.kind not in ("dilation", "kernel") or self.causal or self.padded or self.padding:
            return None
        ends = [padding_behind(rule) for layer in self.layers for rule in layer.rules]
        begins = [rule.pad_begin for layer in self.layers for rule in layer.rules]
        return replace(self, padded=True) if {*begins, *ends} == {0} else None

    def growth(self, place: int) -> Fraction:
        """Return by how many positions one step should make the field larger, by arithmetic."""
        return sum((self._growth(layer, place) for layer in self.layers), Fraction(0))

    def _growth(self, layer: Layer, place: int) -> Fraction:
        kernel, stride, dilation = (
            layer.window[key][place] for key in ("kernel_shape", "strides", "dilations")
        )
        after = Fraction(layer.values["stride"][place] or 1)
        before = after / stride
        match self.kind:
            case "dilation":
                return (kernel - 1) * before
            case "kernel":
                return 2 * dilation * before
            case "layer":
                return (kernel - 1) * dilation * after
        return Fraction(1)

    def guess(self, gaps: Mapping[int, Fraction], places: Mapping[int, int]) -> dict[int, int]:
        """Return the steps that arithmetic expects to close the gap on each axis."""
        steps = {}
        for axis, gap in gaps.items():
            growth = self.growth(places[axis])
            steps[axis] = max(math.ceil(gap / growth), 1) if growth else 1
        if self.kind == "layer":
            return dict.fromkeys(steps, max(steps.values()))
        return dict.fromkeys(steps, 1) if self.kind == "stride" else steps


def _wider_pads(layer: Layer, more: Mapping[int, int], *, causal: bool) -> tuple[int, ...]:
    """Return the pads of a window of stride 1, what it spans more among them."""
    begins, ends = [], []
    for place, rule in enumerate(layer.rules):
        first = more[place] if causal else more[place] // 2
        begins.append(rule.pad_begin + first)
        ends.append(padding_behind(rule) + more[place] - first)
    return (*begins, *ends)


def padding_behind(rule: Window | Transposed) -> int:
    """Return how many positions behind its input a window reads."""
    return (rule.out_len - 1) * rule.stride + rule.extent - rule.pad_begin - rule.in_len


def moves(
    result: Analysis, layers: Sequence[Layer], places: Sequence[int], *, causal: bool
) -> list[Move]:
    """Return every kind of change to each layer, and one kernel for all that have the same.

    `places` are the input's spatial axes, counted, along which the field falls short.
    """
    padding = {
        layer.address: pad for layer in layers if (pad := padding_of(result, layer)) is not None
    }
    made: list[Move] = []
    for kind in KINDS:
        fitting = [layer for layer in layers if _fits(layer, kind, places)]
        made.extend(Move(kind, (layer,), padding, causal) for layer in fitting)
    alike: dict[object, list[Layer]] = {}
    for layer in layers:
        if layer.has_weights and _fits(layer, "kernel", places):
            alike.setdefault(layer.window["kernel_shape"], []).append(layer)
    groups = [group for group in alike.values() if len(group) > 1]
    made.extend(Move("kernel", tuple(group), padding, causal) for group in groups)
    return made


def padding_of(result: Analysis, layer: Layer) -> Padding | None:
    """Return the Pad node that feeds a window, None where none does."""
    graph = result.graph
    for edge in edges_into(graph, layer.tensor):
        maker = producer_of(graph, edge.source)
        rank = len(edge.relation.in_shape)
        slid = [axis for axis, _ in windows_of(edge.relation)]
        if maker is None or maker.op_type != "Pad" or len(slid) != len(layer.rules):
            continue
        pads = [0] * (2 * rank)
        for inner in edges_into(graph, edge.source):
            for step in inner.relation.steps:
                for axis, rule in step.rules if isinstance(step, Select) else ():
                    if isinstance(rule, Shift):
                        pads[axis] -= rule.start
                        pads[axis + rank] += rule.out_len + rule.start - rule.in_len
        return Padding(maker.name or edge.source, tuple(pads), dict(enumerate(slid)))
    return None


def _fits(layer: Layer, kind: Kind, places: Sequence[int]) -> bool:
    """Whether a change of a kind makes the field of a layer larger along all places."""
    if any(layer.places[place] < 0 for place in places):
        return False
    if kind == "stride":
        return not layer.kind.startswith("transposed")
    if kind in ("dilation", "layer"):
        wide = all(layer.window["kernel_shape"][place] > 1 for place in places)
        return wide and not layer.kind.startswith("transposed")
    return not layer.is_trivial


# -- on which paths --------------------------------------------------------------------------------


def on_a_largest_path(result: Analysis, tensor: str, source: str) -> list[Layer]:
    """Return the layers with windows on a largest path, or all where paths cannot be listed."""
    layers = _windows(result, source)
    path = _first_path(result, tensor, source, "largest")
    if path is None:
        way = between(result.graph, source, tensor)
        return [layer for layer in layers if layer.tensor in way]
    return [layer for layer in layers if layer.label in path.nodes]


def on_every_path(result: Analysis, tensor: str, source: str) -> list[Layer]:
    """Return the layers with windows that every local path from the input to a tensor passes."""
    form, graph = result.forms[source], result.graph
    way = between(graph, source, tensor)
    local: nx.DiGraph[str] = nx.DiGraph()
    local.add_node(source)
    for name in way:
        local.add_edges_from(
            (name, edge.target)
            for edge in edges_from(graph, name)
            if edge.target in way and has_local_path(form, name) and not is_lossy(form, edge)
        )
    above = nx.immediate_dominators(local, source)
    passed, at = {source}, tensor
    while at in above and at not in passed:
        passed.add(at)
        at = above[at]
    return [layer for layer in _windows(result, source) if layer.tensor in passed]


def shortest_path(result: Analysis, tensor: str, source: str) -> Path | None:
    """Return a smallest path, None where paths cannot be listed."""
    return _first_path(result, tensor, source, "smallest")


def _first_path(
    result: Analysis, tensor: str, source: str, order: Literal["largest", "smallest"]
) -> Path | None:
    try:
        return next(iter(paths(result, tensor=tensor, input=source, order=order)), None)
    except BoundError:
        return None


def _windows(result: Analysis, source: str) -> list[Layer]:
    return [layer for layer in layers_of(result, source) if layer.window]


def weights_of_a_tap(result: Analysis, layer: Layer) -> int:
    """Return how many weights one more tap of a layer's window has: none of a pool."""
    if not layer.has_weights:
        return 0
    for edge in edges_into(result.graph, layer.tensor):
        for step in edge.relation.steps:
            if isinstance(step, Reduce) and step.weighted and step.rules:
                rule = step.rules[0][1]
                groups = rule.groups if isinstance(rule, Blocks) else 1
                return rule.in_len * rule.out_len // max(groups, 1)
    return 0
