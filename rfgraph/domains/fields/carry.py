"""How each step of a relation carries a piece on: what it makes of it, or how it was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.domains import tables
from rfgraph.domains.fields import support
from rfgraph.domains.fields.fitting import depends, direction
from rfgraph.domains.fields.pieces import (
    Blur,
    Lost,
    Mapped,
    Piece,
    Tabled,
    settle,
    tabulated,
    to_table,
)
from rfgraph.domains.periodic import MAX_PERIOD, PeriodicMap, constant
from rfgraph.errors import BoundError
from rfgraph.relations.axis_rules import (
    AxisRule,
    Band,
    Blocks,
    Listed,
    Pick,
    Resample,
    Rows,
    Shape,
    Shift,
    Whole,
    Window,
    product,
)
from rfgraph.relations.bounds import bounded
from rfgraph.relations.steps import (
    Everything,
    Permute,
    Plan,
    Pointwise,
    Regroup,
    Step,
    regroup_plan,
)

if TYPE_CHECKING:
    from rfgraph.relations.relation import Relation

# A position that is evaluated on its own costs as much as so many that are taken from a table.
EVALUATED = 16


def carry(piece: Piece, relation: Relation) -> Piece | Lost:
    """Return what a tensor reads that reads the piece's tensor by `relation`."""
    state: Piece | Lost = Lost.EMPTY if relation.is_void else piece
    for step, shape in relation.plan:
        if isinstance(state, Lost):
            break
        state = carry_step(state, step, shape)
    return state


def carry_step(piece: Piece, step: Step, shape: Shape) -> Piece | Lost:
    """Return what is read after `step` from a tensor of `shape`."""
    if isinstance(step, Everything):
        return Lost.UNKNOWN if step.unknown else Lost.GLOBAL
    if isinstance(step, Pointwise):
        return piece if step.shape == shape else _broadcast(piece, shape, step.shape)
    if isinstance(step, Permute):
        return _permute(piece, step.perm)
    if isinstance(step, Regroup):
        return piece if step.shape == shape else _regroup(piece, shape, step.shape)
    if len(step.rules) == 1:
        axis, rule = step.rules[0]
        return _along(piece, axis, rule, shape)
    state: Piece | Lost = piece
    lengths = list(shape)
    for axis, rule in step.rules:
        if isinstance(state, Lost):
            return state
        state = _along(state, axis, rule, tuple(lengths))
        lengths[axis] = rule.out_len
    return state


# -- pointwise, permute, regroup ---------------------------------------------------------------


def _broadcast(piece: Piece, old: Shape, new: Shape) -> Piece | Lost:
    extra = len(new) - len(old)
    if isinstance(piece, Tabled):
        axes = frozenset(axis + extra for axis in piece.axes)
        return piece._replace(table=tables.broadcast(piece.table, len(new)), axes=axes)
    grown = {axis for axis, length in enumerate(old) if length == 1 and new[axis + extra] != 1}
    if isinstance(piece, Blur):
        return piece._replace(depends=frozenset(axis + extra for axis in piece.depends - grown))
    kept = tuple((axis + extra, bits) for axis, bits in piece.support if axis not in grown)
    if piece.carrier is None or piece.carrier not in grown:
        carrier = None if piece.carrier is None else piece.carrier + extra
        return piece._replace(carrier=carrier, support=kept)
    return _only_unit(piece._replace(support=kept))


def _only_unit(piece: Mapped) -> Mapped | Lost:
    """Return a piece whose carrier has one position, when nothing stands for that axis any more."""
    span = piece.map.at(0)
    return Lost.EMPTY if span is None else piece._replace(carrier=None, map=constant(span))


def _permute(piece: Piece, perm: tuple[int, ...]) -> Piece:
    if isinstance(piece, Tabled):
        axes = frozenset(perm.index(axis) for axis in piece.axes)
        return piece._replace(table=tables.permute(piece.table, perm), axes=axes)
    if isinstance(piece, Blur):
        return piece._replace(depends=frozenset(perm.index(axis) for axis in piece.depends))
    carrier = None if piece.carrier is None else perm.index(piece.carrier)
    moved = tuple(sorted((perm.index(axis), bits) for axis, bits in piece.support))
    return piece._replace(carrier=carrier, support=moved)


