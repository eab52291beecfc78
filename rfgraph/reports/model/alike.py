"""Answers that are alike but for names and positions, so that a screen says them once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from typing import TYPE_CHECKING, TypeVar

from rfgraph.domains.fields.layout import has_local_path
from rfgraph.relations.graph import ancestors, shape_of
from rfgraph.reports.model.distribution import distribution_lines, not_counted_lines
from rfgraph.wording.names import safe

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from rfgraph.analysis.field import ReceptiveField
    from rfgraph.analysis.view import View
    from rfgraph.domains.fields.axis import Axis
    from rfgraph.reports.formats.style import Style


Item = TypeVar("Item")

ALWAYS_COUNTED = 12
MAX_BEHIND = 1 << 15


def field_key(field: ReceptiveField) -> Hashable:
    """Return what a field says, but for the names of tensors, inputs and operators.

    Where its units have no position on an axis (stride 0), nor where on the axis they read.
    """
    axes = tuple(_axis_key(axis) for axis in field.axes.values())
    return field.shape, field.aligned, axes


def _axis_key(axis: Axis | None) -> Hashable:
    if axis is None:
        return None
    start = None if axis.stride == 0 else axis.start
    return (
        *(axis.scope, axis.size, axis.size_min, axis.stride, axis.period, axis.regular),
        *(start, axis.before, axis.after, axis.interior),
        *(axis.shortest, axis.longest, axis.covers_input, bool(axis.through), bool(axis.ranges)),
        _axis_key(axis.local),
    )


def in_order_of_file(view: View, names: Sequence[str]) -> tuple[str, ...]:
    """Return inputs in the order in which the file has them."""
    places = {name: place for place, name in enumerate(view.result.forms)}
    return tuple(sorted(names, key=places.__getitem__))


def first_and_last(names: Sequence[str]) -> str:
    """Return names by the first and the last of them."""
    ends = [safe(name) for name in (names[0], names[-1])]
    return ends[0] if len(names) == 1 else " to ".join(ends)


@dataclass(slots=True)
class Answers:
    """What is said of tensors, as keys to compare it by; distributions are counted once.

    Distributions are counted for all inputs that reach a tensor or for none: the first
    ALWAYS_COUNTED, then while the tensors behind those that they lead to are no more than
    MAX_BEHIND in all.
    """

    view: View
    style: Style
    label: int
    _free: int = dataclass_field(default_factory=lambda: ALWAYS_COUNTED)
    _left: int = dataclass_field(default_factory=lambda: MAX_BEHIND)
    _counts: dict[str, bool] = dataclass_field(default_factory=dict)
    _distributions: dict[tuple[str, str], list[str]] = dataclass_field(default_factory=dict)

    def distribution(self, field: ReceptiveField) -> list[str]:
        """Return the lines on the distribution over paths to a tensor."""
        if not self.counts(field.tensor):
            return not_counted_lines(self.label, self.style)
        key = field.input, field.tensor
        if key not in self._distributions:
            lines = distribution_lines(self.view, field, self.label, self.style)
            self._distributions[key] = lines
        return self._distributions[key]

    def _may_count(self, tensor: str) -> bool:
        number = sum(len(names) for _, names in self.view.alike_fields(tensor))
        if number <= self._free:
            self._free -= number
            return True
        if number * number > self._left:
            return False  # at least these inputs are behind it
        behind = number * len(ancestors(self.view.result.graph, [tensor]))
        if behind > self._left:
            return False
        self._left -= behind
        return True

    def fields_key(self, tensor: str) -> Hashable:
        """Return the shape of a tensor and what its fields say."""
        said: dict[Hashable, tuple[str, ...]] = {}
        for field, names in self.view.alike_fields(tensor):
            key = field_key(field)
            said[key] = in_order_of_file(self.view, (*said[key], *names)) if key in said else names
        return shape_of(self.view.result.graph, tensor), frozenset(said.items())

    def counts(self, tensor: str) -> bool:
        """Whether the paths to a tensor are counted."""
        if tensor not in self._counts:
            self._counts[tensor] = self._may_count(tensor)
        return self._counts[tensor]

    def tensor_key(self, tensor: str) -> Hashable:
        """Return what is said of a tensor: its fields and the distributions over paths to it."""
        if not self.counts(tensor):
            return self.fields_key(tensor)
        fields = self.view.fields_of(tensor)
        return tuple(
            (field.input, field_key(field), tuple(self.distribution(field))) for field in fields
        )

    def output_key(self, output: str) -> Hashable:
        """Return what is said of an output: of itself, where it is local, or what is before it."""
        result = self.view.result
        said: dict[Hashable, None] = {}
        for field, names in self.view.alike_fields(output):
            if has_local_path(result.forms[field.input], output):
                if not self.counts(output):
                    said[names] = None
                    continue
                for name in names:
                    one = replace(field, input=name)
                    said[name, tuple(self.distribution(one))] = None
            else:
                before = result.before_global(output, field.input)
                said.update((key, None) for key in map(self.tensor_key, before))
        return tuple(said)
