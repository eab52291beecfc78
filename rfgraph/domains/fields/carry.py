"""How each step of a relation carries a piece on: what it makes of it, or how it was lost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

from rfgraph.domains import tables
from rfgraph.domains.fields import support
from rfgraph.domains.fields.fitting import continue_past, direction, is_shared
from rfgraph.domains.fields.moves import (
    broadcast,
    gather,
    permute,
    regroup_piece,
    settle_regrouped,
)
from rfgraph.domains.fields.parts import cut_by, is_whole, read_by_all
from rfgraph.domains.fields.pieces import (
    Blur,
    Mapped,
    Piece,
    Regrouped,
    Standing,
    Tabled,
    blur,
    settle,
    tabulate_spans,
    to_table,
)
from rfgraph.domains.periodic import constant
from rfgraph.domains.regroup import slim_before
from rfgraph.domains.scope import Scope
from rfgraph.errors import BoundError
from rfgraph.relations.axis_rules import (
    Band,
    Blocks,
    Listed,
    OwnRule,
    Pick,
    Resample,
    Rows,
    Shape,
    Shift,
    Whole,
    Window,
)
from rfgraph.relations.bounds import check_size
from rfgraph.relations.steps import (
    Along,
    Everything,
    Gathered,
    Permute,
    Pointwise,
    Prefix,
    Reduce,
    Regroup,
    Select,
    Step,
    Taps,
)

if TYPE_CHECKING:
    from rfgraph.domains.tables import Table
    from rfgraph.relations.relation import Relation

# A position that is evaluated on its own costs as much as so many that are taken from a table.
EVALUATED = 16


def carry(piece: Piece, relation: Relation) -> Piece | Scope:
    """Return what a tensor reads that reads the piece's tensor by `relation`."""
    made: Piece | Scope = Scope.NONE if relation.is_void else piece
    for step, shape in relation.plan:
        if isinstance(made, Scope):
            break
        made = carry_step(made, step, shape)
    return made


def carry_step(piece: Piece, step: Step, shape: Shape) -> Piece | Scope:
    """Return what is read after `step` from a tensor of `shape`."""
    if isinstance(step, (Taps, Reduce, Select, Prefix)):
        return _along_all(piece, step, shape)
    if isinstance(step, Everything):
        return _everything(piece, step, shape)
    if isinstance(step, (Pointwise, Regroup)) and step.shape == shape:
        return piece
    if isinstance(step, Regroup):
        return regroup_piece(piece, shape, step.shape)
    here = settle_regrouped(piece, shape) if isinstance(piece, Regrouped) else piece
    return here if isinstance(here, Scope) else _move(here, step, shape)


def _move(piece: Standing, step: Pointwise | Permute | Gathered, shape: Shape) -> Standing | Scope:
    if isinstance(step, Pointwise):
        return broadcast(piece, shape, step.shape)
    return permute(piece, step.perm) if isinstance(step, Permute) else gather(piece, step, shape)


def _everything(piece: Piece, step: Everything, shape: Shape) -> Piece | Scope:
    if step.unknown:
        return Scope.UNKNOWN
    if piece.cut is None:
        return Scope.GLOBAL
    if isinstance(piece, Blur):
        return piece._replace(depends=frozenset())
    return Mapped(None, constant(read_by_all(piece, shape)), cut=piece.cut)


def _whole_regrouped(piece: Regrouped, axis: int, rule: Whole, shape: Shape) -> Standing | Scope:
    inner = piece.piece
    if piece.axes == {axis} and len(inner.axes) == 1:
        (carrier,) = inner.axes
        whole = Whole(piece.shape[carrier], 1, rule.unknown)
        reduced = _along(inner, carrier, whole, piece.shape)
        if isinstance(reduced, Scope):
            return reduced
    if isinstance(inner, Tabled):
        varying = inner.table.axes
    else:
        varying = inner.axes.union(held for held, _ in inner.support)
    old, new = slim_before(axis, piece.shape, shape, varying)
    made = settle_regrouped(Regrouped(inner, old, piece.axes), new)
    whole = Whole(new[axis], 1, rule.unknown)
    return made if isinstance(made, Scope) else _along(made, axis, whole, new)


# -- along an axis -----------------------------------------------------------------------------


def _along_all(piece: Piece, step: Along, shape: Shape) -> Standing | Scope:
    if isinstance(piece, Regrouped):
        axis, rule = step.rules[0]
        if isinstance(rule, Whole) and isinstance(step, Reduce) and len(step.rules) == 1:
            return _whole_regrouped(piece, axis, rule, shape)
        here = settle_regrouped(piece, shape)
    else:
        here = piece
    for axis, rule in step.rules:
        if isinstance(here, Scope):
            break
        if isinstance(rule, Rows):
            here = _rows(here, axis, rule, shape)
        else:
            here = _along(here, axis, rule, shape)
        shape = (*shape[:axis], rule.out_len, *shape[axis + 1 :])
    return here