def _regroup(piece: Piece, old: Shape, new: Shape) -> Piece | Lost:
    plan = regroup_plan(old, new)
    if isinstance(piece, Mapped):
        moved = _regroup_mapped(piece, old, new, plan)
        if moved is not None:
            return moved
        piece = to_table(piece, old)
    behind = _behind(piece.axes, plan, new)
    if isinstance(piece, Tabled):
        try:
            return _regroup_table(piece, behind, old, new)
        except BoundError:
            piece = Blur(piece.axes, piece.open_lo, piece.open_hi)
    return piece._replace(depends=behind)


def _behind(axes: frozenset[int], plan: Plan, new: Shape) -> frozenset[int]:
    """Return the axes of the new shape that the old `axes` became part of."""
    found: set[int] = set()
    for before, after in plan:
        if not axes.isdisjoint(before):
            found.update(axis for axis in after if new[axis] > 1)
    return frozenset(found)


def _regroup_table(piece: Tabled, behind: frozenset[int], old: Shape, new: Shape) -> Piece | Lost:
    if piece.table.is_empty:
        return Lost.EMPTY
    table = tables.regroup(piece.table, old, new)
    axes = depends(table, behind) or behind
    return settle(table, axes, open_lo=piece.open_lo, open_hi=piece.open_hi)


def _regroup_mapped(piece: Mapped, old: Shape, new: Shape, plan: Plan) -> Mapped | Lost | None:
    """Move a piece whose carrier stays whole, or becomes the outer part of a merged axis."""
    before, behind = next((group for group in plan if piece.carrier in group[0]), ((), ()))
    wide = [axis for axis in before if old[axis] != 1]
    if piece.carrier in wide and any(axis in wide for axis, _ in piece.support):
        return None
    kept = support.regrouped(piece.support, old, new, plan)
    if kept is None:
        return None
    piece = piece._replace(support=kept)
    if piece.carrier is None or (old[piece.carrier] == 1 and len(before) == len(behind) == 1):
        return piece._replace(carrier=None if piece.carrier is None else behind[0])
    if old[piece.carrier] == 1:
        return _only_unit(piece)
    after = [axis for axis in behind if new[axis] != 1]
    if len(after) != 1 or wide[0] != piece.carrier:
        return None
    return _merged(piece, after[0], product(old[axis] for axis in wide[1:]))


def _merged(piece: Mapped, carrier: int, inner: int) -> Mapped | None:
    """The carrier becomes the outer part of one merged axis: its period is as much longer."""
    if inner * piece.map.p > MAX_PERIOD:
        return None
    spans = tuple(span for span in piece.map.spans for _ in range(inner))
    merged = PeriodicMap(piece.map.p * inner, piece.map.q, spans)
    return piece._replace(carrier=carrier, map=merged)


# -- along an axis -----------------------------------------------------------------------------


def _along(piece: Piece, axis: int, rule: AxisRule, shape: Shape) -> Piece | Lost:
    if isinstance(piece, Mapped):
        if axis != piece.carrier:
            return _along_other(piece, axis, rule, shape)
        return _along_carrier(piece, axis, rule, shape)
    if isinstance(rule, Blocks) and rule.groups == 1:
        rule = Whole(rule.in_len, rule.out_len)
    if isinstance(rule, Whole) and rule.unknown and axis in piece.axes:
        return Lost.UNKNOWN
    if isinstance(piece, Blur):
        return _along_blur(piece, axis, rule)
    return _along_table(piece, axis, rule, shape)


def _along_blur(piece: Blur, axis: int, rule: AxisRule) -> Blur | Lost:
    if isinstance(rule, Rows) and axis in piece.depends:
        opened = _opened(piece, _band_of(rule)) if rule.band else piece
        if isinstance(opened, Lost):
            return opened
        return opened._replace(depends=opened.depends - {axis} | {*rule.axes})
    if not isinstance(rule, Whole) or axis not in piece.depends:
        return _opened(piece, rule) if axis in piece.depends else piece
    rest = piece.depends - {axis}
    return piece._replace(depends=rest) if rest else Lost.GLOBAL


