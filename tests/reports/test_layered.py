"""The layered drawing: what must hold of any, and few crossings where none is needed."""

from __future__ import annotations

import itertools
import random

import networkx as nx
import pytest

from rfgraph.reports.formats.layered import BESIDE, NARROW, draw_layers


def drawn(seed, count=30, chance=0.12):
    pick = random.Random(seed)
    pairs = [(a, b) for b in range(count) for a in range(b) if pick.random() < chance]
    return count, pairs


@pytest.mark.parametrize("seed", range(6))
def test_lines_lead_down_and_boxes_of_a_layer_stand_apart(seed):
    count, pairs = drawn(seed)
    drawing = draw_layers(count, pairs)
    assert len(drawing.places) == count
    assert set(drawing.lines) | set(drawing.left_out) == set(pairs)
    taken = {}
    for (before, after), points in drawing.lines.items():
        assert points[0] == drawing.places[before]
        assert points[-1] == drawing.places[after]
        levels = [level for _, level in points]
        assert levels == list(range(levels[0], levels[-1] + 1))
        for point in points[1:-1]:
            taken.setdefault(point[1], []).append((point[0], False))
    for column, level in drawing.places:
        taken.setdefault(level, []).append((column, True))
    for row in taken.values():
        row.sort()
        for (left, box), (right, other) in itertools.pairwise(row):
            assert right - left >= (BESIDE if box or other else NARROW)
    assert min(column for row in taken.values() for column, _ in row) == 0


def test_layers_are_the_longest_ways():
    count, pairs = drawn(3)
    graph = nx.DiGraph(pairs)
    fed = {after for _, after in pairs}
    drawing = draw_layers(count, pairs)
    for box in fed:
        within = graph.subgraph(nx.ancestors(graph, box) | {box})
        assert drawing.places[box][1] == nx.dag_longest_path_length(within)


def test_a_chain_and_a_tree_have_no_bend_and_no_crossing():
    chain = [(number, number + 1) for number in range(9)]
    assert {column for column, _ in draw_layers(10, chain).places} == {0}
    tree = [((number - 1) // 2, number) for number in range(1, 15)]
    places = draw_layers(15, tree).places
    for level in range(1, 4):
        row = sorted(box for box in range(15) if places[box][1] == level)
        parents = [places[(b - 1) // 2][0] for b in sorted(row, key=lambda box: places[box][0])]
        assert parents == sorted(parents)


def test_a_skip_beside_a_chain_is_straight():
    pairs = [(number, number + 1) for number in range(9)] + [(1, 8)]
    line = draw_layers(10, pairs).lines[1, 8]
    assert len({column for column, _ in line[1:-1]}) == 1


def test_where_lines_would_hide_all_the_reduction_is_drawn():
    pairs = [(a, b) for b in range(40) for a in range(b)]
    drawing = draw_layers(40, pairs)
    reduced = nx.transitive_reduction(nx.DiGraph(pairs))
    assert set(drawing.lines) == set(reduced.edges())
    assert set(drawing.left_out) == set(pairs) - set(reduced.edges())


def test_the_same_graph_gives_the_same_drawing():
    count, pairs = drawn(5)
    assert draw_layers(count, pairs) == draw_layers(count, pairs)


def test_no_box_and_no_line():
    assert draw_layers(0, []).places == ()
    assert draw_layers(1, []).places == ((0, 0),)
    assert len(set(draw_layers(3, []).places)) == 3
