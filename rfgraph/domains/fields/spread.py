"""How the sizes of single paths spread: smallest and largest by pattern, and where they agree."""

from __future__ import annotations

from operator import is_
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from rfgraph.domains.fields.carry import carry_step
from rfgraph.domains.fields.parts import Lines, uncut
from rfgraph.domains.fields.pattern import ends, normal
from rfgraph.domains.fields.pieces import Blur, Mapped, Piece, Regrouped
from rfgraph.domains.fields.stacking import splice
from rfgraph.domains.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.steps import Step


MAX_EXTENTS = 4096
# Of these so many may be without a closed form: shifted windows double them with every shift.
MAX_SCATTERED = 16


class Extent(NamedTuple):
    """The single paths of one pattern, by what tells them from a piece of that pattern.

    `least` and `largest`: so much more than the piece the paths read, in size; `off`: twice so far
    from its centre lies theirs, None where paths disagree. No step changes these.
    """

    piece: Piece
    least: int = 0
    largest: int = 0
    off: int | None = 0

    @property
    def twice(self) -> int | None:
        """Twice the centre at the first position that reads anything; None if paths disagree."""
        if self.off is None or isinstance(self.piece, Blur):
            return None
        return sum(ends(self.piece)) + self.off


# None where the patterns are too many to carry on.
Spread: TypeAlias = "tuple[Extent, ...] | None"


def carry_spread(
    spread: Spread, step: Step, shape: Shape, known: Mapping[int, Piece | Scope]
) -> Spread:
    """Return the spread after one step of a tensor of `shape`.

    `known` is what it makes of some pieces, by their identity.
    """
    made: list[Extent] = []
    for extent in spread or ():
        piece = known.get(id(extent.piece))
        if piece is None:
            piece = carry_step(extent.piece, step, shape)
        if piece is extent.piece:
            made.append(extent)
        elif not isinstance(piece, Scope):
            made.append(Extent(piece, *extent[1:]))
    same = spread is None or (len(made) == len(spread) and all(map(is_, made, spread)))
    return spread if same else by_pattern(made)


def by_pattern(extents: Sequence[Extent], pieces: Sequence[Piece] = ()) -> Spread:
    """Return paths of one pattern together, beside those of `pieces` that have it.

    Then both are carried as one. None if there are too many patterns to carry on.
    """
    made: dict[object, Extent] = {}
    alone = len(extents) == 1 and not pieces
    for extent in extents:
        key = None if alone else _key(extent.piece)
        before = made.setdefault(key, extent)
        if before is not extent:
            made[key] = _together(before, extent)
    if len(made) > MAX_SCATTERED and (
        len(made) > MAX_EXTENTS or sum(map(_is_scattered, made.values())) > MAX_SCATTERED
    ):
        return None
    held = {id(extent.piece) for extent in made.values()}
    affine = {_key(piece): piece for piece in pieces if id(piece) not in held and _is_affine(piece)}
    made.update({key: _beside(made[key], affine[key]) for key in affine.keys() & made.keys()})
    return tuple(made.values())


def mend_spread(spread: Spread, wholes: Lines) -> Spread:
    """Return the spread with maps along axes of `wholes` as whole."""
    return spread and by_pattern(
        [extent._replace(piece=uncut(extent.piece, wholes)) for extent in spread]
    )


def merge_spreads(spreads: Iterable[Spread], pieces: Sequence[Piece], shape: Shape) -> Spread:
    """Return the spread over the paths of several edges, which together read `pieces`.

    Paths that read the same on parts of an axis of the tensor, which has `shape`, are one.
    """
    alike: dict[tuple[object, ...], list[Extent]] = {}
    for spread in spreads:
        if spread is None:
            return None
        for extent in spread:
            alike.setdefault(extent[1:], []).append(extent)
    gathered: list[Extent] = []
    for extents in alike.values():
        if len(extents) > 1:
            known = {id(extent.piece): extent for extent in extents}
            made = splice([extent.piece for extent in extents], shape)
            extents = [known.get(id(one)) or Extent(one, *extents[0][1:]) for one in made]
        gathered += extents
    return by_pattern(gathered, pieces)


def _is_affine(piece: Piece) -> bool:
    return isinstance(piece, Mapped) and piece.map.p == 1


def _key(piece: Piece) -> object:
    """Return what tells the pattern of a piece from others; of an affine map its rate alone."""
    if isinstance(piece, Mapped) and piece.map.p == 1:
        return piece.carrier, piece.map.q, piece.support, piece[3:5], piece.cut is None
    return normal(piece).key


def _beside(extent: Extent, piece: Piece) -> Extent:
    """Return the same paths beside another piece of their pattern."""
    (lo, hi), (other_lo, other_hi) = ends(extent.piece), ends(piece)
    more = hi - lo - (other_hi - other_lo)
    off = None if extent.off is None else extent.off + lo + hi - other_lo - other_hi
    return Extent(piece, extent.least + more, extent.largest + more, off)


def _together(one: Extent, other: Extent) -> Extent:
    """Return the paths of two extents of one pattern."""
    _, least, largest, off = _beside(other, one.piece)
    least, largest = min(one.least, least), max(one.largest, largest)
    if (least, largest, off) == one[1:]:
        return one
    return Extent(one.piece, least, largest, off if off == one.off else None)


def _is_scattered(extent: Extent) -> bool:
    """Whether a pattern is a table, or restricted on several axes: rolled, windowed, cut apart."""
    piece = extent.piece.piece if isinstance(extent.piece, Regrouped) else extent.piece
    return not isinstance(piece, Mapped) or len(piece.support) > 1
