"""The results of an analysis as frozen values: fields and their axes, outputs, findings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rfgraph.domains.fields.axis import Axis, Json, numbers
from rfgraph.wording.html import _table
from rfgraph.wording.numbers import fraction, ratio, shape_text, span

if TYPE_CHECKING:
    from collections.abc import Mapping

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
        return {
            "tensor": self.tensor,
            "node": self.node,
            "op_type": self.op_type,
            "shape": None if self.shape is None else list(self.shape),
            "input": self.input,
            "aligned": self.aligned,
            "axes": [axis.to_dict() for axis in self.axes.values()],
        }

    def __repr__(self) -> str:
        parts = [
            f"{axis.axis}: {axis.scope if axis.size is None else axis.size}"
            for axis in self.axes.values()
        ]
        return f"ReceptiveField({self.tensor!r} on {self.input!r}, {{{', '.join(parts)}}})"

    def _repr_html_(self) -> str:

        return field_html(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check, or the analysis itself, has to say about a model."""

    code: str
    severity: Literal["error", "warning", "note"]
    message: str
    node: str | None = None
    tensor: str | None = None

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "node": self.node,
            "tensor": self.tensor,
        }


@dataclass(frozen=True, slots=True)
class Output:
    """A graph output; `before_global` are the last tensors on the way that have a local path."""

    name: str
    shape: Shape | None
    before_global: tuple[str, ...]

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        return {
            "name": self.name,
            "shape": None if self.shape is None else list(self.shape),
            "before_global": list(self.before_global),
        }


def field_html(field: ReceptiveField) -> str:
    """Return a field as a table with a row for each axis of the input."""
    shape = shape_text(field.shape)
    caption = f"{field.tensor} ({shape}) on input {field.input}"
    return _table(caption, _HEADER, [_axis_cells(axis) for axis in field.axes.values()])


def _axis_cells(axis: Axis) -> list[str]:
    scope = f"{axis.scope} through {', '.join(axis.through)}" if axis.through else axis.scope
    found = numbers(axis)
    if found is None:
        return [
            str(axis.axis),
            scope,
            "-",
            "-",
            "-",
            "-",
            fraction(axis.before),
            fraction(axis.after),
            "-",
        ]
    return [
        str(axis.axis),
        scope if axis.scope in ("local", "none") else f"{scope}; local paths:",
        span(found.size_min, found.size),
        ratio(found.stride),
        fraction(found.start),
        fraction(found.center),
        fraction(found.before),
        fraction(found.after),
        span(found.shortest, found.longest),
    ]
