"""Patterns: pieces up to separate translations of their lower and upper ends.

Translation along the input never matters to a size, and what a relation does to lo (or hi) does not
depend on the other end. So paths that share a pattern are carried on as one, with a number apiece:
the base, hi - lo at the first position that reads anything.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple, TypeAlias

import numpy as np

from rfgraph.domains.fields.pieces import Blur, Mapped, Piece, Tabled
from rfgraph.domains.periodic import PeriodicMap
from rfgraph.domains.tables import NOTHING, Table

# A pattern keeps hi above lo by a large constant, so that no phase of it looks empty.
BASE = 1 << 50

Key: TypeAlias = "Mapped | Blur | tuple[object, ...]"


class Pattern(NamedTuple):
    """A piece with its first interval moved to [0, BASE], and by how much its ends were moved.

    For a piece [lo, hi] there, `lo` and `hi` are lo and hi - BASE.
    """

    key: Key
    piece: Piece
    lo: int
    hi: int


def normal(piece: Piece) -> Pattern:
    """Return the pattern of a piece that reads something."""
    if isinstance(piece, Mapped):
        span = next(span for span in piece.map.spans if span is not None)
        lo, hi = span[0], span[1] - BASE
        if lo or hi:
            spans = tuple(
                None if item is None else (item[0] - lo, item[1] - hi) for item in piece.map.spans
            )
            moved = PeriodicMap(piece.map.p, piece.map.q, spans)
            piece = Mapped(piece.carrier, moved, piece.support, piece.open_lo, piece.open_hi)
        return Pattern(piece, piece, lo, hi)
    if isinstance(piece, Tabled):
        return _normal_table(piece)
    return Pattern(piece, piece, 0, 0)


def _normal_table(piece: Tabled) -> Pattern:
    lo, hi = piece.table
    there = lo <= hi
    first = int(np.argmax(there))
    lo0, hi0 = int(lo.reshape(-1)[first]), int(hi.reshape(-1)[first]) - BASE
    moved = Table(np.where(there, lo - lo0, NOTHING), np.where(there, hi - hi0, -NOTHING))
    form = (lo.shape, piece.axes, piece.open_lo, piece.open_hi)
    digest = blake2b(moved.lo.tobytes(), digest_size=32)
    digest.update(moved.hi.tobytes())
    key = (form, digest.digest())
    return Pattern(key, piece._replace(table=moved), lo0, hi0)


def excess(piece: Piece) -> int:
    """Return by how much the largest phase of a mapped or tabled piece exceeds the first one."""
    if isinstance(piece, Mapped):
        sizes = [span[1] - span[0] for span in piece.map.spans if span is not None]
        return max(sizes) - sizes[0]
    if isinstance(piece, Tabled):
        there = (piece.table.lo <= piece.table.hi).reshape(-1)
        lengths = (piece.table.hi - piece.table.lo).reshape(-1)[there]
        return int(lengths.max() - lengths[0])
    return 0
