"""How the paths of one state stand to one input axis, and how a relation carries that on."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from rfgraph.domains.fields.carry import carry
from rfgraph.domains.fields.pattern import normal
from rfgraph.domains.fields.pieces import Blur, Lost, Mapped, Piece, Regrouped
from rfgraph.domains.periodic import constant
from rfgraph.relations.axis_rules import Shift
from rfgraph.relations.steps import Select

if TYPE_CHECKING:
    from rfgraph.domains.fields.support import Support
    from rfgraph.relations.relation import Relation


class Kind(Enum):
    """How a path stands to an input axis."""

    LOCAL = "local"
    ONE_SIDED = "one_sided"
    GLOBAL = "global"
    UNKNOWN = "unknown"


class Track(NamedTuple):
    """One axis of a state: its kind, its pattern's key, and the piece that stands for it."""

    kind: Kind
    key: object
    piece: Piece

    def same(self) -> tuple[Kind, object]:
        """Return what tells tracks apart."""
        return self.kind, self.key


def support_of(track: Track) -> Support:
    """Return where the piece of a track, a map, is restricted."""
    return track.piece.support if isinstance(track.piece, Mapped) else ()


def presence(kind: Kind, piece: Piece) -> Track:
    """Return a track that only says where there is something to read."""
    pattern = normal(piece)
    return Track(kind, pattern.key, pattern.piece)


def carry_track(
    track: Track, relation: Relation, needed: frozenset[int]
) -> tuple[Track, int] | None:
    """Carry one axis of a state; None if nothing is left to read."""
    if _passes_by(track.piece, relation, needed):
        return track, 0
    result = carry(track.piece, relation)
    if result is Lost.EMPTY:
        return None
    if track.kind in (Kind.GLOBAL, Kind.UNKNOWN) or isinstance(result, Lost):
        kind = track.kind
        if isinstance(result, Lost) and track.kind in (Kind.LOCAL, Kind.ONE_SIDED):
            kind = Kind.UNKNOWN if result is Lost.UNKNOWN else Kind.GLOBAL
        left = _where(track.piece, relation) if isinstance(result, Lost) else result
        piece = _trimmed(left, needed)
        if piece is None:
            return None
        return presence(kind, piece), 0
    pattern = normal(_trimmed_piece(result, needed))
    if result.open_lo or result.open_hi:
        return Track(Kind.ONE_SIDED, pattern.key, pattern.piece), 0
    if isinstance(result, Blur):
        return presence(Kind.UNKNOWN, Mapped(None, constant((0, 0)))), 0
    return Track(Kind.LOCAL, pattern.key, pattern.piece), pattern.hi - pattern.lo


def _passes_by(piece: Piece, relation: Relation, needed: frozenset[int]) -> bool:
    """Whether a relation leaves a piece as it is: it moves along other axes, which nobody needs."""
    if not isinstance(piece, Mapped) or piece.support:
        return False
    return all(
        isinstance(step, Select)
        and all(
            axis not in needed | {piece.carrier} and isinstance(rule, Shift) and _reads(rule)
            for axis, rule in step.rules
        )
        for step in relation.steps
    )


def _reads(rule: Shift) -> bool:
    """Whether some output position of a shift reads a position that exists."""
    ends = (rule.start, rule.start + (rule.out_len - 1) * rule.step)
    return abs(rule.step) == 1 and max(ends) >= 0 and min(ends) < rule.in_len


def _where(piece: Piece, relation: Relation) -> Piece | None:
    """Return where a path that was lost on an axis still reads something."""
    support = piece.support if isinstance(piece, Mapped) else ()
    result = carry(Mapped(None, constant((0, 0)), support), relation)
    if result is Lost.EMPTY:
        return None
    return Mapped(None, constant((0, 0))) if isinstance(result, Lost) else result


def _trimmed(piece: Piece | None, needed: frozenset[int]) -> Piece | None:
    return None if piece is None else _trimmed_piece(piece, needed)


def _trimmed_piece(piece: Piece, needed: frozenset[int]) -> Piece:
    if isinstance(piece, Regrouped) and isinstance(piece.piece, Mapped) and not needed:
        return piece._replace(piece=piece.piece._replace(support=()))
    if isinstance(piece, Mapped) and piece.support:
        support = tuple(pair for pair in piece.support if pair[0] in needed)
        if len(support) != len(piece.support):
            return piece._replace(support=support)
    return piece
