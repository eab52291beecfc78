"""How tensors move with one axis of a graph input, and what padding on the way asks for beside.

If the input is shifted by q positions, a tensor that moves is shifted by p units along one of its
axes, and so is all on the way to it: q is the grid on which an input may be cut. This is more than
the period of what is read, for a union may hide the period of one of its parts.

Where something pads a tensor on the way, a unit depends on where that tensor begins and ends, even
if it reads none of the input there. What follows for the input is kept beside.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from rfgraph.domains.joined import edges_over, joins_by_axis, sources_over
from rfgraph.domains.moved import Moved, flatten, in_blocks, on_axes, with_itself
from rfgraph.domains.periodic import MAX_PERIOD, PeriodicMap, affine, join_over
from rfgraph.relations.axis_rules import (
    Band,
    Blocks,
    Listed,
    Pick,
    Resample,
    Shift,
    Transposed,
    Whole,
    Window,
)
from rfgraph.relations.graph import ancestors, input_shape
from rfgraph.relations.interpretation import Domain
from rfgraph.relations.steps import is_own, regroup_plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rfgraph.relations.axis_rules import OwnRule, Rows, Shape
    from rfgraph.relations.graph import Edge, Graph
    from rfgraph.relations.operator import Operator
    from rfgraph.relations.reading import Ints
    from rfgraph.relations.steps import Everything, Places

Taps: TypeAlias = Window | Transposed | Resample | Shift

WHOLE = "reads the whole axis"
UNKNOWN = "is not followed"
BEFORE = "reads all that came before"
AFTER = "reads all that follows"
MASKED = "reads what a mask leaves of the axis"
LISTED = "reads positions of a list"
PICKED = "picks positions of a list"
REVERSED = "runs backward along the axis"
WRAPPED = "reads the other end of the axis"
MIXED = "mixes the axis with another"
CROSSED = "pairs positions of the axis"
STRETCHED = "samples at a ratio that depends on the length"
ROUNDED = "rounds points that lie between two positions, as errors of arithmetic fall out"
MERGED = "merges paths of different strides"
PARTS = "puts parts of the axis side by side"
LONG = f"has a period of more than {MAX_PERIOD} units"


class Break(NamedTuple):
    """An operator behind which a tensor no longer moves with the input, and why."""

    operator: Operator
    why: str


@dataclass(frozen=True, slots=True)
class Movement:
    """How the tensors on the way to a target move with an input axis, and what breaks that.

    Each of `values` says how one moves, or why it does not. `mirrored` is how many positions, from
    the first on and up to the last, a part of the input must have for what pads by positions of its
    own (reflected, or the nearest) to be that of the whole.
    `tabulated` are operators whose steps break it where the units in the middle move all the same.
    """

    values: Mapping[str, Moved | str]
    breaks: tuple[Break, ...]
    mirrored: tuple[int, int]
    tabulated: tuple[Operator, ...] = ()

    @property
    def step(self) -> int:
        """The least positions by which the input shifts so that all that moves is shifted by units.

        Along the whole way, which may be more than the target needs.
        """
        return math.lcm(*(v.needs.q for v in self.values.values() if isinstance(v, Moved)))


def leading_to(graph: Graph, target: str) -> dict[str, tuple[Edge, ...]]:
    """Return the tensors that lead to one and the edges into each: one where several are one."""
    within = ancestors(graph, [target])
    joins = joins_by_axis(graph, (name for name in graph if name in within))
    names = ancestors(graph, [target], partial(sources_over, graph, joins=joins))
    return {name: tuple(edges_over(graph, name, joins)) for name in graph if name in names}


def movement(
    graph: Graph,
    source: str,
    axis: int,
    target: str,
    leading: Mapping[str, Sequence[Edge]] | None = None,
) -> Movement:
    """Return how the tensors on the way from `source` to `target` move with its `axis`.

    A tensor moves if some of its paths do; each operator that stops others is a break, and so is
    one that reads all on one side, behind which the tensor moves on. What the target needs has its
    own end, before which a unit must lie to exist. `leading` is that of the target, where it is
    asked for several sources.
    """
    length = input_shape(graph, source)[axis]
    own = affine(1, 0, 0)
    walk = _Movement(length, {source: Moved(axis, 1, length, own, own)})
    for edges in (leading or leading_to(graph, target)).values():
        for edge in edges:
            if edge.source in walk.values and not edge.relation.is_void:
                walk.arrive(edge)
    moved = walk.values.get(target)
    if isinstance(moved, Moved):
        walk.values[target] = with_itself(flatten(moved))
    return Movement(walk.values, tuple(walk.breaks), (walk.first, walk.last))


class _Movement(Domain[Moved | str]):
    """Along one axis of an input of `length` positions."""

    def __init__(self, length: int, values: dict[str, Moved | str]) -> None:
        super().__init__()
        self._length = length
        self.values = values
        self.breaks: dict[Break, None] = {}
        self.first = self.last = 0
        # What the relation just carried over does beside moving a tensor.
        self._opened, self._is_part = "", False
        self._parted: set[str] = set()

    def arrive(self, edge: Edge) -> None:
        """Note how a tensor moves by one of its edges, and what breaks that."""
        before, there = self.values[edge.source], self.values.get(edge.target)
        if isinstance(before, str):
            self.values.setdefault(edge.target, before)
            return
        self._opened, self._is_part = "", False
        made = self.carry(before, edge.relation)
        if self._opened:
            self.breaks[Break(edge.operator, self._opened)] = None
        if self._is_part:
            made = PARTS if edge.target in self._parted else made
            self._parted.add(edge.target)
        if isinstance(made, Moved) and isinstance(there, Moved):
            made = self.join(there, made)
        if isinstance(made, str):
            self.breaks[Break(edge.operator, made)] = None
        if isinstance(made, Moved) or made == PARTS or there is None:
            self.values[edge.target] = made

    def is_nothing(self, value: Moved | str) -> bool:
        return isinstance(value, str)

    def pointwise(self, value: Moved | str, old: Shape, new: Shape) -> Moved | str:
        assert isinstance(value, Moved)
        axis = value.axis + len(new) - len(old)
        return value._replace(axis=axis) if new[axis] == old[value.axis] else WHOLE

    def permute(self, value: Moved | str, perm: tuple[int, ...], old: Shape) -> Moved | str:
        assert isinstance(value, Moved)
        return value._replace(axis=perm.index(value.axis))

    def regroup(self, value: Moved | str, old: Shape, new: Shape) -> Moved | str:
        assert isinstance(value, Moved)
        before, after = next(pair for pair in regroup_plan(old, new) if value.axis in pair[0])
        inner = value.inner * math.prod(old[a] for a in before if a > value.axis)
        return on_axes(value, inner, {a: new[a] for a in after}) or MIXED

    def gather(self, value: Moved | str, places: Places, old: Shape, new: Shape) -> Moved | str:
        assert isinstance(value, Moved)
        place = places[value.axis]
        axis = _own_axis(place, value.axis, old[value.axis], new)
        if axis is None:
            return PICKED
        there = place >= 0
        self._is_part |= bool((there != there.take([0], axis=axis)).any())
        return value._replace(axis=axis)

    def along(self, value: Moved | str, axis: int, rule: OwnRule, shape: Shape) -> Moved | str:
        assert isinstance(value, Moved)
        if axis != value.axis:
            return value
        if isinstance(rule, Whole):
            return UNKNOWN if rule.unknown else WHOLE
        if value.inner * value.length != rule.in_len:
            return MIXED
        return self._along(flatten(value), rule)

    def everything(self, value: Moved | str, step: Everything, old: Shape) -> Moved | str:
        return UNKNOWN if step.unknown else WHOLE

    def join(self, first: Moved | str, second: Moved | str) -> Moved | str:
        assert isinstance(first, Moved)
        assert isinstance(second, Moved)
        if first[:3] != second[:3]:
            first, second = flatten(first), flatten(second)
        if first[:3] != second[:3]:
            return CROSSED if first.axis != second.axis else MIXED
        if first.needs.rate != second.needs.rate:
            return MERGED
        p = math.lcm(first.needs.p, second.needs.p)
        if p > MAX_PERIOD:
            return LONG
        needs, ends = join_over(first.needs, second.needs, p), join_over(first.ends, second.ends, p)
        return first._replace(needs=needs, ends=ends)

    def _along(self, value: Moved, rule: OwnRule) -> Moved | str:
        if isinstance(rule, Blocks):
            return self._blocks(value, rule)
        if isinstance(rule, Band):
            return self._band(value, rule)
        if isinstance(rule, Pick) and _is_roll(rule):
            return PARTS
        if not isinstance(rule, (Window, Transposed, Resample, Shift)):
            return LISTED if isinstance(rule, Listed) else PICKED
        return self._taps(value, rule)

    def rows(self, value: Moved | str, axis: int, rule: Rows, shape: Shape) -> Moved | str:
        """Rows that read a band of the axis are an axis that moves like it."""
        assert isinstance(value, Moved)
        if axis != value.axis:
            return value
        if rule.band is None or value.inner * value.length != rule.in_len:
            return MASKED
        rows = math.prod(rule.lengths)
        made = self._band(flatten(value), Band(*rule.band, rule.in_len, rows))
        return made._replace(axis=rule.axes[0]) if isinstance(made, Moved) else made

    def _band(self, value: Moved, rule: Band) -> Moved | str:
        if rule.before is None and rule.after is None:
            return WHOLE
        if rule.window is None:
            # All on one side is read, and on the other as far as it says.
            self._opened = BEFORE if rule.before is None else AFTER
            before = -(rule.after or 0) if rule.before is None else rule.before
            return self._taps(value, Window(1, 1, 1, before, rule.in_len, rule.out_len))
        return self._taps(value, rule.window)

    def _blocks(self, value: Moved, rule: Blocks) -> Moved | str:
        read, made = rule.in_len // rule.groups, rule.out_len // rule.groups
        if rule.groups == 1 or not made:
            return WHOLE
        blocks = in_blocks(value, read)
        if blocks.needs.p * made > MAX_PERIOD:
            return LONG
        return flatten(blocks._replace(axis=value.axis, inner=made))

    def _taps(self, value: Moved, rule: Taps) -> Moved | str:
        period, shift = rule.period()
        if shift <= 0:
            return REVERSED
        padded = padded_sides(rule)
        if any(padded) and isinstance(rule, Shift) and rule.outside == "wrap":
            return WRAPPED
        if isinstance(rule, Resample) and _pins_both_ends(rule):
            return STRETCHED
        if any(padded) and isinstance(rule, Shift) and rule.outside == "absent":
            self._is_part = True
        if isinstance(rule, Resample) and _is_rounded(rule):
            self._opened = ROUNDED
        self._mirror(value.needs, rule, padded)
        value = with_itself(value)
        needs, ends = value.needs, value.ends
        turns = needs.p // math.gcd(needs.p, shift)
        p, q = period * turns, needs.q * (shift * turns // needs.p)
        if p > MAX_PERIOD:
            return LONG
        read, last = needs.read_by(rule, p), ends.at_each(_last_needed(rule, p))
        return Moved(value.axis, 1, rule.out_len, PeriodicMap(p, q, read), PeriodicMap(p, q, last))

    def _mirror(self, needs: PeriodicMap, rule: Taps, padded: tuple[bool, bool]) -> None:
        """Note how far padding by a tensor's own positions reaches into the input."""
        turns = isinstance(rule, Shift) and rule.outside == "reflect"
        clamped = isinstance(rule, Shift) and rule.outside == "edge"
        if not (turns or clamped or (isinstance(rule, Resample) and rule.clamp)):
            return
        top = rule.in_len - 1
        begin = min(-rule.taps(0)[0], top) if turns else 0
        end = min(rule.taps(rule.out_len - 1)[-1] - top, top) if turns else 0
        near, far = needs.hull(range(begin + 1)), needs.hull(range(top - end, top + 1))
        if padded[0] and near is not None:
            self.first = max(self.first, near[1] + 1)
        if padded[1] and far is not None:
            self.last = max(self.last, self._length - far[0])


