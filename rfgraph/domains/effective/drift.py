"""Where a random walk from each unit ends on the input: four moments, without any map.

The walk goes back over the edges, each as often as it counts, and over the taps of each window. One
forward pass gives the moments of all tensors, as if the input had no borders; they are those of the
map of squares (or of even shares).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from rfgraph.domains.effective.factors import fan
from rfgraph.domains.effective.interpolation import taps
from rfgraph.relations.axis_rules import Resample, Shift, Transposed, Window
from rfgraph.relations.graph import input_shape
from rfgraph.relations.interpretation import Domain
from rfgraph.relations.steps import regroup_plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rfgraph.domains.effective.adjoint import Weighing
    from rfgraph.relations.axis_rules import OwnRule, Rows, Shape
    from rfgraph.relations.graph import Edge, Graph
    from rfgraph.relations.steps import Everything, Places


# So many positions of a resampling are looked at.
SAMPLE = 4096


class Line(NamedTuple):
    """The input position where a walk from unit o ends: `jump` * o and a part left to chance.

    Of that its mean, its variance, and its third and fourth moment about the mean. `axis` is the
    tensor's that carries the input axis, `weight` that of all walks from a unit.
    """

    axis: int
    jump: float
    mean: float = 0.0
    variance: float = 0.0
    third: float = 0.0
    fourth: float = 0.0
    weight: float = 1.0

    def after(self, times: float, mean: float, variance: float = 0.0, fourth: float = 0.0) -> Line:
        """Return the line behind `times` an independent step that is symmetric about its mean."""
        spread = times**2 * variance
        return self._replace(
            mean=self.mean + times * mean,
            variance=self.variance + spread,
            fourth=self.fourth + 6 * self.variance * spread + times**4 * fourth,
        )

    def about(self, mean: float) -> tuple[float, float, float, float]:
        """Return that mean and the moments about it."""
        off = self.mean - mean
        return (
            mean,
            self.variance + off**2,
            self.third + 3 * self.variance * off + off**3,
            self.fourth + 4 * self.third * off + 6 * self.variance * off**2 + off**4,
        )


def drifts(graph: Graph, weighing: Weighing, source: str) -> dict[str, dict[int, Line]]:
    """Return where walks from the units of every tensor end on an input, by axes of that.

    An axis is left out on which that is not one line: walks of several jumps, or moved in pieces.
    """
    start = {axis: Line(axis, 1.0) for axis in range(len(input_shape(graph, source)))}
    return dict(Drifts(weighing).from_source(graph, source, start, weighing.edges))


class Drifts(Domain[dict[int, Line]]):
    """Carries forward, by input axis, where walks end."""

    def __init__(self, weighing: Weighing) -> None:
        super().__init__(weighing.edges)
        self._weighing = weighing
        self._power = 2 if weighing.squares else 1

    def across(self, value: dict[int, Line], edge: Edge) -> dict[int, Line]:
        """Carry lines over an edge; a tensor of which only a part is read counts by that part."""
        lines = self.carry(value, edge.relation)
        return _weigh(lines, self._weighing.factors.get(edge.key, 1.0) * fan(edge.relation))

    def pointwise(self, value: dict[int, Line], old: Shape, new: Shape) -> dict[int, Line]:
        """Count axes from the front of the new shape; those that are widened are lost."""
        less = len(new) - len(old)
        return _along(
            value, {axis: axis + less for axis, n in enumerate(old) if new[axis + less] == n}
        )

    def permute(self, value: dict[int, Line], perm: tuple[int, ...], old: Shape) -> dict[int, Line]:
        """Turn the axes."""
        return _along(value, {before: after for after, before in enumerate(perm)})

    def regroup(self, value: dict[int, Line], old: Shape, new: Shape) -> dict[int, Line]:
        """Keep the axes that stay as they are."""
        plan = regroup_plan(old, new)
        same = {b[0]: a[0] for b, a in plan if len(b) == len(a) == 1}
        return _along(value, same)

    def gather(
        self, value: dict[int, Line], places: Places, old: Shape, new: Shape
    ) -> dict[int, Line]:
        """Lose what is rearranged in another way."""
        return {}

    def along(
        self, value: dict[int, Line], axis: int, rule: OwnRule, shape: Shape
    ) -> dict[int, Line]:
        """Take a step along an axis; a part of a concatenation counts by its share."""
        weight = 1.0
        if isinstance(rule, Shift) and rule.outside == "absent":
            weight = min(rule.in_len / rule.out_len, 1.0)
        if isinstance(rule, Resample):
            sample = _sample(rule)
            weight = float((taps(sample)[1] ** self._power).sum()) / sample.out_len
        moved = {
            number: line if line.axis != axis else self._move(line, rule)
            for number, line in value.items()
        }
        return _weigh({n: line for n, line in moved.items() if line is not None}, weight)

    def rows(self, value: dict[int, Line], axis: int, rule: Rows, shape: Shape) -> dict[int, Line]:
        """Lose the axis that is reduced."""
        return _along(value, {other: other for other in range(len(shape)) if other != axis})

    def everything(self, value: dict[int, Line], step: Everything, old: Shape) -> dict[int, Line]:
        """Lose all axes."""
        return {}

    def join(self, first: dict[int, Line], second: dict[int, Line]) -> dict[int, Line]:
        """Mix lines by their weights."""
        return {
            axis: _mix(one, other)
            for axis, one in first.items()
            if (other := second.get(axis)) and (one.axis, one.jump) == (other.axis, other.jump)
        }

    def _move(self, line: Line, rule: OwnRule) -> Line | None:
        """Return the line behind a rule along its axis, None where that is no line."""
        jump = line.jump
        if isinstance(rule, Window):
            return line.after(jump, *_taps(rule, 1.0))._replace(jump=jump * rule.stride)
        if isinstance(rule, Transposed):
            # o = i * stride - pad + t * dilation, so i is the sum of a line and of taps, over
            # phases.
            less = jump / rule.stride
            return line.after(less, *_taps(rule, -1.0))._replace(jump=less)
        if isinstance(rule, Resample):
            mixed = line.after(jump, *self._tap_moments(_sample(rule)))
            return mixed._replace(jump=jump * float(rule.ratio))
        if isinstance(rule, Shift):
            return line.after(jump, rule.start)._replace(jump=jump * rule.step)
        return None

    def _tap_moments(self, rule: Resample) -> tuple[float, float, float]:
        """Return mean, variance and fourth moment of the taps around the line, over all phases."""
        position, weight = taps(rule)
        weight = weight**self._power
        weight = weight / max(float(weight.sum()), 1e-300)
        line = [float(o * rule.ratio) for o in range(rule.out_len)]
        off = (position.T - line).T
        mean = float((weight * off).sum())
        second, fourth = (float((weight * (off - mean) ** power).sum()) for power in (2, 4))
        return mean, second, fourth


def _sample(rule: Resample) -> Resample:
    """Return a resampling whose first positions stand for all, if it has many."""
    return rule if rule.out_len <= SAMPLE else replace(rule, out_len=SAMPLE)


def _along(value: dict[int, Line], axes: Mapping[int, int]) -> dict[int, Line]:
    """Return the lines of which the axis is kept, with its new number."""
    return {
        number: line._replace(axis=axes[line.axis])
        for number, line in value.items()
        if line.axis in axes
    }


def _weigh(value: dict[int, Line], factor: float) -> dict[int, Line]:
    return {number: line._replace(weight=line.weight * factor) for number, line in value.items()}


def _taps(rule: Window | Transposed, sign: float) -> tuple[float, float, float]:
    """Return mean, variance and fourth moment of a tap, each as likely; transposed, backward."""
    count, apart = rule.kernel**2, rule.dilation
    middle = apart * (rule.kernel - 1) / 2 - rule.pad_begin
    fourth = apart**4 * (count - 1) * (3 * count - 7) / 240
    return sign * middle, apart**2 * (count - 1) / 12, fourth


def _mix(first: Line, second: Line) -> Line:
    """Return the line of both, each as often as it counts."""
    weight = first.weight + second.weight
    if not weight:
        return first
    share = first.weight / weight
    mean = share * first.mean + (1 - share) * second.mean
    parts = zip(first.about(mean), second.about(mean), strict=True)
    mean, variance, third, fourth = (share * one + (1 - share) * other for one, other in parts)
    return Line(first.axis, first.jump, mean, variance, third, fourth, weight)
