"""The closed form: the unclipped field of every tensor in one forward pass.

Paths that agree on how each input axis stands to the tensor's axes (on which ones it depends, or
that it is lost) form a class; within a class, what paths read is united, and the smallest and
largest size over single paths and their common centre are kept beside it.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, NamedTuple

from rfgraph.domains.fields.axis_field import AxisField, carry_field, merge_pieces
from rfgraph.domains.fields.layout import (
    MAX_CLASSES,
    Classes,
    ClosedForm,
    Fields,
    Layout,
    Loss,
    State,
    Status,
    carriers,
)
from rfgraph.domains.fields.pieces import Lost, own_position
from rfgraph.domains.fields.spread import begin, merge_spreads
from rfgraph.errors import BoundError
from rfgraph.relations.bounds import allowance
from rfgraph.wording.names import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.graph import Graph, Operator
    from rfgraph.relations.relation import Relation


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


def closed_forms(graph: Graph, sources: Sequence[str]) -> dict[str, ClosedForm]:
    """Propagate the fields of graph inputs through the whole graph, each once."""
    memo = Memo(on=len(sources) > 1)
    with allowance():
        return {source: _closed_form(graph, source, memo) for source in sources}


def _closed_form(graph: Graph, source: str, memo: Memo) -> ClosedForm:
    shape: Shape = graph.nodes[source]["shape"]
    states: dict[str, State] = {source: memo.input(len(shape))}
    spatial: set[int] = set()
    losses: dict[Loss, int] = {}
    predecessors = graph.pred
    for tensor in graph:
        carried = [
            state
            if relation.is_identity and not relation.is_void
            else _carry_state(state, relation, losses, Loss(before, operator), spatial, memo)
            for before, state, relation, operator in _entering(predecessors[tensor], states)
        ]
        if carried:
            merged = merge_states(carried, graph.nodes[tensor]["shape"] or ())
            if len(merged.classes) > MAX_CLASSES:
                raise BoundError(
                    f"tensor {quoted(tensor)}: paths reach it that have lost axes in more ways "
                    f"than MAX_CLASSES ({MAX_CLASSES})"
                )
            if merged.classes:
                states[tensor] = merged
    axes = sorted(spatial) or list(range(1, len(shape))) or list(range(len(shape)))
    return ClosedForm(source, states, tuple(axes), tuple(losses))


def _entering(
    predecessors: Mapping[str, Any], states: Mapping[str, State]
) -> Iterator[tuple[str, State, Relation, Operator]]:
    for before, edges in predecessors.items():
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


def _carry_class(layout: Layout, fields: Fields, relation: Relation) -> Carried:
    rest: list[AxisField | None] = []
    lost: list[Lost | None] = []
    for field, status in zip(fields, layout, strict=True):
        kept, why = (None, status) if field is None else carry_field(field, relation)
        rest.append(kept)
        lost.append(why if isinstance(why, Lost) else None)
    if any(kept is None and why is Lost.EMPTY for kept, why in zip(rest, lost, strict=True)):
        return Carried({}, ())
    classes = {
        tuple(_status(item) for item in taken): tuple(
            item if isinstance(item, AxisField) else None for item in taken
        )
        for taken in _choices(rest, lost)
    }
    return Carried(classes, _lossy(layout, classes))


def _choices(
    rest: list[AxisField | None], lost: list[Lost | None]
) -> list[tuple[AxisField | Lost, ...]]:
    """Return the class of the paths that stay local, and that of those that were lost."""
    stay = tuple(kept if kept is not None else why for kept, why in zip(rest, lost, strict=True))
    gone = tuple(
        why if why is not None and why is not Lost.EMPTY else kept
        for kept, why in zip(rest, lost, strict=True)
    )
    found = [stay] if stay == gone else [stay, gone]
    return [tuple(item for item in taken if item is not None) for taken in found]


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
