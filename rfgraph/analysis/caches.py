"""What a network keeps between chunks when it runs layer by layer, at each layer's own rate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from rfgraph.domains.moved import Moved, flatten
from rfgraph.relations.axis_rules import Band, Resample, Rows, Transposed, Window
from rfgraph.relations.graph import edges_into, shape_of
from rfgraph.relations.steps import Pointwise, Prefix, Reduce, Taps
from rfgraph.wording.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rfgraph.domains.movement import Movement
    from rfgraph.relations.axis_rules import AxisRule, Shape
    from rfgraph.relations.graph import Edge, Model

# The operators that carry a state from step to step, and how many values for each of an output.
_STATES = {"LSTM": 2, "GRU": 1, "RNN": 1, "CumSum": 1}


@dataclass(frozen=True, slots=True)
class Cache(Record):
    """What one operator keeps: `values` and their bytes, None without end or where not known."""

    node: str
    values: int | None
    bytes: int | None


def caches(model: Model, moving: Movement, target: str) -> tuple[Cache, ...]:
    """Return the caches on the way to a target: windows, states, and the delay lines at merges."""
    sizes = {} if model.item_sizes is None else model.item_sizes()
    kept: list[Cache] = []
    seen: set[tuple[str, str]] = set()
    for name, value in moving.values.items():
        if not isinstance(value, Moved):
            continue
        edges = [
            edge
            for edge in edges_into(model.graph, name)
            if isinstance(moving.values.get(edge.source), Moved)
        ]
        for edge in edges:
            key = edge.operator.label, edge.source
            if key not in seen:
                made = _of_edge(model, moving, edge, sizes)
                kept.extend(made)
                if made:
                    seen.add(key)
        kept.extend(_delay_lines(model, moving, edges, sizes))
    kept.extend(Cache(operator.label, None, None) for operator in moving.tabulated)
    return tuple(kept)


def _of_edge(model: Model, moving: Movement, edge: Edge, sizes: Mapping[str, int]) -> list[Cache]:
    """Return what an operator keeps of one input."""
    value = moving.values[edge.source]
    before, after = shape_of(model.graph, edge.source), shape_of(model.graph, edge.target)
    there = moving.values[edge.target]
    if not isinstance(value, Moved) or not isinstance(there, Moved) or not (before and after):
        return []
    beside, after_beside = _beside(before, value.axis), _beside(after, there.axis)
    for rule in _rules(edge, value.axis):
        if isinstance(rule, Transposed):
            kept = max(rule.extent - rule.stride, 0)
            return _cache(edge, edge.target, kept * after_beside, sizes)
        if isinstance(rule, Band) and rule.before is None:
            times = _STATES.get(edge.operator.op_type)
            state = None if times is None else times * after_beside
            return _cache(edge, edge.target, state, sizes)
        return _cache(edge, edge.source, _needed_again(rule) * beside, sizes)
    return []


def _needed_again(rule: AxisRule) -> int:
    """Return how many positions of what it reads a rule needs again for the next of its outputs."""
    match rule:
        case Window():
            return max(rule.extent - rule.stride, 0)
        case Resample():
            return max(len(rule.taps(o)) for o in range(min(rule.period()[0], rule.out_len))) - 1
        case Band():
            return (rule.before or 0) + (rule.after or 0)
        case Rows(band=(int() as back, int() as ahead)):
            return back + ahead
    return 0


def _rules(edge: Edge, axis: int) -> Iterator[AxisRule]:
    """Yield the rules along an axis of what is read, behind its broadcast."""
    relation = edge.relation
    for step, shape in zip(relation.steps, relation.shapes, strict=False):
        if not isinstance(step, Pointwise):
            if isinstance(step, Taps | Prefix | Reduce):
                yield from (rule for at, rule in step.rules if at == axis)
            return
        axis += len(step.shape) - len(shape)


def _beside(shape: Shape, axis: int) -> int:
    """Return how many values lie at one position of an axis."""
    return math.prod(length for at, length in enumerate(shape) if at != axis)


def _cache(edge: Edge, tensor: str, values: int | None, sizes: Mapping[str, int]) -> list[Cache]:
    """Return a cache of values of a tensor, none where nothing is kept."""
    if values == 0:
        return []
    size = sizes.get(tensor)
    known = None if size is None or values is None else values * size
    return [Cache(edge.operator.label, values, known)]


def _delay_lines(
    model: Model, moving: Movement, edges: list[Edge], sizes: Mapping[str, int]
) -> Iterator[Cache]:
    """Yield the delay lines of a merge: what is ahead waits for what comes last."""
    sources = {edge.source: edge for edge in edges}
    if len(sources) < 2:
        return
    lags = {name: _lag(moving, name) for name in sources}
    last = max(lags.values())
    for name, edge in sources.items():
        value, shape = moving.values[name], shape_of(model.graph, name)
        if isinstance(value, Moved) and shape is not None:
            needs = flatten(value).needs
            units = math.floor((last - lags[name]) / Fraction(needs.q, needs.p))
            yield from _cache(edge, name, units * _beside(shape, value.axis), sizes)


def _lag(moving: Movement, name: str) -> Fraction:
    """Return how far past a unit's own position its tensor must have been read."""
    value = moving.values[name]
    if not isinstance(value, Moved):
        return Fraction(0)
    p, q, spans = flatten(value).needs
    ends = [p * span[1] - q * at for at, span in enumerate(spans) if span is not None]
    return Fraction(max(ends, default=0), p)