def _along(piece: Standing, axis: int, rule: OwnRule, shape: Shape) -> Standing | Scope:
    if isinstance(piece, Mapped) and axis != piece.carrier:
        return _along_other(piece, axis, rule, shape)
    if isinstance(rule, Blocks) and rule.groups == 1:
        rule = Whole(rule.in_len, rule.out_len)
    if isinstance(rule, Whole) and axis in piece.axes and (rule.unknown or is_whole(piece, axis)):
        return Scope.UNKNOWN if rule.unknown else Scope.GLOBAL
    if isinstance(piece, Mapped):
        made = _along_carrier(piece, axis, rule, shape)
    elif isinstance(piece, Blur):
        made = _along_blur(piece, axis, rule)
    else:
        made = _along_table(piece, axis, rule, shape)
    if isinstance(made, Scope) or piece.cut or not isinstance(rule, (Shift, Pick, Listed)):
        return made
    cut = cut_by(piece, axis, rule, shape)
    return made._replace(cut=cut) if cut else made


def _along_blur(piece: Blur, axis: int, rule: OwnRule) -> Blur | Scope:
    if axis not in piece.depends:
        return piece
    if isinstance(rule, Whole):
        return piece._replace(depends=piece.depends - {axis})
    return _opened_by(piece, axis, rule) if isinstance(rule, Band) else piece


PieceT = TypeVar("PieceT", Mapped, Tabled, Blur, Tabled | Blur)


def _open(piece: PieceT, lo: bool, hi: bool) -> PieceT | Scope:
    """Return the piece with everything before (`lo`), or after (`hi`), read as well."""
    opened = piece._replace(open_lo=piece.open_lo or lo, open_hi=piece.open_hi or hi)
    return Scope.GLOBAL if opened.open_lo and opened.open_hi else opened


def _opened_by(piece: PieceT, axis: int, band: Band) -> PieceT | Scope:
    """Return the piece with the sides open that a band without end along its axis reaches."""
    if None not in (band.before, band.after) or not is_whole(piece, axis):
        return piece
    way = 1
    if isinstance(piece, Tabled):
        way = 0 if is_shared(piece.table) else direction(piece.table, axis)
    return _open(piece, *_opens(band, way)) if way else piece


def _along_table(piece: Tabled, axis: int, rule: OwnRule, shape: Shape) -> Standing | Scope:
    varies = axis in piece.axes or piece.table.lo.shape[axis] > 1
    if not varies and support.after(None, rule) is None:
        return piece
    opened = _opened_by(piece, axis, rule) if isinstance(rule, Band) else piece
    if isinstance(opened, Scope):
        return opened
    try:
        table = _padded_table(piece.table, axis, rule) or tables.along(
            piece.table, axis, rule, clipped=False
        )
    except BoundError:
        return _along_blur(blur(opened), axis, rule)
    if table.is_empty:
        return Scope.NONE
    # What is left of the one axis it depends on still carries it.
    carrier = (
        axis if piece.axes == {axis} and (rule.out_len == 1 or isinstance(rule, Whole)) else None
    )
    axes = piece.axes - {axis} if isinstance(rule, Whole) else piece.axes
    return settle(opened._replace(table=table, axes=axes), carrier)


def _padded_table(table: Table, axis: int, rule: OwnRule) -> Table | None:
    """Return a table that goes on past the ends of an axis that is padded, None if none does."""
    if not isinstance(rule, Shift) or rule.outside != "pad" or rule.step != 1 or rule.is_inside:
        return None
    return continue_past(table, axis, range(rule.start, rule.start + rule.out_len))


def _along_carrier(piece: Mapped, axis: int, rule: OwnRule, shape: Shape) -> Standing | Scope:
    if isinstance(rule, Window) and rule.is_identity:
        return piece
    if isinstance(rule, Whole):
        span = read_by_all(piece, shape)
        return Scope.NONE if span is None else piece._replace(map=constant(span))
    if isinstance(rule, Band) and (piece.cut is None or None not in (rule.before, rule.after)):
        return _band(piece, axis, rule, shape)
    if not isinstance(rule, (Pick, Listed, Band)) and not _absent(rule) and not piece.map.stays:
        mapped = piece.map.through(rule)
        if mapped is not None:
            return Scope.NONE if mapped.is_empty else Mapped(piece.carrier, mapped, *piece[2:])
    return _tabulate(piece, axis, rule, shape)


