"""The closed form: the unclipped field of every tensor in one forward pass.

Paths that agree on how each input axis stands to the tensor's axes (on which ones it depends, or
that it is lost) form a class; within a class, what paths read is united, and the smallest and
largest size over single paths and their common centre are kept beside it.
"""

from __future__ import annotations

from functools import reduce
from operator import is_
from typing import TYPE_CHECKING

from rfgraph.domains.continued import continued_edges
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
    either,
    unite,
)
from rfgraph.domains.fields.pieces import axes_of, own_position, scope_of
from rfgraph.domains.fields.spread import Extent
from rfgraph.domains.joined import joins_among, put_together
from rfgraph.domains.scope import Scope
from rfgraph.errors import BoundError
from rfgraph.relations.axes import mover_along
from rfgraph.relations.bounds import allowance
from rfgraph.relations.graph import edges_into, input_shape, shape_of
from rfgraph.wording.names import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.graph import Edge, Graph
    from rfgraph.relations.relation import Relation


def _input_classes(rank: int) -> Classes:
    fields = []
    for axis in range(rank):
        piece = own_position(axis)
        fields.append(AxisField((piece,), (Extent(piece),)))
    along = tuple(frozenset((axis,)) for axis in range(rank))
    layout = Layout((Scope.LOCAL,) * rank, along)
    return {layout: tuple(fields)}


def closed_forms(graph: Graph, sources: Sequence[str]) -> dict[str, ClosedForm]:
    """Return the closed forms of graph inputs, by name in this order."""
    with allowance():
        return _Walk(graph, sources).forms()


