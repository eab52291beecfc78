"""Layouts: how the paths of a class stand to the axes of the input; states are made of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from rfgraph.domains.fields.parts import Lines, whole_lines
from rfgraph.domains.fields.pieces import axes_of
from rfgraph.domains.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from rfgraph.domains.fields.axis_field import AxisField
    from rfgraph.domains.joined import Joined
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.graph import Edge
    from rfgraph.relations.operator import Operator


MAX_CLASSES = 512

Fields: TypeAlias = "tuple[AxisField | None, ...]"
Classes: TypeAlias = "Mapping[Layout, Fields]"


class Layout(NamedTuple):
    """How the paths of a class stand to the axes of the input.

    `scopes` by input axis; `along`: the tensor axes on which what they read depends, where they are
    local (no axes where they are not).
    """

    scopes: tuple[Scope, ...]
    along: tuple[frozenset[int], ...]

    def is_local(self, axes: Iterable[int]) -> bool:
        """Whether the paths are local on all of `axes`."""
        return all(self.scopes[axis] is Scope.LOCAL for axis in axes)

    def sharing_axes(self, axis: int) -> frozenset[int]:
        """Return the other input axes that lie on the same tensor axis as `axis`."""
        mine = self.along[axis]
        return frozenset(
            number for number, other in enumerate(self.along) if number != axis and mine & other
        )


def local_fields(form: ClosedForm, tensor: str, axis: int) -> Iterator[AxisField]:
    """Yield what the paths to a tensor that are local on every spatial axis read along `axis`."""
    for fields in form[tensor].local(form.spatial_axes).values():
        field = fields[axis]
        if field is not None:
            yield field


class State(NamedTuple):
    """What is known of a tensor and some inputs of one shape, by their numbers: it reads all alike.

    `lengths` are the inputs', `classes` by layout. `through`: per input axis the losses on the way
    of all of these inputs, as a set of bits by their number in `ClosedForm.losses`; `apart` those
    of each by its number, where they differ.
    """

    inputs: frozenset[int]
    lengths: Shape
    classes: Classes
    through: tuple[int, ...]
    apart: Mapping[int, tuple[int, ...]]

    def losses(self, number: int) -> tuple[int, ...]:
        """Return the losses on the way of one input."""
        own = self.apart.get(number)
        return self.through if own is None else either(self.through, own)

    def local(self, axes: Collection[int]) -> Classes:
        """Return the classes whose paths are local on all of `axes`."""
        return {layout: fields for layout, fields in self.classes.items() if layout.is_local(axes)}

    def scope(self, axis: int) -> Scope:
        """Return how all paths together stand to an input axis."""
        return reduce(Scope.join, [layout.scopes[axis] for layout in self.classes])


class Loss(NamedTuple):
    """An edge on which paths stop being local: the tensor it reads and the operator."""

    tensor: str
    operator: Operator


@dataclass(frozen=True, eq=False, slots=True)
class ClosedForm(Mapping[str, State]):
    """The states of all tensors that one graph input reaches, by name, and its spatial axes.

    `groups` has those of all inputs, of which it is the one of this `number`. `losses` are those of
    all inputs, and `loss_numbers` their numbers. `joined` are the tensors that were followed as one
    rearrangement of another, `continued` those that were over one that has their first parts.
    `windowed`: whether some axis of the input is carried to a spatial axis of an operator.
    """

    input: str
    number: int
    groups: Mapping[str, tuple[State, ...]]
    spatial_axes: tuple[int, ...]
    losses: tuple[Loss, ...]
    loss_numbers: Mapping[Loss, int]
    joined: Mapping[str, Joined]
    continued: Mapping[str, tuple[Edge, ...]]
    windowed: bool

    def __getitem__(self, tensor: str) -> State:
        for group in self.groups[tensor]:
            if self.number in group.inputs:
                return group._replace(through=group.losses(self.number)) if group.apart else group
        raise KeyError(tensor)

    def __contains__(self, tensor: object) -> bool:
        groups = self.groups.get(tensor, ()) if isinstance(tensor, str) else ()
        return any(self.number in group.inputs for group in groups)

    def __iter__(self) -> Iterator[str]:
        return filter(self.__contains__, self.groups)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def loses_at(self, edge: Edge) -> bool:
        """Whether paths from the input stop being local over an edge."""
        number = self.loss_numbers.get(Loss(edge.source, edge.operator))
        state = self.get(edge.target)
        if number is None or state is None or edge.source not in self:
            return False
        return any(bits >> number & 1 for bits in state.through)


def either(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
    """Return by axis the losses that are in one or the other."""
    return first if first is second else tuple(map(or_, first, second))


def unite(groups: Sequence[State]) -> State:
    """Return groups of the same classes as one."""
    first = groups[0]
    if len(groups) == 1:
        return first
    inputs = frozenset[int]().union(*(group.inputs for group in groups))
    if all(group.through == first.through and group.apart is first.apart for group in groups):
        return first._replace(inputs=inputs)
    apart = {number: group.losses(number) for group in groups for number in group.inputs}
    return first._replace(inputs=inputs, through=(0,) * len(first.through), apart=apart)


def lines_of(state: State, axis: int) -> Lines:
    """Return along which tensor axes, and how fast, paths run that read all of an input axis."""
    fields = (fields[axis] for fields in state.classes.values())
    return whole_lines(piece for field in fields if field is not None for piece in field.pieces)


def is_one_path(state: State, axis: int) -> bool:
    """Whether all paths read the same along an input axis, so that a field is that of each."""
    spreads = [field.spread for f in state.classes.values() if (field := f[axis]) is not None]
    extents = [one for spread in spreads for one in spread or ()]
    return len(extents) == 1 and extents[0].least == extents[0].largest


def carriers(classes: Classes, axis: int) -> frozenset[int]:
    """Return the axes that carry an input axis in some classes, on local or one-sided paths."""
    along = (fields[axis] for fields in classes.values())
    return axes_of(piece for field in along if field is not None for piece in field.pieces)


def has_local_path(form: ClosedForm, tensor: str) -> bool:
    """Whether some path to the tensor is local on every spatial axis."""
    state = form.get(tensor)
    return state is not None and bool(state.local(form.spatial_axes))


def local_layouts(form: ClosedForm, tensor: str) -> list[Layout]:
    """Return the layouts of the paths to a tensor that are local on every spatial axis."""
    return list(form[tensor].local(form.spatial_axes))
