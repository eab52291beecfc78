"""The results of an analysis as frozen values: fields and their axes, outputs, findings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    from rfgraph.domains.interior import Interior
    from rfgraph.relations import Shape

Scope: TypeAlias = Literal["none", "local", "one-sided", "global", "unknown"]
Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Axis:
    """The receptive field along one input axis, in input positions.

    `local` are the same numbers for the paths that are local on every spatial axis, where `scope`
    is not local; `grows`: these are the numbers at the probed length, and larger on a longer input.
    `through` names the first operators that made it so, `ranges` those of them that take the range
    of dynamic quantization, which decides its scale and zero point. `interior`, where the axis is
    irregular, are the units between the borders that one period fits; `before` and `after` are then
    theirs. Numbers that do not exist are None, as `before` and `after` where units have no position
    on the axis (stride 0).
    """

    axis: int
    scope: Scope
    size: int | None = None
    size_min: int | None = None
    stride: Fraction | None = None
    start: int | None = None
    center: Fraction | None = None
    before: Fraction | None = None
    after: Fraction | None = None
    period: tuple[int, int] | None = None
    shortest: int | None = None
    longest: int | None = None
    covers_input: bool | None = None
    regular: bool = True
    interior: Interior | None = None
    local: Axis | None = None
    through: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()
    grows: bool = False

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        return {
            "axis": self.axis,
            "scope": self.scope,
            **self._numbers(),
            "local": None if self.local is None else self.local._numbers(),
            "through": list(self.through),
            **({"ranges": list(self.ranges)} if self.ranges else {}),
            **({"grows": True} if self.grows else {}),
        }

    def _numbers(self) -> Json:
        return {
            "size": self.size,
            "size_min": self.size_min,
            "stride": rational(self.stride),
            "start": self.start,
            "center": rational(self.center),
            "before": rational(self.before),
            "after": rational(self.after),
            "period": None if self.period is None else list(self.period),
            "shortest": self.shortest,
            "longest": self.longest,
            "covers_input": self.covers_input,
            "regular": self.regular,
            "interior": None if self.interior is None else _interior(self.interior),
        }


def _interior(found: Interior) -> Json:
    return {
        "units": list(found.units),
        "period": list(found.period),
        "size": found.size,
        "size_min": found.size_min,
        "before": rational(found.before),
        "after": rational(found.after),
    }


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
        from rfgraph.report.notebook import field_html

        return field_html(self)


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
        entry: Json = {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "node": self.node,
            "tensor": self.tensor,
        }
        return entry if self.input is None else {**entry, **self._numbers()}

    def _numbers(self) -> Json:
        return {
            "input": self.input,
            "axis": self.axes[0] if len(self.axes) == 1 else None,
            "axes": list(self.axes),
            "stat": self.stat,
            "required": rational(self.required),
            "found": rational(self.found),
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


def rational(value: Fraction | int | None) -> int | str | None:
    """Return a rational number as JSON has it: a number when integral, else "p/q"."""
    if value is None:
        return None
    if value == int(value):
        return int(value)
    return f"{value.numerator}/{value.denominator}"
