"""The distribution of receptive fields over paths, and the paths themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rfgraph.analysis.analysis import Result
from rfgraph.analysis.paths import Count, _loaded, _question
from rfgraph.domains.paths import counting
from rfgraph.domains.paths.states import MAX_PATTERNS, Kind, Question, StateGraph, state_graph
from rfgraph.domains.paths.statistics import quantile, root
from rfgraph.errors import BoundError, UsageError
from rfgraph.version import __version__
from rfgraph.wording.html import _table
from rfgraph.wording.numbers import decimal, span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rfgraph.analysis.loading import Source
    from rfgraph.domains.fields.axis import Json
    from rfgraph.domains.paths.moments import Survey
    from rfgraph.relations.graph import Model


@dataclass(frozen=True, slots=True)
class AxisHistogram:
    """The distribution along one input axis.

    `counts` maps the size (largest over phases, in input positions) of paths that are local on this
    axis to their exact number, or is None beyond the bounds on listing; `local`, `one_sided`,
    `global_` and `unknown` count all paths by scope. `min`, `max`, `mean`, `variance` are exact
    over the local paths whether or not they are listed, None if there are none. `covering` counts
    local paths at least as large as the input.
    """

    axis: int
    local: int
    one_sided: int
    global_: int
    unknown: int
    counts: Mapping[int, int] | None
    min: int | None
    max: int | None
    mean: Fraction | None
    variance: Fraction | None
    covering: int | None

    @property
    def std(self) -> float | None:
        """The standard deviation, correctly rounded; None without local paths."""
        return None if self.variance is None else _float(self.variance, root)

    @property
    def median(self) -> int | None:
        """The smallest size with at least half of the paths at or below it."""
        return self.quantile(0.5)

    def quantile(self, share: float | Fraction) -> int | None:
        """Return the smallest size with at least `share` of the local paths at or below it.

        None if the histogram is not listed or empty; UsageError if `share` is not in [0, 1].
        """
        if not 0 <= share <= 1:
            raise UsageError(f"a quantile requires a share from 0 to 1, found {share}")
        # A float means the decimal fraction that it is written as: 0.1 is a tenth, not a bit more.
        exact = Fraction(str(share)) if isinstance(share, float) else Fraction(share)
        return None if self.counts is None else quantile(self.counts, exact)

    def to_arrays(self) -> tuple[NDArray[np.int64 | np.object_], NDArray[np.object_]]:
        """Return sizes and exact counts (Python integers) as arrays, for a Series or a plot.

        Sizes beyond 64 bits are Python integers as well. UsageError if the histogram is not listed.
        """
        import numpy as np

        if self.counts is None:
            raise UsageError("the histogram is beyond the bounds on listing: ask for it in full")
        fits = max(self.counts, default=0) < 1 << 63
        sizes = np.array(list(self.counts), dtype=np.int64 if fits else object)
        counts = np.empty(len(sizes), dtype=object)
        counts[:] = list(self.counts.values())
        return sizes, counts

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        listed = None if self.counts is None else [[k, decimal(n)] for k, n in self.counts.items()]
        return {
            "axis": self.axis,
            "local": decimal(self.local),
            "one_sided": decimal(self.one_sided),
            "global": decimal(self.global_),
            "unknown": decimal(self.unknown),
            "histogram": listed,
            "min": self.min,
            "max": self.max,
            "mean": None if self.mean is None else _float(self.mean, float),
            "median": self.median,
            "std": self.std,
            "covering": None if self.covering is None else decimal(self.covering),
        }


@dataclass(frozen=True, slots=True)
class PathHistogram:
    """The distribution over the paths from one input to one tensor; `axes` by input axis number.

    `depth` maps the number of windows with extent > 1 to the number of paths; `joint` maps sizes on
    all spatial axes to the number of paths local on all of them (None unless asked for, or beyond
    the bounds). Source of the idea: Li et al. 2017; Veit et al. 2016.
    """

    input: str
    tensor: str
    count: Count
    total: int
    axes: Mapping[int, AxisHistogram]
    depth: Mapping[int, int] | None
    joint: Mapping[tuple[int, ...], int] | None = None
    with_joint: bool = False

    @property
    def listed(self) -> bool:
        """Whether all histograms are within the bounds on listing."""
        return self.depth is not None and all(
            axis.counts is not None for axis in self.axes.values()
        )

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        found: Json = {
            "input": self.input,
            "tensor": self.tensor,
            "total": decimal(self.total),
            "listed": self.listed,
            "axes": [_listed(axis, self.listed) for axis in self.axes.values()],
            "depth": _pairs(self.depth) if self.listed else None,
        }
        if self.with_joint:
            found["joint"] = (
                [[list(sizes), decimal(n)] for sizes, n in self.joint.items()]
                if self.joint is not None and self.listed
                else None
            )
        return found

    def __repr__(self) -> str:
        ranges = ", ".join(
            f"{axis.axis}: {axis.min}..{axis.max}" if axis.local else f"{axis.axis}: no local path"
            for axis in self.axes.values()
        )
        bits = self.total.bit_length()
        total = str(self.total) if bits <= 64 else f"about 2^{bits - 1}"
        return (
            f"PathHistogram({self.tensor!r} on {self.input!r}, {total} {self.count}, {{{ranges}}})"
        )

    def _repr_html_(self) -> str:

        return histogram_html(self)


def _listed(axis: AxisHistogram, listed: bool) -> Json:
    found = axis.to_dict()
    if not listed:
        found.update(histogram=None, median=None, covering=None)
    return found


def _pairs(counts: Mapping[int, int] | None) -> list[list[int | str]] | None:
    return (
        None if counts is None else [[number, decimal(count)] for number, count in counts.items()]
    )


def _float(value: Fraction, convert: Any) -> float | None:
    try:
        return float(convert(value))
    except OverflowError:
        return None


def path_histogram(
    model: Model | Result | Source,
    *,
    tensor: str | None = None,
    input: str | None = None,
    count: Count = "routes",
    joint: bool = False,
    full: bool = False,
    through: Sequence[str] = (),
    avoiding: Sequence[str] = (),
    max_patterns: int = MAX_PATTERNS,
) -> PathHistogram:
    """Return the exact distribution of receptive fields over the paths from `input` to `tensor`.

    `input` may be left out when the model has one, `tensor` when it has one output. `count` is
    "routes" (paths that differ only in pointwise edges are one) or "paths". `joint` adds the joint
    distribution over the axes, `full` lists histograms of any length. `through` and `avoiding` name
    operators or tensors. `max_patterns` bounds the tables that shifted windows and their like take,
    in entries of 16 bytes; BoundError beyond. An empty distribution if nothing leads there;
    UsageError for unknown names.
    """
    result = model if isinstance(model, Result) else None
    loaded = result.model if result else _loaded(model)
    question = _question(result, loaded, tensor, input, count, through, avoiding)
    question = replace(question, max_patterns=max_patterns)
    form = question.form
    shape = loaded.graph.nodes[form.input]["shape"]
    probed = next(item.probed for item in loaded.inputs if item.name == form.input)
    lengths = {axis: None if axis in probed else shape[axis] for axis in form.spatial_axes}
    found = _Distribution(question, lengths, full=full)
    return PathHistogram(
        form.input,
        question.target,
        count,
        found.total,
        MappingProxyType(found.axes),
        found.depth,
        found.joint() if joint else None,
        with_joint=joint,
    )


class _Distribution:
    """Counts once for all axes where their states allow it, else for each axis apart."""

    def __init__(
        self, question: Question, lengths: Mapping[int, int | None], *, full: bool
    ) -> None:
        self.question, self.full = question, full
        self.plan = question.plan()
        axes = tuple(lengths)
        try:
            graphs = [state_graph(question, axes, self.plan)]
            self.together: StateGraph | None = graphs[0]
        except BoundError:
            graphs = [state_graph(question, (axis,), self.plan) for axis in axes]
            self.together = None
        last = counting.survey(graphs[0], len(graphs[0].axes))
        self.total = sum(value.total for value in last.ends.values())
        self.depth = counting.depths(graphs[0], last, full=full)
        self.axes: dict[int, AxisHistogram] = {}
        for made in graphs:
            for column, axis in enumerate(made.axes):
                self.axes[axis] = self._axis(made, column, lengths)

    def _axis(
        self, made: StateGraph, column: int, lengths: Mapping[int, int | None]
    ) -> AxisHistogram:
        axis = made.axes[column]
        for earlier in range(column):
            if counting.same_columns(made, earlier, column):
                counts = self.axes[made.axes[earlier]]
                covering = _covering(counts.counts, lengths[axis])
                return replace(counts, axis=axis, covering=covering)
        return _axis(made, column, lengths[axis], full=self.full)

    def joint(self) -> Mapping[tuple[int, ...], int] | None:
        """Return the joint distribution, None beyond the bounds."""
        listed = self.depth is not None and None not in [one.counts for one in self.axes.values()]
        if self.together is None or not listed:
            return None
        columns = range(1, len(self.axes))
        if all(counting.same_columns(self.together, 0, column) for column in columns):
            # Every path is as large on one axis as on the others.
            first = next((axis.counts for axis in self.axes.values()), None) or {}
            return {(size,) * len(self.axes): number for size, number in first.items()}
        return counting.joint(self.together, full=self.full)


def _axis(made: StateGraph, column: int, length: int | None, *, full: bool) -> AxisHistogram:
    survey = counting.survey(made, column)
    numbers = {kind: _total(made, survey, kind) for kind in Kind}
    found = counting.size_moments(made, survey)
    mean = variance = None
    if found is not None:
        mean = Fraction(found.first, found.total)
        variance = Fraction(found.second, found.total) - mean * mean
    counts = counting.sizes(made, survey, full=full)
    return AxisHistogram(
        made.axes[column],
        numbers[Kind.LOCAL],
        numbers[Kind.ONE_SIDED],
        numbers[Kind.GLOBAL],
        numbers[Kind.UNKNOWN],
        None if counts is None else MappingProxyType(counts),
        found.least if found else None,
        found.largest if found else None,
        mean,
        variance,
        _covering(counts, length),
    )


def _covering(counts: Mapping[int, int] | None, length: int | None) -> int | None:
    if counts is None or length is None:
        return None
    return sum(number for size, number in counts.items() if size >= length)


def _total(made: StateGraph, survey: Survey, kind: Kind) -> int:
    return sum(value.total for value in counting.of_kind(made, survey, kind).values())


def report(count: Count, entries: Sequence[Json]) -> Json:
    """Return the JSON report of `rfgraph paths`."""
    return {"schema": 1, "version": __version__, "count": count, "paths": list(entries)}


def histogram_html(histogram: PathHistogram) -> str:
    """Return the distribution over paths as a table with a row for each spatial axis."""
    rows = [
        (
            str(axis.axis),
            decimal(axis.local),
            span(axis.min, axis.max),
            "-" if axis.mean is None else f"{float(axis.mean):.6g}",
            "-" if axis.median is None else str(axis.median),
            "-" if axis.std is None else f"{axis.std:.6g}",
        )
        for axis in histogram.axes.values()
    ]
    caption = (
        f"{decimal(histogram.total)} {histogram.count} from {histogram.input} to {histogram.tensor}"
    )
    return _table(caption, ("axis", "local", "sizes", "mean", "median", "std"), rows)
