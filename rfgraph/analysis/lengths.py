"""Which lengths of an input axis a network accepts, and which operators change with the length."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from rfgraph.domains.joined import edges_over, joins_by_axis
from rfgraph.domains.moved import Moved
from rfgraph.domains.movement import MERGED, Break
from rfgraph.relations.axis_rules import Band, Blocks, Resample, Shift, Transposed, Window
from rfgraph.relations.graph import edges_from, edges_into, producer_of, shape_of
from rfgraph.relations.reading import reads_the_only
from rfgraph.relations.steps import Prefix, Reduce, Select, Taps
from rfgraph.wording.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.analysis.other_lengths import OtherLengths
    from rfgraph.domains.movement import Movement
    from rfgraph.relations.axis_rules import AxisRule
    from rfgraph.relations.graph import Edge, Graph, Model, ModelInput
    from rfgraph.relations.operator import Operator

SAMPLED = "its sampling depends on the length"
UNEVEN = "its length does not follow that of the input"

# How many operators may be built to find the lengths along one axis.
MAX_BUILT = 8_000
# A longer period is not tried.
MAX_STEP = 1 << 14
# So many lengths at least are tried where steps do not tell what repeats.
FEW = 32


@dataclass(frozen=True, slots=True)
class Lengths(Record):
    """The lengths that an open axis accepts: from `least` on, those of `residues` modulo `step`.

    `lossless` are the residues of those at which no position is lost behind the last window of a
    stride. `residues` is None where they are too many to try; then `lossless` are those tried.
    All but `least` are None where the file fixes the length.
    """

    least: int
    step: int | None = None
    residues: tuple[int, ...] | None = None
    lossless: tuple[int, ...] | None = None

    @property
    def is_fixed(self) -> bool:
        """Whether the file fixes the length."""
        return self.step is None

    def even(self) -> tuple[int, ...]:
        """Return the residues to build upon: those that lose nothing, else those accepted."""
        return self.lossless or self.residues or ()

    @property
    def loses_some(self) -> bool:
        """Whether of the lengths that are accepted some are known to lose positions."""
        return self.residues is not None and self.lossless not in (None, (), self.residues)

    def loses(self, length: int) -> bool:
        """Whether positions are known to be lost at a length that is accepted."""
        if self.step is None or self.lossless is None or not self.loses_some:
            return False
        return length % self.step not in self.lossless


def accepted_lengths(
    others: OtherLengths, source: ModelInput, axis: int, moving: Movement, shared: int = 1
) -> tuple[Lengths, tuple[Break, ...]]:
    """Return the lengths that an axis accepts, and what differs between those that lose nothing.

    Axes of the same length move in steps of `shared`. Shapes are evaluated at each length of one
    period, as many as MAX_BUILT operators allow; of a few periods where some tensors change with
    the length but do not move, or longer inputs are refused: what merges may have fitted by chance.
    """
    length = source.shape[axis]
    if axis not in source.symbolic or others.made is None:
        return Lengths(length), ()
    step = math.lcm(moving.step, shared)
    if step > MAX_STEP:
        return Lengths(length, step, None, ()), ()
    trials = max(MAX_BUILT // max(others.model.nodes, 1), 2)
    takes = _Taking(others, source, axis, moving)
    few = step + length.bit_length() > trials
    tried = range(length, length + step)
    if few:
        tried = range(length + -length % step, length + -length % step + 1)
    elif any(takes.otherwise(length + turns * step) for turns in (1, FEW // step | 1)):
        step = _repetition(takes, range(length, length + min(max(2 * step, FEW), trials)), step)
        if not step:
            return Lengths(length, math.lcm(moving.step, shared), None, ()), ()
        tried = range(length, length + step)
    models = {n: made for n in tried if (made := takes(n)) is not None}
    lossless = [n for n, made in models.items() if not loses_positions(made.graph, moving)]
    residues = (0,) if few else tuple(sorted(n % step for n in models))
    known = tuple(sorted(n % step for n in lossless))
    differing = {
        one: None
        for n in lossless[1:]
        for one in dependent(models[lossless[0]], models[n], moving, n - lossless[0])
    }
    merges = any(one.why == MERGED for one in moving.breaks)
    below = [*(n for n in range(1, length) if n % step in residues), length]
    least = _least(takes, below[-trials:] if merges else below, one_by_one=merges)
    return Lengths(least, step, None if few else residues, known), tuple(differing)


class _Taking:
    """The model at other lengths of an axis, where it accepts them and nothing becomes empty."""

    def __init__(
        self, others: OtherLengths, source: ModelInput, axis: int, moving: Movement
    ) -> None:
        self._others, self._source, self._axis = others, source, axis
        self._graph, self._values = others.model.graph, moving.values
        self._full = [n for n in moving.values if 0 not in (shape_of(self._graph, n) or ())]

    def __call__(self, length: int) -> Model | None:
        made = self._others.at(self._source, {self._axis: length})
        if made is None or any(0 in (shape_of(made.graph, n) or ()) for n in self._full):
            return None
        return made

    def at_all(self, length: int) -> bool:
        """Whether a length is accepted."""
        return self(length) is not None

    def otherwise(self, longer: int) -> bool:
        """Whether a `longer` length is refused, or changes what does not move with the axis."""
        made = self(longer)
        stuck = (name for name, value in self._values.items() if not isinstance(value, Moved))
        return made is None or any(
            shape_of(made.graph, n) != shape_of(self._graph, n) for n in stuck
        )


def _repetition(takes: _Taking, tried: range, step: int) -> int:
    """Return the least multiple of a step by which what is accepted repeats; 0 if none is seen."""
    taken = [takes.at_all(length) for length in tried]
    for period in range(step, len(taken) // 2 + 1, step):
        if taken[period:] == taken[:-period]:
            return period
    return 0


def _least(takes: _Taking, lengths: Sequence[int], *, one_by_one: bool) -> int:
    """Return the least from which on all lengths are accepted, as the last is; or by bisection."""
    if one_by_one:
        return min(takewhile(takes.at_all, reversed(lengths)), default=lengths[-1])
    return lengths[bisect_left(lengths, True, hi=len(lengths) - 1, key=takes.at_all)]


def least_alike(
    others: OtherLengths, source: ModelInput, axis: int, moving: Movement, lengths: Lengths
) -> int:
    """Return the least length, whole steps from the source's own, at which all does the same.

    A Resize to one position may sample it elsewhere.
    """
    own, step = source.shape[axis], moving.step
    if lengths.is_fixed:
        return own

    def is_alike(length: int) -> bool:
        made = others.at(source, {axis: length})
        return made is not None and not any(dependent(others.model, made, moving, length - own))

    first = lengths.least + (own - lengths.least) % step
    below = range(first, own, step)
    if below and is_alike(first):
        return first
    return min(first + step * bisect_left(below, True, 1, key=is_alike), own)


def loses_positions(graph: Graph, moving: Movement) -> bool:
    """Whether some tensor has positions behind the last window of every stride that reads it."""
    for name, value in moving.values.items():
        if isinstance(value, Moved) and name in graph:
            rests = [
                rest
                for edge in edges_from(graph, name)
                if edge.target in moving.values
                for rest in _rests(edge, value.axis)
            ]
            if rests and min(rests) > 0:
                return True
    return False


def _rests(edge: Edge, axis: int) -> Iterator[int]:
    """Yield how many positions a strided window leaves unread at the end, beside regular gaps."""
    for step in edge.relation.steps[:1]:
        for at, rule in step.rules if isinstance(step, Taps) else ():
            if at == axis and isinstance(rule, Window) and rule.stride > 1:
                gap = max(rule.stride - rule.extent, 0)
                last = (rule.out_len - 1) * rule.stride - rule.pad_begin + rule.extent - 1
                yield rule.in_len - 1 - last - gap


# -- in words -------------------------------------------------------------------------------------


def accepted_text(lengths: Lengths) -> str:
    """Say which lengths an axis accepts."""
    if lengths.step is None:
        return str(lengths.least)
    if lengths.residues is None:
        even = f"{lossless(lengths)}, which lose nothing to strides" if lengths.lossless else ""
        return f"{even or lengths.least}; others were not tried"
    return _series(lengths.least, lengths.step, lengths.residues)


def lossless(lengths: Lengths) -> str:
    """Say which of the lengths that an axis accepts lose no position to strides."""
    return _series(lengths.least, lengths.step or 1, lengths.lossless or ())


def _series(least: int, step: int, residues: Sequence[int]) -> str:
    if len(residues) == step:
        return "any length" if least == 1 else f"any length from {least} on"
    first = sorted(least + (residue - least) % step for residue in residues)
    if len(first) == 1 and first[0] == step:
        return f"multiples of {step}"
    named = ", ".join(f"{n} + {step}k" for n in first[:4])
    return named if len(first) <= 4 else f"{named} and {len(first) - 4} more such series"


# -- what depends on the length --------------------------------------------------------------------


def sampled_otherwise(
    others: OtherLengths, source: ModelInput, axis: int, moving: Movement
) -> Iterator[Operator]:
    """Yield what samples an open axis at a ratio that is another one where the axis is longer."""
    if axis not in source.symbolic or moving.step > MAX_STEP:
        return
    if not _resamples(others.model, moving):
        return
    longer = others.at(source, {axis: source.shape[axis] + moving.step})
    if longer is not None:
        for one in dependent(others.model, longer, moving, moving.step):
            if one.why == SAMPLED:
                yield one.operator


def _resamples(model: Model, moving: Movement) -> bool:
    return any(
        isinstance(rule, Resample)
        for name in moving.values
        if name in model.graph
        for edge in edges_into(model.graph, name)
        for step in edge.relation.steps
        if isinstance(step, Taps)
        for _, rule in step.rules
    )


def dependent(first: Model, second: Model, moving: Movement, longer: int) -> Iterator[Break]:
    """Yield the operators on the way that do otherwise where the axis is `longer`, and why."""
    stuck: set[str] = set()
    joins, joins_there = (joins_by_axis(made.graph, made.graph) for made in (first, second))
    for name, value in moving.values.items():
        if not isinstance(value, Moved) or name not in second.graph:
            continue
        into = [
            (one, other)
            for one, other in zip(
                edges_over(first.graph, name, joins),
                edges_over(second.graph, name, joins_there),
                strict=False,
            )
            if isinstance(moving.values.get(one.source), Moved)
        ]
        operator = producer_of(first.graph, name)
        if _follows(first.graph, second.graph, name, value, longer):
            for one, other in into:
                yield from _differences(one, other)
        elif operator is not None:
            if not any(one.source in stuck for one, _ in into):
                changed = [change for pair in into for change in _differences(*pair)]
                yield from changed or [Break(operator, UNEVEN)]
            stuck.add(name)


def _follows(first: Graph, second: Graph, name: str, value: Moved, longer: int) -> bool:
    """Whether a tensor is longer as its movement says where the input is `longer`."""
    shape, other = shape_of(first, name), shape_of(second, name)
    p, q = value.needs.p * value.inner, value.needs.q
    if (
        shape is None
        or other is None
        or longer % q
        or value.length * value.inner < shape[value.axis]
    ):
        return True
    return other[value.axis] - shape[value.axis] == longer // q * p


def _differences(one: Edge, other: Edge) -> Iterator[Break]:
    for step, there in zip(one.relation.steps, other.relation.steps, strict=False):
        kinds = (Taps, Select, Reduce, Prefix)
        if isinstance(step, kinds) and isinstance(there, kinds):
            for (_, rule), (_, rule_there) in zip(step.rules, there.rules, strict=False):
                why = _why_changed(rule, rule_there)
                if why is not None:
                    yield Break(one.operator, why)


def _why_changed(rule: AxisRule, other: AxisRule) -> str | None:
    """Return why a rule is not the same at another length; None where it is."""
    if rule == other:
        return None
    if type(rule) is not type(other):
        return None if reads_the_only(other) else "reads otherwise at other lengths"
    why = _WHY.get(type(rule))
    return why if why is not None and _independent_part(rule) != _independent_part(other) else None


_WHY = {
    Window: "its padding depends on the length",
    Transposed: "its padding depends on the length",
    Resample: SAMPLED,
    Shift: "what it takes depends on the length",
    Blocks: "its blocks grow with the length",
    Band: "its reach depends on the length",
}


def _independent_part(rule: AxisRule) -> tuple[object, ...]:
    """Return what of a rule must not depend on the length of the axis."""
    match rule:
        case Window() | Transposed():
            return rule.kernel, rule.stride, rule.dilation, rule.pad_begin
        case Resample():
            return rule.ratio, rule.offset, rule.reach
        case Shift():
            return rule.start, rule.step, rule.outside
        case Blocks():
            return rule.in_len // rule.groups, rule.out_len // rule.groups
        case Band():
            return rule.before, rule.after
    return ()
