"""All that is measured of one tensor on one input, by axis: what two models are compared in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from rfgraph.analysis.comparison import NUMBERS, REACH, Change, changes
from rfgraph.analysis.distributions import quick_distribution
from rfgraph.analysis.erf import erf
from rfgraph.analysis.geometry import geometry
from rfgraph.analysis.streaming import lookahead
from rfgraph.domains.fields.axis import numbers
from rfgraph.domains.fields.layout import has_local_path
from rfgraph.errors import RfgraphError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rfgraph.analysis.analysis import Analysis
    from rfgraph.analysis.statistics import AxisHistogram
    from rfgraph.domains.fields.axis import Axis

_STATISTICS: Mapping[str, Callable[[AxisHistogram], int | Fraction | None]] = {
    "paths_min": lambda axis: axis.min,
    "paths_p5": lambda axis: axis.quantile(Fraction(1, 20)),
    "paths_median": lambda axis: axis.median,
    "paths_mean": lambda axis: axis.mean,
    "paths_p95": lambda axis: axis.quantile(Fraction(19, 20)),
    "paths_max": lambda axis: axis.max,
}
# Less of these is less of the field, as of the sizes.
PATHS = ("paths_min", "paths_median")
WITHOUT_END = "without end"


@dataclass(frozen=True, slots=True)
class MeasuredAxis:
    """One spatial axis: its field, and further numbers by key; None where they do not exist.

    `paths_min`, `paths_p5`, `paths_median`, `paths_mean`, `paths_p95` and `paths_max` are of the
    distribution, `effective` is the size of the effective field without borders, `halo` and
    `grid` what tiles need, `lookahead` that of a stream ("without end" where it has none).
    """

    field: Axis
    further: Mapping[str, Any]

    @property
    def axis(self) -> int:
        """The number of the axis."""
        return self.field.axis

    def values(self) -> dict[str, Any]:
        """Return all numbers by key, those of the local paths where the axis is not local."""
        shown = numbers(self.field)
        return {
            "scope": self.field.scope,
            **{key: getattr(shown, key, None) for key in (*NUMBERS, *REACH)},
            "covers_input": self.field.covers_input,
            **self.further,
        }

    def changes(self, after: MeasuredAxis) -> Iterator[Change]:
        """Yield what differs on another axis."""
        yield from changes(self.field, after.field)
        for key, was in self.further.items():
            now = after.further[key]
            if was != now and None not in (was, now):
                yield Change(key, was, now, key in PATHS and now < was)


@dataclass(frozen=True, slots=True)
class Measured:
    """What is measured of a tensor on an input; `axes` are the spatial ones."""

    tensor: str
    input: str
    routes: int | None
    aligned: bool | None
    axes: tuple[MeasuredAxis, ...]


def measure(result: Analysis, tensor: str, source: str) -> Measured:
    """Return what is measured of a tensor on an input that reaches it."""
    field = result.receptive_field(tensor, source)
    spatial = result.forms[source].spatial_axes
    routes: int | None = None
    distributions: Mapping[int, Mapping[str, Any]] = {}
    sizes: Mapping[int, int | None] = {}
    tiles: Mapping[int, Mapping[str, Any]] = {}
    if has_local_path(result.forms[source], tensor):
        routes, distributions = _distributions(result, tensor, source)
        sizes = _effective_sizes(result, tensor, source)
        tiles = _tiles(result, tensor, source)
    axes = tuple(
        MeasuredAxis(
            field.axes[axis],
            {
                **distributions.get(axis, dict.fromkeys(_STATISTICS)),
                "effective": sizes.get(axis),
                **tiles.get(axis, dict.fromkeys(("halo", "grid", "lookahead"))),
            },
        )
        for axis in spatial
    )
    return Measured(tensor, source, routes, field.aligned, axes)


def lookahead_of(result: Analysis, tensor: str, source: str) -> Fraction | None:
    """Return the look-ahead along the only spatial axis; None without end, or of several axes."""
    spatial = result.forms[source].spatial_axes
    if len(spatial) != 1:
        return None
    try:
        return lookahead(result, geometry(result, tensor, source), spatial[0])
    except RfgraphError:
        return None


def _distributions(
    result: Analysis, tensor: str, source: str
) -> tuple[int | None, dict[int, dict[str, Any]]]:
    histogram = quick_distribution(result, source, tensor).histogram
    if histogram is None:
        return None, {}
    return histogram.total, {
        number: {key: value(axis) for key, value in _STATISTICS.items()}
        for number, axis in histogram.axes.items()
    }


def _effective_sizes(result: Analysis, tensor: str, source: str) -> dict[int, int | None]:
    try:
        axes = erf(result, tensor, input=source).axes
    except RfgraphError:
        return {}
    return {number: axis.endless_size for number, axis in axes.items()}


def _tiles(result: Analysis, tensor: str, source: str) -> dict[int, dict[str, Any]]:
    """Return halo and grid by axis, and where the axis is the only one the look-ahead."""
    try:
        motion = geometry(result, tensor, source)
    except RfgraphError:
        return {}
    spatial = result.forms[source].spatial_axes
    along = {axis.axis: axis for axis in motion.axes}
    by_axis = {}
    for number in spatial:
        axis = along.get(number)
        ahead = lookahead(result, motion, number) if len(spatial) == 1 else None
        by_axis[number] = {
            "halo": None if axis is None else axis.halo,
            "grid": None if axis is None else axis.period[1],
            "lookahead": WITHOUT_END if ahead is None and len(spatial) == 1 else ahead,
        }
    return by_axis
