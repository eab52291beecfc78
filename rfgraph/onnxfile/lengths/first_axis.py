"""An open axis 0: of one position, unless an operator moves along it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.onnxfile.lengths.probing import PROBES
from rfgraph.onnxfile.lengths.trials import Built, Choice, Reason
from rfgraph.relations.axes import may_move, mover_along
from rfgraph.relations.graph import edges_into
from rfgraph.wording.names import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.onnxfile.lengths.dimensions import Declared, Dimension, Dimensions
    from rfgraph.onnxfile.lengths.probing import Search
    from rfgraph.relations.graph import Graph
    from rfgraph.relations.operator import Operator


# Operators that leave an axis of one position as it is, or take it away.
SELECTING = frozenset({"Gather", "GatherND", "GatherElements", "Slice", "Split", "Scan"})
# Operators that may make an axis of one position a part of another.
MERGING = frozenset({"Reshape", "Flatten"})


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
    if short and (choice.is_large or not _may_move(choice.built.graph)):
        return choice
    longer = choice
    for probe in PROBES if short else ():
        lengths = {**choice.lengths, **dict.fromkeys(short, probe)}
        built = search.attempt(lengths)
        if built is not None:
            longer = Choice(built, lengths, choice.reasons)
            break
    movers = _movers(longer.built.graph, declared, dimensions)
    moved = [key for key in open_axes if key in movers]
    still = {**longer.lengths, **{key: 1 for key in open_axes if key not in movers}}
    if still != choice.lengths and still != longer.lengths:
        built = search.attempt(still)
        longer = longer if built is None else Choice(built, still)
    elif still == choice.lengths:
        longer = choice
    why = {key: Reason(f"node {_operator_text(movers[key])} moves along it") for key in moved}
    return Choice(longer.built, longer.lengths, {**choice.reasons, **why})


def _may_move(graph: Graph) -> bool:
    """Whether some operator may move along an axis of which there is one position only.

    A Reshape may have made that a part of any other, along which windows lie behind it.
    """
    reshaped: set[str] = set()
    for name in graph:
        for edge in edges_into(graph, name):
            relation = edge.relation
            behind = edge.source in reshaped or edge.operator.op_type in MERGING
            if may_move(relation, selects=edge.operator.op_type in SELECTING) or (
                behind and relation.is_window
            ):
                return True
            if behind:
                reshaped.add(name)
    return False


def _movers(
    graph: Graph, declared: Sequence[Declared], dimensions: Dimensions
) -> dict[Dimension, Operator]:
    """Return the dimensions on an axis 0 along which an operator moves, and which."""
    movers: dict[Dimension, Operator] = {}
    for item in declared:
        first = next(item.named_dims(), None)
        if item.name in graph and first is not None and first[0] == 0:
            mover = mover_along(graph, item.name, 0)
            if mover is not None:
                movers.update(dict.fromkeys(dimensions.keys(item.name, *first), mover))
    return movers


def _operator_text(operator: Operator) -> str:
    return f"'{printable(operator.label)}' ({printable(operator.op_type, 40)})"
