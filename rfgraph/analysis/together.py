"""Other inputs that must be cut where one is: their positions stand for the same units."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from rfgraph.analysis.blocking import Blocker, blocker_of
from rfgraph.domains.moved import Moved, flatten
from rfgraph.domains.movement import (
    LONG,
    MERGED,
    MIXED,
    PARTS,
    REVERSED,
    STRETCHED,
    WRAPPED,
)
from rfgraph.domains.periodic import MAX_PERIOD, PeriodicMap, join_over
from rfgraph.errors import BoundError
from rfgraph.relations.graph import ancestors
from rfgraph.wording.names import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.analysis.examined import Examined
    from rfgraph.analysis.other_lengths import OtherLengths
    from rfgraph.domains.movement import Movement
    from rfgraph.relations.graph import ModelInput

# Behind these an axis is still one, though it does not move.
_KEPT = frozenset((LONG, MERGED, MIXED, PARTS, REVERSED, STRETCHED, WRAPPED))
# So many other inputs of a tensor are followed.
MAX_TOGETHER = 64
OTHERWISE = "must be cut as well, but in other steps"


class Together(NamedTuple):
    """What units need of an input and of those that are cut with it, along one axis.

    `inputs` are these, with the axis of each; `blockers` those that move with the same units but at
    other lengths or steps, and the operators behind which those no longer move.
    """

    needs: PeriodicMap
    mirrored: tuple[int, int]
    inputs: tuple[tuple[str, int], ...] = ()
    blockers: tuple[Blocker, ...] = ()


def together(
    examined: Examined, source: ModelInput, axis: int, carrier: int, alone: Together
) -> Together:
    """Return what units along `carrier` of a tensor need where `source` is not cut `alone`."""
    joined = alone
    others = list(_others(examined, source, carrier))
    lengthens = bool(others) and _lengthens_alone(examined.lengths, source, axis, alone.needs.q)
    symbol = source.symbolic.get(axis, "?")
    for item, at, moving, value in others:
        if lengthens and (symbol == "?" or item.symbolic.get(at) != symbol):
            continue
        stopped = tuple(blocker_of(one.operator, axis, one.why) for one in moving.breaks)
        if value is None:
            joined = joined._replace(blockers=(*joined.blockers, *stopped))
            continue
        one, other = joined.needs, value.needs
        p = math.lcm(one.p, other.p)
        if item.shape[at] != source.shape[axis] or one.rate != other.rate or p > MAX_PERIOD:
            other_steps = Blocker(item.name, "Input", axis, OTHERWISE)
            joined = joined._replace(blockers=(*joined.blockers, other_steps))
            continue
        first, last = (max(pair) for pair in zip(joined.mirrored, moving.mirrored, strict=True))
        joined = joined._replace(
            needs=join_over(one, other, p),
            mirrored=(first, last),
            inputs=(*joined.inputs, (item.name, at)),
            blockers=(*joined.blockers, *stopped),
        )
    return joined


def _others(
    examined: Examined, source: ModelInput, carrier: int
) -> Iterator[tuple[ModelInput, int, Movement, Moved | None]]:
    """Yield the axes of other inputs with which a tensor moves along its axis `carrier`.

    Or would, but for what stops it: then there is no value.
    """
    tensor = examined.tensor
    within = ancestors(examined.graph, [tensor]) - {source.name}
    items = [item for item in examined.lengths.model.inputs if item.name in within]
    if len(items) > MAX_TOGETHER:
        raise BoundError(
            f"beside input {quote(source.name)} tensor {quote(tensor)} reads {len(items)}, "
            f"more than MAX_TOGETHER ({MAX_TOGETHER}): which are cut with it is not followed"
        )
    for item in items:
        for at, length in enumerate(item.shape):
            if length == 1:
                continue
            moving = examined.movement(item.name, at)
            value = moving.values.get(tensor)
            if isinstance(value, Moved):
                value = flatten(value)
                if value.axis == carrier:
                    yield item, at, moving, value
            elif value in _KEPT:
                yield item, at, moving, None


def _lengthens_alone(others: OtherLengths, source: ModelInput, axis: int, step: int) -> bool:
    """Whether the graph accepts one step more of an axis where all other inputs stay as they are.

    If not, what moves with the same units has no length of its own.
    """
    shape = list(source.shape)
    shape[axis] += step
    shapes = {item.name: item.shape for item in others.model.inputs}
    longer = {**shapes, source.name: tuple(shape)}
    return others.made is None or others.at_shapes(longer) is not None
