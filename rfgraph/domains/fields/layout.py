"""Layouts: how the paths of a class stand to the axes of the input; states are made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rfgraph.domains.fields.axis_field import AxisField
    from rfgraph.domains.fields.pieces import Lost
    from rfgraph.relations.graph import Operator


MAX_CLASSES = 512

Fields: TypeAlias = "tuple[AxisField | None, ...]"
# How a path stands to an input axis: the tensor axes it depends on, or why it is not local.
Status: TypeAlias = "frozenset[int] | Lost | str"
Layout: TypeAlias = "tuple[Status, ...]"
Classes: TypeAlias = "Mapping[Layout, Fields]"


def local_fields(form: ClosedForm, tensor: str, axis: int) -> Iterator[AxisField]:
    """Yield what the paths to a tensor that are local on every spatial axis read along `axis`."""
    for layout, fields in form.states[tensor].classes.items():
        field = fields[axis]
        if field is not None and is_local(layout, form.spatial_axes):
            yield field


@dataclass(frozen=True, slots=True)
class State:
    """All that is known of a tensor and one graph input.

    `classes` by layout; `through`: per input axis the losses on the way, as a set of bits by their
    number in `ClosedForm.losses`.
    """

    classes: Classes
    through: tuple[int, ...]


class Loss(NamedTuple):
    """An edge on which paths stop being local: the tensor it reads and the operator."""

    tensor: str
    operator: Operator


@dataclass(frozen=True, slots=True)
class ClosedForm:
    """The states of all tensors that one graph input reaches, and the input's spatial axes."""

    input: str
    states: Mapping[str, State]
    spatial_axes: tuple[int, ...]
    losses: tuple[Loss, ...]


def carriers(state: State, axis: int) -> frozenset[int]:
    """Return the axes of the tensor that carry an input axis, on local or one-sided paths."""
    fields = (fields[axis] for fields in state.classes.values())
    pieces = [piece for field in fields if field is not None for piece in field.pieces]
    return frozenset().union(*(piece.axes for piece in pieces))


def is_local(layout: Layout, axes: Sequence[int]) -> bool:
    """Whether paths of this layout are local on all of `axes`."""
    return all(isinstance(layout[axis], frozenset) for axis in axes)


def has_local_path(form: ClosedForm, tensor: str) -> bool:
    """Whether some path to the tensor is local on every spatial axis."""
    state = form.states.get(tensor)
    return state is not None and any(
        is_local(layout, form.spatial_axes) for layout in state.classes
    )


def sharing(axis: int, layouts: Iterable[Layout]) -> frozenset[int]:
    """Return the other input axes that lie on the same tensor axis as `axis`."""
    found: set[int] = set()
    for layout in layouts:
        mine = layout[axis]
        if isinstance(mine, frozenset):
            found.update(
                number
                for number, other in enumerate(layout)
                if number != axis and isinstance(other, frozenset) and mine & other
            )
    return frozenset(found)


def _local_layouts(form: ClosedForm, tensor: str) -> list[Layout]:
    classes = form.states[tensor].classes
    return [layout for layout in classes if is_local(layout, form.spatial_axes)]
