"""How the paths of one state stand to one input axis, and how a relation carries that on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rfgraph.domains.fields.carry import carry
from rfgraph.domains.fields.pattern import normal
from rfgraph.domains.fields.pieces import Blur, Mapped, Piece, Regrouped, scope_of
from rfgraph.domains.periodic import constant
from rfgraph.domains.scope import Scope
from rfgraph.relations.axis_rules import Shift
from rfgraph.relations.steps import Select

if TYPE_CHECKING:
    from rfgraph.domains.fields.support import Support
    from rfgraph.relations.relation import Relation


class Track(NamedTuple):
    """One axis of a state: its scope, its pattern's key, and the piece that stands for it."""

    scope: Scope
    key: object
    piece: Piece

    def same(self) -> tuple[Scope, object]:
        """Return what tells tracks apart."""
        return self.scope, self.key


def support_of(track: Track) -> Support:
    """Return where the piece of a track, a map, is restricted."""
    return track.piece.support if isinstance(track.piece, Mapped) else ()


def presence(scope: Scope, piece: Piece) -> Track:
    """Return a track that only says where there is something to read."""
    pattern = normal(piece)
    return Track(scope, pattern.key, pattern.piece)


def carry_track(
    track: Track, relation: Relation, needed: frozenset[int]
) -> tuple[Track, int] | None:
    """Carry one axis of a state; None if nothing is left to read."""
    if _passes_by(track.piece, relation, needed):
        return track, 0
    result = carry(track.piece, relation)
    if result is Scope.NONE:
        return None
    if isinstance(result, Scope):
        left = _where(track.piece, relation)
        scope = track.scope if track.scope.is_lost else result
        return None if left is None else (presence(scope, _trim(left, needed)), 0)
    result = _trim(result, needed)
    if result is track.piece:
        return track, 0
    if track.scope.is_lost:
        return presence(track.scope, result), 0
    pattern = normal(result)
    scope = scope_of(result)
    if scope is not Scope.LOCAL:
        return Track(scope, pattern.key, pattern.piece), 0
    if isinstance(result, Blur):
        return presence(Scope.UNKNOWN, Mapped(None, constant((0, 0)))), 0
    return Track(Scope.LOCAL, pattern.key, pattern.piece), pattern.hi - pattern.lo


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
    if result is Scope.NONE:
        return None
    return Mapped(None, constant((0, 0))) if isinstance(result, Scope) else result


def _trim(piece: Piece, needed: frozenset[int]) -> Piece:
    if isinstance(piece, Regrouped) and isinstance(piece.piece, Mapped) and not needed:
        return piece._replace(piece=piece.piece._replace(support=()))
    if isinstance(piece, Mapped) and piece.support:
        support = tuple(pair for pair in piece.support if pair[0] in needed)
        if len(support) != len(piece.support):
            return piece._replace(support=support)
    return piece
