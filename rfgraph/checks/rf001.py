"""The receptive field does not reach what is required.

At each output, or where an output has no local path (after a global pooling or a flatten) at the
feature maps that feed it, the receptive field must be at least as large as the input on every
spatial axis: a unit that reads less cannot answer what the whole input shows. By default this is
asked of the smallest of all paths from the input to the tensor (--stat min), for that is what
every path then fulfils; in a network with skip connections the paths differ, and the smallest is
small.

Why it matters: Araujo, Norris and Sim ("Computing Receptive Fields of Convolutional Neural
Networks", Distill 2019) find that accuracy grows with the receptive field until it covers the
input; Veit et al. (2016) that in residual networks the short paths carry most of the gradient.

How to fix it: more stride early, larger windows or dilation, more layers, or a smaller input
(--suggest says which, and tries each). If
the region itself is what counts, and not every path, ask for --stat union; for most paths ask
for --stat median or --min-covering 0.5; for the part of the field that matters, --stat erf95.

How to silence it: --min-rf N for a required number of positions, --at TENSOR for another place,
--ignore RF001.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from rfgraph.analysis.field import Finding
from rfgraph.analysis.histogram import path_histogram
from rfgraph.checks.registry import Check
from rfgraph.checks.settings import AUTO, OUTPUT, STATS, effective_share, percentile
from rfgraph.checks.subject import Measurement, Said, Subject, effective
from rfgraph.domains.fields.sizes import single_sizes
from rfgraph.errors import BoundError, UsageError
from rfgraph.wording.names import quoted, some_quoted
from rfgraph.wording.numbers import joined, rational_text, share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rfgraph.analysis.statistics import AxisHistogram
    from rfgraph.domains.fields.axis import Axis
    from rfgraph.relations.graph import ModelInput


CHECK = Check("RF001", "error", "The receptive field does not reach what is required")

UNDETERMINED = "could not be determined"
NO_PATH = "no local path"


class Value(NamedTuple):
    """What a statistic found, in words, whether it reaches what is required, and the number."""

    stat: str
    text: str
    holds: bool
    number: Fraction | int | None = None


@dataclass(slots=True)
class Place:
    """One tensor on one input; the distribution over its paths is counted when it is needed."""

    subject: Subject
    item: ModelInput
    tensor: str
    output: str | None
    bound: str = field(default="", init=False)
    _axes: dict[int, AxisHistogram] | None = field(default=None, init=False)

    def histogram(self, axis: int) -> AxisHistogram | None:
        """Return the distribution along an axis, None where counting exceeds a bound."""
        if self._axes is None:
            try:
                counted = path_histogram(
                    self.subject.result,
                    tensor=self.tensor,
                    input=self.item.name,
                    count=self.subject.settings.count,
                )
                self._axes = dict(counted.axes)
            except BoundError as error:
                self._axes, self.bound = {}, f"; counting paths: {error}"
        return self._axes.get(axis)

    def findings(
        self, say: Callable[[Place, int, int], Iterator[Said]], required: Mapping[int, int]
    ) -> Iterator[Finding]:
        """Yield what `say` says of each axis, given what is required there."""
        said = (one for axis, least in required.items() for one in say(self, axis, least))
        yield from self.subject.along(CHECK, self.tensor, self.item, said)


def findings(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each tensor, input and axis that falls short."""
    asked = False
    items = subject.inputs()
    required = {item.name: _required_lengths(subject, item) for item in items}
    for item in items:
        yield from _unknown_outputs(subject, item, required[item.name])
        for tensor, output in subject.targets(item).items():
            asked = True
            place = Place(subject, item, tensor, output)
            yield from place.findings(_shortfalls, required[item.name])
    if not asked:
        names = some_quoted([item.name for item in items]) or "none"
        at = subject.settings.at
        what = f"tensor {quoted(at)} reads" if at not in (AUTO, OUTPUT) else "the outputs read"
        yield Finding(
            CHECK.code, CHECK.severity, f"{what} nothing of the inputs to check ({names})"
        )


