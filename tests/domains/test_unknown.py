"""Which operators could not be followed, told from their relations alone."""

from __future__ import annotations

import networkx as nx
import pytest

import rfgraph
from oracle.builder import Builder
from rfgraph.analysis.not_followed import DEPENDS, has_unknown, not_followed
from rfgraph.relations.axis_rules import Whole
from rfgraph.relations.beside import Unanalysed
from rfgraph.relations.graph import Model
from rfgraph.relations.operator import Operator
from rfgraph.relations.relation import Relation
from rfgraph.relations.steps import Everything, Pointwise, Reduce

KNOWN = Relation((2, 3), (Reduce(((1, Whole(3, 1)),)), Pointwise((2, 1))))
PARTLY = Relation((2, 3), (Pointwise((2, 3)), Reduce(((0, Whole(2, 2)), (1, Whole(3, 3, True))))))


@pytest.mark.parametrize(
    ("relation", "expected"),
    [
        (KNOWN, False),
        (PARTLY, True),
        (Relation((2,), (Everything((2,)),)), False),
        (Relation((2,), (Everything((2,), unknown=True),)), True),
        (Relation((2,), ()), False),
    ],
)
def test_a_relation_is_unknown_where_one_step_is(relation, expected):
    assert has_unknown(relation) is expected


def test_each_operator_is_told_once_in_the_order_of_the_file():
    first, second, third, fourth = (Operator(n, f"n{n}", "Op") for n in range(4))
    graph = nx.MultiDiGraph()
    graph.add_node("x", shape=(2, 3), producer=None)
    for source, target, operator, relation in (
        ("x", "c", third, PARTLY),
        ("x", "c", third, PARTLY),
        ("x", "b", second, KNOWN),
        ("x", "a", first, PARTLY),
        ("a", "d", fourth, PARTLY),  # for want of the shape of "a", which the first one lost
    ):
        graph.add_node(target, shape=None if target in "ad" else (2, 3), producer=operator)
        graph.add_edge(
            source, target, operator=operator, relation=relation, slot=0, output=0, part=0
        )
    why = Unanalysed(first, "operator 'Op' has no rule", ("a",))
    model = Model("m", 8, {}, "", 3, (), (), graph, (why, why))
    assert list(not_followed(model)) == [why, Unanalysed(third, DEPENDS, ("c",))]


def test_an_operator_beyond_one_without_a_rule_is_not_blamed_for_its_other_operand():
    build = Builder(18, 0)
    x = build.same_conv(build.input((1, 1, 5)), 1, 3)
    lost = build.one("Mystery", [x], (1, 1, 5), domain="example")
    model = build.model(build.one("Add", [lost, x], (1, 1, 5)))
    del model.graph.value_info[:]
    (only,) = rfgraph.analyze(model).findings
    assert "'Mystery' of domain 'example' has no rule" in only.message
