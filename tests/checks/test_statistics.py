"""The verdict on every statistic against brute force over the routes of random nets."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import onnx
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import helper

import rfgraph
from domains.brute import comparable, longest_period
from oracle import random_models, sets, walks
from oracle.examples import output

UNITS, MANY_UNITS, MANY_WALKS = 24, 200, 200
CROPS = {"Slice", "Pad"}
STATS = ("min", "max", "mean", "median", "p10", "p90")


def with_tail(model: onnx.ModelProto, tail: str) -> onnx.ModelProto:
    """The same model, pooled globally, or gated by its global pool."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    last = output(model)
    if tail == "none":
        return made
    shape = [dim.dim_value for dim in made.graph.output[0].type.tensor_type.shape.dim]
    made.graph.node.append(helper.make_node("GlobalAveragePool", [last], ["pooled"], "pool"))
    if tail == "gated":
        made.graph.node.append(helper.make_node("Mul", [last, "pooled"], ["gated"], "gate"))
    else:
        shape[2:] = [1] * len(shape[2:])
    value = helper.make_tensor_value_info(made.graph.node[-1].output[0], 1, shape)
    del made.graph.output[:]
    made.graph.output.append(value)
    return made


def reached(sizes, stat):
    """What a statistic over sizes is, None over none: a quantile is a size that some path has."""
    if not sizes:
        return None
    ordered = sorted(sizes)
    if stat == "mean":
        return Fraction(sum(ordered), len(ordered))
    share = {"min": Fraction(0), "max": Fraction(1), "median": Fraction(1, 2)}.get(stat)
    share = Fraction(int(stat[1:]), 100) if share is None else share
    return ordered[max(ceil(share * len(ordered)), 1) - 1]


def check_verdicts(model, required):
    graph = sets.Graph(model)
    result = rfgraph.analyze(model)
    units = max(UNITS, longest_period(model, graph))
    tensor = output(model)
    for name in graph.inputs:
        axes = result.forms[name].spatial_axes
        many = units > MANY_UNITS or len(walks.walks(graph, tensor, name)) > MANY_WALKS
        if many or tuple(sorted(graph.spatial[name])) != axes or tensor not in result.forms[name]:
            continue
        routes = walks.routes(graph, tensor, name, units)
        for stat in STATS:
            found = rfgraph.check(model, at="output", stat=stat, min_rf=required, inputs=name)
            failing = {axis: item.found for item in found for axis in item.axes}
            for axis in axes:
                value = reached([r.sizes[axis] for r in routes if r.sizes[axis] is not None], stat)
                assert (axis in failing) == (value is None or value < required), (stat, value)
                assert axis not in failing or failing[axis] == value


@given(
    random_models.models().filter(comparable),
    st.sampled_from(["none", "pooled", "gated"]),
    st.integers(1, 12),
)
@settings(max_examples=20)
def test_the_verdict_on_a_statistic_is_that_of_brute_force(model, tail, required):
    # What reads all of a part of an axis is local: the oracle of walks does not tell parts, which
    # a Slice leaves, and a Pad that crops.
    assume(tail == "none" or CROPS.isdisjoint(node.op_type for node in model.graph.node))
    check_verdicts(with_tail(model, tail), required)
