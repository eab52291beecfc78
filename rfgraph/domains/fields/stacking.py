"""Single positions that were taken out of an axis and put side by side, as unrolled loops do.

Each of them reads one interval wherever it is; together, what is read depends on the place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.domains.fields.fitting import depends
from rfgraph.domains.fields.pieces import Blur, Mapped, Piece, Tabled, settle, tabulate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TypeGuard

    from rfgraph.relations.axis_rules import Shape


def unite_standing(pieces: Sequence[Piece], shape: Shape) -> tuple[Piece, ...]:
    """Return local pieces of a tensor of `shape`, those that stand still as one if they differ.

    Only those are meant that are restricted to some positions, which then say what is read.
    """
    still = [piece for piece in pieces if _is_position(piece)]
    if len({piece.map for piece in still}) < 2:
        return tuple(pieces)
    moving = [piece for piece in pieces if not _is_position(piece)]
    return *moving, _side_by_side(still, shape)


def splice(pieces: Iterable[Piece], shape: Shape) -> tuple[Piece, ...]:
    """Return pieces of a tensor of `shape`, those of one map on parts of one axis as one."""
    by_key: dict[object, Piece] = {}
    for piece in pieces:
        key: object = len(by_key)
        made = piece
        if isinstance(piece, Mapped) and len(piece.support) == 1:
            ((axis, bits),) = piece.support
            everywhere = (1 << shape[axis]) - 1
            key = axis, piece.carrier, piece.map, *piece[3:]
            before = by_key.get(key)
            if isinstance(before, Mapped):
                held = dict(before.support).get(axis, everywhere)
                if bits | held == held:
                    continue
                bits |= held
            if before or bits == everywhere:
                support = () if bits == everywhere else ((axis, bits),)
                made = Mapped(piece.carrier, piece.map, support, *piece[3:])
        by_key[key] = made
    return tuple(by_key.values())


def _is_position(piece: Piece) -> TypeGuard[Mapped]:
    """Whether a piece is one position of its axis, and no axis along which all units read alike."""
    if not isinstance(piece, Mapped) or piece.map.p > 1 or piece.map.q:
        return False
    return bool(piece.support) and piece.carrier in (None, *dict(piece.support))


def _side_by_side(pieces: Sequence[Mapped], shape: Shape) -> Piece:
    axes = frozenset(axis for piece in pieces for axis, _ in piece.support)
    table = tabulate(pieces, shape)
    if table is None:
        return Blur(axes)
    tabled = Tabled(table, depends(table, axes) or axes)
    made = settle(tabled)
    # Two places lie on a line whatever they read.
    is_line = isinstance(made, Mapped) and bool(made.map.q)
    return tabled if is_line and max(map(shape.__getitem__, made.axes)) < 3 else made
