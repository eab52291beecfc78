"""Layouts: how the paths of a class stand to the axes of the input; states are made of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from rfgraph.domains.fields.parts import Lines, whole_lines
from rfgraph.domains.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from rfgraph.domains.fields.axis_field import AxisField
    from rfgraph.domains.joined import Joined
    from rfgraph.relations.graph import Operator


MAX_CLASSES = 512

Fields: TypeAlias = "tuple[AxisField | None, ...]"
Classes: TypeAlias = "Mapping[Layout, Fields]"


@dataclass(frozen=True, slots=True)
class Layout:
    """How the paths of a class stand to the axes of the input.

    `scopes` by input axis; `along`: the tensor axes on which what they read depends, where they are
    local (no axes where they are not).
    """

    scopes: tuple[Scope, ...]
    along: tuple[frozenset[int], ...]

    def scope(self, axis: int) -> Scope:
        """Return how the paths stand to an input axis."""
        return self.scopes[axis]

    def carriers(self, axis: int) -> frozenset[int]:
        """Return the tensor axes that carry an input axis on which the paths are local."""
        return self.along[axis]

    def is_local(self, axes: Iterable[int]) -> bool:
        """Whether the paths are local on all of `axes`."""
        return all(self.scopes[axis] is Scope.LOCAL for axis in axes)

    def sharing(self, axis: int) -> frozenset[int]:
        """Return the other input axes that lie on the same tensor axis as `axis`."""
        mine = self.along[axis]
        return frozenset(
            number for number, other in enumerate(self.along) if number != axis and mine & other
        )


def local_fields(form: ClosedForm, tensor: str, axis: int) -> Iterator[AxisField]:
    """Yield what the paths to a tensor that are local on every spatial axis read along `axis`."""
    for fields in form.states[tensor].local(form.spatial_axes).values():
        field = fields[axis]
        if field is not None:
            yield field


@dataclass(frozen=True, slots=True)
class State:
    """All that is known of a tensor and one graph input.

    `classes` by layout; `through`: per input axis the losses on the way, as a set of bits by their
    number in `ClosedForm.losses`.
    """

    classes: Classes
    through: tuple[int, ...]

    def local(self, axes: Collection[int]) -> Classes:
        """Return the classes whose paths are local on all of `axes`."""
        return {layout: fields for layout, fields in self.classes.items() if layout.is_local(axes)}

    def scope(self, axis: int) -> Scope:
        """Return how all paths together stand to an input axis."""
        return reduce(Scope.join, (layout.scope(axis) for layout in self.classes), Scope.NONE)


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


def lines_of(state: State, axis: int) -> Lines:
    """Return along which tensor axes, and how fast, paths run that read all of an input axis."""
    fields = (fields[axis] for fields in state.classes.values())
    return whole_lines(piece for field in fields if field is not None for piece in field.pieces)


def is_one_path(state: State, axis: int) -> bool:
    """Whether all paths read the same along an input axis, so that a field is that of each."""
    spreads = [field.spread for f in state.classes.values() if (field := f[axis]) is not None]
    extents = [one for spread in spreads for one in (spread or {}).values()]
    return len(extents) == 1 and extents[0].least == extents[0].largest


def carriers(state: State, axis: int) -> frozenset[int]:
    """Return the axes of the tensor that carry an input axis, on local or one-sided paths."""
    fields = (fields[axis] for fields in state.classes.values())
    pieces = [piece for field in fields if field is not None for piece in field.pieces]
    return frozenset().union(*(piece.axes for piece in pieces))


def has_local_path(form: ClosedForm, tensor: str) -> bool:
    """Whether some path to the tensor is local on every spatial axis."""
    state = form.states.get(tensor)
    return state is not None and bool(state.local(form.spatial_axes))


def local_layouts(form: ClosedForm, tensor: str) -> list[Layout]:
    """Return the layouts of the paths to a tensor that are local on every spatial axis."""
    return list(form.states[tensor].local(form.spatial_axes))