class _Walk:
    """One walk over a graph for all of its inputs; those that give a tensor the same are one.

    Whatever comes again, as in layers that are alike, is one object, and made once. What was made
    of objects is known by their identities, for as long as they are held with the answer.
    """

    def __init__(self, graph: Graph, sources: Sequence[str]) -> None:
        self.graph, self.sources = graph, sources
        self.into = {name: tuple(edges_into(graph, name)) for name in graph}
        parts = put_together(self.into)
        self.moved = joins_among(graph, parts)
        for name in self.moved:
            self.into[name] = (self.moved[name].edge,)
            del parts[name]
        sums = {name: edges for name, edges in self.into.items() if _is_sum(edges)}
        self.continued = continued_edges(graph, {**parts, **sums})
        self.into.update(self.continued)
        self.losses: dict[Loss, int] = {}
        self.groups: dict[str, tuple[State, ...]] = {}
        self.spatial: dict[frozenset[int], set[int]] = {}
        self.windowed: set[frozenset[int]] = set()
        self._relations: dict[Relation, Relation] = {}
        self._classes: dict[object, Classes] = {}
        self._carried: dict[tuple[int, int], tuple[Classes, Classes, tuple[int, ...]]] = {}
        self._fields: dict[tuple[int, int], tuple[AxisField, tuple[AxisField, ...], Scope]] = {}
        self._merged: dict[tuple[object, ...], tuple[list[Classes], Classes]] = {}

    def forms(self) -> dict[str, ClosedForm]:
        """Return the closed form of each input."""
        ranks = {len(input_shape(self.graph, source)) for source in self.sources}
        begin = {rank: _input_classes(rank) for rank in ranks}
        for number, source in enumerate(self.sources):
            shape = input_shape(self.graph, source)
            inputs, rank = frozenset((number,)), len(shape)
            self.groups[source] = (State(inputs, shape, begin[rank], (0,) * rank, {}),)
        for tensor in self.graph:
            groups = self._groups_of(tensor)
            if groups:
                self.groups[tensor] = groups
        losses = tuple(self.losses)
        spatial = _by_number(self.spatial)
        windowed = frozenset[int]().union(*self.windowed)
        return {
            source: ClosedForm(
                source,
                number,
                self.groups,
                self._spatial_axes(source, spatial.get(number, set())),
                losses,
                self.losses,
                self.moved,
                self.continued,
                number in windowed,
            )
            for number, source in enumerate(self.sources)
        }

    def _spatial_axes(self, source: str, spatial: set[int]) -> tuple[int, ...]:
        rank = len(input_shape(self.graph, source))
        axes = sorted(spatial) or list(range(1, rank))
        if not spatial and rank and (not axes or mover_along(self.graph, source, 0) is not None):
            axes.insert(0, 0)
        return tuple(axes)

    def _groups_of(self, tensor: str) -> tuple[State, ...]:
        entering = [
            (self.groups[edge.source], edge)
            for edge in self.into[tensor]
            if edge.source in self.groups
        ]
        if not entering:
            return ()
        before, edge = entering[0]
        if len(entering) == 1 and _passes_on(edge.relation):
            return before
        own = shape_of(self.graph, tensor) or ()
        made: dict[tuple[int, Shape], list[State]] = {}
        for inputs, parts in _apart(entering):
            group = self._merge(inputs, [self._carry(*part) for part in parts], own)
            if len(group.classes) > MAX_CLASSES:
                raise BoundError(
                    f"tensor {quote(tensor)}: paths reach it that have lost axes in more ways "
                    f"than MAX_CLASSES ({MAX_CLASSES})"
                )
            if group.classes:
                made.setdefault((id(group.classes), group.lengths), []).append(group)
        groups = tuple(unite(alike) for alike in made.values())
        same = len(groups) == len(before) and all(map(is_, groups, before))
        return before if same else groups

    def _carry(self, group: State, edge: Edge) -> State:
        """Return what comes over an edge from a group."""
        inputs, lengths, classes, through, apart = group
        relation = edge.relation
        if relation.spatial:
            self._mark_spatial(group, relation.spatial)
        if relation.is_void:
            return State(inputs, lengths, {}, through, apart)
        if relation.is_identity:
            return group
        relation = self._relations.setdefault(relation, relation)
        known = self._carried.get((id(classes), id(relation)))
        if known is None:
            known = classes, *self._carry_classes(classes, relation)
            self._carried[id(classes), id(relation)] = known
        _, made, lossy = known
        if lossy:
            loss = Loss(edge.source, edge.operator)
            through = _with_loss(through, lossy, self.losses, loss)
        return State(inputs, lengths, made, through, apart)

    def _carry_classes(
        self, classes: Classes, relation: Relation
    ) -> tuple[Classes, tuple[int, ...]]:
        """Return what a relation makes of classes, and the axes on which it loses paths."""
        ways = [self._carry_class(*one, relation) for one in classes.items()]
        if len(ways) == 1:
            return ways[0]
        lossy = tuple({axis: None for _, lost in ways for axis in lost})
        return merge_classes([made for made, _ in ways], relation.out_shape), lossy

    def _carry_class(
        self, layout: Layout, fields: Fields, relation: Relation
    ) -> tuple[Classes, tuple[int, ...]]:
        ways: list[list[AxisField | Scope]] = []
        for field, scope in zip(fields, layout.scopes, strict=True):
            kept, lost = ((), scope) if field is None else self._carry_field(field, relation)
            ways.append([*kept, *([] if lost is Scope.NONE else [lost])])
        if not all(ways):
            return {}, ()
        classes: dict[Layout, Fields] = {}
        # The paths that stay most local on one axis do so on the others.
        for k in range(max(map(len, ways), default=1)):
            taken = [way[min(k, len(way) - 1)] for way in ways]
            made = tuple([item if isinstance(item, AxisField) else None for item in taken])
            classes[_layout_of(taken, layout, fields)] = made
        return classes, _lossy(layout, classes)

    def _carry_field(
        self, field: AxisField, relation: Relation
    ) -> tuple[tuple[AxisField, ...], Scope]:
        """Return what a relation leaves of a field."""
        key = id(field), id(relation)
        known = self._fields.get(key)
        if known is None:
            known = self._fields[key] = field, *carry_field(field, relation)
        return known[1:]

    def _mark_spatial(self, group: State, windowed: tuple[int, ...]) -> None:
        """Note which axes of its inputs a group carries to axes that an operator moves along."""
        spatial = self.spatial.setdefault(group.inputs, set())
        for axis in range(len(group.lengths)):
            if axis not in spatial and not carriers(group.classes, axis).isdisjoint(windowed):
                spatial.add(axis)
        if group.inputs not in self.windowed and any(
            not layout.along[axis].isdisjoint(windowed)
            for layout in group.classes
            for axis in range(len(group.lengths))
        ):
            self.windowed.add(group.inputs)

    def _merge(self, inputs: frozenset[int], parts: Sequence[State], own: Shape) -> State:
        """Return what a tensor of shape `own` has of inputs that come over several edges."""
        first, lengths = parts[0], parts[0].lengths
        distinct = list({id(part.classes): part.classes for part in parts}.values())
        key = (*map(id, distinct), lengths, own)
        known = self._merged.get(key)
        if known is None:
            classes = distinct[0] if len(distinct) == 1 else merge_classes(distinct, own)
            classes = _mend_classes(classes, lengths, own)
            alike = tuple([(layout, *map(id, fields)) for layout, fields in classes.items()])
            known = distinct, self._classes.setdefault(alike, classes)
            if known[1] is not distinct[0]:
                self._merged[key] = known
        through, apart = reduce(either, (part.through for part in parts)), first.apart
        if any(part.apart is not apart for part in parts):
            apart = {n: reduce(either, (part.losses(n) for part in parts)) for n in inputs}
        if inputs == first.inputs and through == first.through and known[1] is first.classes:
            return first
        return State(inputs, lengths, known[1], through, apart)


