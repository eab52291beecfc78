"""Which pairs of input and tensor the distribution is counted for, and the counts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from rfgraph.analysis.before_global import local_ends
from rfgraph.analysis.histogram import path_histogram
from rfgraph.analysis.view import input_lengths
from rfgraph.errors import BoundError
from rfgraph.relations.graph import shape_of
from rfgraph.wording.numbers import share, short

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rfgraph.analysis.analysis import Analysis
    from rfgraph.analysis.histogram import PathHistogram
    from rfgraph.analysis.paths import Path
    from rfgraph.analysis.statistics import AxisHistogram
    from rfgraph.analysis.view import View
    from rfgraph.relations.axis_rules import Shape


# Beside the fields of a model the distribution may take a fraction of a second, not more.
MAX_BESIDE = 1 << 20
NO_PATHS = "The model has no inputs, and so no paths."


@dataclass(frozen=True, slots=True)
class Distribution:
    """One distribution and what to show beside it.

    `lengths` are the input's by axis, None where the file leaves one open. `histogram` is None
    where counting exceeds the bound that `bound` names. `first` are the paths of `--list`.
    """

    input: str
    tensor: str
    shape: Shape | None
    lengths: Mapping[int, int | None]
    histogram: PathHistogram | None
    bound: str | None = None
    first: tuple[Path, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of the JSON report; nulls, and the bound, where it was not counted."""
        if self.histogram is None:
            absent = {"total": None, "listed": False, "axes": None, "depth": None}
            return {"input": self.input, "tensor": self.tensor, **absent, "bound": self.bound}
        entry = self.histogram.to_dict()
        if self.first is not None:
            entry["list"] = [path.to_dict() for path in self.first]
        return entry


def pairs(view: View) -> list[tuple[str, str]]:
    """Return the pairs of input and tensor to count for.

    Without `--tensor` these are the outputs; instead of an output without a local path from the
    input, its `before_global` tensors.
    """
    if view.tensors is not None:
        return [(source, tensor) for tensor in view.tensors for source in view.inputs]
    model, forms = view.result.model, view.result.forms
    ends = (
        (source, tensor)
        for output in model.outputs
        for source in view.inputs
        for tensor in local_ends(model, forms[source], output)
    )
    return list(dict.fromkeys(ends))


def distribution_of(
    result: Analysis,
    source: str,
    tensor: str,
    count: Callable[..., PathHistogram] = path_histogram,
    first: Callable[..., tuple[Path, ...]] | None = None,
) -> Distribution:
    """Count the paths of one pair.

    `count` is `path_histogram` with its options, `first` returns the paths to list; both are called
    with the result and the pair as `tensor` and `input`.
    """
    shape = shape_of(result.graph, tensor)
    lengths = input_lengths(result.input(source))
    try:
        histogram = count(result, tensor=tensor, input=source)
        listed = None if first is None else first(result, tensor=tensor, input=source)
    except BoundError as error:
        return Distribution(source, tensor, shape, lengths, None, str(error))
    return Distribution(source, tensor, shape, lengths, histogram, None, listed)


def quick_distribution(result: Analysis, source: str, tensor: str) -> Distribution:
    """Count the paths of one pair for a report on fields, unless that takes long."""
    return distribution_of(result, source, tensor, partial(path_histogram, max_patterns=MAX_BESIDE))


def all_distributions(
    view: View,
    count: Callable[..., PathHistogram] = path_histogram,
    first: Callable[..., tuple[Path, ...]] | None = None,
) -> list[Distribution]:
    """Count the paths of every pair; BoundError where that succeeds for none."""
    entries = [distribution_of(view.result, *pair, count, first) for pair in pairs(view)]
    bounds = [item.bound for item in entries if item.bound is not None]
    if bounds and len(bounds) == len(entries):
        raise BoundError(bounds[0])
    return entries


def alike_axes(shown: Distribution) -> list[list[AxisHistogram]]:
    """Return the axes, those with the same distribution and the same input length together."""
    same: dict[object, list[AxisHistogram]] = {}
    for axis in shown.histogram.axes.values() if shown.histogram else ():
        counts = None if axis.counts is None else tuple(axis.counts.items())
        scopes = (axis.local, axis.one_sided, axis.global_, axis.unknown)
        numbers = (axis.min, axis.max, axis.mean, axis.variance)
        key = (scopes, numbers, counts, shown.lengths[axis.axis])
        same.setdefault(key, []).append(axis)
    return list(same.values())


def noun(histogram: PathHistogram) -> str:
    """Return what is counted: "routes" or "paths", or the singular of one."""
    return histogram.count.removesuffix("s") if histogram.total == 1 else histogram.count


def covering_text(number: int, local: int) -> str:
    """Return in words how many of the local paths are at least as long as the input."""
    if number in (0, local):
        return "all cover the input" if number else "none covers the input"
    return f"{share(number, local)} cover the input"


def other_scopes(axis: AxisHistogram, said: Callable[[int], str] = short) -> list[str]:
    """Return in words, with counts as `said`, how many paths are not local on an axis."""
    return [f"{said(count)} {word}" for word, count in axis.not_local.items()]