def measurements(subject: Subject) -> Iterator[Measurement]:
    """Yield what is asked of each tensor, input and axis, and whether it holds, without words."""
    for item in subject.inputs():
        required = _required_lengths(subject, item)
        unknown = (said.axes for said in _unknown_outputs(subject, item, required))
        for axis in chain.from_iterable(unknown):
            yield Measurement(None, item.name, axis, required[axis], None, holds=False)
        for tensor, output in subject.targets(item).items():
            place = Place(subject, item, tensor, output)
            for axis, least in required.items():
                yield from _measured(place, axis, least)


def _measured(place: Place, axis: int, required: int) -> Iterator[Measurement]:
    subject, settings = place.subject, place.subject.settings
    field = subject.result.receptive_field(place.tensor, place.item.name).axes[axis]
    known = field.scope != "unknown"
    pair = place.tensor, place.item.name, axis
    if settings.stat is not None:
        value = _value(place, field, settings.stat, required)
        yield Measurement(*pair, required, value.number, holds=known and value.holds)
    if settings.min_covering is not None:
        part = _share_covering(place, axis, required)
        enough = part is not None and part >= settings.min_covering
        yield Measurement(*pair, required, None, holds=known and enough)


def _unknown_outputs(
    subject: Subject, item: ModelInput, required: dict[int, int]
) -> Iterator[Finding]:
    """Yield the axes that are unknown at an output for which other tensors are asked."""
    targets = subject.targets(item)
    for output in dict.fromkeys(targets.values()):
        if output is not None and output not in targets:
            place = Place(subject, item, output, output)
            yield from place.findings(_unknown_axis, required)


def _unknown_axis(place: Place, axis: int, required: int) -> Iterator[Said]:
    """Say so if what the tensor reads along an axis is not known."""
    field = place.subject.result.receptive_field(place.tensor, place.item.name).axes[axis]
    if field.scope == "unknown":
        through = f", through {some_quoted(field.through)}" if field.through else ""
        text = f"required {required}, found unknown: what is read is not known{through}"
        yield Said(axis, text, required=required)


def _required_lengths(subject: Subject, item: ModelInput) -> dict[int, int]:
    """Return what is required on each spatial axis."""
    axes = subject.spatial_axes(item)
    given = subject.settings.min_rf
    if given is None:
        return {axis: subject.length(item, axis) for axis in axes}
    if len(given) not in (1, len(axes)):
        raise UsageError(
            f"--min-rf requires one number, or one for each of the {len(axes)} spatial axes of "
            f"input {quoted(item.name)}, found {len(given)}"
        )
    return dict(zip(axes, given * len(axes) if len(given) == 1 else given, strict=True))


def _shortfalls(place: Place, axis: int, required: int) -> Iterator[Said]:
    """Say what a tensor lacks along an axis."""
    subject = place.subject
    field = subject.result.receptive_field(place.tensor, place.item.name).axes[axis]
    if field.scope == "unknown":
        yield from _unknown_axis(place, axis, required)
        return
    stat, least = subject.settings.stat, subject.settings.min_covering
    if stat is not None:
        value = _value(place, field, stat, required)
        if not value.holds:
            rest = _others(place, field, stat, required)
            text = f"required {required}, found {value.text} ({stat}); {rest}"
            yield Said(axis, text, stat, required, value.number)
    if least is not None:
        part = _share_covering(place, axis, required)
        if part is None or part < least:
            text = _no_share(place, axis) if part is None else share(part)
            wanted = f"{share(least)} of local paths to cover {required}"
            rest = _others(place, field, None, required)
            text = f"required {wanted}, found {text}; {rest}"
            yield Said(axis, text, "covering", least, part)


# -- statistics ------------------------------------------------------------------------------------


def _value(place: Place, axis: Axis, stat: str, required: int) -> Value:
    if stat == "union":
        return _union(place, axis, required)
    if stat in ("min", "max"):
        return _extreme(place, axis, stat, required)
    effective_part = effective_share(stat)
    if effective_part is not None:
        return _effective(place, axis, stat, effective_part, required)
    histogram = place.histogram(axis.axis)
    if histogram is None:
        return Value(stat, UNDETERMINED, holds=False)
    if not histogram.local:
        return Value(stat, NO_PATH, holds=False)
    number = histogram.mean
    if stat != "mean":
        part = Fraction(1, 2) if stat == "median" else percentile(stat)
        number = _fraction(None if part is None else histogram.quantile(part))
    if number is None:
        return Value(stat, "beyond the bounds on listing", holds=False)
    return Value(stat, rational_text(number), number >= required, number)


