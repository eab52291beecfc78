"""Operators that write at given indices over a tensor."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rfgraph.ops.chain import Chain
from rfgraph.ops.node import Array, Link, OpNode, Outcome, RuleError
from rfgraph.ops.registry import rule
from rfgraph.ops.steps import (
    drop_axes,
    is_unlistable,
    kept_steps,
    lines_along,
    normal_indices,
    own_link,
    pick_steps,
    separate_positions,
)
from rfgraph.relations.axis_rules import Listed, Shape, Shift, Whole
from rfgraph.relations.how import SELECT
from rfgraph.relations.steps import Everything, Pointwise, Reduce, Select, Step, Taps

_REDUCTIONS = ("none", "add", "mul", "max", "min")


@rule("Scatter ScatterElements", how=SELECT)
def scatter_elements(node: OpNode) -> Outcome:
    """An output reads its own place of the data if it is not overwritten, and what is written.

    Indices that are computed are read along the whole axis.

    Exact for constant indices; an upper bound where an index is written twice without reduction, or
    irregular indices go to more than 2^20 elements. Unknown along the axis where the indices depend
    on data.
    Versions: since 16 attribute reduction combines data and updates.
    """
    shape, where = node.ranked(0, 1), node.shape(1)
    axis = node.axis("axis", 0, len(shape))
    combined = node.choice("reduction", "none", _REDUCTIONS) != "none"
    if len(where) != len(shape) or node.shape(2) != where or _exceeds(where, shape, axis):
        raise RuleError(
            f"inputs 1 and 2 require one shape within {list(shape)}, "
            f"found {list(where)} and {list(node.shape(2))}"
        )
    indices = node.value(1).data
    if indices is None:
        return _anywhere_outcome(node, shape, where, axis)
    positions = normal_indices(indices, shape[axis])
    lines = lines_along(positions, axis)
    agree = len(lines) and np.array_equal(lines, np.broadcast_to(lines[:1], lines.shape))
    if agree and drop_axes(where, (axis,)) == drop_axes(shape, (axis,)):
        view, places = _View(shape, shape, where, axis), lines[0]
    elif is_unlistable(*shape):
        return _anywhere_outcome(node, shape, where, axis)
    else:
        view = _View(shape, (math.prod(shape),), (math.prod(where),), 0)
        places = _flat(positions, shape, axis)
    if is_unlistable(view.data[view.axis]):
        return _anywhere_outcome(node, shape, where, axis)
    return _write(node, view, places, combined)


def _exceeds(where: Shape, shape: Shape, axis: int) -> bool:
    return any(where[a] > shape[a] for a in range(len(shape)) if a != axis)


def _flat(indices: Array, shape: Shape, axis: int) -> Array:
    """Return the place of each update in row-major order of `shape`."""
    flat = np.zeros(indices.shape, dtype=np.int64)
    grid: tuple[Array, ...] = np.indices(indices.shape, dtype=np.int64, sparse=True)
    for a, positions in enumerate(grid):
        flat = flat * shape[a] + (indices if a == axis else positions)
    return flat.reshape(-1)


def _anywhere_outcome(node: OpNode, shape: Shape, where: Shape, axis: int) -> Outcome:
    """Return the outcome of indices that depend on data: anywhere along `axis`."""
    links = [own_link(shape)]
    others = [(a, Shift(0, 1, where[a], shape[a], "absent")) for a in range(len(shape))]
    placed = tuple((a, s) for a, s in others if a != axis and where[a] != shape[a])
    for slot in (1, 2):
        rules = Reduce(((axis, Whole(where[axis], shape[axis], unknown=slot == 2)),))
        links.append(Link(slot, (rules, Select(placed)) if placed else (rules,)))
    return Outcome((shape,), tuple(links))


@rule("ScatterND", how=SELECT)
def scatter_nd(node: OpNode) -> Outcome:
    """An output reads its own place of the data if it is not overwritten, and what is written.

    Indices that are computed are read by every output.

    Exact for constant indices; an upper bound where an index is written twice without reduction, or
    irregular indices go to more than 2^20 elements. Unknown along the indexed axes where the
    indices depend on data.
    Versions: since 16 attribute reduction combines data and updates.
    """
    shape, where = node.ranked(0, 1), node.ranked(1, 1)
    combined = node.choice("reduction", "none", _REDUCTIONS) != "none"
    depth = where[-1]
    rest = shape[depth:]
    if not 1 <= depth <= len(shape) or node.shape(2) != (*where[:-1], *rest):
        raise RuleError(
            f"indices of shape {list(where)} into {list(shape)} do not fit updates of shape "
            f"{list(node.shape(2))}"
        )
    indices = node.value(1).data
    if indices is None:
        return _scattered_nd(shape, where)
    positions = [normal_indices(indices[..., a], shape[a]) for a in range(depth)]
    lists = separate_positions(positions)
    lead = shape[:depth]
    if lists is not None and _distinct(lists) and not is_unlistable(max(lead)):
        return _box(shape, lists, combined)
    if is_unlistable(*lead):
        return _scattered_nd(shape, where)
    places = np.zeros(where[:-1], dtype=np.int64)
    for component, length in zip(positions, lead, strict=True):
        places = places * length + component
    view = _View(shape, (math.prod(lead), *rest), (places.size, *rest), 0)
    return _write(node, view, places.reshape(-1), combined)


def _scattered_nd(shape: Shape, where: Shape) -> Outcome:
    rest = shape[where[-1] :]
    updates = Chain((*where[:-1], *rest)).reshape((math.prod(where[:-1]), *rest))
    updates.reduce([0], unknown=True).broadcast(shape)
    indices = Chain(where).add(Everything((1,) * len(shape)), Pointwise(shape))
    return Outcome((shape,), (own_link(shape), indices.link(1), updates.link(2)))


def _distinct(lists: list[Array]) -> bool:
    return all(len(np.unique(line)) == len(line) > 0 for line in lists)


def _box(shape: Shape, lists: list[Array], combined: bool) -> Outcome:
    """Return the outcome of writing to every combination of `lists` on the leading axes."""
    depth = len(lists)
    updates = Chain((*(len(line) for line in lists), *shape[depth:]))
    covered = np.ones((1,) * len(shape), dtype=bool)
    for axis, line in enumerate(lists):
        inverse = np.full(shape[axis], -1, dtype=np.int64)
        inverse[line] = np.arange(len(line))
        updates.add(*pick_steps(inverse, axis, len(line)))
        if len(line) < shape[axis]:
            side = (inverse >= 0).reshape([-1 if a == axis else 1 for a in range(len(shape))])
            if is_unlistable(covered.size, shape[axis]):
                combined = True
            else:
                covered = covered & side
    links = [updates.link(2)]
    kept: tuple[Step, ...] | None = () if combined else kept_steps(~covered, shape)
    if kept is not None:
        links.append(Link(0, (Pointwise(shape), *kept)))
    return Outcome((shape,), tuple(links))


@dataclass(frozen=True, slots=True)
class _View:
    """Data and updates under shapes in which an update goes to one position of one axis."""

    shape: Shape
    data: Shape
    updates: Shape
    axis: int


def _write(node: OpNode, view: _View, places: Array, combined: bool) -> Outcome:
    """Return the outcome of writing update i to position places[i] of the view's axis."""
    length = view.data[view.axis]
    old = np.arange(length)
    if not combined:
        old[places] = -1
    links = []
    if bool((old >= 0).any()):
        links.append(_reshaped_link(node, view, 0, view.data, pick_steps(old, view.axis, length)))
    if len(places):
        links.append(
            _reshaped_link(node, view, 2, view.updates, _put_steps(view.axis, places, length))
        )
    return Outcome((view.shape,), tuple(links))


def _put_steps(axis: int, places: Array, length: int) -> tuple[Step, ...]:
    """Return the steps by which position p of `axis` reads every i with places[i] = p."""
    inverse = np.full(length, -1, dtype=np.int64)
    inverse[places] = np.arange(len(places))
    if int((inverse >= 0).sum()) == len(places):
        return pick_steps(inverse, axis, len(places))
    order = np.argsort(places, kind="stable")
    ends = np.cumsum(np.bincount(places, minlength=length)).tolist()
    readers = order.tolist()
    lists = tuple(tuple(readers[a:b]) for a, b in zip([0, *ends[:-1]], ends, strict=True))
    return (Taps(((axis, Listed(lists, len(places))),)),)


def _reshaped_link(
    node: OpNode, view: _View, slot: int, under: Shape, steps: tuple[Step, ...]
) -> Link:
    """Return the link of input `slot` whose `steps` apply to it under another shape."""
    return Chain(node.shape(slot)).regroup(under).add(*steps).regroup(view.shape).link(slot)
