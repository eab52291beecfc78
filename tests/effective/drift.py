"""Where a random walk from each unit ends on the input: mean and variance, without any map.

The walk goes back over the edges, each as often as it counts, and over the taps of each window. One
forward pass gives the moments of all tensors, as if the input had no borders; they are those of the
map of squares (or of even shares).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rfgraph.domains.effective.factors import fan
from rfgraph.relations.axis_rules import Shift, Transposed, Window
from rfgraph.relations.interpretation import Domain
from rfgraph.relations.steps import regroup_plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rfgraph.domains.effective.adjoint import Weighing
    from rfgraph.relations.axis_rules import AxisRule, Shape
    from rfgraph.relations.graph import Edge, Graph
    from rfgraph.relations.steps import Everything


class Line(NamedTuple):
    """The input position where a walk from unit o ends: `jump` * o + M, with moments of M.

    `axis` is the tensor's that carries the input axis.
    """

    axis: int
    jump: float
    mean: float
    variance: float


class Drift(NamedTuple):
    """The weight of all walks from a unit, and by input axis where they end.

    An axis is left out on which that is not one line: walks of several jumps, or moved in pieces.
    """

    weight: float
    lines: Mapping[int, Line]


def drifts(graph: Graph, weighing: Weighing, source: str) -> dict[str, Drift]:
    """Return where walks from the units of every tensor end on an input."""
    rank = len(graph.nodes[source]["shape"])
    start = Drift(1.0, {axis: Line(axis, 1.0, 0.0, 0.0) for axis in range(rank)})
    return dict(_Drifts(weighing).from_source(graph, source, start, weighing.edges))


class _Drifts(Domain[Drift]):
    """Carries drifts forward."""

    def __init__(self, weighing: Weighing) -> None:
        self._weighing = weighing

    def edges_into(self, graph: Graph, tensor: str) -> Iterable[Edge]:
        return self._weighing.edges.get(tensor, ())

    def across(self, value: Drift, edge: Edge) -> Drift:
        """Carry a drift over an edge; a tensor of which only a part is read counts by that part."""
        found = self.carry(value, edge.relation)
        factor = self._weighing.factors.get(edge.key, 1.0) * fan(edge.relation)
        return found._replace(weight=found.weight * factor)

    def pointwise(self, value: Drift, old: Shape, new: Shape) -> Drift:
        less = len(new) - len(old)
        kept = {
            axis: line._replace(axis=line.axis + less)
            for axis, line in value.lines.items()
            if new[line.axis + less] == old[line.axis]
        }
        return value._replace(lines=kept)

    def permute(self, value: Drift, perm: tuple[int, ...], old: Shape) -> Drift:
        moved = {a: line._replace(axis=perm.index(line.axis)) for a, line in value.lines.items()}
        return value._replace(lines=moved)

    def regroup(self, value: Drift, old: Shape, new: Shape) -> Drift:
        to = {
            before[0]: after[0]
            for before, after in regroup_plan(old, new)
            if len(before) == len(after) == 1
        }
        kept = {
            axis: line._replace(axis=to[line.axis])
            for axis, line in value.lines.items()
            if line.axis in to
        }
        return value._replace(lines=kept)

    def along(self, value: Drift, axis: int, rule: AxisRule, shape: Shape) -> Drift:
        lines = {}
        weight = value.weight
        if isinstance(rule, Shift) and rule.outside == "absent":
            weight *= min(rule.in_len / rule.out_len, 1.0)
        for number, line in value.lines.items():
            moved = line if line.axis != axis else _moved(line, rule)
            if moved is not None:
                lines[number] = moved
        return Drift(weight, lines)

    def everything(self, value: Drift, step: Everything, old: Shape) -> Drift:
        return value._replace(lines={})

    def join(self, first: Drift, second: Drift) -> Drift:
        weight = first.weight + second.weight
        if not weight:
            return first
        share = first.weight / weight
        lines = {}
        for axis in first.lines.keys() & second.lines.keys():
            one, other = first.lines[axis], second.lines[axis]
            if (one.axis, one.jump) == (other.axis, other.jump):
                mean = share * one.mean + (1 - share) * other.mean
                apart = share * (1 - share) * (one.mean - other.mean) ** 2
                within = share * one.variance + (1 - share) * other.variance
                lines[axis] = Line(one.axis, one.jump, mean, within + apart)
        return Drift(weight, lines)


def _moved(line: Line, rule: AxisRule) -> Line | None:
    """Return the line behind a rule along its axis, None where that is no line."""
    axis, jump, mean, variance = line
    if isinstance(rule, Window):
        middle = rule.dilation * (rule.kernel - 1) / 2 - rule.pad_begin
        spread = rule.dilation**2 * (rule.kernel**2 - 1) / 12
        jump, mean, variance = (
            jump * rule.stride,
            mean + jump * middle,
            variance + jump**2 * spread,
        )
        return Line(axis, jump, mean, variance)
    if isinstance(rule, Transposed):
        # o = i * stride - pad + t * dilation, so i is the sum of a line and of taps, over phases.
        middle = rule.pad_begin - rule.dilation * (rule.kernel - 1) / 2
        spread = rule.dilation**2 * (rule.kernel**2 - 1) / 12
        less = jump / rule.stride
        return Line(axis, less, mean + less * middle, variance + less**2 * spread)
    if isinstance(rule, Shift):
        return Line(axis, jump * rule.step, mean + jump * rule.start, variance)
    return None
