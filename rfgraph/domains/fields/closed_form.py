"""The closed form: the unclipped field of every tensor in one forward pass.

Paths that agree on how each input axis stands to the tensor's axes (on which ones it depends, or
that it is lost) form a class; within a class, what paths read is united, and the smallest and
largest size over single paths and their common centre are kept beside it.
"""

from __future__ import annotations

from functools import reduce
from operator import is_
from typing import TYPE_CHECKING, NamedTuple

from rfgraph.domains.continued import continued
from rfgraph.domains.fields.axis_field import AxisField, carry_field, mended_field, merge_fields
from rfgraph.domains.fields.layout import (
    MAX_CLASSES,
    Classes,
    ClosedForm,
    ClosedForms,
    Fields,
    Group,
    Layout,
    Loss,
    carriers_of,
    either,
    states_of,
    united,
)
from rfgraph.domains.fields.pieces import own_position, scope_of
from rfgraph.domains.fields.spread import Patterns, begin
from rfgraph.domains.joined import edges_over, joined
from rfgraph.domains.scope import Scope
from rfgraph.errors import BoundError
from rfgraph.relations.axes import mover_along
from rfgraph.relations.bounds import allowance
from rfgraph.relations.graph import input_shape, shape_of
from rfgraph.wording.names import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.graph import Graph
    from rfgraph.relations.relation import Relation


class Carried(NamedTuple):
    """What a relation makes of a class: the classes, and the axes on which paths were lost."""

    classes: Classes
    lossy: tuple[int, ...]


class Part(NamedTuple):
    """What comes over an edge: from a group, by a relation; `loss` names the edge."""

    group: Group
    relation: Relation
    loss: Loss


def _input_classes(rank: int) -> Classes:
    fields = []
    for axis in range(rank):
        piece = own_position(axis)
        fields.append(AxisField((piece,), begin(piece)))
    along = tuple(frozenset((axis,)) for axis in range(rank))
    layout = Layout((Scope.LOCAL,) * rank, along)
    return {layout: tuple(fields)}


def closed_forms(graph: Graph, sources: Sequence[str]) -> ClosedForms:
    """Propagate the fields of graph inputs through the whole graph, each once."""
    with allowance():
        return _Walk(graph, sources).forms()


