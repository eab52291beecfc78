"""Pieces of a receptive field along one input axis, and how each step of a relation carries them on.

A piece says for the units of a tensor which interval of one input axis they read. `Mapped` varies
along one tensor axis, periodically; `Tabled` is a table of the units that exist; `Blur` knows only on
which tensor axes it depends. What a step makes of a piece is another piece, or how it was lost.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rfgraph.domains import table as tables
from rfgraph.domains.periodic import MAX_PERIOD, PeriodicMap, affine, constant
from rfgraph.domains.table import Table
from rfgraph.errors import BoundError
from rfgraph.relations import (
    AxisRule,
    Band,
    Blocks,
    Everything,
    Listed,
    Permute,
    Pick,
    Pointwise,
    Regroup,
    Relation,
    Resample,
    Shape,
    Shift,
    Step,
    Transposed,
    Whole,
    Window,
    product,
)

MAX_SUPPORT = 1 << 20


class Lost(Enum):
    """Why a path is no longer local on an axis, or is none at all."""

    EMPTY = "empty"
    GLOBAL = "global"
    UNKNOWN = "unknown"


# For some tensor axes, the positions (as a bit set) outside which nothing is read.
Support: TypeAlias = "tuple[tuple[int, int], ...]"


class Mapped(NamedTuple):
    """The interval depends on the position along `carrier` (None: on nothing).

    `open_lo` and `open_hi`: everything before, or after, is read as well.
    """

    carrier: int | None
    map: PeriodicMap
    support: Support = ()
    open_lo: bool = False
    open_hi: bool = False

    @property
    def axes(self) -> frozenset[int]:
        return frozenset() if self.carrier is None else frozenset((self.carrier,))


class Tabled(NamedTuple):
    """The interval of every unit that exists."""

    table: Table
    open_lo: bool = False
    open_hi: bool = False

    @property
    def axes(self) -> frozenset[int]:
        return self.table.axes


class Blur(NamedTuple):
    """The interval depends on the positions along `depends`, too many to tabulate."""

    depends: frozenset[int]
    open_lo: bool = False
    open_hi: bool = False

    @property
    def axes(self) -> frozenset[int]:
        return self.depends


Piece: TypeAlias = Mapped | Tabled | Blur


def carry(piece: Piece, relation: Relation) -> Piece | Lost:
    """Return what a tensor reads that reads the piece's tensor by `relation`."""
    state: Piece | Lost = piece
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


def _broadcast(piece: Piece, old: Shape, new: Shape) -> Piece:
    extra = len(new) - len(old)
    if isinstance(piece, Tabled):
        return piece._replace(table=tables.broadcast(piece.table, len(new)))
    grown = {axis for axis, length in enumerate(old) if length == 1 and new[axis + extra] != 1}
    if isinstance(piece, Blur):
        return piece._replace(depends=frozenset(axis + extra for axis in piece.depends - grown))
    support = tuple((axis + extra, bits) for axis, bits in piece.support if axis not in grown)
    if piece.carrier is None or piece.carrier not in grown:
        carrier = None if piece.carrier is None else piece.carrier + extra
        return piece._replace(carrier=carrier, support=support)
    return piece._replace(carrier=None, map=constant(piece.map.at(0)), support=support)


def _permute(piece: Piece, perm: tuple[int, ...]) -> Piece:
    if isinstance(piece, Tabled):
        return piece._replace(table=tables.permute(piece.table, perm))
    if isinstance(piece, Blur):
        return piece._replace(depends=frozenset(perm.index(axis) for axis in piece.depends))
    carrier = None if piece.carrier is None else perm.index(piece.carrier)
    support = tuple(sorted((perm.index(axis), bits) for axis, bits in piece.support))
    return piece._replace(carrier=carrier, support=support)


def _regroup(piece: Piece, old: Shape, new: Shape) -> Piece | Lost:
    plan = tables.regroup_plan(old, new)
    if isinstance(piece, Mapped):
        moved = _regroup_mapped(piece, old, new, plan)
        if moved is not None:
            return moved
        piece = to_table(piece, old)
    if isinstance(piece, Tabled):
        try:
            return settle(piece._replace(table=tables.regroup(piece.table, old, new)))
        except BoundError:
            piece = Blur(piece.axes, piece.open_lo, piece.open_hi)
    depends = {
        axis
        for before, after in plan
        if piece.depends & set(before)
        for axis in after
        if new[axis] > 1
    }
    return piece._replace(depends=frozenset(depends))


