"""What a picture of distributions shows, computed exactly; nothing here draws."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from rfgraph.analysis.distributions import alike_axes, covering_text, noun, other_scopes
from rfgraph.analysis.statistics import STATISTICS
from rfgraph.errors import UsageError
from rfgraph.reports.formats.histogram import bins_of
from rfgraph.wording.numbers import axes_text, log10, short, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.analysis.distributions import Distribution
    from rfgraph.analysis.histogram import PathHistogram
    from rfgraph.analysis.statistics import AxisHistogram


MAX_PANELS = 24
# More sizes than this are drawn without gaps; where the slots between them are more than this,
# neighbouring sizes share a bar.
SEPARATE, MOST_SIZES, MOST_SLOTS, COLUMNS = 100, 60, 600, 300
MOST_TICKS = 10
# Counts that span as many decades are drawn with logarithmic bars.
DECADES = 5
TIMES = "\N{MULTIPLICATION SIGN}"
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
# An axis holds larger sizes than floats do; such are no receptive fields of anything that runs.
_MOST_SIZE = 10**15


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars by their left edges, in input positions, and exact counts; `sizes` to a bar."""

    lefts: Sequence[float]
    width: float
    counts: Sequence[int]
    sizes: int = 1


@dataclass(frozen=True, slots=True)
class Panel:
    """One histogram: where it comes from, its bars (None: `facts` say why not), and its marks.

    `ticks` are the sizes, where they are few enough to be written below their bars.
    """

    tensor: str
    facts: tuple[str, str]
    label: str
    noun: str
    bars: Bars | None
    span: tuple[int, int] = (0, 0)
    length: int | None = None
    ticks: Sequence[int] = ()


def panels(entries: Sequence[Distribution]) -> list[Panel]:
    """Return a panel for each pair and for each of its axes that differ from the others.

    UsageError where there is nothing to draw, or more than can be seen.
    """
    useful = [item for item in entries if item.histogram is None or item.histogram.total]
    shown = useful or list(entries)
    several = len({item.input for item in shown}) > 1
    drawn = [panel for item in shown for panel in _panels(item, several=several)]
    if not drawn:
        raise UsageError("the model has no inputs, and so no paths to draw")
    if len(drawn) > MAX_PANELS:
        raise UsageError(
            f"a picture requires at most {MAX_PANELS} histograms, found {len(drawn)}:"
            " choose some by --tensor or --input"
        )
    return drawn


def _panels(item: Distribution, *, several: bool) -> list[Panel]:
    name = f"{item.tensor} from {item.input}" if several else item.tensor
    histogram = item.histogram
    if histogram is None:
        return [Panel(name, ("not counted", item.bound or ""), "", "paths", None)]
    if not histogram.total:
        return [Panel(name, ("no path leads there", ""), "", histogram.count, None)]
    if not histogram.axes:
        facts = (f"{_many(histogram.total)} {histogram.count}", "the input has no axes")
        return [Panel(name, facts, "", histogram.count, None)]
    return [_panel(name, item, histogram, axes) for axes in alike_axes(item)]


def _panel(
    name: str, item: Distribution, histogram: PathHistogram, axes: Sequence[AxisHistogram]
) -> Panel:
    first = axes[0]
    label = f"receptive field size along {axes_text([axis.axis for axis in axes])}"
    facts = _facts(first, histogram, item.lengths[first.axis])
    bars = _bars(first)
    noun = histogram.count if first.local == histogram.total else f"local {histogram.count}"
    if bars is None or first.min is None or first.max is None:
        return Panel(name, facts, label, noun, None)
    span, length = (first.min, first.max), item.lengths[first.axis]
    ticks = _ticks(list(first.counts or ()))
    return Panel(name, facts, label, noun, bars, span, length, ticks)


def _ticks(sizes: Sequence[int]) -> Sequence[int]:
    """Return the sizes, if their numbers fit below the bars."""
    apart = 0.06 * (sizes[-1] - sizes[0])
    fit = len(sizes) <= MOST_TICKS and all(b - a >= apart for a, b in pairwise(sizes))
    return sizes if fit else ()


def _facts(axis: AxisHistogram, histogram: PathHistogram, length: int | None) -> tuple[str, str]:
    """Return the two lines above the bars: how many paths, and how their sizes are."""
    scopes = other_scopes(axis, _many)
    if scopes and axis.local:
        scopes.insert(0, f"{_many(axis.local)} local")
    first = ": ".join(
        filter(None, (f"{_many(histogram.total)} {noun(histogram)}", ", ".join(scopes)))
    )
    if not axis.local:
        return first, "no path is local"
    if axis.counts is None or (axis.max or 0) > _MOST_SIZE:
        least, most = (_superscript(whole(size)) for size in (axis.min, axis.max))
        return first, f"too many sizes to draw: {least} to {most}"
    facts = [f"size {axis.min}"]
    if axis.min != axis.max:
        facts = [f"{item.column} {item.text(axis, 4)}" for item in STATISTICS if item.is_drawn]
    if length is not None and axis.covering is not None:
        text = covering_text(axis.covering, axis.local)
        text = text.replace("more than", ">").replace("less than", "<")
        facts.append(text if axis.covering in (0, axis.local) else f"{text} (dark)")
    return first, ("local: " if scopes else "") + ", ".join(facts)


