"""The numbers of a receptive field along one input axis, as a frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from rfgraph.wording.numbers import rational

if TYPE_CHECKING:
    from fractions import Fraction

    from rfgraph.domains.fields.interior import Interior
    from rfgraph.domains.scope import Word


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
    scope: Word
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


def _interior(interior: Interior) -> Json:
    return {
        "units": list(interior.units),
        "period": list(interior.period),
        "size": interior.size,
        "size_min": interior.size_min,
        "before": rational(interior.before),
        "after": rational(interior.after),
    }


def numbers(axis: Axis) -> Axis | None:
    """Return the numbers to show of an axis: its own, or those of its local paths."""
    return axis if axis.scope in ("local", "none") else axis.local
