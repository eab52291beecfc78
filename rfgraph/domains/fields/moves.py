"""How a piece is carried on where elements are moved, as they are or by broadcasting."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rfgraph.domains import tables
from rfgraph.domains.fields import support
from rfgraph.domains.fields.fitting import depends
from rfgraph.domains.fields.parts import cut_by_places
from rfgraph.domains.fields.pieces import (
    Blur,
    Mapped,
    Piece,
    Regrouped,
    Standing,
    Tabled,
    blur,
    settle,
    to_table,
)
from rfgraph.domains.periodic import MAX_PERIOD, PeriodicMap, constant, reduce_period
from rfgraph.domains.regroup import regroup, regrouped_axes, regrouped_size
from rfgraph.domains.scope import Scope
from rfgraph.domains.tables import Table
from rfgraph.errors import BoundError
from rfgraph.relations.steps import Gathered, Plan, regroup_plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.domains.tables import Span
    from rfgraph.relations.axis_rules import Shape


def broadcast(piece: Standing, old: Shape, new: Shape) -> Standing | Scope:
    """Return the piece after broadcasting from shape `old` to `new`."""
    extra = len(new) - len(old)
    if isinstance(piece, Tabled):
        if not extra:
            return piece
        axes = frozenset(axis + extra for axis in piece.axes)
        return piece._replace(table=tables.broadcast(piece.table, len(new)), axes=axes)
    grown = {axis for axis, length in enumerate(old) if length == 1 and new[axis + extra] != 1}
    if isinstance(piece, Blur):
        return piece._replace(depends=frozenset(axis + extra for axis in piece.depends - grown))
    kept = tuple((axis + extra, bits) for axis, bits in piece.support if axis not in grown)
    if piece.carrier is None or piece.carrier not in grown:
        carrier = None if piece.carrier is None else piece.carrier + extra
        same = carrier == piece.carrier and kept == piece.support
        return piece if same else Mapped(carrier, piece.map, kept, *piece[3:])
    return _only_unit(piece._replace(support=kept))


def _only_unit(piece: Mapped) -> Mapped | Scope:
    """Return a piece whose carrier has one position, when nothing stands for that axis any more."""
    span = piece.map.at(0)
    return Scope.NONE if span is None else piece._replace(carrier=None, map=constant(span))


def permute(piece: Standing, perm: tuple[int, ...]) -> Standing:
    """Return the piece with the axes in another order."""
    if isinstance(piece, Tabled):
        axes = frozenset(perm.index(axis) for axis in piece.axes)
        return piece._replace(table=tables.permute(piece.table, perm), axes=axes)
    if isinstance(piece, Blur):
        return piece._replace(depends=frozenset(perm.index(axis) for axis in piece.depends))
    carrier = None if piece.carrier is None else perm.index(piece.carrier)
    moved = tuple(sorted((perm.index(axis), bits) for axis, bits in piece.support))
    return piece._replace(carrier=carrier, support=moved)


def regroup_piece(piece: Piece, old: Shape, new: Shape) -> Piece | Scope:
    """Return the piece of the same elements under another shape."""
    if isinstance(piece, Regrouped):
        # What is merged and cut apart again stands where it stood.
        if piece.shape == new:
            return piece.piece
        return regroup_piece(piece.piece, piece.shape, new)
    if isinstance(piece, Mapped):
        return _regroup_mapped(piece, old, new)
    plan = regroup_plan(old, new)
    if isinstance(piece, Blur):
        return piece._replace(depends=_behind(piece.axes, plan, new))
    return _regroup_table(piece, old, new, plan)


def _regroup_mapped(piece: Mapped, old: Shape, new: Shape) -> Piece | Scope:
    plan = regroup_plan(old, new)
    moved = _moved_whole(piece, old, new, plan)
    if moved is not None:
        return moved
    if piece.carrier is not None and is_empty(piece.map.spans[: old[piece.carrier]]):
        return Scope.NONE
    return Regrouped(piece, old, regrouped_axes(piece.axes, old, new))


def _regroup_table(piece: Tabled, old: Shape, new: Shape, plan: Plan) -> Piece | Scope:
    """Regroup a table unless it grows by that and does not become a map that moves."""
    alone = {before[0]: after[0] for before, after in plan if len(before) == len(after) == 1}
    if piece.table.axes | piece.axes <= alone.keys():
        lengths = [1] * len(new)
        for axis in piece.table.axes:
            lengths[alone[axis]] = old[axis]
        moved = Table(*(side.reshape(lengths) for side in piece.table))
        return piece._replace(table=moved, axes=frozenset(alone[axis] for axis in piece.axes))
    grows = regrouped_size(piece.table, old, new) > piece.table.lo.size
    try:
        table = regroup(piece.table, old, new)
        made = _settle(piece._replace(table=table), _behind(piece.axes, plan, new))
        if not grows or (isinstance(made, Mapped) and made.map.q):
            return made
    except BoundError:
        pass
    return Regrouped(piece, old, regrouped_axes(piece.axes, old, new))


def settle_regrouped(piece: Regrouped, shape: Shape) -> Standing | Scope:
    """Return the piece as it stands under its new shape: a map, a table, or a blur."""
    inner = piece.piece
    if isinstance(inner, Mapped) and inner.carrier is not None and inner.support:
        groups = regroup_plan(piece.shape, shape)
        alone = [
            after[0] for before, after in groups if before == (inner.carrier,) and len(after) == 1
        ]
        if alone:
            # The position stays; what restricts it moves.
            there = Mapped(None, constant((0, 0)), inner.support)
            moved = settle_regrouped(Regrouped(there, piece.shape, frozenset()), shape)
            if isinstance(moved, Mapped):
                return inner._replace(carrier=alone[0], support=moved.support)
    made = to_table(piece, shape)
    return made if isinstance(made, Blur) else _settle(made, piece.axes)


def gather(piece: Standing, step: Gathered, shape: Shape) -> Standing | Scope:
    """Return the piece after any rearrangement of a tensor of `shape`."""
    made = _gather_uncut(piece, step, shape)
    return made if isinstance(made, Scope) else made._replace(cut=cut_by_places(piece, step, shape))


def _gather_uncut(piece: Standing, step: Gathered, shape: Shape) -> Standing | Scope:
    if isinstance(piece, Mapped) and piece.carrier is not None and step.keeps(piece.carrier, shape):
        # The position stays; what restricts it moves.
        there = _gather_uncut(Mapped(None, constant((0, 0)), piece.support), step, shape)
        if not isinstance(there, (Tabled, Blur)):
            return there if isinstance(there, Scope) else piece._replace(support=there.support)
    made = to_table(piece, shape) if isinstance(piece, Mapped) else piece
    axes = frozenset(
        axis
        for own in piece.axes
        for axis, length in enumerate(step.places[own].shape)
        if length > 1
    )
    if isinstance(made, Tabled):
        try:
            return _settle(made._replace(table=tables.gather(made.table, step.places)), axes)
        except BoundError:
            pass
    return blur(piece)._replace(depends=axes)


def _settle(piece: Tabled, axes: frozenset[int]) -> Standing | Scope:
    """Return a table in fewer words whose intervals depend on some of `axes`."""
    if piece.table.is_empty:
        return Scope.NONE
    if not piece.table.is_full:
        axes = depends(piece.table, axes) or axes
    return settle(piece._replace(axes=axes))


def _behind(axes: frozenset[int], plan: Plan, new: Shape) -> frozenset[int]:
    """Return the axes of the new shape that the old `axes` became part of."""
    behind: set[int] = set()
    for before, after in plan:
        if not axes.isdisjoint(before):
            behind.update(axis for axis in after if new[axis] > 1)
    return frozenset(behind)


def _moved_whole(piece: Mapped, old: Shape, new: Shape, plan: Plan) -> Standing | Scope | None:
    """Move a piece that one axis carries, as one or as the outer part of a merged one."""
    before, behind = next((group for group in plan if piece.carrier in group[0]), ((), ()))
    wide = [axis for axis in before if old[axis] != 1]
    if piece.carrier in wide and any(axis in wide for axis, _ in piece.support):
        return None
    kept = support.regroup(piece.support, old, new, plan)
    if kept is None:
        return None
    piece = piece._replace(support=kept)
    if piece.carrier is None or (old[piece.carrier] == 1 and len(before) == len(behind) == 1):
        return piece._replace(carrier=None if piece.carrier is None else behind[0])
    if old[piece.carrier] == 1:
        return _only_unit(piece)
    after = [axis for axis in behind if new[axis] != 1]
    if len(after) == 1 and wide[0] != piece.carrier:
        return None
    merged = _merge_axes(piece.map, [old[axis] for axis in wide], wide.index(piece.carrier))
    return merged and _cut_apart(piece._replace(map=merged), after, new)


def _merge_axes(own: PeriodicMap, lengths: Sequence[int], place: int) -> PeriodicMap | None:
    """Return a map along one of several axes as one along all of them, merged."""
    if len(lengths) == 1:
        return own
    p, q, inner = own.p, own.q, math.prod(lengths[place + 1 :])
    if place and (q or lengths[place] % p):
        p, q = lengths[place], 0
    if inner * p > MAX_PERIOD:
        return None
    spans = [own.at(o) for o in range(p) for _ in range(inner)]
    return PeriodicMap(p * inner, q, spans)


def _cut_apart(piece: Mapped, axes: Sequence[int], new: Shape) -> Standing | None:
    """One of the axes carries a map that varies along it alone; all but the first repeat."""
    p, q, spans = piece.map
    inner = 1
    for axis in reversed(axes):
        outer = inner * new[axis]
        blocks = (spans[at : at + inner] for at in range(0, p, inner))
        if p % inner == 0 and all(len(set(block)) == 1 for block in blocks):
            if axis == axes[0]:
                return piece._replace(carrier=axis, map=PeriodicMap(p // inner, q, spans[::inner]))
            if q == 0 and outer % p == 0 and len(set(spans)) > 1:
                made = piece._replace(
                    carrier=axis, map=reduce_period(p // inner, 0, spans[::inner])
                )
                if outer > 2 * p:
                    return made
                table = to_table(made, new)
                return table if isinstance(table, Blur) else settle(table)
        inner = outer
    return None


def is_empty(spans: Sequence[Span]) -> bool:
    """Whether these phases all read nothing."""
    return all(span is None for span in spans)
