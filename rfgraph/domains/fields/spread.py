"""How the sizes of single paths spread: smallest and largest by pattern, and where they agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from rfgraph.domains.fields.carry import carry_step
from rfgraph.domains.fields.parts import Lines, uncut
from rfgraph.domains.fields.pattern import BASE, Key, Pattern, normal
from rfgraph.domains.fields.pieces import Blur, Mapped, Piece, Regrouped
from rfgraph.domains.scope import Scope

if TYPE_CHECKING:
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.steps import Step


MAX_PATTERNS = 4096
# Of these so many may be without a closed form: shifted windows double them with every shift.
MAX_SCATTERED = 16


class Extent(NamedTuple):
    """The single paths of one pattern: its piece, their least and largest base, twice their centre.

    A path's base is hi - lo at the first position that reads anything; `twice` is lo + hi there,
    None where paths disagree.
    """

    piece: Piece
    least: int
    largest: int
    twice: int | None


Spread: TypeAlias = "dict[Key, Extent] | None"


class Patterns:
    """What steps make of patterns: these come again and again, and those of maps are made once."""

    def __init__(self) -> None:
        # By the identity of a step that is held with the answer.
        self._maps: dict[tuple[Mapped, int, Shape], tuple[Step, Pattern | Scope | None]] = {}

    def behind(self, piece: Piece, step: Step, shape: Shape) -> Pattern | Scope | None:
        """Return what `step` makes of a tensor of `shape`: None if it leaves the piece alone."""
        if not isinstance(piece, Mapped):
            return _behind(piece, step, shape)
        key = piece, id(step), shape
        known = self._maps.get(key)
        if known is None:
            known = self._maps[key] = step, _behind(piece, step, shape)
        return known[1]


def _behind(piece: Piece, step: Step, shape: Shape) -> Pattern | Scope | None:
    made = carry_step(piece, step, shape)
    if made is piece:
        return None
    return made if isinstance(made, Scope) else normal(made)


def begin(piece: Piece) -> Spread:
    """Return the spread of a graph input's own positions: one path."""
    pattern = normal(piece)
    return {pattern.key: _moved(Extent(piece, BASE, BASE, BASE), pattern)}


def _moved(extent: Extent, pattern: Pattern) -> Extent:
    """Return the paths with a pattern, and the translations taken out added to their numbers."""
    _, piece, lo, hi = pattern
    twice = None if isinstance(piece, Blur) else extent.twice
    if twice is not None:
        twice += lo + hi
    return Extent(piece, extent.least + hi - lo, extent.largest + hi - lo, twice)


def carry_spread(spread: Spread, step: Step, shape: Shape, patterns: Patterns) -> Spread:
    """Return the spread after one step of a tensor of `shape`."""
    if spread is None:
        return None
    made: dict[Key, Extent] = {}
    for before, extent in spread.items():
        pattern = patterns.behind(extent.piece, step, shape)
        if pattern is None:
            _add_extent(made, before, extent)
        elif not isinstance(pattern, Scope):
            _add_extent(made, pattern.key, _moved(extent, pattern))
    return _kept(made)


def _kept(made: dict[Key, Extent]) -> Spread:
    """Return the spread unless its patterns, tables among them, are too many to carry on."""
    if len(made) <= MAX_SCATTERED:
        return made
    scattered = sum(map(_is_scattered, made.values()))
    return made if len(made) <= MAX_PATTERNS and scattered <= MAX_SCATTERED else None


def _is_scattered(extent: Extent) -> bool:
    """Whether a pattern is a table, or restricted on several axes: rolled, windowed, cut apart."""
    piece = extent.piece.piece if isinstance(extent.piece, Regrouped) else extent.piece
    return not isinstance(piece, Mapped) or len(piece.support) > 1


def merge_spreads(spreads: list[Spread]) -> Spread:
    """Return the spread over the paths of several edges."""
    made: dict[Key, Extent] = {}
    for spread in spreads:
        if spread is None:
            return None
        for key, extent in spread.items():
            _add_extent(made, key, extent)
    return _kept(made)


def mend_spread(spread: Spread, wholes: Lines) -> Spread:
    """Return the spread with maps along axes of `wholes` as whole."""
    if spread is None:
        return None
    made: dict[Key, Extent] = {}
    for key, extent in spread.items():
        piece = uncut(extent.piece, wholes)
        same = piece is extent.piece or not isinstance(piece, Mapped)
        _add_extent(made, key if same else piece, extent._replace(piece=piece))
    return made


def _add_extent(made: dict[Key, Extent], key: Key, extent: Extent) -> None:
    before = made.get(key)
    if before is None:
        made[key] = extent
    elif before is not extent:
        made[key] = Extent(
            extent.piece,
            min(before.least, extent.least),
            max(before.largest, extent.largest),
            extent.twice if before.twice == extent.twice else None,
        )
