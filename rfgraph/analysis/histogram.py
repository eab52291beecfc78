"""The distribution of receptive fields over paths, and the paths themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, TypeVar

from rfgraph.analysis.analysis import analysis_of
from rfgraph.analysis.paths import Count, question
from rfgraph.analysis.statistics import STATISTICS, AxisHistogram
from rfgraph.analysis.view import input_lengths
from rfgraph.arguments import integer, keywords_named
from rfgraph.domains.paths import counting
from rfgraph.domains.paths.states import (
    MAX_PATTERNS,
    MAX_STATES,
    Question,
    StateGraph,
    joint_bound,
    state_graph,
)
from rfgraph.domains.scope import Scope
from rfgraph.errors import BoundError
from rfgraph.frozen import FrozenDict
from rfgraph.wording.html import html_table
from rfgraph.wording.numbers import decimal, span
from rfgraph.wording.pictures import bars

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rfgraph.analysis.analysis import Analysis
    from rfgraph.domains.fields.axis import Json
    from rfgraph.domains.paths.moments import Survey
    from rfgraph.onnxfile.reading.model_source import Source
    from rfgraph.relations.graph import Model


K = TypeVar("K")


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
        entry: Json = {
            "input": self.input,
            "tensor": self.tensor,
            "total": decimal(self.total),
            "listed": self.listed,
            "axes": [axis.to_dict(listed=self.listed) for axis in self.axes.values()],
            "depth": _pairs(self.depth) if self.listed else None,
        }
        if self.with_joint:
            entry["joint"] = (
                [[list(sizes), decimal(n)] for sizes, n in self.joint.items()]
                if self.joint is not None and self.listed
                else None
            )
        return entry

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


def _pairs(counts: Mapping[int, int] | None) -> list[list[int | str]] | None:
    return (
        None if counts is None else [[number, decimal(count)] for number, count in counts.items()]
    )


@keywords_named
def path_histogram(
    model: Model | Analysis | Source,
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

    `input` may be left out when the model has one; without `tensor` it is the output or, where no
    local path reaches that, the tensor of its `before_global`, UsageError if there are several. A
    node stands for the tensor that it makes. `count` is "routes" (paths that differ only in
    pointwise edges, or in the parts of a Concat that are all moved from one tensor, are one, unless
    a part is named by `through`) or "paths". `joint` adds the joint distribution over the axes,
    `full` lists histograms of any length. `through` and `avoiding` name operators or tensors.
    `max_patterns` bounds the tables that shifted windows and their like take, in entries of 16
    bytes; BoundError beyond. An empty distribution if nothing leads there; UsageError for unknown
    names.
    """
    result = analysis_of(model, input)
    asked = question(result, tensor, input, count, through, avoiding)
    asked = replace(asked, max_patterns=integer("max_patterns", max_patterns))
    source, axes = asked.form.input, asked.form.spatial_axes
    lengths = input_lengths(result.input(source))
    counter = _Counter(asked, {axis: lengths[axis] for axis in axes}, full=full)
    return PathHistogram(
        source,
        asked.target,
        count,
        counter.total,
        FrozenDict(counter.axes),
        _frozen(counter.depth),
        _frozen(counter.joint()) if joint else None,
        with_joint=joint,
    )


def _frozen(counts: Mapping[K, int] | None) -> Mapping[K, int] | None:
    return None if counts is None else FrozenDict(counts)


class _Counter:
    """Counts once for all axes where their states allow it, else for each axis apart."""

    def __init__(self, asked: Question, lengths: Mapping[int, int | None], *, full: bool) -> None:
        self.full = full
        plan, axes = asked.plan(), tuple(lengths)
        try:
            bound = joint_bound(plan) if len(axes) > 1 else MAX_STATES
            graphs = [state_graph(asked, axes, plan, bound)]
            self.together: StateGraph | None = graphs[0]
        except BoundError:
            graphs = [state_graph(asked, (axis,), plan) for axis in axes]
            self.together = None
        last = counting.survey(graphs[0], len(graphs[0].axes))
        self.total = sum(value.total for value in last.ends.values())
        self.depth = counting.depths(graphs[0], last, full=full)
        self.axes: dict[int, AxisHistogram] = {}
        for states in graphs:
            for column, axis in enumerate(states.axes):
                self.axes[axis] = self._axis(states, column, lengths)

    def _axis(
        self, states: StateGraph, column: int, lengths: Mapping[int, int | None]
    ) -> AxisHistogram:
        axis = states.axes[column]
        for earlier in range(column):
            if counting.same_columns(states, earlier, column):
                counts = self.axes[states.axes[earlier]]
                covering = _count_covering(counts.counts, lengths[axis])
                return replace(counts, axis=axis, covering=covering)
        return _axis(states, column, lengths[axis], full=self.full)

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


def _axis(states: StateGraph, column: int, length: int | None, *, full: bool) -> AxisHistogram:
    survey = counting.survey(states, column)
    numbers = {scope: _total(states, survey, scope) for scope in Scope}
    moments = counting.size_moments(states, survey)
    mean = variance = None
    if moments is not None:
        mean = Fraction(moments.first, moments.total)
        variance = Fraction(moments.second, moments.total) - mean * mean
    counts = counting.sizes(states, survey, full=full)
    return AxisHistogram(
        states.axes[column],
        numbers[Scope.LOCAL],
        numbers[Scope.BEFORE] + numbers[Scope.AFTER],
        numbers[Scope.GLOBAL],
        numbers[Scope.UNKNOWN],
        _frozen(counts),
        moments.least if moments else None,
        moments.largest if moments else None,
        mean,
        variance,
        _count_covering(counts, length),
    )


def _count_covering(counts: Mapping[int, int] | None, length: int | None) -> int | None:
    if counts is None or length is None:
        return None
    return sum(number for size, number in counts.items() if size >= length)


def _total(states: StateGraph, survey: Survey, scope: Scope) -> int:
    return sum(value.total for value in counting.of_scope(states, survey, scope).values())


def histogram_html(histogram: PathHistogram) -> str:
    """Return the distribution over paths as a table with a row for each spatial axis."""
    told = [item for item in STATISTICS if item.row]
    rows = [
        (
            str(axis.axis),
            decimal(axis.local),
            span(axis.min, axis.max),
            *(item.text(axis) for item in told),
        )
        for axis in histogram.axes.values()
    ]
    caption = (
        f"{decimal(histogram.total)} {histogram.count} from {histogram.input} to {histogram.tensor}"
    )
    header = ("axis", "local", "sizes", *(item.column for item in told))
    drawn: dict[str, None] = {}
    for axis in histogram.axes.values():
        if axis.counts:
            drawn[bars(axis.counts, f"paths by size, {span(axis.min, axis.max)}")] = None
    return html_table(caption, header, rows) + "".join(drawn)
