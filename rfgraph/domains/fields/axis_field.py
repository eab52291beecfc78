"""What the paths of one class read along one input axis: pieces united, carried, kept apart."""

from __future__ import annotations

from functools import reduce
from operator import attrgetter, is_
from typing import TYPE_CHECKING, NamedTuple

from rfgraph.domains import tables
from rfgraph.domains.fields.carry import carry_step
from rfgraph.domains.fields.parts import (
    mask_of,
    uncut,
    whole_if_complete,
    whole_if_covering,
    whole_lines,
)
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
from rfgraph.domains.fields.spread import by_pattern, carry_spread, mend_spread, merge_spreads
from rfgraph.domains.fields.stacking import splice
from rfgraph.domains.periodic import join, join_spans
from rfgraph.domains.scope import Scope
from rfgraph.errors import BoundError
from rfgraph.relations.steps import step_shape

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from rfgraph.domains.fields.spread import Spread
    from rfgraph.domains.tables import Span
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.relation import Relation


MAX_PIECES = 4096
# So many maps that are restricted on several axes are kept apart, more become a table.
MAX_APART = 4

_CUT = attrgetter("cut")


class AxisField(NamedTuple):
    """What the paths of a class read along one input axis, united, and how single ones spread."""

    pieces: tuple[Piece, ...]
    spread: Spread


def carry_field(field: AxisField, relation: Relation) -> tuple[tuple[AxisField, ...], Scope]:
    """Return what is left of a field after a relation, and how the paths of the rest stand.

    What became one-sided is a field of its own, after the one that stays local.
    """
    pieces, spread = field
    lost = Scope.NONE
    for step, shape in relation.plan:
        ways = [carry_step(piece, step, shape) for piece in pieces]
        spread = carry_spread(spread, step, shape, dict(zip(map(id, pieces), ways, strict=True)))
        if all(map(is_, ways, pieces)):
            continue
        made = [way for way in ways if not isinstance(way, Scope)]
        lost = reduce(Scope.join, (way for way in ways if isinstance(way, Scope)), lost)
        if not made:
            return (), lost
        pieces = merge_pieces(made, step_shape(step, shape))
        if len(pieces) < len(made):
            spread = spread and by_pattern(spread, pieces)
    if pieces is field.pieces and spread is field.spread:
        return (field,), lost
    return _by_sides(AxisField(pieces, spread)), lost


def _by_sides(field: AxisField) -> tuple[AxisField, ...]:
    """Part a field by the sides on which its pieces have no end."""
    sides = sorted({_sides(piece) for piece in field.pieces})
    if len(sides) == 1:
        return (field,)
    return tuple(
        AxisField(
            tuple(piece for piece in field.pieces if _sides(piece) == side),
            None
            if field.spread is None
            else tuple(extent for extent in field.spread if _sides(extent.piece) == side),
        )
        for side in sides
    )


def _sides(piece: Piece) -> tuple[bool, bool]:
    return piece.open_lo, piece.open_hi


def merge_fields(fields: Iterable[AxisField | None], shape: Shape) -> AxisField | None:
    """Return the union of fields of a tensor of `shape`; None if there are none."""
    there = [field for field in fields if field is not None]
    if not there:
        return None
    first = there[0]
    if all(field is first for field in there):
        return first
    pieces = merge_pieces([piece for field in there for piece in field.pieces], shape)
    spread = merge_spreads([field.spread for field in there], pieces, shape)
    return first if _is_made_of(first, pieces, spread) else AxisField(pieces, spread)


def _is_made_of(field: AxisField, pieces: tuple[Piece, ...], spread: Spread) -> bool:
    """Whether a field has the very same pieces and extents."""
    made = *pieces, *(spread or (None,))
    before = *field.pieces, *(field.spread or (None,))
    return len(made) == len(before) and all(map(is_, made, before))


def mended_field(field: AxisField, length: int, shape: Shape) -> AxisField:
    """Return a field of a tensor of `shape`, as whole where it reads all of an axis of `length`."""
    if not any(map(_CUT, field.pieces)):
        return field
    whole = [whole_if_covering(piece, length, shape) for piece in field.pieces]
    wholes = whole_lines(whole)
    if not wholes or all(now is before for now, before in zip(whole, field.pieces, strict=True)):
        return field
    pieces = merge_pieces([uncut(piece, wholes) for piece in whole], shape)
    return AxisField(pieces, mend_spread(field.spread, wholes))


# -- pieces --------------------------------------------------------------------------------------