def _many(number: int) -> str:
    """Return a count as a picture shows it, with a power of ten where it is long."""
    return _superscript(short(number))


def _superscript(text: str) -> str:
    """Return a number with its power of ten in characters, which need no markup."""
    mantissa, long, exponent = text.partition(" * 10^")
    return f"{mantissa} {TIMES} {power_of_ten(int(exponent))}" if long else text


def power_of_ten(exponent: int) -> str:
    """Return 10²⁷ in characters, which need no markup."""
    return f"10{str(exponent).translate(SUPERSCRIPTS)}"


def _bars(axis: AxisHistogram) -> Bars | None:
    counts = axis.counts
    if not counts or axis.max is None or axis.max > _MOST_SIZE:
        return None
    sizes = list(counts)
    gaps = [b - a for a, b in pairwise(sizes)]
    slots = (sizes[-1] - sizes[0]) // math.gcd(*gaps) + 1 if gaps else 1
    if len(sizes) > MOST_SIZES and slots > MOST_SLOTS:
        bins = bins_of(counts, COLUMNS)
        half = 0.5 * math.gcd(*gaps)
        kept = [(number, count) for number, count in enumerate(bins.counts) if count]
        lefts = [bins.least + number * bins.width - half for number, _ in kept]
        together = bins.width // math.gcd(*gaps)
        return Bars(lefts, bins.width, [count for _, count in kept], together)
    width = _width(sizes, gaps)
    return Bars([size - width / 2 for size in sizes], width, list(counts.values()))


def _width(sizes: Sequence[int], gaps: Sequence[int]) -> float:
    """Return how wide bars at these sizes are drawn: narrow enough to be told apart."""
    if not gaps:
        return 0.05 * max(sizes[0], 1)
    if len(sizes) > SEPARATE:
        return min(gaps)
    return min(0.8 * min(gaps), (sizes[-1] - sizes[0]) / 25)


# -- counts as heights -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Heights:
    """Bar heights that floats hold, from `bottom` up, and the ticks of their axis."""

    values: Sequence[float]
    bottom: float
    ticks: Sequence[tuple[float, str]]
    label: str


def spans_decades(bars: Bars) -> bool:
    """Whether the counts are better drawn by their logarithms."""
    return log10(max(bars.counts)) - log10(min(bars.counts)) >= DECADES


def heights(bars: Bars, noun: str, *, log: bool) -> Heights:
    """Return the heights of bars, in units of a power of ten or as decimal logarithms."""
    label = f"number of {noun}"
    if bars.sizes > 1:
        label = f"{noun} per {bars.sizes} sizes"
    return _logarithmic(bars, label) if log else _linear(bars, label)


def _linear(bars: Bars, label: str) -> Heights:
    peak = max(bars.counts)
    exponent = int(log10(peak)) if peak >= 10**5 else 0
    if exponent:
        label += f" ({TIMES} {power_of_ten(exponent)})"
    values = [float(Fraction(count, 10**exponent)) for count in bars.counts]
    step = _round_step(max(values) / 5.5, whole_only=not exponent)
    ticks = [
        (number * step, f"{number * step:.10g}") for number in range(int(max(values) / step) + 1)
    ]
    return Heights(values, 0.0, ticks, label)


def _round_step(wanted: float, *, whole_only: bool) -> float:
    """Return the least of 1, 2, 5 times a power of ten that is not below `wanted`."""
    if wanted <= 1 and whole_only:
        return 1.0
    scale = 10.0 ** math.floor(math.log10(wanted))
    return next(factor * scale for factor in (1, 2, 5, 10) if factor * scale >= wanted * (1 - 1e-9))


def _logarithmic(bars: Bars, label: str) -> Heights:
    """A count of one has the logarithm zero, so bars start below that."""
    values = [log10(count) for count in bars.counts]
    least, most = min(values), max(values)
    bottom = math.floor(least) - max(0.3, 0.03 * (most - least))
    every = int(_round_step((most - least) / 6, whole_only=True))
    first = math.ceil(bottom / every) * every
    ticks = [
        (float(exponent), "1" if exponent == 0 else power_of_ten(exponent))
        for exponent in range(first, math.floor(most) + 1, every)
    ]
    return Heights(values, bottom, ticks, f"{label} (log scale)")
