"""The closed form: the unclipped field of every tensor in one forward pass.

Paths that agree on how each input axis stands to the tensor's axes (on which ones it depends, or
that it is lost) form a class; within a class, what paths read is united, and the smallest and
largest size over single paths and their common centre are kept beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from rfgraph.axes import mover_along
from rfgraph.domains import table as tables
from rfgraph.domains.bounds import allowance
from rfgraph.domains.carry import carry_step
from rfgraph.domains.joined import joined
from rfgraph.domains.parts import Lines, covering, mask_of, mended, uncut, whole_lines
from rfgraph.domains.periodic import Span, join, join_spans
from rfgraph.domains.pieces import (
    Blur,
    Lost,
    Mapped,
    Piece,
    Regrouped,
    Standing,
    Tabled,
    blurred,
    own_position,
    settle,
    to_table,
    with_cut,
)
from rfgraph.domains.spread import begin, carry_spread, mend_spread, merge_spreads
from rfgraph.domains.stacking import spliced
from rfgraph.errors import BoundError, quoted
from rfgraph.relations import step_shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rfgraph.domains.joined import Joined
    from rfgraph.domains.spread import Spread
    from rfgraph.graph import Graph, Operator
    from rfgraph.relations import Relation, Shape

MAX_STATES = 4096
MAX_CLASSES = 512
# So many maps that are restricted on several axes are kept apart, more become a table.
MAX_APART = 4


class AxisField(NamedTuple):
    """What the paths of a class read along one input axis, united, and how single ones spread."""

    pieces: tuple[Piece, ...]
    spread: Spread


Fields: TypeAlias = "tuple[AxisField | None, ...]"
# How a path stands to an input axis: the tensor axes it depends on, or why it is not local.
Status: TypeAlias = "frozenset[int] | Lost | str"
Layout: TypeAlias = "tuple[Status, ...]"
Classes: TypeAlias = "Mapping[Layout, Fields]"


@dataclass(frozen=True, slots=True)
class State:
    """All that is known of a tensor and one graph input.

    `classes` by layout; `through`: per input axis the losses on the way, as a set of bits by their
    number in `ClosedForm.losses`.
    """

    classes: Classes
    through: tuple[int, ...]


class Carried(NamedTuple):
    """What a relation makes of a class: the classes, and the axes on which paths were lost."""

    classes: Classes
    lossy: tuple[int, ...]


class Memo:
    """What relations make of classes, for the inputs of a model that share a way.

    Inputs of one rank begin with the same state, so what is behind like operators is made once.
    """

    __slots__ = ("_carried", "_inputs", "_on")

    def __init__(self, *, on: bool) -> None:
        self._on = on
        self._inputs: dict[int, State] = {}
        # The fields and the relation are held, so that nothing else takes their place.
        self._carried: dict[tuple[int, int, Layout], tuple[Fields, Relation, Carried]] = {}

    def input(self, rank: int) -> State:
        """Return the state of a graph input."""
        if rank not in self._inputs:
            self._inputs[rank] = _input_state(rank)
        return self._inputs[rank]

    def carry(self, layout: Layout, fields: Fields, relation: Relation) -> Carried:
        """Return what a relation makes of a class."""
        if not self._on:
            return _carry_class(layout, fields, relation)
        key = id(fields), id(relation), layout
        found = self._carried.get(key)
        if found is None:
            found = fields, relation, _carry_class(layout, fields, relation)
            self._carried[key] = found
        return found[2]


def _input_state(rank: int) -> State:
    fields = []
    for axis in range(rank):
        piece = own_position(axis)
        fields.append(AxisField((piece,), begin(piece)))
    layout: Layout = tuple(frozenset((axis,)) for axis in range(rank))
    return State({layout: tuple(fields)}, (0,) * rank)


class Loss(NamedTuple):
    """An edge on which paths stop being local: the tensor it reads and the operator."""

    tensor: str
    operator: Operator


@dataclass(frozen=True, slots=True)
class ClosedForm:
    """The states of all tensors that one graph input reaches, and the input's spatial axes.

    `joined` are the tensors that were followed as one rearrangement of another.
    """

    input: str
    states: Mapping[str, State]
    spatial_axes: tuple[int, ...]
    losses: tuple[Loss, ...]
    joined: Mapping[str, Joined]


def closed_forms(graph: Graph, sources: Sequence[str]) -> dict[str, ClosedForm]:
    """Propagate the fields of graph inputs through the whole graph, each once."""
    memo = Memo(on=len(sources) > 1)
    with allowance():
        moved = joined(graph, graph)
        return {source: _closed_form(graph, source, memo, moved) for source in sources}


def _closed_form(graph: Graph, source: str, memo: Memo, moved: Mapping[str, Joined]) -> ClosedForm:
    shape: Shape = graph.nodes[source]["shape"]
    states: dict[str, State] = {source: memo.input(len(shape))}
    spatial: set[int] = set()
    losses: dict[Loss, int] = {}
    for tensor in graph:
        carried = [
            state
            if relation.is_identity and not relation.is_void
            else _carry_state(state, relation, losses, Loss(before, operator), spatial, memo)
            for before, state, relation, operator in _entering(graph, tensor, states, moved)
        ]
        if carried:
            merged = merge_states(carried, graph.nodes[tensor]["shape"] or ())
            merged = _mended(merged, shape, graph.nodes[tensor]["shape"] or ())
            if len(merged.classes) > MAX_CLASSES:
                raise BoundError(
                    f"tensor {quoted(tensor)}: paths reach it that have lost axes in more ways "
                    f"than MAX_CLASSES ({MAX_CLASSES})"
                )
            if merged.classes:
                states[tensor] = merged
    axes = sorted(spatial) or list(range(1, len(shape)))
    if not spatial and shape and (not axes or mover_along(graph, source, 0) is not None):
        axes.insert(0, 0)
    return ClosedForm(source, states, tuple(axes), tuple(losses), moved)


def _mended(state: State, lengths: Shape, shape: Shape) -> State:
    """Return a state in which what reads all of the input, or joins what does, is not cut."""
    classes = {
        layout: tuple(
            None if field is None else _mended_field(field, lengths[axis], shape)
            for axis, field in enumerate(fields)
        )
        for layout, fields in state.classes.items()
    }
    if all(
        now is before
        for layout, fields in classes.items()
        for now, before in zip(fields, state.classes[layout], strict=True)
    ):
        return state
    return State(classes, state.through)


def _mended_field(field: AxisField, length: int, shape: Shape) -> AxisField:
    if all(piece.cut is None for piece in field.pieces):
        return field
    whole = [covering(piece, length, shape) for piece in field.pieces]
    wholes = whole_lines(whole)
    if not wholes or all(now is before for now, before in zip(whole, field.pieces, strict=True)):
        return field
    pieces = merge_pieces([uncut(piece, wholes) for piece in whole], shape)
    return AxisField(pieces, mend_spread(field.spread, wholes))


def lines_of(state: State, axis: int) -> Lines:
    """Return along which tensor axes, and how fast, paths run that read all of an input axis."""
    fields = (fields[axis] for fields in state.classes.values())
    return whole_lines(piece for field in fields if field is not None for piece in field.pieces)


def is_one_path(state: State, axis: int) -> bool:
    """Whether all paths read the same along an input axis, so that a field is that of each."""
    spreads = [field.spread for f in state.classes.values() if (field := f[axis]) is not None]
    extents = [one for spread in spreads for one in (spread or {}).values()]
    return len(extents) == 1 and extents[0].least == extents[0].largest


def _entering(
    graph: Graph, tensor: str, states: Mapping[str, State], moved: Mapping[str, Joined]
) -> Iterator[tuple[str, State, Relation, Operator]]:
    one = moved.get(tensor)
    if one is not None:
        if one.source in states:
            yield one.source, states[one.source], one.relation, one.operator
        return
    for before, edges in graph.pred[tensor].items():
        state = states.get(before)
        if state is not None:
            for edge in edges.values():
                yield before, state, edge["relation"], edge["operator"]


def _carry_state(
    state: State,
    relation: Relation,
    losses: dict[Loss, int],
    loss: Loss,
    spatial: set[int],
    memo: Memo,
) -> State:
    if relation.is_void:
        return State({}, state.through)
    if relation.spatial and len(spatial) < len(state.through):
        _mark_spatial(state, relation.spatial, spatial)
    parts = []
    for layout, fields in state.classes.items():
        classes, lossy = memo.carry(layout, fields, relation)
        through = _blamed(state.through, lossy, losses, loss) if lossy else state.through
        parts.append(State(classes, through))
    return parts[0] if len(parts) == 1 else merge_states(parts, relation.out_shape)


def _mark_spatial(state: State, windowed: tuple[int, ...], spatial: set[int]) -> None:
    for axis in range(len(state.through)):
        if axis not in spatial and not carriers(state, axis).isdisjoint(windowed):
            spatial.add(axis)


def carriers(state: State, axis: int) -> frozenset[int]:
    """Return the axes of the tensor that carry an input axis, on local or one-sided paths."""
    fields = (fields[axis] for fields in state.classes.values())
    pieces = [piece for field in fields if field is not None for piece in field.pieces]
    return frozenset().union(*(piece.axes for piece in pieces))


def _carry_class(layout: Layout, fields: Fields, relation: Relation) -> Carried:
    ways: list[list[AxisField | Lost]] = []
    for field, status in zip(fields, layout, strict=True):
        if field is None:
            ways.append([status] if isinstance(status, Lost) else [])
            continue
        kept, why = carry_field(field, relation)
        ways.append([*kept, *([why] if why in (Lost.GLOBAL, Lost.UNKNOWN) else [])])
    if not all(ways):
        return Carried({}, ())
    classes: dict[Layout, Fields] = {}
    # The paths that stay most local on one axis do so on the others.
    for k in range(max(map(len, ways), default=1)):
        taken = [way[min(k, len(way) - 1)] for way in ways]
        fields = tuple(item if isinstance(item, AxisField) else None for item in taken)
        classes[tuple(map(_status, taken))] = fields
    return Carried(classes, _lossy(layout, classes))


def _status(item: AxisField | Lost) -> Status:
    if isinstance(item, Lost):
        return item
    piece = item.pieces[0]
    if piece.open_lo:
        return "before"
    if piece.open_hi:
        return "after"
    return frozenset().union(*(piece.axes for piece in item.pieces))


def _lossy(layout: Layout, classes: Classes) -> tuple[int, ...]:
    """Return the axes on which paths that were local or one-sided before are less so now."""
    found = []
    for axis, before in enumerate(layout):
        now = {after[axis] for after in classes}
        if not isinstance(before, Lost) and any(
            not isinstance(to, frozenset) for to in now - {before}
        ):
            found.append(axis)
    return tuple(found)


def _blamed(
    through: tuple[int, ...], lossy: tuple[int, ...], losses: dict[Loss, int], loss: Loss
) -> tuple[int, ...]:
    bit = 1 << losses.setdefault(loss, len(losses))
    return tuple(bits | bit if axis in lossy else bits for axis, bits in enumerate(through))


def merge_states(states: Iterable[State], shape: Shape) -> State:
    """Return the state of a tensor that several edges feed."""
    found = list({id(state): state for state in states}.values())
    if len(found) == 1:
        return found[0]
    gathered: dict[Layout, list[Fields]] = {}
    for state in found:
        for layout, fields in state.classes.items():
            gathered.setdefault(layout, []).append(fields)
    classes = {
        layout: parts[0]
        if len(parts) == 1
        else tuple(_merge_fields(fields, shape) for fields in zip(*parts, strict=True))
        for layout, parts in gathered.items()
    }
    blamed = tuple(
        reduce(or_, losses) for losses in zip(*(state.through for state in found), strict=True)
    )
    return State(classes, blamed)


def _merge_fields(fields: Iterable[AxisField | None], shape: Shape) -> AxisField | None:
    there = [field for field in fields if field is not None]
    if not there:
        return None
    first = there[0]
    if all(field is first for field in there):
        return first
    pieces = merge_pieces((piece for field in there for piece in field.pieces), shape)
    return AxisField(pieces, merge_spreads([field.spread for field in there]))


# -- one axis ------------------------------------------------------------------------------------


def carry_field(field: AxisField, relation: Relation) -> tuple[tuple[AxisField, ...], Lost | None]:
    """Return what is left of a field after a relation, and why the rest was lost.

    What became one-sided is a field of its own, after the one that stays local.
    """
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
            return (), lost
        if any(now is not before for now, before in zip(made, pieces, strict=False)) or (
            len(made) < len(pieces)
        ):
            pieces = merge_pieces(made, step_shape(step, shape))
        spread = carry_spread(spread, step, shape)
    return _by_sides(AxisField(pieces, spread)), lost


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


def merge_pieces(pieces: Iterable[Piece], shape: Shape) -> tuple[Piece, ...]:
    """Unite pieces of a tensor of `shape` that can be one: like maps, tables, what is cut apart."""
    listed = tuple(pieces)
    if len(listed) == 1:
        return listed
    merged = _merged(spliced(listed, shape))
    if len(merged) > MAX_APART:
        merged = _together(merged, shape)
        if sum(isinstance(_standing(piece), Tabled) for piece in merged) > MAX_APART:
            merged = _merged(merged, masked=False)
    known = set(map(id, listed))
    settled = tuple(piece if id(piece) in known else _settled(piece) for piece in merged)
    same = list(map(_merge_key, settled)) == list(map(_merge_key, merged))
    merged = settled if same else _merged(settled)
    return merged if len(merged) <= MAX_STATES else _merged(map(blurred, merged))


def _standing(piece: Piece) -> Standing:
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
        standing = _standing(piece)
        if masked and isinstance(standing, Tabled):
            key = key, mask_of(standing)
        before = merged.get(key)
        if before is None:
            merged[key] = piece
        elif before != piece if isinstance(piece, Mapped | Blur) else before is not piece:
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
        return Regrouped(inner, first.shape, axes) if isinstance(inner, Mapped | Tabled) else None
    if isinstance(first, Tabled) and isinstance(second, Tabled):
        try:
            table = tables.join(first.table, second.table)
        except BoundError:
            return None
        return second._replace(table=table, axes=first.axes | second.axes)
    return blurred(second)._replace(depends=first.axes | second.axes)