class _Walk:
    """One walk over a graph for all of its inputs; those that give a tensor the same are one."""

    def __init__(self, graph: Graph, sources: Sequence[str]) -> None:
        self.graph, self.sources = graph, sources
        self.moved = joined(graph, graph)
        self.continued = continued(graph, (name for name in graph if name not in self.moved))
        self.losses: dict[Loss, int] = {}
        self.groups: dict[str, tuple[Group, ...]] = {}
        self.spatial: dict[frozenset[int], set[int]] = {}
        self.windowed: set[frozenset[int]] = set()
        # By the identity of what is held with the answer, so that nothing else takes its place.
        self._carried: dict[tuple[int, int], tuple[Classes, Relation, Carried]] = {}
        self._fields: dict[
            tuple[int, int], tuple[AxisField, Relation, tuple[AxisField, ...], Scope]
        ] = {}
        self._patterns = Patterns()
        self._merged: dict[tuple[object, ...], tuple[list[Classes], Classes]] = {}

    def forms(self) -> ClosedForms:
        """Return the closed form of each input."""
        ranks = {len(input_shape(self.graph, source)) for source in self.sources}
        begin = {rank: _input_classes(rank) for rank in ranks}
        for number, source in enumerate(self.sources):
            shape = input_shape(self.graph, source)
            inputs, rank = frozenset((number,)), len(shape)
            self.groups[source] = (Group(inputs, shape, begin[rank], (0,) * rank, {}),)
        for tensor in self.graph:
            groups = self._groups_of(tensor)
            if groups:
                self.groups[tensor] = groups
        losses = tuple(self.losses)
        spatial = _by_number(self.spatial)
        windowed = frozenset[int]().union(*self.windowed)
        forms = {}
        for number, source in enumerate(self.sources):
            axes = self._spatial_axes(source, spatial.get(number, set()))
            forms[source] = ClosedForm(
                source,
                states_of(self.groups, number, len(self.sources)),
                axes,
                losses,
                self.losses,
                self.moved,
                number in windowed,
            )
        return ClosedForms(forms, tuple(self.sources), self.groups)

    def _spatial_axes(self, source: str, spatial: set[int]) -> tuple[int, ...]:
        rank = len(input_shape(self.graph, source))
        axes = sorted(spatial) or list(range(1, rank))
        if not spatial and rank and (not axes or mover_along(self.graph, source, 0) is not None):
            axes.insert(0, 0)
        return tuple(axes)

    def _groups_of(self, tensor: str) -> tuple[Group, ...]:
        entering = [
            (self.groups[edge.source], edge.relation, Loss(edge.source, edge.operator))
            for edge in self.continued.get(tensor) or edges_over(self.graph, tensor, self.moved)
            if edge.source in self.groups
        ]
        if not entering:
            return ()
        if len(entering) == 1 and _passes_on(entering[0][1]):
            return entering[0][0]
        own = shape_of(self.graph, tensor) or ()
        made: dict[tuple[int, Shape], list[Group]] = {}
        for inputs, parts in _apart(entering):
            group = self._merge(inputs, [self._carry(part) for part in parts], own)
            if len(group.classes) > MAX_CLASSES:
                raise BoundError(
                    f"tensor {quoted(tensor)}: paths reach it that have lost axes in more ways "
                    f"than MAX_CLASSES ({MAX_CLASSES})"
                )
            if group.classes:
                made.setdefault((id(group.classes), group.lengths), []).append(group)
        groups = tuple(united(alike) for alike in made.values())
        before = entering[0][0]
        same = len(groups) == len(before) and all(map(is_, groups, before))
        return before if same else groups

    def _carry(self, part: Part) -> Group:
        """Return what comes over an edge."""
        group, relation, loss = part
        if relation.spatial:
            self._mark_spatial(group, relation.spatial)
        if relation.is_void:
            return group._replace(classes={})
        if relation.is_identity:
            return group
        classes, lossy = self._carry_classes(group.classes, relation)
        through = group.through
        if lossy:
            through = _with_loss(through, lossy, self.losses, loss)
        return group._replace(classes=classes, through=through)

    def _carry_classes(self, classes: Classes, relation: Relation) -> Carried:
        key = id(classes), id(relation)
        known = self._carried.get(key)
        if known is None:
            ways = [self._carry_class(*one, relation) for one in classes.items()]
            made = ways[0]
            if len(ways) > 1:
                lossy = tuple({axis: None for way in ways for axis in way.lossy})
                together = merge_classes([way.classes for way in ways], relation.out_shape)
                made = Carried(together, lossy)
            known = self._carried[key] = classes, relation, made
        return known[2]

    def _carry_class(self, layout: Layout, fields: Fields, relation: Relation) -> Carried:
        ways: list[list[AxisField | Scope]] = []
        for field, scope in zip(fields, layout.scopes, strict=True):
            kept, lost = ((), scope) if field is None else self._carry_field(field, relation)
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

    def _carry_field(
        self, field: AxisField, relation: Relation
    ) -> tuple[tuple[AxisField, ...], Scope]:
        """Return what a relation leaves of a field: of an axis that it leaves alone, made once."""
        key = id(field), id(relation)
        known = self._fields.get(key)
        if known is None:
            known = self._fields[key] = (
                field,
                relation,
                *carry_field(field, relation, self._patterns),
            )
        return known[2:]

    def _mark_spatial(self, group: Group, windowed: tuple[int, ...]) -> None:
        """Note which axes of its inputs a group carries to axes that an operator moves along."""
        spatial = self.spatial.setdefault(group.inputs, set())
        for axis in range(len(group.lengths)):
            if axis not in spatial and not carriers_of(group.classes, axis).isdisjoint(windowed):
                spatial.add(axis)
        if group.inputs not in self.windowed and any(
            not layout.carriers(axis).isdisjoint(windowed)
            for layout in group.classes
            for axis in range(len(group.lengths))
        ):
            self.windowed.add(group.inputs)

    def _merge(self, inputs: frozenset[int], parts: Sequence[Group], own: Shape) -> Group:
        """Return what a tensor of shape `own` has of inputs that come over several edges."""
        first, lengths = parts[0], parts[0].lengths
        distinct = list({id(part.classes): part.classes for part in parts}.values())
        key = (*map(id, distinct), lengths, own)
        known = self._merged.get(key)
        if known is None:
            classes = distinct[0] if len(distinct) == 1 else merge_classes(distinct, own)
            known = self._merged[key] = distinct, _mend_classes(classes, lengths, own)
        through, apart = reduce(either, (part.through for part in parts)), first.apart
        if any(part.apart is not apart for part in parts):
            apart = {n: reduce(either, (part.losses(n) for part in parts)) for n in inputs}
        if inputs == first.inputs and through == first.through and known[1] is first.classes:
            return first
        return Group(inputs, lengths, known[1], through, apart)


