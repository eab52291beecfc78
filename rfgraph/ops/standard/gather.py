"""Operators that read at given indices: gathers, sorted and filtered sequences, triangles."""

from __future__ import annotations

import math

import numpy as np

from rfgraph.ops.chain import Chain
from rfgraph.ops.node import Array, Link, OpNode, Outcome, RuleError, UnresolvedError
from rfgraph.ops.registry import rule
from rfgraph.ops.steps import (
    check_index_count,
    is_unlistable,
    kept_steps,
    lines_along,
    normal_indices,
    own_link,
    pick_steps,
    scalar_link,
    separate_positions,
)
from rfgraph.relations.axis_rules import Shape, Shift, Whole, along_axis
from rfgraph.relations.how import SELECT
from rfgraph.relations.steps import Pointwise, Reduce, Regroup, Step

MAX_FLAT_INDEX = 1 << 62


@rule("Gather", how=SELECT)
def gather(node: OpNode) -> Outcome:
    """An output reads the position that its index names on the axis, its own on the others.

    Indices that are computed are read at their own place.

    Exact for constant indices, and on an axis of one position. Unknown along the axis where the
    indices depend on data. All versions.
    """
    shape, where = node.ranked(0, 1), node.shape(1)
    axis = node.axis("axis", 0, len(shape))
    indices = node.value(1).data
    chain = Chain(shape)
    if indices is None:
        chain.add(*_anywhere(shape, axis, math.prod(where)))
    else:
        chain.add(*pick_steps(normal_indices(indices, shape[axis]).reshape(-1), axis, shape[axis]))
    out = (*shape[:axis], *where, *shape[axis + 1 :])
    chain.regroup(out)
    own = Chain(where).regroup((*where, *(1,) * (len(shape) - axis - 1))).broadcast(out)
    return Outcome((out,), (chain.link(0), own.link(1)))


@rule("GatherElements", how=SELECT)
def gather_elements(node: OpNode) -> Outcome:
    """An output reads the position that its index names on the axis, its own on the others.

    Indices that are computed are read at their own place.

    Exact for constant indices, and on an axis of one position. Unknown along the axis where the
    indices depend on data. All versions.
    """
    shape, where = node.ranked(0, 1), node.shape(1)
    axis = node.axis("axis", 0, len(shape))
    if len(where) != len(shape) or any(where[a] > shape[a] for a in range(len(shape)) if a != axis):
        raise RuleError(
            f"input 1 requires a shape within {list(shape)} but for axis {axis}, "
            f"found {list(where)}"
        )
    shifts = [(a, Shift(0, 1, shape[a], where[a])) for a in range(len(shape)) if a != axis]
    chain = Chain(shape).select(shifts)
    indices = node.value(1).data
    if indices is None or math.prod(shape) >= MAX_FLAT_INDEX:
        chain.add(*_anywhere(chain.shape, axis, where[axis]))
    else:
        _pick_elements(chain, normal_indices(indices, shape[axis]), axis)
    return Outcome((where,), (chain.link(0), own_link(where, 1)))


def _anywhere(shape: Shape, axis: int, count: int) -> tuple[Step, ...]:
    """Return what reads `count` positions of an axis that data names; of one there is no choice."""
    if shape[axis] == 1:
        return (Pointwise((*shape[:axis], count, *shape[axis + 1 :])),)
    return (Reduce(((axis, Whole(shape[axis], count, unknown=True)),)),)


def _pick_elements(chain: Chain, indices: Array, axis: int) -> None:
    """Add what reads `indices` along `axis`: one list if all lines agree, else one for all."""
    shape = chain.shape
    lines = lines_along(indices, axis)
    if len(lines) and np.array_equal(lines, np.broadcast_to(lines[:1], lines.shape)):
        chain.add(*pick_steps(lines[0], axis, shape[axis]))
        return
    total = math.prod(shape)
    stride = math.prod(shape[axis + 1 :])
    at: tuple[Array, ...] = np.indices(indices.shape, dtype=np.int64, sparse=True)
    flat = indices * stride
    for a, positions in enumerate(at):
        if a != axis:
            flat = flat + positions * math.prod(shape[a + 1 :])
    chain.add(Regroup((total,)), *pick_steps(flat.reshape(-1), 0, total), Regroup(indices.shape))


@rule("GatherND", how=SELECT)
def gather_nd(node: OpNode) -> Outcome:
    """An output reads the position that its index names on the leading axes, its own on the others.

    Indices that are computed are read at their own place.

    Exact for constant indices, and on axes of one position. Unknown along the indexed axes where
    the indices depend on data.
    Versions: since 12 attribute batch_dims leaves out axes that both inputs share.
    """
    shape, where = node.ranked(0, 1), node.ranked(1, 1)
    batch = node.int("batch_dims", 0)
    depth = where[-1]
    if not 0 <= batch < len(where) or shape[:batch] != where[:batch]:
        raise RuleError(f"attribute 'batch_dims' does not fit {list(shape)} and {list(where)}")
    if depth > len(shape) - batch:
        raise RuleError(f"input 1 requires at most {len(shape) - batch} axes, found {depth}")
    rest = shape[batch + depth :]
    out = (*where[:-1], *rest)
    indices = node.value(1).data
    chain = Chain(shape)
    if indices is None or math.prod(shape) >= MAX_FLAT_INDEX:
        count = math.prod(where[batch:-1])
        flat = (*shape[:batch], math.prod(shape[batch : batch + depth]), *rest)
        chain.reshape(flat)
        chain.add(*_anywhere(chain.shape, batch, count))
    else:
        _pick_tuples(chain, indices, batch, batch + depth)
    chain.regroup(out)
    own = Chain(where).reduce([len(where) - 1])
    own.reshape((*where[:-1], *(1,) * len(rest))).broadcast(out)
    return Outcome((out,), (chain.link(0), own.link(1)))


