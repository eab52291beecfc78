"""Expected values that double with every sum leave the range of floats: that is said."""

from __future__ import annotations

import itertools

import pytest
from onnx import helper

import rfgraph
from reports.models import model


def test_what_grows_past_floats_is_refused_by_name():
    names = ["x", *(f"t{number}" for number in range(1100))]
    nodes = [
        helper.make_node("Add", [before, before], [after])
        for before, after in itertools.pairwise(names)
    ]
    pool = helper.make_node("MaxPool", [names[0]], ["m"], kernel_shape=[3], pads=[1, 1])
    nodes = [pool, helper.make_node("Add", ["m", "m"], ["t0"]), *nodes[1:]]
    result = rfgraph.analyze(model(nodes, {"x": [1, 1, 9]}, {names[-1]: None}))
    with pytest.raises(rfgraph.BoundError, match="exceed what a float holds"):
        rfgraph.erf(result)
    assert rfgraph.erf(result, map="paths").map.any()
