"""Where a tensor's axes stand for a part of the input axis only: how pieces are cut and mended."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from operator import sub
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rfgraph.domains.fields.fitting import fold
from rfgraph.domains.fields.pieces import CUT, Mapped, Piece, Regrouped, Tabled
from rfgraph.relations.axis_rules import Listed, Pick, Shift
from rfgraph.relations.graph import edges_into
from rfgraph.relations.steps import Gathered, Regroup, Select, regroup_plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from fractions import Fraction

    from rfgraph.domains.tables import Span
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.graph import Graph
    from rfgraph.relations.relation import Relation


# Tensor axes along which maps move on, and how many input positions they do so by position.
Lines: TypeAlias = "frozenset[tuple[int, Fraction]]"


def is_whole(piece: Piece, axis: int) -> bool:
    """Whether an axis of the tensor alone stands for all of the input axis."""
    return piece.cut is None and piece.axes == {axis}


def cut_by(piece: Piece, axis: int, rule: Shift | Pick | Listed, shape: Shape) -> Span:
    """Return the piece's `cut` after a rule along an axis of a tensor of `shape`.

    What leaves positions at an end unread cuts, unless a stride passes over them.
    """
    if piece.cut is not None or axis not in piece.axes:
        return piece.cut
    first, last = _ends_read(piece, axis, rule.in_len)
    taken = _positions_taken(rule)
    taken = taken[bisect_left(taken, first) : bisect_right(taken, last)]
    stride = taken.step if isinstance(taken, range) else max(map(sub, taken[1:], taken), default=1)
    if not taken or (taken[0] - first < stride and last - taken[-1] < stride):
        return None
    return read_by_all(piece, shape)


def cut_by_places(piece: Piece, step: Gathered, shape: Shape) -> Span:
    """Return the piece's `cut` after a rearrangement of a tensor of `shape`."""
    for axis in piece.axes:
        places = step.places[axis]
        taken = np.unique(places[places >= 0])
        cut = cut_by(piece, axis, Pick(tuple(taken.tolist()), shape[axis]), shape)
        if cut is not None:
            return cut
    return piece.cut


def _ends_read(piece: Piece, axis: int, length: int) -> tuple[int, int]:
    """Return the first and the last position of an axis at which something is read."""
    if not isinstance(piece, Tabled) or piece.table.lo.shape[axis] == 1:
        return 0, length - 1
    others = tuple(a for a in range(piece.table.lo.ndim) if a != axis)
    there = np.nonzero((piece.table.lo <= piece.table.hi).any(axis=others))[0]
    return int(there[0]), int(there[-1])


def _positions_taken(rule: Shift | Pick | Listed) -> Sequence[int]:
    """Return the positions that a rule reads, each once, in order."""
    if isinstance(rule, Shift):
        ends = rule.start, rule.start + (rule.out_len - 1) * rule.step
        return range(min(ends), max(ends) + 1, abs(rule.step) or 1)
    if isinstance(rule, Pick):
        return sorted(set(rule.indices))
    return sorted({tap for taps in rule.lists for tap in taps})


def read_by_all(piece: Piece, shape: Shape) -> Span:
    """Return what all units of a tensor of `shape` read together."""
    if isinstance(piece, Regrouped):
        return read_by_all(piece.piece, piece.shape)
    if isinstance(piece, Mapped):
        return piece.map.hull(range(1 if piece.carrier is None else shape[piece.carrier]))
    if isinstance(piece, Tabled):
        return int(piece.table.lo.min()), int(piece.table.hi.max())
    return CUT


def whole_if_covering(piece: Piece, length: int, shape: Shape) -> Piece:
    """Return a piece as whole if all its units together reach both ends of the input."""
    if piece.cut is None or not isinstance(piece, Mapped) or piece.carrier is None:
        return piece
    first, last = read_by_all(piece, shape) or CUT
    return piece._replace(cut=None) if first <= 0 and last >= length - 1 else piece


def whole_lines(pieces: Iterable[Piece]) -> Lines:
    """Return the lines of the maps whose carriers stand for all of the input axis."""
    lines = (_line(piece) for piece in pieces if piece.cut is None)
    return frozenset(line for line in lines if line is not None)


def _line(piece: Piece) -> tuple[int, Fraction] | None:
    """Return along which axis, and how fast, a map moves on; None if it stays, or has gaps."""
    if not isinstance(piece, Mapped) or piece.carrier is None or not piece.map.q:
        return None
    return None if None in piece.map.spans else (piece.carrier, piece.map.rate)


def uncut(piece: Piece, wholes: Lines) -> Piece:
    """Return a map that runs beside a whole one, to fit which it was cropped, as whole."""
    if isinstance(piece, Mapped) and piece.cut and _line(piece) in wholes:
        return piece._replace(cut=None)
    return piece


def mask_of(piece: Tabled) -> bytes:
    """Return where along the axes that it does not depend on a table reads anything."""
    there = (piece.table.lo <= piece.table.hi).any(axis=tuple(piece.axes), keepdims=True)
    return b"" if there.all() else bytes(str(there.shape), "ascii") + np.packbits(there).tobytes()


def whole_if_complete(piece: Tabled) -> Tabled:
    """Return a united piece as whole if its parts together read all that there was to read."""
    if piece.cut is None:
        return piece
    lo, hi = fold(piece.table, piece.axes)
    whole = bool(((lo > hi) | ((lo <= piece.cut[0]) & (hi >= piece.cut[1]))).all())
    return piece._replace(cut=None) if whole else piece


def parted_tensors(graph: Graph) -> set[str]:
    """Return the tensors behind a Reshape that parts an axis, or a selection of a part of one."""
    tensors: set[str] = set()
    for tensor in graph:
        if any(
            edge.source in tensors or _parts(edge.relation) for edge in edges_into(graph, tensor)
        ):
            tensors.add(tensor)
    return tensors


def _parts(relation: Relation) -> bool:
    for step, shape in zip(relation.steps, relation.shapes, strict=False):
        if isinstance(step, Regroup):
            plan = regroup_plan(shape, step.shape)
            if any(sum(step.shape[axis] > 1 for axis in new) > 1 for _, new in plan):
                return True
        if isinstance(step, Gathered):
            return True
        if isinstance(step, Select) and any(r.in_len > r.out_len for _, r in step.rules):
            return True
    return False
