"""An open axis 0: of one position, unless an operator moves along it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from rfgraph.axes import may_move, mover_along
from rfgraph.errors import printable
from rfgraph.onnxfile.probing import PROBES, Choice, Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.graph import Graph, Operator
    from rfgraph.onnxfile.dimensions import Declared, Dimension, Dimensions, Lengths
    from rfgraph.onnxfile.probing import Search


# Operators that leave an axis of one position as it is, or take it away.
SELECTING = frozenset({"Gather", "GatherND", "GatherElements", "Slice", "Split", "Loop", "Scan"})


class HasGraph(Protocol):
    """What was built of a model: its graph."""

    @property
    def graph(self) -> Graph:
        """The graph."""


Built = TypeVar("Built", bound=HasGraph)


def with_moved_axes(
    search: Search[Built],
    choice: Choice[Built],
    declared: Sequence[Declared],
    dimensions: Dimensions,
) -> Choice[Built]:
    """Return a choice in which an axis 0 is longer than 1 where an operator moves along it.

    That is told from a graph in which it is longer; made where some operator moves along one
    position, or where an axis 0 of one position was refused.
    """
    open_axes = [key for key, at in dimensions.first.items() if at and key not in choice.reasons]
    short = [key for key in open_axes if choice.lengths[key] == 1]
    if short and not _may_move(choice.built.graph):
        return choice
    for probe in PROBES if short else ():
        lengths = {**choice.lengths, **dict.fromkeys(short, probe)}
        found = search.attempt(lengths)
        if found is not None:
            longer = Choice(found, lengths, choice.reasons)
            break
    else:
        longer = choice
    return _shortened(search, longer, open_axes, declared, dimensions) or choice


def _may_move(graph: Graph) -> bool:
    """Whether some operator may move along an axis of which there is one position only."""
    return any(
        may_move(data["relation"], selects=data["operator"].op_type in SELECTING)
        for *_, data in graph.edges(data=True)
    )


def _shortened(
    search: Search[Built],
    choice: Choice[Built],
    keys: Sequence[Dimension],
    declared: Sequence[Declared],
    dimensions: Dimensions,
) -> Choice[Built] | None:
    """Return the choice with one position again on each axis 0 along which nothing moves."""
    movers: dict[Dimension, Operator] = {}
    for item in declared:
        for axis, dim in item.named_dims() if item.name in choice.built.graph else ():
            mover = mover_along(choice.built.graph, item.name, 0) if axis == 0 else None
            if mover is not None:
                movers.update((key, mover) for key in dimensions.keys(item.name, axis, dim))
    still: Lengths = {**choice.lengths, **{key: 1 for key in keys if key not in movers}}
    moved = {
        key: Reason(f"node {_named(movers[key])} moves along it")
        for key in keys
        if key in movers and choice.lengths[key] != 1
    }
    reasons = {**choice.reasons, **moved}
    if still == choice.lengths:
        return Choice(choice.built, still, reasons)
    found = search.attempt(still)
    if found is not None:
        return Choice(found, still, reasons)
    return Choice(choice.built, choice.lengths, reasons)


def _named(operator: Operator) -> str:
    return f"'{printable(operator.label)}' ({printable(operator.op_type, 40)})"