def _by_number(marked: Mapping[frozenset[int], set[int]]) -> dict[int, set[int]]:
    """Return what is marked of groups of inputs, by the number of the input."""
    found: dict[int, set[int]] = {}
    for inputs, axes in marked.items():
        for number in inputs:
            found.setdefault(number, set()).update(axes)
    return found


def _passes_on(relation: Relation) -> bool:
    """Whether a tensor has by a relation, as its only one, what the one before it has."""
    return relation.is_identity and not relation.is_void and not relation.spatial


def _apart(
    entering: Sequence[tuple[Sequence[Group], Relation, Loss]],
) -> Iterable[tuple[frozenset[int], list[Part]]]:
    """Return inputs that come over the same edges from the same groups, with these as parts."""
    ways: dict[frozenset[int], list[Part]] = {}
    for groups, relation, loss in entering:
        for group in groups:
            ways.setdefault(group.inputs, []).append(Part(group, relation, loss))
    if len(ways) == 1 or sum(map(len, ways)) == len(frozenset().union(*ways)):
        return ways.items()
    by_input: dict[int, list[Part]] = {}
    for groups, relation, loss in entering:
        for group in groups:
            part = Part(group, relation, loss)
            for number in group.inputs:
                by_input.setdefault(number, []).append(part)
    alike: dict[tuple[int, ...], tuple[list[int], list[Part]]] = {}
    for number, parts in by_input.items():
        alike.setdefault(tuple(map(id, parts)), ([], parts))[0].append(number)
    return [(frozenset(numbers), parts) for numbers, parts in alike.values()]


def _mend_classes(classes: Classes, lengths: Shape, shape: Shape) -> Classes:
    """Return classes in which what reads all of the input, or joins what does, is not cut."""
    mended = {
        layout: tuple(
            None if field is None else mended_field(field, lengths[axis], shape)
            for axis, field in enumerate(fields)
        )
        for layout, fields in classes.items()
    }
    if all(
        now is before
        for layout, fields in mended.items()
        for now, before in zip(fields, classes[layout], strict=True)
    ):
        return classes
    return mended


def _layout_of(taken: Iterable[AxisField | Scope]) -> Layout:
    scopes: list[Scope] = []
    along: list[frozenset[int]] = []
    for item in taken:
        scope = item if isinstance(item, Scope) else scope_of(item.pieces[0])
        pieces = item.pieces if isinstance(item, AxisField) and scope is Scope.LOCAL else ()
        scopes.append(scope)
        along.append(frozenset().union(*(piece.axes for piece in pieces)))
    return Layout(tuple(scopes), tuple(along))


def _lossy(layout: Layout, classes: Classes) -> tuple[int, ...]:
    """Return the axes on which paths that were local or one-sided before are less so now."""
    if all(after.scopes == layout.scopes for after in classes):
        return ()
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