def _is_roll(rule: Pick) -> bool:
    """Whether the whole axis is read from some position on, its start behind its end."""
    first = next(iter(rule.indices), 0)
    return first > 0 and rule.indices == (*range(first, rule.in_len), *range(first))


def _own_axis(place: Ints, axis: int, length: int, shape: Shape) -> int | None:
    """Return the axis of `shape` along which each position is that at its place, None if none is.

    `axis`, if it is one: of axes of one position each is.
    """
    for behind in sorted(range(len(shape)), key=lambda at: at != axis):
        if shape[behind] == place.shape[behind] == length and is_own(place, behind, length):
            return behind
    return None


def _pins_both_ends(rule: Resample) -> bool:
    """Whether the ratio is that of the distances between the ends (align_corners).

    A ratio of small numbers is that by chance.
    """
    distance = rule.in_len - 1
    if rule.offset or 2 * rule.ratio.numerator < distance:
        return False
    return rule.in_len != rule.out_len and rule.ratio * (rule.out_len - 1) == distance > 0


def _is_rounded(rule: Resample) -> bool:
    """Whether points lie where two positions are as near, and fall to the other one by chance.

    A scale that no float32 is has an error, so that points lie too low, or too high, or just there:
    of less than half a unit in the last place a division leaves nothing.
    """
    scale = 1 / rule.ratio
    error = Fraction(float(np.float32(float(scale)))) - scale
    falls = ("floor", "round_prefer_ceil") if error > 0 else ("ceil", "round_prefer_floor")
    if abs(error) < scale / (1 << 25) or rule.filter not in falls:
        return False
    between = Fraction(1, 2) if rule.filter.startswith("round") else Fraction(0)
    points = (o * rule.ratio + rule.offset for o in range(rule.period()[0]))
    return any((point - between).denominator == 1 for point in points)


def _last_needed(rule: Taps, count: int) -> list[int]:
    """Return up to which input position an axis must go for the first output positions to exist."""
    period, shift = rule.period()
    rest = 0
    if isinstance(rule, Window):
        # What a stride leaves at the end need not be there; more than that is cut off.
        left = rule.in_len + rule.pad_begin - (rule.out_len - 1) * rule.stride - rule.extent
        rest = left if 0 < left < rule.stride else 0
    last = rule.in_len - 1 - rest
    return [last - shift * ((rule.out_len - o - 1) // period) for o in range(count)]


def padded_sides(rule: Taps) -> tuple[bool, bool]:
    """Return whether some output position reads before the first position, and behind the last."""
    period, _ = rule.period()
    count = min(period, rule.out_len)
    first = [taps[0] for o in range(count) if (taps := rule.taps(o))]
    last = [taps[-1] for o in range(rule.out_len - count, rule.out_len) if (taps := rule.taps(o))]
    return min(first, default=0) < 0, max(last, default=0) >= rule.in_len