def _opened(piece: Blur, rule: AxisRule) -> Blur | Lost:
    if not isinstance(rule, Band):
        return piece
    opened = piece._replace(
        open_lo=piece.open_lo or rule.before is None, open_hi=piece.open_hi or rule.after is None
    )
    return Lost.GLOBAL if opened.open_lo and opened.open_hi else opened


def _along_table(piece: Tabled, axis: int, rule: AxisRule, shape: Shape) -> Piece | Lost:
    if isinstance(rule, Whole) and piece.axes == {axis}:
        return Lost.GLOBAL
    open_lo, open_hi = piece.open_lo, piece.open_hi
    band = _band_of(rule) if isinstance(rule, Rows) and rule.band else rule
    if isinstance(band, Band) and axis in piece.axes and None in (band.before, band.after):
        opens = _opens(band, direction(piece.table, axis))
        open_lo, open_hi = open_lo or opens[0], open_hi or opens[1]
        if open_lo and open_hi:
            return Lost.GLOBAL
    try:
        table = tables.along(piece.table, axis, rule, clipped=False)
    except BoundError:
        return _along_blur(Blur(piece.axes, open_lo, open_hi), axis, rule)
    if table.is_empty:
        return Lost.EMPTY
    # What is left of the one axis it depends on still carries it.
    carrier = axis if rule.out_len == 1 and piece.axes == {axis} else None
    axes = piece.axes - {axis} if isinstance(rule, Whole | Rows) else piece.axes
    if isinstance(rule, Rows) and axis in piece.axes:
        axes = axes.union(rule.axes)
    return settle(table, axes, carrier, open_lo=open_lo, open_hi=open_hi)


def _along_carrier(piece: Mapped, axis: int, rule: AxisRule, shape: Shape) -> Piece | Lost:
    if isinstance(rule, Window) and rule.kernel == rule.stride == 1 and not rule.pad_begin:
        return piece
    if isinstance(rule, Whole):
        return Lost.UNKNOWN if rule.unknown else Lost.GLOBAL
    if isinstance(rule, Blocks) and rule.groups == 1:
        return Lost.GLOBAL
    if isinstance(rule, Band):
        return _band(piece, axis, rule, shape)
    if isinstance(rule, Rows) and rule.band and not piece.support:
        return _banded_rows(piece, axis, rule, shape)
    if not isinstance(rule, Pick | Listed | Rows) and not _cuts(rule):
        mapped = piece.map.through(_Grouped(rule) if isinstance(rule, Blocks) else rule)
        if mapped is not None:
            return _alive(piece._replace(map=mapped))
    return _tabulate(piece, axis, rule, shape)


class _Grouped:
    """Blocks as a periodic rule: one period is one block of outputs."""

    def __init__(self, rule: Blocks) -> None:
        self._in, self._out = rule.in_len // rule.groups, max(rule.out_len // rule.groups, 1)

    def period(self) -> tuple[int, int]:
        return self._out, self._in

    def taps(self, o: int) -> range:
        first = o // self._out * self._in
        return range(first, first + self._in)


def _cuts(rule: AxisRule) -> bool:
    """Whether a part of a Concat leaves positions that it does not reach."""
    if not isinstance(rule, Shift) or rule.outside != "absent" or not rule.out_len:
        return False
    ends = (rule.start, rule.start + (rule.out_len - 1) * rule.step)
    return min(ends) < 0 or max(ends) >= rule.in_len


def _alive(piece: Mapped) -> Mapped | Lost:
    return Lost.EMPTY if all(span is None for span in piece.map.spans) else piece


