"""An effective receptive field as a value: its map, what is said of it, and its reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from rfgraph.domains.effective.statistics import (
    Area,
    area,
    as_floats,
    coarse_means,
    luo_size,
    radial,
)
from rfgraph.version import HEAD
from rfgraph.wording.html import html_table
from rfgraph.wording.pictures import shades

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from numpy.typing import NDArray

    from rfgraph.domains.effective.adjoint import Kind
    from rfgraph.domains.fields.axis import Json
    from rfgraph.domains.scope import Word

SHARE = 0.95
# Of a picture, along each axis.
CELLS = 24
AREAS = (0.2, 0.3, 0.5, 0.99)
# Those of OpenERF.
RADII = (5, 10, 20, 30, 40, 60, 80)
# Up to here a part that arrives over global paths is not worth a word.
NOTABLE = 0.01


class Endless(NamedTuple):
    """The effective size and the deviation along an axis as if the input had no borders."""

    size: int
    sigma: float


# A unit: None for all of an axis.
UnitIndex: TypeAlias = "tuple[int | None, ...]"


@dataclass(frozen=True, slots=True)
class EffectiveAxis:
    """What counts along one input axis, in positions.

    `interval` is the shortest one, ends included, that holds `share` of the map; `sigma` and `mean`
    are of positions weighed by the map; all None where nothing is read. `theoretical` is the size
    of the theoretical field, None where its `scope` is not local. `unclipped` goes on past the
    border, None where that has no meaning.
    """

    axis: int
    scope: Word
    theoretical: int | None
    share: float
    sigma: float | None
    mean: float | None
    interval: tuple[int, int] | None
    unclipped: Endless | None

    @property
    def size(self) -> int | None:
        """The length of the interval."""
        return None if self.interval is None else self.interval[1] - self.interval[0] + 1

    @property
    def endless_size(self) -> int | None:
        """The size without borders, where that has no meaning the size inside the input."""
        return self.size if self.unclipped is None else self.unclipped.size

    @property
    def ratio(self) -> float | None:
        """The effective size over the theoretical one, both without borders."""
        if self.unclipped is None or not self.theoretical:
            return None
        return self.unclipped.size / self.theoretical

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        endless = self.unclipped
        return {
            "axis": self.axis,
            "scope": self.scope,
            "theoretical": self.theoretical,
            "sigma": six_digits(self.sigma),
            "mean": six_digits(self.mean),
            "interval": None if self.interval is None else list(self.interval),
            "size": self.size,
            "share": self.share,
            "unclipped": None
            if endless is None
            else {
                "size": endless.size,
                "sigma": six_digits(endless.sigma),
                "ratio": six_digits(self.ratio),
            },
        }


@dataclass(frozen=True, slots=True)
class ERF:
    """The effective receptive field of the units of `tensor` at `index` on one input.

    `map` lies over the input's spatial axes, inside the input: float64, or Python integers where
    `kind` is "paths". `axes` are by input axis. `global_share` is the part that arrives over paths
    that are not local. `approximate` and `assumed` name the kinds of operators whose share is not
    exact, or only taken for even (where `kind` is "stored", as at initialisation); `unknown` the
    operators whose part is left out.
    """

    tensor: str
    index: UnitIndex
    input: str
    kind: Kind
    local: bool
    map: NDArray[Any] = field(repr=False, compare=False)
    axes: Mapping[int, EffectiveAxis]
    global_share: float
    approximate: tuple[str, ...]
    assumed: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Whether nothing is read."""
        return not self.map.any()

    @property
    def luo_size(self) -> float | None:
        """The side of a square of as many positions as count more than 4.55 % of the largest."""
        return None if self.empty else luo_size(as_floats(self.map))

    def area_ratio(self, share: float) -> Area | None:
        """Return the smallest square of odd side around the middle of the input that holds `share`.

        Its ratio is that of its area inside the input to the input's. None where nothing is read.
        """
        return None if self.empty else area(as_floats(self.map), share)

    def radial(self, radius: int) -> float | None:
        """Return the share of the map at most `radius` positions from the middle of the input.

        None where nothing is read.
        """
        return None if self.empty else radial(as_floats(self.map), radius)

    def to_dict(self) -> Json:
        """Return the JSON report."""
        return {**HEAD, **self.entry()}

    def entry(self) -> Json:
        """Return the JSON report without its head."""
        areas = [self.area_ratio(share) for share in AREAS]
        return {
            "tensor": self.tensor,
            "index": list(self.index),
            "input": self.input,
            "map": self.kind,
            "local": self.local,
            "axes": [axis.to_dict() for axis in self.axes.values()],
            "area_ratio": [
                {"share": item.share, "side": item.side, "ratio": six_digits(item.ratio)}
                for item in areas
                if item is not None
            ],
            "radial": [
                {"radius": radius, "share": six_digits(share)}
                for radius in RADII
                if (share := self.radial(radius)) is not None
            ],
            "luo_size": six_digits(self.luo_size),
            "global_share": six_digits(self.global_share),
            "approximate": list(self.approximate),
            "assumed": list(self.assumed),
            "unknown": list(self.unknown),
            "map_file": None,
        }

    def _repr_html_(self) -> str:
        rows = [
            tuple("-" if cell is None else str(cell) for cell in cells)
            for axis in self.axes.values()
            for cells in [(axis.axis, axis.theoretical, axis.size, six_digits(axis.sigma))]
        ]
        head = ("axis", "theoretical", f"effective {self.axes_share:g}", "sigma")
        return html_table(f"{self.tensor} on input {self.input}", head, rows) + self._picture()

    def _picture(self) -> str:
        """Return the map along the last two axes over the input, of at most CELLS cells a side."""
        if self.empty:
            return ""
        values = as_floats(self.map)
        values = values.sum(axis=tuple(range(max(values.ndim - 2, 0))))
        for place in range(values.ndim):
            values = coarse_means(values, place, CELLS)
        return shades(np.atleast_2d(values).tolist(), "how much each position of the input counts")

    @property
    def axes_share(self) -> float:
        """The share that the intervals of the axes hold."""
        return next((axis.share for axis in self.axes.values()), SHARE)


def six_digits(value: float | None) -> float | None:
    """Return a number to six significant digits, which are the same on every machine."""
    return None if value is None else float(f"{value:.6g}")
