"""Concats that go on where others end, against the same ones part by part."""

from __future__ import annotations

from collections import Counter

import pytest
from onnx import parser

import rfgraph
from rfgraph.domains import continued
from rfgraph.domains.fields import closed_form
from rfgraph.domains.joined import put_together
from rfgraph.relations.axis_rules import Shift
from rfgraph.relations.graph import edges_into
from rfgraph.relations.relation import Relation
from rfgraph.relations.steps import Permute, Select

DENSE = """
<ir_version: 8, opset_import: ["": 17]>
g (float[1, 2, 9] x) => (float[1, 8, 9] y) {
    a = AveragePool<kernel_shape = [3], pads = [1, 1]>(x)
    ab = Concat<axis = 1>(x, a)
    b = MaxPool<kernel_shape = [5], pads = [2, 2]>(x)
    abc = Concat<axis = 1>(x, a, b)
    y = Concat<axis = 1>(x, a, b, a)
}
"""

SUMS = """
<ir_version: 8, opset_import: ["": 17]>
g (float[1, 2, 9] x) => (float[1, 2, 9] y) {
    a = AveragePool<kernel_shape = [3], pads = [1, 1]>(x)
    ab = Add(x, a)
    b = MaxPool<kernel_shape = [5], pads = [2, 2]>(ab)
    abc = Sum(x, a, b)
    c = MaxPool<kernel_shape = [3], pads = [1, 1]>(abc)
    y = Sum(x, a, b, c, x)
}
"""


def edges_by_concat(text):
    graph = rfgraph.load(parser.parse_model(text)).graph
    parts = put_together({tensor: list(edges_into(graph, tensor)) for tensor in graph})
    return {
        tensor: [edge.source for edge in edges]
        for tensor, edges in continued.continued_edges(graph, parts).items()
    }


def test_what_has_the_first_parts_already_stands_for_them():
    assert edges_by_concat(DENSE) == {"abc": ["ab", "b"], "y": ["abc", "a"]}


@pytest.mark.parametrize(
    "other",
    [
        "ab = Concat<axis = 1>(a, x)",
        "ab = Concat<axis = 2>(x, a)",
        "ab = Add(x, a)",
        "s, r = Split<axis = 1>(x)\n ab = Concat<axis = 1>(s, a)",
    ],
    ids=["order", "axis", "sum", "part"],
)
def test_what_has_other_parts_stands_for_none(other):
    text = DENSE.replace("ab = Concat<axis = 1>(x, a)", other)
    assert edges_by_concat(text) == {"y": ["abc", "a"]}


def test_parts_along_two_axes_are_one_by_one():
    """The two upper quarters of a square, and then all four: no axis has the first parts alone."""
    graph = rfgraph.load(parser.parse_model(DENSE)).graph
    (edge, *_) = edges_into(graph, "ab")

    def quarter(row, column):
        rules = ((0, Shift(-row, 1, 2, 4, "absent")), (1, Shift(-column, 1, 2, 4, "absent")))
        return edge._replace(relation=Relation((2, 2), (Select(rules),)))

    upper = [quarter(0, 0), quarter(0, 2)]
    parts = {"upper": upper, "all": [*upper, quarter(2, 0), quarter(2, 2)]}
    assert continued.continued_edges(graph, parts) == {}


def test_parts_that_are_more_than_put_somewhere_are_one_by_one():
    graph = rfgraph.load(parser.parse_model(DENSE)).graph
    first, second = edges_into(graph, "ab")
    turned = first.relation.steps[0], Permute((0, 2, 1))
    edges = [first._replace(relation=Relation((1, 2, 9), turned)), second]
    assert continued.continued_edges(graph, {"ab": edges, "abc": [*edges, second]}) == {}


@pytest.mark.parametrize("text", [DENSE, SUMS], ids=["concats", "sums"])
def test_fields_are_those_of_all_parts_one_by_one(text, monkeypatch):
    model = parser.parse_model(text)
    folded = rfgraph.analyze(model)
    monkeypatch.setattr(closed_form, "continued_edges", lambda graph, tensors: {})
    apart = rfgraph.analyze(model)
    for tensor in ("ab", "abc", "y"):
        assert folded.receptive_field(tensor).axes == apart.receptive_field(tensor).axes


def test_sums_go_on_where_others_end():
    folded = rfgraph.analyze(parser.parse_model(SUMS))
    into = folded.forms["x"].continued
    assert {tensor: [edge.source for edge in edges] for tensor, edges in into.items()} == {
        "abc": ["ab", "b"],
        "y": ["abc", "c", "x"],
    }


@pytest.mark.parametrize("count", ["routes", "paths"])
@pytest.mark.parametrize("text", [DENSE, SUMS], ids=["concats", "sums"])
def test_paths_are_those_over_all_parts_one_by_one(text, count):
    result = rfgraph.analyze(parser.parse_model(text))
    for tensor in ("ab", "abc", "y"):
        found = rfgraph.path_histogram(result, tensor=tensor, count=count)
        listed = Counter(path.axes[2] for path in rfgraph.paths(result, tensor, count=count))
        assert found.axes[2].counts == listed
        assert found.total == listed.total()


@pytest.mark.parametrize("unit", [(0, None, 0), (0, 5, 4), (0, 6, 8), (0, 1, 7)], ids=str)
def test_units_are_those_of_all_parts_one_by_one(unit, monkeypatch):
    result = rfgraph.analyze(parser.parse_model(DENSE))
    folded = rfgraph.unit(result, "y", unit)
    monkeypatch.setattr(continued, "continued_edges", lambda graph, tensors: {})
    assert rfgraph.unit(rfgraph.analyze(parser.parse_model(DENSE)), "y", unit) == folded