def _absent(rule: OwnRule) -> bool:
    """Whether a part of a Concat leaves positions that it does not reach."""
    return isinstance(rule, Shift) and rule.outside == "absent" and not rule.is_inside


def _band(piece: Mapped, axis: int, rule: Band, shape: Shape) -> Standing | Scope:
    if rule.before is not None and rule.after is not None:
        kernel = rule.before + rule.after + 1
        if kernel < 1:
            return Scope.NONE
        window = Window(kernel, 1, 1, rule.before, rule.in_len, rule.out_len)
        return _along_carrier(piece, axis, window, shape)
    p, q = piece.map.p, piece.map.q
    if p == 1 and q == 0:
        return piece
    if q == 0 and piece.map.is_shared:
        return _tabulate(piece, axis, rule, shape)
    opened = _open(piece, *_opens(rule, (q > 0) - (q < 0)))
    if isinstance(opened, Scope):
        return opened
    # The bounded side lies where the last (or first) positions of the band lie, one period of them.
    begin = 1 - p + (rule.after or 0) if rule.before is None else -rule.before
    window = Window(p, 1, 1, -begin, rule.in_len, rule.out_len)
    return _along_carrier(opened, axis, window, shape)


def _opens(rule: Band, way: int) -> tuple[bool, bool]:
    """Return which sides of the input a band without end reaches, if that runs `way` along it."""
    opens = rule.before is None, rule.after is None
    if not way:
        return any(opens), any(opens)
    return opens if way > 0 else (opens[1], opens[0])


def _tabulate(piece: Mapped, axis: int, rule: OwnRule, shape: Shape) -> Standing | Scope:
    """Take the rule's taps from the map itself where it can, else from a table of what exists."""
    by_units = isinstance(rule, (Pick, Listed, Shift, Band)) or piece.map.stays
    made = to_table(piece, shape) if by_units else _evaluate(piece, axis, rule, shape)
    if isinstance(made, Blur):
        return _along_blur(made, axis, rule)
    if not by_units:
        return Scope.NONE if made.table.is_empty else made
    return _along_table(made, axis, rule, shape)


def _evaluate(piece: Mapped, carrier: int, rule: OwnRule, shape: Shape) -> Tabled | Blur:
    try:
        check_size(EVALUATED * rule.out_len)
    except BoundError:
        return blur(piece)
    spans = [piece.map.hull(rule.taps(o)) for o in range(rule.out_len)]  # type: ignore[union-attr]
    return tabulate_spans(piece, spans, (*shape[:carrier], rule.out_len, *shape[carrier + 1 :]))


def _along_other(piece: Mapped, axis: int, rule: OwnRule, shape: Shape) -> Standing | Scope:
    """A rule on another axis only says for which positions there still is something to read."""
    bits = support.of(piece.support, axis) if piece.support else None
    if bits is None and isinstance(rule, (Window, Resample, Blocks, Whole)):
        return piece
    kept = support.after(bits, rule)
    if kept == bits:
        return piece
    if kept == 0:
        return Scope.NONE
    others = {other: held for other, held in piece.support if other != axis}
    if kept is not None:
        others[axis] = kept
    return Mapped(piece.carrier, piece.map, tuple(sorted(others.items())), *piece[3:])


# -- rows ----------------------------------------------------------------------------------------


def _rows(piece: Standing, axis: int, rule: Rows, shape: Shape) -> Standing | Scope:
    """Carry over what rows keep of an axis; one that a band moves along is that of the rows."""
    band = rule.band and Band(*rule.band, rule.in_len, math.prod(rule.lengths))
    if isinstance(piece, Mapped):
        if axis != piece.carrier:
            if not support.of(piece.support, axis) and rule.flags().any(axis=1).all():
                return piece
        elif band and piece.cut is None and not piece.support:
            made = _band(piece, axis, band, shape)
            # A band moves one position at a time, so a map stays a map.
            return made._replace(carrier=rule.axes[0]) if isinstance(made, Mapped) else made
        piece = to_table(piece, shape)
    return _rows_of_units(piece, axis, rule, band)


def _rows_of_units(
    piece: Tabled | Blur, axis: int, rule: Rows, band: Band | None
) -> Standing | Scope:
    opened = _opened_by(piece, axis, band) if band else piece
    if isinstance(opened, Scope):
        return opened
    axes = piece.axes - {axis} | {*rule.axes} if axis in piece.axes else piece.axes
    if isinstance(opened, Tabled):
        try:
            table = tables.rows(opened.table, axis, rule)
            if table.is_empty:
                return Scope.NONE
            # What is left of the one axis it depends on still carries it.
            carrier = axis if piece.axes == {axis} else None
            return settle(opened._replace(table=table, axes=axes), carrier)
        except BoundError:
            pass
    return blur(opened)._replace(depends=axes)
