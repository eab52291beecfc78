"""The line on the effective field on the first screen: there where it costs little, else absent."""

import pytest

import rfgraph
from effective.nets import Net, stack
from fixtures.make import build
from rfgraph.analysis.view import view
from rfgraph.reports.model import glance


def row(model):
    chosen = view(rfgraph.analyze(model), None, None)
    field = chosen.fields_of(chosen.result.before_global(chosen.result.model.outputs[0])[0])
    return glance.glance(chosen, field[0])


def output_row(model):
    chosen = view(rfgraph.analyze(model), None, None)
    return glance.glance(chosen, chosen.fields_of(chosen.result.model.outputs[0])[0])


def test_it_says_how_much_of_the_field_counts():
    assert row(build("resnet18")) == [
        ("effective 95 %", "246 x 246", "57 % of it; 189 x 189 inside")
    ]
    assert output_row(stack(23, [(1, 1)] * 10)) == [("effective 95 %", "14 x 14", "67 % of it")]


@pytest.mark.parametrize("name", ["densenet121", "efficientnet_b0"])
def test_what_costs_more_or_has_no_size_is_left_out(name):
    assert row(build(name)) == []


def test_where_borders_are_everywhere_it_is_left_out():
    net = Net((1, 1, 8, 8))
    x = net.node("ReduceMean", net.conv("x", 1), axes=[1], keepdims=1)
    moved = net.node("Pad", x, net.const([0, 0, 1, 1, 0, 0, 1, 1]), mode="reflect")
    assert output_row(net.model(moved)) != []
    rolled = net.node("Gather", x, net.const([3, 1, 2]), axis=2)
    assert output_row(net.model(rolled)) == []


def test_what_reads_nothing_is_left_out():
    net = Net((1, 1, 6, 6))
    assert output_row(net.model(net.conv("x", 1, k=1, s=3, pad=0, kind="ConvTranspose"))) == []


def test_a_bound_leaves_it_out(monkeypatch):
    def refuse(*_, **__):
        raise rfgraph.BoundError("too large")

    monkeypatch.setattr("rfgraph.analysis.erf.erf", refuse)
    assert output_row(stack(9, [(1, 1)])) == []
