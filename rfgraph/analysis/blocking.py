"""What keeps parts of an input from giving what the whole gives: operators, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rfgraph.analysis.lengths import MAX_STEP, dependent
from rfgraph.domains.moved import Moved
from rfgraph.domains.movement import BEFORE, CROSSED, MERGED, UNKNOWN
from rfgraph.relations.axis_rules import Resample
from rfgraph.relations.graph import edges_into, producer_of
from rfgraph.relations.steps import Taps
from rfgraph.wording.records import Record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from rfgraph.analysis.examined import Examined
    from rfgraph.analysis.other_lengths import OtherLengths
    from rfgraph.domains.movement import Break, Movement
    from rfgraph.relations.axis_rules import AxisRule
    from rfgraph.relations.graph import Graph, ModelInput
    from rfgraph.relations.operator import Operator


@dataclass(frozen=True, slots=True)
class Blocker(Record):
    """An operator for which a part of the input does not give what the whole gives, and why."""

    node: str
    op_type: str
    axis: int
    why: str


def blocker_of(operator: Operator | None, axis: int, why: str) -> Blocker:
    """Return what an operator blocks along an axis, nameless where it is none."""
    if operator is None:
        return Blocker("", "", axis, why)
    return Blocker(operator.label, operator.op_type, axis, why)


def all_blockers(
    examined: Examined,
    item: ModelInput,
    moves: Mapping[int, Movement],
    differing: Mapping[int, Sequence[Break]],
    measured: Collection[int],
) -> tuple[Blocker, ...]:
    """Return what keeps a tensor from moving along its axes, and what changes with length."""
    blockers: list[Blocker] = []
    for axis, along in moves.items():
        ours = _blockers(examined.lengths, item, axis, along, differing[axis])
        if axis not in measured and not ours:
            maker = producer_of(examined.graph, examined.tensor)
            ours = [blocker_of(maker, axis, "does not keep the axis")]
        blockers.extend(ours)
    return tuple(dict.fromkeys(blockers))


def _blockers(
    others: OtherLengths, item: ModelInput, axis: int, moving: Movement, differing: Sequence[Break]
) -> list[Blocker]:
    step = moving.step
    longer = None
    if step <= MAX_STEP:
        longer = others.at(item, {axis: item.shape[axis] + step})
    changed = list(differing)
    if longer is not None:
        changed.extend(dependent(others.model, longer, moving, step))
    reasons = {one.operator: one.reason for one in others.model.unanalysed}
    blockers = [blocker_of(one.operator, axis, one.why) for one in changed]
    stopping = {item.why for item in moving.breaks} - {BEFORE, CROSSED}
    for operator, why in moving.breaks:
        # Strides that differ follow from a ratio that depends on the length, and scores of pairs
        # are in the way only of what does not read them row by row.
        if not ((why == MERGED and changed) or (why == CROSSED and stopping)):
            said = reasons.get(operator, why) if why == UNKNOWN else why
            blockers.append(blocker_of(operator, axis, said))
    return blockers


def rounding(graph: Graph, moves: Iterable[Movement]) -> tuple[str, ...]:
    """Return what samples between positions at a scale that is no power of two.

    The points have rounding errors, which grow with the position: a part has other ones.
    """
    labels: dict[str, None] = {}
    for moving in moves:
        moved = [name for name, value in moving.values.items() if isinstance(value, Moved)]
        for edge in (edge for name in moved if name in graph for edge in edges_into(graph, name)):
            for step in edge.relation.steps:
                if isinstance(step, Taps) and any(_is_rounded(rule) for _, rule in step.rules):
                    labels[edge.operator.label] = None
    return tuple(labels)


def _is_rounded(rule: AxisRule) -> bool:
    return (
        isinstance(rule, Resample)
        and rule.filter in ("linear", "cubic")
        and any(n & (n - 1) for n in rule.ratio.as_integer_ratio())
    )