def _by_number(marked: Mapping[frozenset[int], set[int]]) -> dict[int, set[int]]:
    """Return what is marked of groups of inputs, by the number of the input."""
    by_number: dict[int, set[int]] = {}
    for inputs, axes in marked.items():
        for number in inputs:
            by_number.setdefault(number, set()).update(axes)
    return by_number


def _passes_on(relation: Relation) -> bool:
    """Whether a tensor has by a relation, as its only one, what the one before it has."""
    return relation.is_identity and not relation.is_void and not relation.spatial


def _is_sum(edges: Sequence[Edge]) -> bool:
    """Whether a tensor is made of several, element by element."""
    return len(edges) > 1 and all(
        edge.relation.is_pointwise and not edge.relation.spatial for edge in edges
    )


def _apart(
    entering: Sequence[tuple[Sequence[State], Edge]],
) -> Iterable[tuple[frozenset[int], list[tuple[State, Edge]]]]:
    """Return inputs that come over the same edges from the same groups, with these as parts."""
    ways: dict[frozenset[int], list[tuple[State, Edge]]] = {}
    for groups, edge in entering:
        for group in groups:
            ways.setdefault(group.inputs, []).append((group, edge))
    if len(ways) == 1 or sum(map(len, ways)) == len(frozenset().union(*ways)):
        return ways.items()
    by_input: dict[int, list[tuple[State, Edge]]] = {}
    for groups, edge in entering:
        for group in groups:
            part = group, edge
            for number in group.inputs:
                by_input.setdefault(number, []).append(part)
    alike: dict[tuple[int, ...], tuple[list[int], list[tuple[State, Edge]]]] = {}
    for number, parts in by_input.items():
        alike.setdefault(tuple(map(id, parts)), ([], parts))[0].append(number)
    return [(frozenset(numbers), parts) for numbers, parts in alike.values()]


def _mend_classes(classes: Classes, lengths: Shape, shape: Shape) -> Classes:
    """Return classes in which what reads all of the input, or joins what does, is not cut."""
    mended = {
        layout: tuple(
            [
                field and mended_field(field, length, shape)
                for field, length in zip(fields, lengths, strict=True)
            ]
        )
        for layout, fields in classes.items()
    }
    same = all(all(map(is_, mended[layout], fields)) for layout, fields in classes.items())
    return classes if same else mended


def _layout_of(taken: Sequence[AxisField | Scope], layout: Layout, fields: Fields) -> Layout:
    """Return the layout of what was made of fields in `layout`, which itself where it still is."""
    scopes: list[Scope] = []
    along: list[frozenset[int]] = []
    for axis, item in enumerate(taken):
        if item is fields[axis]:
            scopes.append(layout.scopes[axis])
            along.append(layout.along[axis])
            continue
        pieces = () if isinstance(item, Scope) else item.pieces
        scope = item if isinstance(item, Scope) else scope_of(pieces[0])
        scopes.append(scope)
        along.append(axes_of(pieces if scope is Scope.LOCAL else ()))
    made = Layout(tuple(scopes), tuple(along))
    return layout if made == layout else made


def _lossy(layout: Layout, classes: Classes) -> tuple[int, ...]:
    """Return the axes on which paths that were local or one-sided before are less so now."""
    if all(after.scopes == layout.scopes for after in classes):
        return ()
    return tuple(
        axis
        for axis, before in enumerate(layout.scopes)
        if not before.is_lost
        and any(after.scopes[axis] not in (before, Scope.LOCAL) for after in classes)
    )


def _with_loss(
    through: tuple[int, ...], lossy: tuple[int, ...], losses: dict[Loss, int], loss: Loss
) -> tuple[int, ...]:
    bit = 1 << losses.setdefault(loss, len(losses))
    return tuple(bits | bit if axis in lossy else bits for axis, bits in enumerate(through))


def merge_classes(several: Iterable[Classes], shape: Shape) -> Classes:
    """Return the classes of what several edges give a tensor, those of one layout united."""
    gathered: dict[Layout, list[Fields]] = {}
    for classes in several:
        for layout, fields in classes.items():
            gathered.setdefault(layout, []).append(fields)
    return {
        layout: parts[0]
        if len(parts) == 1
        else tuple(merge_fields(fields, shape) for fields in zip(*parts, strict=True))
        for layout, parts in gathered.items()
    }
