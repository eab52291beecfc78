"""How the sizes of single paths spread: smallest and largest by pattern, and where they agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from rfgraph.domains.fields.carry import carry_step
from rfgraph.domains.fields.parts import Lines, uncut
from rfgraph.domains.fields.pattern import BASE, Key, normal
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


def begin(piece: Piece) -> Spread:
    """Return the spread of a graph input's own positions: one path."""
    key, extent = _normal(piece, BASE, BASE, BASE)
    return {key: extent}


def _normal(piece: Piece, least: int, largest: int, twice: int | None) -> tuple[Key, Extent]:
    """Return the pattern of a piece, with the translations taken out added to its numbers."""
    pattern = normal(piece)
    lo, hi = pattern.lo, pattern.hi
    exact = twice is not None and not isinstance(piece, Blur)
    return pattern.key, Extent(
        pattern.piece,
        least + hi - lo,
        largest + hi - lo,
        twice + lo + hi if exact and twice is not None else None,
    )


def carry_spread(spread: Spread, step: Step, shape: Shape) -> Spread:
    """Return the spread after one step of a tensor of `shape`."""
    if spread is None:
        return None
    made: dict[Key, Extent] = {}
    for before, extent in spread.items():
        piece = extent.piece
        result = carry_step(piece, step, shape)
        if isinstance(result, Scope):
            continue
        if result is piece:
            _add_extent(made, before, extent)
            continue
        if isinstance(result, Mapped) and isinstance(piece, Mapped) and result.map is piece.map:
            # Only the axes changed: a pattern it was, a pattern it is.
            _add_extent(made, result, Extent(result, *extent[1:]))
            continue
        key, moved = _normal(result, extent.least, extent.largest, extent.twice)
        _add_extent(made, key, moved)
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