def _effective(place: Place, axis: Axis, stat: str, part: float, required: int) -> Value:
    """Return the size of the effective field, without borders where that is known."""
    found = effective(place.subject, place.item, place.tensor, part)
    size = None if found is None else found.axes[axis.axis].endless_size
    if size is None:
        return Value(stat, UNDETERMINED, holds=False)
    return Value(stat, str(size), size >= required, size)


def _fraction(number: int | None) -> Fraction | None:
    return None if number is None else Fraction(number)


def _union(place: Place, axis: Axis, required: int) -> Value:
    if axis.scope == "global":
        covers = axis.covers_input
        if covers is None:
            place.subject.length(place.item, axis.axis)
            return Value("union", UNDETERMINED, holds=False)
        text = "the whole axis" if covers else "global, but some positions are never read"
        return Value("union", text, covers)
    numbers = axis if axis.scope == "local" else axis.local
    size = None if numbers is None else numbers.size_min
    if size is None:
        text = "one-sided" if axis.scope == "one-sided" else UNDETERMINED
        return Value("union", text, holds=False)
    return Value("union", rational_text(size), size >= required, size)


def _extreme(place: Place, axis: Axis, stat: str, required: int) -> Value:
    sizes = single_sizes(place.subject.result.forms[place.item.name], place.tensor, axis.axis)
    size = sizes[stat == "max"]
    if size is None:
        histogram = place.histogram(axis.axis)
        if histogram is None:
            return Value(stat, UNDETERMINED, holds=False)
        if not histogram.local:
            return Value(stat, NO_PATH, holds=False)
        size = histogram.min if stat == "min" else histogram.max
    if size is None:
        return Value(stat, UNDETERMINED, holds=False)
    return Value(stat, rational_text(size), size >= required, size)


def _share_covering(place: Place, axis: int, required: int) -> Fraction | None:
    """Return the share of local paths that cover, None if there is none or it is not known."""
    histogram = place.histogram(axis)
    if histogram is None or histogram.counts is None or not histogram.local:
        return None
    covering = sum(count for size, count in histogram.counts.items() if size >= required)
    return Fraction(covering, histogram.local)


def _no_share(place: Place, axis: int) -> str:
    histogram = place.histogram(axis)
    return UNDETERMINED if histogram is None or histogram.local else NO_PATH


# -- the rest of the message -----------------------------------------------------------------------


def _others(place: Place, axis: Axis, asked: str | None, required: int) -> str:
    """Say how the other statistics stand, and which of them would pass."""
    values = [_value(place, axis, stat, required) for stat in _ORDER if stat != asked]
    passing = _by_number([value for value in values if value.holds])
    failing = _by_number([value for value in values if not value.holds])
    parts = []
    if passing:
        parts.append(f"--stat {joined(passing)} would pass")
    if failing:
        parts.append(f"{joined(failing, 'or')} would not")
    text = ", ".join(parts)
    part = _share_covering(place, axis.axis, required)
    if part is not None and asked is not None:
        text += f"; {share(part)} of local paths cover it"
    return text + place.bound + _at_output(place, axis.axis, passes=bool(passing))


def _by_number(values: Sequence[Value]) -> list[str]:
    """Return statistics in words, each number once, after the last of those that have it."""
    same: dict[str, list[str]] = {}
    for value in values:
        same.setdefault(value.text, []).append(value.stat)
    return [word for text, stats in same.items() for word in (*stats[:-1], f"{stats[-1]} ({text})")]


_ORDER = tuple(sorted(STATS, key="union max min mean median".split().index))


def _at_output(place: Place, axis: int, *, passes: bool) -> str:
    """Say so where nothing passes here, but the output that this tensor feeds reads everything."""
    if passes or place.output in (None, place.tensor):
        return ""
    field = place.subject.result.receptive_field(place.output, place.item.name).axes[axis]
    if field.scope != "global" or not field.covers_input:
        return ""
    return "; --at output --stat union (the whole axis) would pass"
