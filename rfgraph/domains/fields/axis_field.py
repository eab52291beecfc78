"""What the paths of one class read along one input axis: pieces united, carried, kept apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rfgraph.domains import tables
from rfgraph.domains.fields.carry import carry_step
from rfgraph.domains.fields.pieces import Blur, Lost, Mapped, Piece, Tabled, settle, to_table
from rfgraph.domains.fields.spread import carry_spread
from rfgraph.domains.periodic import join
from rfgraph.errors import BoundError
from rfgraph.relations.steps import step_shape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rfgraph.domains.fields.spread import Spread
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.relation import Relation


MAX_STATES = 4096

# So many maps that are restricted on several axes are kept apart, more become a table.
MAX_APART = 4


class AxisField(NamedTuple):
    """What the paths of a class read along one input axis, united, and how single ones spread."""

    pieces: tuple[Piece, ...]
    spread: Spread


# -- one axis ------------------------------------------------------------------------------------


def carry_field(field: AxisField, relation: Relation) -> tuple[AxisField | None, Lost | None]:
    """Return what is left of a field after a relation, and why the rest was lost."""
    pieces = field.pieces
    spread = field.spread
    lost: Lost | None = None
    for step, shape in relation.plan:
        made: list[Piece] = []
        for piece in pieces:
            result = carry_step(piece, step, shape)
            if isinstance(result, Lost):
                keep = lost is not None and (result is Lost.EMPTY or lost is Lost.UNKNOWN)
                lost = lost if keep else result
            else:
                made.append(result)
        if not made:
            return None, lost
        if any(now is not before for now, before in zip(made, pieces, strict=False)) or (
            len(made) < len(pieces)
        ):
            pieces = merge_pieces(made, step_shape(step, shape))
        spread = carry_spread(spread, step, shape)
    return AxisField(pieces, spread), lost


def merge_pieces(pieces: Iterable[Piece], shape: Shape) -> tuple[Piece, ...]:
    """Unite pieces of a tensor of `shape` that can be one: like maps, tables, what is cut apart."""
    listed = tuple(pieces)
    if len(listed) == 1:
        return listed
    merged = _merged(listed)
    if len(merged) > MAX_APART:
        merged = _together(merged, shape)
    if not any(isinstance(piece, Tabled) for piece in merged):
        return merged if len(merged) <= MAX_STATES else _blurred(merged)
    settled = tuple(map(_settled, merged))
    if any(
        now is not before and isinstance(now, Mapped)
        for now, before in zip(settled, merged, strict=True)
    ):
        merged = _merged(settled)
    return merged if len(merged) <= MAX_STATES else _blurred(merged)


def _together(pieces: tuple[Piece, ...], shape: Shape) -> tuple[Piece, ...]:
    """Tabulate maps that are restricted on several axes where there are many of them."""
    apart = [isinstance(piece, Mapped) and len(piece.support) > 1 for piece in pieces]
    if sum(apart) <= MAX_APART:
        return pieces
    return _merged(
        to_table(piece, shape) if isinstance(piece, Mapped) and cut else piece
        for piece, cut in zip(pieces, apart, strict=True)
    )


def _merged(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    merged: dict[object, Piece] = {}
    for piece in pieces:
        key = _merge_key(piece)
        before = merged.get(key)
        if before is None:
            merged[key] = piece
        elif before != piece if isinstance(piece, Mapped) else before is not piece:
            united = _unite(before, piece)
            if united is None:
                merged[key, id(piece)] = piece
            else:
                merged[key] = united
    return tuple(merged.values())


def _settled(piece: Piece) -> Piece:
    if isinstance(piece, Tabled):
        return settle(piece.table, piece.axes, open_lo=piece.open_lo, open_hi=piece.open_hi)
    return piece


def _merge_key(piece: Piece) -> object:
    if isinstance(piece, Mapped):
        rate: object = piece.map.q if piece.map.p == 1 else piece.map.rate
        return piece.carrier, rate, piece.support, piece.open_lo, piece.open_hi
    return type(piece), piece.open_lo, piece.open_hi


def _unite(first: Piece, second: Piece) -> Piece | None:
    if isinstance(first, Mapped) and isinstance(second, Mapped):
        united = join(first.map, second.map)
        return (
            None
            if united is None
            else Mapped(first.carrier, united, first.support, first.open_lo, first.open_hi)
        )
    if isinstance(first, Tabled) and isinstance(second, Tabled):
        try:
            table = tables.join(first.table, second.table)
        except BoundError:
            return None
        return Tabled(table, first.axes | second.axes, first.open_lo, first.open_hi)
    return Blur(first.axes | second.axes, first.open_lo, first.open_hi)


def _blurred(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    axes = frozenset().union(*(piece.axes for piece in pieces))
    open_lo, open_hi = any(p.open_lo for p in pieces), any(p.open_hi for p in pieces)
    return (Blur(axes, open_lo, open_hi),)
