"""How a tensor moves with an input axis, where need be by the units in its middle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.analysis.result import analyze
from rfgraph.domains.moved import Moved, flattened
from rfgraph.domains.movement import PARTS, Movement, movement
from rfgraph.domains.periodic import PeriodicMap, join_spans
from rfgraph.domains.regions import clipped
from rfgraph.errors import BoundError

if TYPE_CHECKING:
    from rfgraph.analysis.analysis import Analysis
    from rfgraph.relations.graph import Model


def moving(model: Model, result: Analysis, tensor: str, source: str, axis: int) -> Movement:
    """Return how a tensor moves; where parts are put side by side, by its units in the middle.

    Windows that are shifted by a roll, and masked where it wraps, repeat away from the border.
    """
    found = movement(model.graph, source, axis, tensor)
    value = found.values.get(tensor)
    if not found.breaks or {item.why for item in found.breaks} != {PARTS}:
        return found
    field = (result if model is result.model else analyze(model)).receptive_field(tensor, source)
    if not isinstance(value, Moved) or field.axes[axis].scope != "local":
        return found
    needs = _interior(model, tensor, source, axis, flattened(value))
    if needs is None:
        return found
    values = {**found.values, tensor: flattened(value)._replace(needs=needs)}
    return Movement(values, (), found.mirrored)


def _interior(
    model: Model, tensor: str, source: str, axis: int, value: Moved
) -> PeriodicMap | None:
    """Return what units need by what those in the middle read; None where that does not repeat.

    Or where units at the border read more than they would by that.
    """
    try:
        table = clipped(model.graph, source, [tensor])[tensor][axis]
    except BoundError:
        return None
    others = tuple(at for at in range(table.lo.ndim) if at != value.axis)
    lo, hi = table.lo.min(axis=others), table.hi.max(axis=others)
    p, q = value.needs.p, value.needs.q
    middle = len(lo) // p // 2
    if middle < 2:
        return None
    turns = range(middle - 1, middle + 2)
    blocks = {
        tuple(
            (int(low) - turn * q, int(high) - turn * q)
            for low, high in zip(lo[turn * p :][:p], hi[turn * p :][:p], strict=True)
        )
        for turn in turns
    }
    if len(blocks) != 1:
        return None
    read = PeriodicMap(p, q, blocks.pop())
    for unit, pair in enumerate(zip(lo, hi, strict=True)):
        if join_spans((read.at(unit), (int(pair[0]), int(pair[1])))) != read.at(unit):
            return None
    spans = tuple(join_spans((read.at(at), value.needs.at(at))) for at in range(p))
    return PeriodicMap(p, q, spans)