def _regroup_mapped(piece: Mapped, old: Shape, new: Shape, plan: tables.Plan) -> Mapped | None:
    """Move a piece whose axes stay whole, or become the outer part of a merged axis."""
    moved: dict[int, int] = {}
    for before, after in plan:
        wide_old = [axis for axis in before if old[axis] != 1]
        wide_new = [axis for axis in after if new[axis] != 1]
        if len(wide_old) == len(wide_new) == 1:
            moved[wide_old[0]] = wide_new[0]
        elif len(before) == len(after) == 1:
            moved[before[0]] = after[0]
    if not {axis for axis, _ in piece.support} <= set(moved):
        return None
    support = tuple(sorted((moved[axis], bits) for axis, bits in piece.support))
    if piece.carrier is None or piece.carrier in moved:
        carrier = None if piece.carrier is None else moved[piece.carrier]
        return piece._replace(carrier=carrier, support=support)
    if old[piece.carrier] == 1:
        return piece._replace(carrier=None, map=constant(piece.map.at(0)), support=support)
    return _merge_outer(piece, old, plan, support)


def _merge_outer(piece: Mapped, old: Shape, plan: tables.Plan, support: Support) -> Mapped | None:
    """The carrier becomes the outer part of one merged axis: its period is as much longer."""
    before, after = next(group for group in plan if piece.carrier in group[0])
    wide = [axis for axis in before if old[axis] != 1]
    if len(after) != 1 or wide[0] != piece.carrier:
        return None
    inner = product(old[axis] for axis in wide[1:])
    if inner * piece.map.p > MAX_PERIOD:
        return None
    spans = tuple(span for span in piece.map.spans for _ in range(inner))
    merged = PeriodicMap(piece.map.p * inner, piece.map.q, spans)
    return piece._replace(carrier=after[0], map=merged, support=support)


# -- along an axis -----------------------------------------------------------------------------


def _along(piece: Piece, axis: int, rule: AxisRule, shape: Shape) -> Piece | Lost:
    if isinstance(piece, Mapped):
        if axis != piece.carrier:
            return _along_other(piece, axis, rule)
        return _along_carrier(piece, rule, shape)
    if isinstance(rule, Blocks) and rule.groups == 1:
        rule = Whole(rule.in_len, rule.out_len)
    if isinstance(rule, Whole) and rule.unknown and axis in piece.axes:
        return Lost.UNKNOWN
    if isinstance(piece, Blur):
        return _along_blur(piece, axis, rule)
    return _along_table(piece, axis, rule, shape)


def _along_blur(piece: Blur, axis: int, rule: AxisRule) -> Blur | Lost:
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
    if isinstance(rule, Band) and axis in piece.axes:
        open_lo, open_hi = open_lo or rule.before is None, open_hi or rule.after is None
        if open_lo and open_hi:
            return Lost.GLOBAL
    try:
        table = tables.along(piece.table, axis, rule, clipped=False)
    except BoundError:
        return _along_blur(Blur(piece.axes, open_lo, open_hi), axis, rule)
    if table.is_empty:
        return Lost.EMPTY
    return settle(Tabled(table, open_lo, open_hi))


def _along_carrier(piece: Mapped, rule: AxisRule, shape: Shape) -> Piece | Lost:
    if isinstance(rule, Window) and rule.kernel == rule.stride == 1 and not rule.pad_begin:
        return piece
    if isinstance(rule, Whole):
        return Lost.UNKNOWN if rule.unknown else Lost.GLOBAL
    if isinstance(rule, Blocks) and rule.groups == 1:
        return Lost.GLOBAL
    if isinstance(rule, Band):
        return _band(piece, rule, shape)
    if not isinstance(rule, Pick | Listed) and not _cuts(rule):
        mapped = piece.map.through(_Grouped(rule) if isinstance(rule, Blocks) else rule)
        if mapped is not None:
            return _alive(piece._replace(map=mapped))
    return _tabulate(piece, rule, shape)


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


