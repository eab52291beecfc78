"""The condensed graph: its boxes part the tensors, and networkx finds no circle between them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import networkx as nx
import pytest
from onnx import helper

import rfgraph
from reports.models import model, weights
from rfgraph.analysis.condensed import condense, unfold

FIXTURES = Path(__file__).parents[2] / "fixtures"
SAMPLE = [
    "densenet201",
    "highres3dnet",
    "efficientnet_b0",
    "exports/swin_ts",
    "exports/detector_ts",
]


def analyzed(nodes, names=("w",)):
    return rfgraph.analyze(
        model(nodes, {"x": [1, 2, 32]}, {"y": None}, {name: weights(2, 2, 3) for name in names})
    )


def conv(source, target, name=""):
    return helper.make_node("Conv", [source, "w"], [target], name=name, pads=[1, 1])


def node(kind, sources, target, name=""):
    return helper.make_node(kind, sources, [target], name=name)


@pytest.mark.parametrize("most", [150, 20])
@pytest.mark.parametrize("name", SAMPLE)
def test_boxes_part_the_tensors_and_stand_in_order(name, most):
    result = rfgraph.analyze(FIXTURES / f"{name}.onnx")
    found = condense(result, most)
    held = [tensor for box in found.boxes for tensor in box.tensors]
    assert sorted(held) == sorted(result.graph)
    assert len(found.boxes) <= most
    place = {tensor: number for number, box in enumerate(found.boxes) for tensor in box.tensors}
    between = {(place[a], place[b]) for a, b in result.graph.edges() if place[a] != place[b]}
    assert set(found.edges) == between
    assert all(before < after for before, after in found.edges)
    assert nx.is_directed_acyclic_graph(nx.DiGraph(found.edges))


def test_a_box_holds_what_is_computed_from_its_first_tensor_alone():
    nodes = [
        conv("x", "a", "conv"),
        node("Sigmoid", ["a"], "s"),
        node("Mul", ["a", "s"], "b"),
        conv("b", "c", "next"),
        node("Add", ["c", "b"], "d", "sum"),
        node("Relu", ["d"], "y"),
    ]
    found = condense(analyzed(nodes))
    assert [box.tensors for box in found.boxes] == [("x",), ("a", "s", "b"), ("c",), ("d", "y")]
    assert [box.label for box in found.boxes] == ["x", "conv", "next", "sum"]
    assert found.edges == ((0, 1), (1, 2), (1, 3), (2, 3))


def test_what_reads_more_than_its_own_element_does_not_join():
    nodes = [
        node("Softmax", ["x"], "a"),
        node("GlobalAveragePool", ["a"], "b"),
        node("Mul", ["a", "b"], "y"),
    ]
    assert [box.tensors for box in condense(analyzed(nodes)).boxes] == [
        ("x",), ("a",), ("b",), ("y",),
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["stage.{}.conv{}", "/stage/stage.{}/conv{}/Conv"])
def test_a_path_of_names_folds_where_all_does_not_fit(form):
    names = ["x", *(f"t{number}" for number in range(11)), "y"]
    nodes = [
        conv(before, after, form.format(number // 3, number % 3))
        for number, (before, after) in enumerate(pairwise(names))
    ]
    result = analyzed(nodes)
    assert len(condense(result).boxes) == 13
    found = condense(result, 6)
    assert [len(box.parts) for box in found.boxes] == [0, 3, 3, 3, 3]
    assert [box.label for box in found.boxes[1:]] == [
        form.rpartition(".conv")[0].format(k) or form.rpartition("/conv")[0].format(k)
        for k in range(4)
    ]
    inside = unfold(result.graph, found.boxes[2].parts)
    assert [box.tensors for box in inside.boxes] == [("t3",), ("t4",), ("t5",)]
    assert inside.edges == ((0, 1), (1, 2))


def test_a_path_that_comes_back_does_not_close_a_circle():
    nodes = [
        conv("x", "a", "one.first"),
        conv("a", "b", "two.first"),
        conv("b", "c", "one.second"),
        conv("c", "y", "two.second"),
    ]
    found = condense(analyzed(nodes), 3)
    assert len(found.boxes) == 3
    assert all(before < after for before, after in found.edges)


def test_without_paths_so_many_in_a_row_fold():
    names = ["x", *(f"t{number}" for number in range(400)), "y"]
    found = condense(analyzed([conv(*pair) for pair in pairwise(names)]), 20)
    sizes = [len(box.tensors) for box in found.boxes]
    assert sum(sizes) == 402
    assert len(sizes) <= 20
    assert max(sizes) - min(sizes) <= max(sizes) // 2
    for box in found.boxes:
        assert len(box.parts) <= 20