def _pick_tuples(chain: Chain, indices: Array, batch: int, depth: int) -> None:
    """Add what reads index tuples into the first `depth` axes, of which `batch` are shared."""
    lead, rest = chain.shape[:depth], chain.shape[depth:]
    outer = indices.shape[:-1]
    places = [
        normal_indices(indices[..., axis - batch], length)
        if axis >= batch
        else np.broadcast_to(np.arange(length).reshape(along_axis(length, axis, len(outer))), outer)
        for axis, length in enumerate(lead)
    ]
    lists = separate_positions(places) if places else None
    if lists is not None:
        for axis, line in enumerate(lists):
            chain.add(*pick_steps(line, axis, lead[axis]))
        return
    check_index_count(math.prod(outer), "GatherND")
    flat = np.zeros(outer, dtype=np.int64)
    for place, length in zip(places, lead, strict=True):
        flat = flat * length + place
    chain.reshape((math.prod(lead), *rest))
    chain.add(*pick_steps(flat.reshape(-1), 0, math.prod(lead)))


@rule("Compress", how=SELECT)
def compress(node: OpNode) -> Outcome:
    """An output reads the position that is left on the axis, or of all elements in row-major order.

    Exact for a constant condition. Unknown otherwise: the shape depends on data. All versions.
    """
    shape = node.ranked(0, 1)
    condition = node.known(1)
    if condition is None or condition.ndim != 1 or condition.dtype.kind != "b":
        raise RuleError("input 1 requires a vector of booleans")
    chain = Chain(shape)
    axis = 0
    if node.attribute("axis") is None:
        chain.reshape((math.prod(shape),))
    else:
        axis = node.axis("axis", 0, len(shape))
    length = chain.shape[axis]
    chain.add(*pick_steps(np.flatnonzero(condition[:length]), axis, length))
    return Outcome((chain.shape,), (chain.link(0),))


@rule("ReverseSequence", how=SELECT)
def reverse_sequence(node: OpNode) -> Outcome:
    """An output reads its own sequence, at the mirrored position as far as the length goes.

    Lengths that are computed are read by their sequence.

    Exact for constant lengths. Unknown along the time axis otherwise. All versions.
    """
    shape = node.ranked(0, 2)
    batch, time = node.int("batch_axis", 1), node.int("time_axis", 0)
    if sorted((batch, time)) != [0, 1]:
        raise RuleError(f"batch_axis and time_axis require 0 and 1, found {batch} and {time}")
    if node.shape(1) != (shape[batch],):
        raise RuleError(f"input 1 requires {shape[batch]} lengths, found {list(node.shape(1))}")
    lengths = node.value(1).data
    chain = Chain(shape)
    if lengths is None or is_unlistable(*shape[:2]):
        chain.reduce([time], to=shape[time], unknown=True)
    else:
        _reverse(chain, lengths, time)
    spread = along_axis(shape[batch], batch, len(shape))
    own = Chain((shape[batch],)).reshape(spread).broadcast(shape)
    return Outcome((shape,), (chain.link(0), own.link(1)))


def _reverse(chain: Chain, lengths: Array, time: int) -> None:
    shape = chain.shape
    steps, count = shape[time], shape[1 - time]
    if lengths.dtype.kind not in "iu" or bool(((lengths < 0) | (lengths > steps)).any()):
        raise RuleError(f"input 1 requires lengths in [0, {steps}]")
    at = np.arange(steps).reshape(-1, 1)
    ends = lengths.astype(np.int64).reshape(1, -1)
    places = np.where(at < ends, ends - 1 - at, at)
    if count and np.array_equal(places, np.broadcast_to(places[:, :1], places.shape)):
        chain.add(*pick_steps(places[:, 0], time, steps))
    else:
        lines = np.arange(count)
        flat = places * count + lines if time == 0 else places.T + lines.reshape(-1, 1) * steps
        total = steps * count
        chain.add(Regroup((total, *shape[2:])), *pick_steps(flat.reshape(-1), 0, total))
    chain.regroup(shape)


@rule("Trilu", how=SELECT)
def trilu(node: OpNode) -> Outcome:
    """An output of the triangle that is kept reads its own index, the others read nothing.

    Exact; an upper bound (all read their own index) where k depends on data or the matrix has more
    than 2^20 elements. A k that is computed is read by every output. All versions.
    """
    shape = node.ranked(0, 2)
    rows, columns = shape[-2:]
    upper = node.int("upper", 1) != 0
    own = own_link(shape)
    if node.has(1) and node.value(1).data is None:
        return Outcome((shape,), (own, scalar_link(node, 1, shape)))
    offsets = node.known_ints(1)
    if offsets is not None and len(offsets) != 1:
        raise RuleError(f"input 1 requires one element, found {len(offsets)}")
    k = offsets[0] if offsets else 0
    if is_unlistable(rows, columns):
        return Outcome((shape,), (own,))
    k = min(max(k, -rows - 1), columns + 1)
    distance = np.arange(columns).reshape(1, -1) - np.arange(rows).reshape(-1, 1)
    steps = kept_steps(distance >= k if upper else distance <= k, shape)
    if steps is None:
        return Outcome((shape,))
    return Outcome((shape,), (Link(0, (Pointwise(shape), *steps)),))


@rule("NonZero Unique", ignores="axis sorted")
def data_dependent(node: OpNode) -> Outcome:
    """What an output reads, and how many outputs there are, depends on data.

    Unknown. All versions.
    """
    raise UnresolvedError("the shape of the output depends on data")
