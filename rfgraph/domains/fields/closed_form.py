"""The closed form: the unclipped field of every tensor in one forward pass.

Paths that agree on how each input axis stands to the tensor's axes (on which ones it depends, or
that it is lost) form a class; within a class, what paths read is united, and the smallest and
largest size over single paths and their common centre are kept beside it.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, NamedTuple

from rfgraph.domains.fields.axis_field import AxisField, carry_field, mended_field, merge_fields
from rfgraph.domains.fields.layout import (
    MAX_CLASSES,
    Classes,
    ClosedForm,
    Fields,
    Layout,
    Loss,
    State,
    carriers,
)
from rfgraph.domains.fields.pieces import own_position, scope_of
from rfgraph.domains.fields.spread import begin
from rfgraph.domains.joined import edges_over, joined
from rfgraph.domains.scope import Scope
from rfgraph.errors import BoundError
from rfgraph.relations.axes import mover_along
from rfgraph.relations.bounds import allowance
from rfgraph.relations.graph import input_shape, shape_of
from rfgraph.wording.names import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rfgraph.domains.joined import Joined
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.graph import Edge, Graph
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
        known = self._carried.get(key)
        if known is None:
            known = fields, relation, _carry_class(layout, fields, relation)
            self._carried[key] = known
        return known[2]


def _input_state(rank: int) -> State:
    fields = []
    for axis in range(rank):
        piece = own_position(axis)
        fields.append(AxisField((piece,), begin(piece)))
    along = tuple(frozenset((axis,)) for axis in range(rank))
    layout = Layout((Scope.LOCAL,) * rank, along)
    return State({layout: tuple(fields)}, (0,) * rank)


def closed_forms(graph: Graph, sources: Sequence[str]) -> dict[str, ClosedForm]:
    """Propagate the fields of graph inputs through the whole graph, each once."""
    memo = Memo(on=len(sources) > 1)
    with allowance():
        moved = joined(graph, graph)
        return {source: _closed_form(graph, source, memo, moved) for source in sources}


def _closed_form(graph: Graph, source: str, memo: Memo, moved: Mapping[str, Joined]) -> ClosedForm:
    shape = input_shape(graph, source)
    states: dict[str, State] = {source: memo.input(len(shape))}
    spatial: set[int] = set()
    losses: dict[Loss, int] = {}
    for tensor in graph:
        carried = [
            states[edge.source]
            if edge.relation.is_identity and not edge.relation.is_void
            else _carry_state(states[edge.source], edge, losses, spatial, memo)
            for edge in edges_over(graph, tensor, moved)
            if edge.source in states
        ]
        if carried:
            own = shape_of(graph, tensor) or ()
            merged = _mend_state(merge_states(carried, own), shape, own)
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


def _mend_state(state: State, lengths: Shape, shape: Shape) -> State:
    """Return a state in which what reads all of the input, or joins what does, is not cut."""
    classes = {
        layout: tuple(
            None if field is None else mended_field(field, lengths[axis], shape)
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


def _carry_state(
    state: State, edge: Edge, losses: dict[Loss, int], spatial: set[int], memo: Memo
) -> State:
    relation, loss = edge.relation, Loss(edge.source, edge.operator)
    if relation.is_void:
        return State({}, state.through)
    if relation.spatial and len(spatial) < len(state.through):
        _mark_spatial(state, relation.spatial, spatial)
    parts = []
    for layout, fields in state.classes.items():
        classes, lossy = memo.carry(layout, fields, relation)
        through = _with_loss(state.through, lossy, losses, loss) if lossy else state.through
        parts.append(State(classes, through))
    return parts[0] if len(parts) == 1 else merge_states(parts, relation.out_shape)


def _mark_spatial(state: State, windowed: tuple[int, ...], spatial: set[int]) -> None:
    for axis in range(len(state.through)):
        if axis not in spatial and not carriers(state, axis).isdisjoint(windowed):
            spatial.add(axis)


def _carry_class(layout: Layout, fields: Fields, relation: Relation) -> Carried:
    ways: list[list[AxisField | Scope]] = []
    for field, scope in zip(fields, layout.scopes, strict=True):
        kept, lost = ((), scope) if field is None else carry_field(field, relation)
        ways.append([*kept, *([] if lost is Scope.NONE else [lost])])
    if not all(ways):
        return Carried({}, ())
    classes: dict[Layout, Fields] = {}
    # The paths that stay most local on one axis do so on the others.
    for k in range(max(map(len, ways), default=1)):
        taken = [way[min(k, len(way) - 1)] for way in ways]
        fields = tuple(item if isinstance(item, AxisField) else None for item in taken)
        classes[_layout_of(taken)] = fields
    return Carried(classes, _lossy(layout, classes))


def _layout_of(taken: Iterable[AxisField | Scope]) -> Layout:
    scopes, along = [], []
    for item in taken:
        scope = item if isinstance(item, Scope) else scope_of(item.pieces[0])
        pieces = item.pieces if isinstance(item, AxisField) and scope is Scope.LOCAL else ()
        scopes.append(scope)
        along.append(frozenset[int]().union(*(piece.axes for piece in pieces)))
    return Layout(tuple(scopes), tuple(along))


def _lossy(layout: Layout, classes: Classes) -> tuple[int, ...]:
    """Return the axes on which paths that were local or one-sided before are less so now."""
    return tuple(
        axis
        for axis, before in enumerate(layout.scopes)
        if not before.is_lost
        and any(after.scope(axis) not in (before, Scope.LOCAL) for after in classes)
    )


def _with_loss(
    through: tuple[int, ...], lossy: tuple[int, ...], losses: dict[Loss, int], loss: Loss
) -> tuple[int, ...]:
    bit = 1 << losses.setdefault(loss, len(losses))
    return tuple(bits | bit if axis in lossy else bits for axis, bits in enumerate(through))


def merge_states(states: Iterable[State], shape: Shape) -> State:
    """Return the state of a tensor that several edges feed."""
    distinct = list({id(state): state for state in states}.values())
    if len(distinct) == 1:
        return distinct[0]
    gathered: dict[Layout, list[Fields]] = {}
    for state in distinct:
        for layout, fields in state.classes.items():
            gathered.setdefault(layout, []).append(fields)
    classes = {
        layout: parts[0]
        if len(parts) == 1
        else tuple(merge_fields(fields, shape) for fields in zip(*parts, strict=True))
        for layout, parts in gathered.items()
    }
    blamed = tuple(
        reduce(or_, losses) for losses in zip(*(state.through for state in distinct), strict=True)
    )
    return State(classes, blamed)
