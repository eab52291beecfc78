"""What the paths of one class read along one input axis: pieces united, carried, kept apart."""

from __future__ import annotations

from operator import is_
from typing import TYPE_CHECKING, NamedTuple

from rfgraph.domains import tables
from rfgraph.domains.fields.carry import carry_step
from rfgraph.domains.fields.parts import covering, mask_of, mended, uncut, whole_lines
from rfgraph.domains.fields.pieces import (
    Blur,
    Mapped,
    Piece,
    Regrouped,
    Standing,
    Tabled,
    blurred,
    settle,
    to_table,
    with_cut,
)
from rfgraph.domains.fields.spread import carry_spread, mend_spread, merge_spreads
from rfgraph.domains.fields.stacking import spliced
from rfgraph.domains.periodic import join, join_spans
from rfgraph.domains.scope import Scope
from rfgraph.errors import BoundError
from rfgraph.relations.steps import step_shape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rfgraph.domains.fields.spread import Patterns, Spread
    from rfgraph.domains.phases import Span
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.relation import Relation


MAX_STATES = 4096
# So many maps that are restricted on several axes are kept apart, more become a table.
MAX_APART = 4


class AxisField(NamedTuple):
    """What the paths of a class read along one input axis, united, and how single ones spread."""

    pieces: tuple[Piece, ...]
    spread: Spread


def carry_field(
    field: AxisField, relation: Relation, patterns: Patterns
) -> tuple[tuple[AxisField, ...], Scope]:
    """Return what is left of a field after a relation, and how the paths of the rest stand.

    What became one-sided is a field of its own, after the one that stays local.
    """
    pieces = field.pieces
    spread = field.spread
    lost = Scope.NONE
    for step, shape in relation.plan:
        made: list[Piece] = []
        for piece in pieces:
            result = carry_step(piece, step, shape)
            if isinstance(result, Scope):
                lost = lost.join(result)
            else:
                made.append(result)
        if not made:
            return (), lost
        if any(now is not before for now, before in zip(made, pieces, strict=False)) or (
            len(made) < len(pieces)
        ):
            pieces = merge_pieces(made, step_shape(step, shape))
        spread = carry_spread(spread, step, shape, patterns)
    if pieces is field.pieces and _is_same(spread, field.spread):
        return (field,), lost
    return _by_sides(AxisField(pieces, spread)), lost


def _is_same(spread: Spread, before: Spread) -> bool:
    """Whether a spread has the very extents that there were before."""
    if spread is None or before is None:
        return spread is before
    return spread.keys() == before.keys() and all(map(is_, spread.values(), before.values()))


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
            else {key: one for key, one in field.spread.items() if _sides(one.piece) == side},
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
    pieces = merge_pieces((piece for field in there for piece in field.pieces), shape)
    return AxisField(pieces, merge_spreads([field.spread for field in there]))


def mended_field(field: AxisField, length: int, shape: Shape) -> AxisField:
    """Return a field of a tensor of `shape`, as whole where it reads all of an axis of `length`."""
    if all(piece.cut is None for piece in field.pieces):
        return field
    whole = [covering(piece, length, shape) for piece in field.pieces]
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
    merged = _merged(spliced(listed, shape))
    if len(merged) > MAX_APART:
        merged = _together(merged, shape)
        if sum(isinstance(_before_reshape(piece), Tabled) for piece in merged) > MAX_APART:
            merged = _merged(merged, masked=False)
    known = set(map(id, listed))
    settled = tuple(piece if id(piece) in known else _settled(piece) for piece in merged)
    same = list(map(_merge_key, settled)) == list(map(_merge_key, merged))
    merged = settled if same else _merged(settled)
    return merged if len(merged) <= MAX_STATES else _merged(map(blurred, merged))


def _before_reshape(piece: Piece) -> Standing:
    """Return a piece as it stood before a Reshape that it was not followed through."""
    return piece.piece if isinstance(piece, Regrouped) else piece


def _settled(piece: Piece) -> Piece:
    if isinstance(piece, Regrouped) and isinstance(piece.piece, Tabled):
        return piece._replace(piece=mended(piece.piece))
    return settle(mended(piece)) if isinstance(piece, Tabled) else piece


def _together(pieces: tuple[Piece, ...], shape: Shape) -> tuple[Piece, ...]:
    """Tabulate maps that are restricted on several axes where there are many of them."""
    apart = [isinstance(piece, Mapped) and len(piece.support) > 1 for piece in pieces]
    if sum(apart) <= MAX_APART:
        return pieces
    return _merged(
        to_table(piece, shape) if isinstance(piece, Mapped) and cut else piece
        for piece, cut in zip(pieces, apart, strict=True)
    )


def _merged(pieces: Iterable[Piece], *, masked: bool = True) -> tuple[Piece, ...]:
    """Unite pieces that have a key in common; with `masked`, tables that lie apart stay so."""
    merged: dict[object, Piece] = {}
    for piece in pieces:
        key = _merge_key(piece)
        standing = _before_reshape(piece)
        if masked and isinstance(standing, Tabled):
            key = key, mask_of(standing)
        before = merged.get(key)
        if before is None:
            merged[key] = piece
        elif before != piece if isinstance(piece, (Mapped, Blur)) else before is not piece:
            united = _unite(before, with_cut(piece, _cut_of_both(before, piece)))
            if united is None:
                merged[key, id(piece)] = piece
            else:
                merged[key] = united
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
    if isinstance(first, Mapped) and isinstance(second, Mapped):
        united = join(first.map, second.map)
        return None if united is None else second._replace(map=united)
    if isinstance(first, Regrouped) and isinstance(second, Regrouped):
        inner = _unite(first.piece, second.piece)
        axes = first.axes | second.axes
        return Regrouped(inner, first.shape, axes) if isinstance(inner, (Mapped, Tabled)) else None
    if isinstance(first, Tabled) and isinstance(second, Tabled):
        try:
            table = tables.join(first.table, second.table)
        except BoundError:
            return None
        return second._replace(table=table, axes=first.axes | second.axes)
    return blurred(second)._replace(depends=first.axes | second.axes)
