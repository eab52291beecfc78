"""Patterns: pieces up to separate translations of their lower and upper ends.

Translation along the input never matters to a size, and what a relation does to lo (or hi) does not
depend on the other end. So paths that share a pattern are carried on as one, with a number apiece:
the base, hi - lo at the first position that reads anything.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from rfgraph.domains.fields.pieces import CUT, Blur, Mapped, Piece, Regrouped, Tabled
from rfgraph.domains.tables import NOTHING, Table, count_table

# A pattern keeps hi above lo by a large constant, so that no phase of it looks empty.
BASE = 1 << 50


class Pattern(NamedTuple):
    """A piece with its first interval moved to [0, BASE], and by how much its ends were moved.

    For a piece [lo, hi] there, `lo` and `hi` are lo and hi - BASE.
    """

    key: object
    piece: Piece
    lo: int
    hi: int


def normal(piece: Piece) -> Pattern:
    """Return the pattern of a piece that reads something."""
    if isinstance(piece, Blur):
        blur = piece._replace(cut=piece.cut and CUT)
        return Pattern(blur, blur, 0, 0)
    inner = piece.piece if isinstance(piece, Regrouped) else piece
    if isinstance(inner, Mapped):
        moved, lo, hi = _moved_map(inner)
    else:
        moved, lo, hi = _moved_table(inner)
    key = moved if isinstance(moved, Mapped) else _key(moved)
    if isinstance(piece, Regrouped):
        return Pattern((piece.shape, piece.axes, key), piece._replace(piece=moved), lo, hi)
    return Pattern(key, moved, lo, hi)


def _moved_map(piece: Mapped) -> tuple[Mapped | Tabled, int, int]:
    first, last = piece.map.first
    lo, hi = first, last - BASE
    cut = piece.cut and CUT
    if lo or hi or piece.cut != cut:
        piece = piece._replace(map=piece.map.move_ends(-lo, -hi), cut=cut)
    return piece, lo, hi


def _moved_table(piece: Tabled) -> tuple[Tabled, int, int]:
    lo, hi = piece.table
    first, last = ends(piece)
    lo0, hi0 = first, last - BASE
    moved = Table(lo - lo0, hi - hi0)
    if not piece.table.is_full:
        there = lo <= hi
        moved = Table(np.where(there, moved.lo, NOTHING), np.where(there, moved.hi, -NOTHING))
    return piece._replace(table=count_table(moved), cut=piece.cut and CUT), lo0, hi0


def _key(piece: Tabled) -> tuple[object, ...]:
    lo, hi = piece.table
    digest = blake2b(lo.tobytes(), digest_size=32)
    digest.update(hi.tobytes())
    return (lo.shape, piece.axes, piece.open_lo, piece.open_hi, piece.cut), digest.digest()


def ends(piece: Piece) -> tuple[int, int]:
    """Return what is read at the first position that reads anything; of a blur nothing is known."""
    if isinstance(piece, Mapped):
        return piece.map.first
    if isinstance(piece, Regrouped):
        return ends(piece.piece)
    if isinstance(piece, Blur):
        return CUT
    first = int(np.argmax(piece.table.lo <= piece.table.hi))
    return piece.table.lo.item(first), piece.table.hi.item(first)


def excess(piece: Piece) -> int:
    """Return by how much the largest phase of a mapped or tabled piece exceeds the first one."""
    if isinstance(piece, Mapped):
        if piece.map.p == 1:
            return 0
        first, last = piece.map.first
        return piece.map.longest - (last - first)
    if isinstance(piece, Regrouped):
        return excess(piece.piece)
    if isinstance(piece, Tabled):
        there = (piece.table.lo <= piece.table.hi).reshape(-1)
        lengths = (piece.table.hi - piece.table.lo).reshape(-1)[there]
        return int(lengths.max() - lengths[0])
    return 0
