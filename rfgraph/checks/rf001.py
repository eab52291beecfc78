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
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from rfgraph.analysis.field import Finding
from rfgraph.analysis.histogram import path_histogram
from rfgraph.checks.registry import Check
from rfgraph.checks.settings import AUTO, OUTPUT, STATS, effective_share, percentile
from rfgraph.checks.subject import Measurement, Said, Subject, effective
from rfgraph.domains.fields.sizes import single_sizes
from rfgraph.errors import BoundError, UsageError
from rfgraph.wording.names import quote, some_quoted
from rfgraph.wording.numbers import join, rational_text, share

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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
    """One tensor on one input, and what is required by axis.

    Not `asked`: an output for which other tensors are, of which only what is unknown is said. The
    distribution over its paths is counted when it is needed.
    """

    subject: Subject
    item: ModelInput
    tensor: str
    output: str | None
    required: Mapping[int, int]
    asked: bool = True
    bound: str = field(default="", init=False)
    _axes: Mapping[int, AxisHistogram] | None = field(default=None, init=False)

    def histogram(self, axis: int) -> AxisHistogram | None:
        """Return the distribution along an axis, None where counting exceeds a bound."""
        if self._axes is None:
            result, count = self.subject.result, self.subject.settings.count
            try:
                self._axes = path_histogram(
                    result, tensor=self.tensor, input=self.item.name, count=count
                ).axes
            except BoundError as error:
                self._axes, self.bound = {}, f"; counting paths: {error}"
        return self._axes.get(axis)


def findings(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each tensor, input and axis that falls short."""
    place = None
    for place in _places(subject):
        said = (one.said() for one in _measurements(place) if not one.holds)
        yield from subject.along(CHECK, place.tensor, place.item, said)
    if place is None:
        names = some_quoted([item.name for item in subject.inputs()]) or "none"
        at = subject.settings.at
        what = f"tensor {quote(at)} reads" if at not in (AUTO, OUTPUT) else "the outputs read"
        yield Finding(
            CHECK.code, CHECK.severity, f"{what} nothing of the inputs to check ({names})"
        )


def measurements(subject: Subject) -> Iterator[Measurement]:
    """Yield what is asked of each tensor, input and axis, and whether it holds."""
    return chain.from_iterable(map(_measurements, _places(subject)))


def _places(subject: Subject) -> Iterator[Place]:
    """Yield where to ask, input by input; outputs for which other tensors are asked come first."""
    lengths = [(item, _required_lengths(subject, item)) for item in subject.inputs()]
    for item, required in lengths:
        targets = subject.targets(item)
        for output in dict.fromkeys(targets.values()):
            if output is not None and output not in targets:
                yield Place(subject, item, output, output, required, asked=False)
        for tensor, output in targets.items():
            yield Place(subject, item, tensor, output, required)


def _measurements(place: Place) -> Iterator[Measurement]:
    """Yield what each axis of a place has of what is asked."""
    settings = place.subject.settings
    fields = place.subject.result.receptive_field(place.tensor, place.item.name).axes
    for axis, required in place.required.items():
        field = fields[axis]
        made = partial(
            Measurement, place.tensor if place.asked else None, place.item.name, axis, required
        )
        if field.scope == "unknown":
            yield made(None, holds=False, said=partial(_unknown, field, required))
        elif place.asked:
            if settings.stat is not None:
                value = _value(place, field, settings.stat, required)
                said = partial(_short, place, field, value, required)
                yield made(value.number, holds=value.holds, said=said)
            if settings.min_covering is not None:
                part = _share_covering(place, axis, required)
                enough = part is not None and part >= settings.min_covering
                said = partial(_few, place, field, part, settings.min_covering)
                yield made(None, holds=enough, said=said)


def _required_lengths(subject: Subject, item: ModelInput) -> dict[int, int]:
    """Return what is required on each spatial axis."""
    axes, given = subject.spatial_axes(item), subject.settings.min_rf
    if given is None:
        return subject.lengths(item)
    if len(given) not in (1, len(axes)):
        raise UsageError(
            f"--min-rf requires one number, or one for each of the {len(axes)} spatial axes of "
            f"input {quote(item.name)}, found {len(given)}"
        )
    return dict(zip(axes, given * len(axes) if len(given) == 1 else given, strict=True))


def _unknown(field: Axis, required: int) -> Said:
    through = f", through {some_quoted(field.through)}" if field.through else ""
    text = f"required {required}, found unknown: what is read is not known{through}"
    return Said(field.axis, text, required=required)


def _short(place: Place, field: Axis, value: Value, required: int) -> Said:
    """Say what a statistic lacks."""
    rest = _others(place, field, value.stat, required)
    text = f"required {required}, found {value.text} ({value.stat}); {rest}"
    return Said(field.axis, text, value.stat, required, value.number)


def _few(place: Place, field: Axis, part: Fraction | None, least: Fraction) -> Said:
    """Say that too few paths cover."""
    required = place.required[field.axis]
    text = _no_share(place, field.axis) if part is None else share(part)
    wanted = f"{share(least)} of local paths to cover {required}"
    rest = _others(place, field, None, required)
    return Said(field.axis, f"required {wanted}, found {text}; {rest}", "covering", least, part)


# -- statistics ------------------------------------------------------------------------------------


def _value(place: Place, axis: Axis, stat: str, required: int) -> Value:
    if stat == "union" and axis.scope == "global":
        covers = axis.covers_input
        if covers is None:
            place.subject.length(place.item, axis.axis)
            return Value(stat, UNDETERMINED, holds=False)
        text = "the whole axis" if covers else "global, but some positions are never read"
        return Value(stat, text, covers)
    number = _number(place, axis, stat)
    if isinstance(number, str):
        return Value(stat, number, holds=False)
    return Value(stat, rational_text(number), number >= required, number)


def _number(place: Place, axis: Axis, stat: str) -> Fraction | int | str:
    """Return a statistic, or in words why there is none."""
    size: int | None = None
    part = effective_share(stat)
    if stat == "union":
        numbers = axis if axis.scope == "local" else axis.local
        size = None if numbers is None else numbers.size_min
        none = "one-sided" if axis.scope == "one-sided" else UNDETERMINED
        return none if size is None else size
    if part is not None:
        effective_field = effective(place.subject, place.item, place.tensor, part)
        size = None if effective_field is None else effective_field.axes[axis.axis].endless_size
        return UNDETERMINED if size is None else size
    if stat in ("min", "max"):
        form = place.subject.result.forms[place.item.name]
        size = single_sizes(form, place.tensor, axis.axis)[stat == "max"]
    return _of_paths(place, axis, stat) if size is None else size


def _of_paths(place: Place, axis: Axis, stat: str) -> Fraction | int | str:
    """Return a statistic of the distribution over paths, or in words why there is none."""
    histogram = place.histogram(axis.axis)
    if histogram is None or not histogram.local:
        return UNDETERMINED if histogram is None else NO_PATH
    number: Fraction | int | None
    if stat in ("min", "max", "mean"):
        number = getattr(histogram, stat)
    else:
        part = percentile(stat)
        number = histogram.median if part is None else histogram.quantile(part)
    return "beyond the bounds on listing" if number is None else number


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
        parts.append(f"--stat {join(passing)} would pass")
    if failing:
        parts.append(f"{join(failing, 'or')} would not")
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
