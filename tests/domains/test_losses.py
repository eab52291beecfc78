"""Which operators are named that made an axis global: the first ones, in the order of the file."""

from __future__ import annotations

import networkx as nx
import pytest

from rfgraph.domains.fields.closed_form import closed_forms
from rfgraph.domains.fields.meter import Meter
from rfgraph.relations.axis_rules import Whole
from rfgraph.relations.operator import Operator
from rfgraph.relations.relation import Relation
from rfgraph.relations.steps import Pointwise, Reduce

SHAPE = (1, 2, 3)


def parallel_sums(indices, *, twice):
    """Sums over the last axis by operators of these places in the file, brought together."""
    whole = Relation(SHAPE, (Reduce(((2, Whole(3, 1)),)),))
    own = Relation((1, 2, 1), (Pointwise((1, 2, 1)),))
    graph = nx.MultiDiGraph()
    graph.add_node("x", shape=SHAPE, producer=None)
    graph.add_node("z", shape=SHAPE, producer=Operator(-1, "z", "Relu"))
    same = Relation(SHAPE, (Pointwise(SHAPE),))
    graph.add_edge(
        "x", "z", relation=same, operator=Operator(-1, "z", "Relu"), slot=0, output=0, part=0
    )
    last = Operator(max(indices) + 1, "last", "Sum")
    for slot, index in enumerate(indices):
        operator = Operator(index, f"n{index}", "ReduceSum")
        graph.add_node(f"y{slot}", shape=(1, 2, 1), producer=operator)
        for source in ("x", "z") if twice else ("x",):
            graph.add_edge(
                source, f"y{slot}", relation=whole, operator=operator, slot=0, output=0, part=0
            )
    graph.add_node("y", shape=(1, 2, 1), producer=last)
    for slot in range(len(indices)):
        graph.add_edge(f"y{slot}", "y", relation=own, operator=last, slot=slot, output=0, part=0)
    return graph


@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("indices", [(1, 2), (1, 2, 3, 4, 5, 6), (5, 3, 4, 1, 2), (2, 2, 1)])
def test_the_first_operators_in_the_file_are_named(indices, twice):
    graph = parallel_sums(indices, twice=twice)
    asked = []

    def takes_range(_, tensor, operator):
        asked.append((tensor, operator.label))
        return operator.label == "n2"

    meter = Meter(graph, closed_forms(graph, ["x"])["x"], (), takes_range)
    axis = meter.measure("y")[1][2]
    first = [f"n{index}" for index in sorted(set(indices))][:4]
    assert list(axis.through) == first
    assert list(axis.ranges) == [name for name in first if name == "n2"]
    # Of several tensors that an operator reads, the last is asked about.
    assert [name for _, name in asked[-len(first) :]] == first
    assert {tensor for tensor, _ in asked} == {"z" if twice else "x"}
