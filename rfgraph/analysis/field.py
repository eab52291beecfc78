"""The results of an analysis as frozen values: fields and their axes, outputs, findings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rfgraph.domains.fields.axis import Axis, Json, numbers
from rfgraph.wording.html import html_table
from rfgraph.wording.numbers import fraction, shape_text, span, whole_up
from rfgraph.wording.records import Record, entry_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    from rfgraph.relations.axis_rules import Shape


_HEADER = ("axis", "scope", "size", "stride", "start", "center", "before", "after", "paths")


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """The receptive field of one tensor on one graph input; `axes` by the input's axis number.

    `node` is the operator that makes the tensor, by its name or, without one, by type and number,
    as in `through` and in findings; None for a graph input.
    """

    tensor: str
    node: str | None
    op_type: str | None
    shape: Shape | None
    input: str
    aligned: bool | None
    axes: Mapping[int, Axis]

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        return {**entry_of(self), "axes": [axis.to_dict() for axis in self.axes.values()]}

    def __repr__(self) -> str:
        parts = [
            f"{axis.axis}: {axis.scope if axis.size is None else axis.size}"
            for axis in self.axes.values()
        ]
        return f"ReceptiveField({self.tensor!r} on {self.input!r}, {{{', '.join(parts)}}})"

    def _repr_html_(self) -> str:
        caption = f"{self.tensor} ({shape_text(self.shape)}) on input {self.input}"
        return html_table(caption, _HEADER, map(_axis_cells, self.axes.values()))


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check, or the analysis itself, has to say about a model.

    `input` is the graph input that it speaks of, None for one about an operator, and `axes` those
    of its axes. `required` and `found` are what a statistic (`stat`, as --stat of `rfgraph check`)
    must reach and reaches, in input positions; of a share of paths (`stat` "covering"), the shares.
    None where there is no such number.
    """

    code: str
    severity: Literal["error", "warning", "note"]
    message: str
    node: str | None = None
    tensor: str | None = None
    input: str | None = None
    axes: tuple[int, ...] = ()
    stat: str | None = None
    required: Fraction | int | None = None
    found: Fraction | int | None = None

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        entry = entry_of(self, "code", "severity", "message", "node", "tensor")
        if self.input is None:
            return entry
        axis = self.axes[0] if len(self.axes) == 1 else None
        numbers = entry_of(self, "axes", "stat", "required", "found")
        return {**entry, "input": self.input, "axis": axis, **numbers}


@dataclass(frozen=True, slots=True)
class Output(Record):
    """A graph output; `before_global` are the last tensors on the way that have a local path."""

    name: str
    shape: Shape | None
    before_global: tuple[str, ...]


def _axis_cells(axis: Axis) -> list[str]:
    scope = f"{axis.scope} through {', '.join(axis.through)}" if axis.through else axis.scope
    local = numbers(axis)
    if local is None:
        reach = whole_up(axis.before), whole_up(axis.after)
        return [str(axis.axis), scope, "-", "-", "-", "-", *reach, "-"]
    return [
        str(axis.axis),
        scope if axis.scope in ("local", "none") else f"{scope}; local paths:",
        span(local.size_min, local.size),
        fraction(local.stride),
        fraction(local.start),
        fraction(local.center),
        whole_up(local.before),
        whole_up(local.after),
        span(local.shortest, local.longest),
    ]