def _band(piece: Mapped, rule: Band, shape: Shape) -> Piece | Lost:
    if rule.before is not None and rule.after is not None:
        kernel = rule.before + rule.after + 1
        if kernel < 1:
            return Lost.EMPTY
        window = Window(kernel, 1, 1, rule.before, rule.in_len, rule.out_len)
        return _along_carrier(piece, window, shape)
    opens_lo, opens_hi = rule.before is None, rule.after is None
    if piece.map.q < 0:
        opens_lo, opens_hi = opens_hi, opens_lo
    open_lo, open_hi = piece.open_lo or opens_lo, piece.open_hi or opens_hi
    if open_lo and open_hi:
        return Lost.GLOBAL
    # The bounded side lies where the last (or first) position of the band lies.
    start = (rule.after or 0) if rule.before is None else -rule.before
    mapped = piece.map.through(Shift(start, 1, rule.in_len, rule.out_len))
    if mapped is None:
        return Lost.UNKNOWN
    return _alive(piece._replace(map=mapped, open_lo=open_lo, open_hi=open_hi))


def _tabulate(piece: Mapped, rule: AxisRule, shape: Shape) -> Piece | Lost:
    """Take the rule's taps from the map itself where it can, else from a table of what exists."""
    carrier = piece.carrier
    if carrier is None:
        return piece
    if isinstance(rule, Pick | Listed | Shift):
        made = to_table(piece, shape)
    else:
        made = _evaluated(piece, rule, len(shape))
    if isinstance(made, Blur):
        return _along_blur(made, carrier, rule)
    if not isinstance(rule, Pick | Listed | Shift):
        return Lost.EMPTY if made.table.is_empty else made
    return _along_table(made, carrier, rule, shape)


def _evaluated(piece: Mapped, rule: AxisRule, rank: int) -> Tabled | Blur:
    assert piece.carrier is not None  # noqa: S101 - narrowed by the caller
    periodic = _Grouped(rule) if isinstance(rule, Blocks) else rule
    depends = frozenset((piece.carrier,))
    if rule.out_len > tables.MAX_TABLE >> 4:
        return Blur(depends, piece.open_lo, piece.open_hi)
    spans = [piece.map.hull(periodic.taps(o)) for o in range(rule.out_len)]  # type: ignore[union-attr]
    return _supported(piece, spans, rank)


def _supported(piece: Mapped, spans: list[tuple[int, int] | None], rank: int) -> Tabled | Blur:
    axis = piece.carrier if piece.carrier is not None else 0
    try:
        table = tables.from_spans(spans, rank, axis)
        for other, bits in piece.support:
            table = tables.masked(table, _mask(bits, rank, other))
    except BoundError:
        return Blur(piece.axes, piece.open_lo, piece.open_hi)
    return Tabled(table, piece.open_lo, piece.open_hi)


def _along_other(piece: Mapped, axis: int, rule: AxisRule) -> Piece | Lost:
    """A rule on another axis only says for which positions there still is something to read."""
    bits = None
    for other, found in piece.support:
        if other == axis:
            bits = found
    if isinstance(rule, Whole):
        kept = None
    elif bits is None and isinstance(rule, Window | Resample | Blocks):
        return piece
    else:
        kept = _support_after(bits, rule)
    if kept == bits:
        return piece
    if kept == 0:
        return Lost.EMPTY
    others = tuple(pair for pair in piece.support if pair[0] != axis)
    if kept is not None:
        others = tuple(sorted((*others, (axis, kept))))
    return Mapped(piece.carrier, piece.map, others, piece.open_lo, piece.open_hi)


# -- support -----------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _support_after(bits: int | None, rule: AxisRule) -> int | None:
    """Return the positions that read something, None for all of them."""
    if rule.out_len > MAX_SUPPORT or rule.in_len > MAX_SUPPORT:
        return None
    if bits is None and not _may_miss(rule):
        return None
    if bits is not None and isinstance(rule, Whole):
        return None
    if isinstance(rule, Shift) and rule.step == 1:
        return _shifted(bits, rule)
    source = _flags(bits, rule.in_len)
    made = Table(np.where(source, 0, tables.NOTHING), np.where(source, 0, -tables.NOTHING))
    if made.lo.shape[0] == 1:
        read = tables.reads_any(rule, clipped=False)
        flags = np.ones(rule.out_len, dtype=bool) if read is None else read
    else:
        out = tables.along(made, 0, rule, clipped=False)
        flags = np.broadcast_to(out.lo <= out.hi, (rule.out_len,))
    return _packed(flags)