def _band(piece: Mapped, axis: int, rule: Band, shape: Shape) -> Piece | Lost:
    if rule.before is not None and rule.after is not None:
        kernel = rule.before + rule.after + 1
        if kernel < 1:
            return Lost.EMPTY
        window = Window(kernel, 1, 1, rule.before, rule.in_len, rule.out_len)
        return _along_carrier(piece, axis, window, shape)
    p, q = piece.map.p, piece.map.q
    if p == 1 and q == 0:
        return piece
    opens = _opens(rule, (q > 0) - (q < 0))
    open_lo, open_hi = piece.open_lo or opens[0], piece.open_hi or opens[1]
    if open_lo and open_hi:
        return Lost.GLOBAL
    # The bounded side lies where the last (or first) positions of the band lie, one period of them.
    begin = 1 - p + (rule.after or 0) if rule.before is None else -rule.before
    window = Window(p, 1, 1, -begin, rule.in_len, rule.out_len)
    opened = piece._replace(open_lo=open_lo, open_hi=open_hi)
    return _along_carrier(opened, axis, window, shape)


def _band_of(rule: Rows) -> Band:
    """Return the band that rows along one axis read, as the rule of an axis of their own."""
    before, after = rule.band or (None, None)
    return Band(before, after, rule.in_len, product(rule.lengths))


def _banded_rows(piece: Mapped, axis: int, rule: Rows, shape: Shape) -> Piece | Lost:
    """Carry by a band along the axis, which then stands for the axis of the rows."""
    (rows,) = rule.axes
    made = _band(piece, axis, _band_of(rule), shape)
    # A band moves one position at a time, so a map stays a map.
    return made._replace(carrier=rows) if isinstance(made, Mapped) else made


def _opens(rule: Band, way: int) -> tuple[bool, bool]:
    """Return which sides of the input a band without end reaches, if that runs `way` along it."""
    opens = rule.before is None, rule.after is None
    if not way:
        return True, True
    return opens if way > 0 else (opens[1], opens[0])


def _tabulate(piece: Mapped, axis: int, rule: AxisRule, shape: Shape) -> Piece | Lost:
    """Take the rule's taps from the map itself where it can, else from a table of what exists."""
    if isinstance(rule, Pick | Listed | Shift | Rows):
        made = to_table(piece, shape)
    else:
        made = _evaluated(piece, axis, rule, shape)
    if isinstance(made, Blur):
        return _along_blur(made, axis, rule)
    if not isinstance(rule, Pick | Listed | Shift | Rows):
        return Lost.EMPTY if made.table.is_empty else made
    return _along_table(made, axis, rule, shape)


def _evaluated(piece: Mapped, carrier: int, rule: AxisRule, shape: Shape) -> Tabled | Blur:
    periodic = _Grouped(rule) if isinstance(rule, Blocks) else rule
    try:
        bounded(EVALUATED * rule.out_len)
    except BoundError:
        return Blur(piece.axes, piece.open_lo, piece.open_hi)
    spans = [piece.map.hull(periodic.taps(o)) for o in range(rule.out_len)]  # type: ignore[union-attr]
    return tabulated(piece, spans, (*shape[:carrier], rule.out_len, *shape[carrier + 1 :]))


def _along_rows(
    piece: Mapped, axis: int, rule: Rows, shape: Shape, bits: int | None
) -> Piece | Lost:
    """Rows that each find something to read leave the piece as it is."""
    if bits is None and bool(rule.flags().any(axis=1).all()):
        return piece
    made = to_table(piece, shape)
    if isinstance(made, Blur):
        return made
    return _along_table(made, axis, rule, shape)


def _along_other(piece: Mapped, axis: int, rule: AxisRule, shape: Shape) -> Piece | Lost:
    """A rule on another axis only says for which positions there still is something to read."""
    bits = support.of(piece.support, axis)
    if isinstance(rule, Rows):
        return _along_rows(piece, axis, rule, shape, bits)
    if bits is None and isinstance(rule, Window | Resample | Blocks | Whole):
        return piece
    kept = support.after(bits, rule)
    if kept == bits:
        return piece
    if kept == 0:
        return Lost.EMPTY
    others = tuple(pair for pair in piece.support if pair[0] != axis)
    if kept is not None:
        others = tuple(sorted((*others, (axis, kept))))
    return Mapped(piece.carrier, piece.map, others, piece.open_lo, piece.open_hi)