def merge_pieces(pieces: Iterable[Piece], shape: Shape) -> tuple[Piece, ...]:
    """Unite pieces of a tensor of `shape` that can be one: like maps, tables, what is cut apart."""
    listed = tuple(pieces)
    if len(listed) == 1:
        return listed
    merged = _merge(splice(listed, shape))
    if not all(isinstance(piece, Mapped) and len(piece.support) < 2 for piece in merged):
        merged = _settled_together(merged, set(map(id, listed)), shape)
    return merged if len(merged) <= MAX_PIECES else _merge(map(blur, merged))


def _settled_together(
    merged: tuple[Piece, ...], known: Collection[int], shape: Shape
) -> tuple[Piece, ...]:
    """Return pieces in fewer words, but those that are `known`, by identity, as they are."""
    if len(merged) > MAX_APART:
        merged = _together(merged, shape)
        if sum(isinstance(_before_reshape(piece), Tabled) for piece in merged) > MAX_APART:
            merged = _merge(merged, masked=False)
    settled = tuple(piece if id(piece) in known else _settle(piece) for piece in merged)
    same = list(map(_merge_key, settled)) == list(map(_merge_key, merged))
    return settled if same else _merge(settled)


def _before_reshape(piece: Piece) -> Standing:
    """Return a piece as it stood before a Reshape that it was not followed through."""
    return piece.piece if isinstance(piece, Regrouped) else piece


def _settle(piece: Piece) -> Piece:
    if isinstance(piece, Regrouped) and isinstance(piece.piece, Tabled):
        return piece._replace(piece=whole_if_complete(piece.piece))
    return settle(whole_if_complete(piece)) if isinstance(piece, Tabled) else piece


def _together(pieces: tuple[Piece, ...], shape: Shape) -> tuple[Piece, ...]:
    """Tabulate maps that are restricted on several axes where there are many of them."""
    apart = [isinstance(piece, Mapped) and len(piece.support) > 1 for piece in pieces]
    if sum(apart) <= MAX_APART:
        return pieces
    return _merge(
        to_table(piece, shape) if isinstance(piece, Mapped) and cut else piece
        for piece, cut in zip(pieces, apart, strict=True)
    )


def _merge(pieces: Iterable[Piece], *, masked: bool = True) -> tuple[Piece, ...]:
    """Unite pieces that have a key in common; with `masked`, tables that lie apart stay so."""
    merged: dict[object, Piece] = {}
    for piece in pieces:
        key = _merge_key(piece)
        if masked and isinstance(standing := _before_reshape(piece), Tabled):
            key = key, mask_of(standing)
        before = merged.setdefault(key, piece)
        if before is not piece:
            united = _unite(before, piece)
            merged[key if united else (key, id(piece))] = united or piece
    return tuple(merged.values())


def _merge_key(piece: Piece) -> object:
    if isinstance(piece, Mapped):
        rate: object = piece.map.q if piece.map.p == 1 else piece.map.rate
        return piece.carrier, rate, piece.support, piece.open_lo, piece.open_hi
    if isinstance(piece, Regrouped):
        return piece.shape, _merge_key(piece.piece)
    return type(piece), piece.open_lo, piece.open_hi


def _cut_of_both(first: Piece, second: Piece) -> Span:
    """Return the cut of a union: what joins a whole is cropped to fit it."""
    if first.cut is None or second.cut is None:
        return None
    return join_spans((first.cut, second.cut))


def _unite(first: Piece, second: Piece) -> Piece | None:
    """Return the union of two pieces of one key, None if it is none or too large."""
    if isinstance(first, Mapped) and isinstance(second, Mapped):
        return _unite_maps(first, second)
    axes, cut = first.axes | second.axes, _cut_of_both(first, second)
    if isinstance(first, Regrouped) and isinstance(second, Regrouped):
        inner = _unite(first.piece, second.piece)
        return Regrouped(inner, first.shape, axes) if isinstance(inner, (Mapped, Tabled)) else None
    if isinstance(first, Tabled) and isinstance(second, Tabled):
        try:
            table = tables.join(first.table, second.table)
        except BoundError:
            return None
        if table is first.table and (axes, cut) == (first.axes, first.cut):
            return first
        return Tabled(table, axes, second.open_lo, second.open_hi, cut)
    return Blur(axes, second.open_lo, second.open_hi, cut)


def _unite_maps(first: Mapped, second: Mapped) -> Mapped | None:
    """Return the union of two maps: one of them, if it has what the other reads."""
    united, cut = join(first.map, second.map), _cut_of_both(first, second)
    for one in (first, second):
        if united is one.map and cut == one.cut:
            return one
    return None if united is None else Mapped(first.carrier, united, *first[2:5], cut)