def _shifted(bits: int | None, rule: Shift) -> int | None:
    source = (1 << rule.in_len) - 1 if bits is None else bits
    moved = source >> rule.start if rule.start >= 0 else source << -rule.start
    everywhere = (1 << rule.out_len) - 1
    moved &= everywhere
    return None if moved == everywhere else moved


def _may_miss(rule: AxisRule) -> bool:
    """Whether some position reads nothing though all of the axis is there to read."""
    if isinstance(rule, Transposed):
        return not all(rule.taps(o) for o in range(min(rule.stride, rule.out_len)))
    if isinstance(rule, Pick):
        return min(rule.indices, default=0) < 0
    if isinstance(rule, Listed):
        return not all(rule.lists)
    return _cuts(rule)


def _flags(bits: int | None, length: int) -> NDArray[np.bool_]:
    if bits is None:
        return np.ones(length, dtype=bool)
    packed = np.frombuffer(bits.to_bytes((length + 7) // 8, "little"), dtype=np.uint8)
    return np.unpackbits(packed, bitorder="little", count=length).astype(bool)


def _packed(flags: NDArray[np.bool_]) -> int | None:
    if flags.all():
        return None
    return int.from_bytes(np.packbits(flags, bitorder="little").tobytes(), "little")


def _mask(bits: int, rank: int, axis: int) -> NDArray[np.bool_]:
    flags = _flags(bits, bits.bit_length())
    dims = [1] * rank
    dims[axis] = len(flags)
    return flags.reshape(dims)


# -- changes of form ---------------------------------------------------------------------------


def to_table(piece: Mapped, shape: Shape) -> Tabled | Blur:
    """Return the piece as a table of the units that exist, or a blur if they are too many."""
    rank = len(shape)
    length = 1 if piece.carrier is None else shape[piece.carrier]
    if length > tables.MAX_TABLE >> 4:
        return Blur(piece.axes, piece.open_lo, piece.open_hi)
    dense = _dense(piece.map, length, rank, piece.carrier or 0)
    if dense is None:
        return _supported(piece, [piece.map.at(o) for o in range(length)], rank)
    try:
        for other, bits in piece.support:
            flags = _flags(bits, shape[other]).reshape(
                [shape[other] if axis == other else 1 for axis in range(rank)]
            )
            dense = tables.masked(dense, flags)
    except BoundError:
        return Blur(piece.axes, piece.open_lo, piece.open_hi)
    return Tabled(dense, piece.open_lo, piece.open_hi)


def _dense(mapped: PeriodicMap, length: int, rank: int, axis: int) -> Table | None:
    """Tabulate an affine map at once."""
    span = mapped.spans[0]
    if mapped.p != 1 or span is None or rank == 0:
        return None
    if max(abs(span[0]), abs(span[1])) + abs(mapped.q) * length > tables.MAX_VALUE:
        return None
    dims = [1] * rank
    dims[axis] = length
    base = (np.arange(length, dtype=np.int64) * mapped.q).reshape(dims)
    return Table(base + span[0], base + span[1])


def settle(piece: Tabled) -> Piece:
    """Return a table that varies along one axis only as a map, if it repeats; a constant always."""
    axes = piece.table.axes
    if len(axes) > 1:
        return piece
    if not axes:
        lo, hi = int(piece.table.lo.reshape(-1)[0]), int(piece.table.hi.reshape(-1)[0])
        span = (lo, hi) if lo <= hi else None
        return Mapped(None, constant(span), (), piece.open_lo, piece.open_hi)
    (axis,) = axes
    mapped = tables.fit(piece.table, axis)
    if mapped is None:
        return piece
    return Mapped(axis, mapped, (), piece.open_lo, piece.open_hi)


def own_position(axis: int) -> Mapped:
    """Return the piece of a graph input along one of its axes."""
    return Mapped(axis, affine(1, 0, 0))
