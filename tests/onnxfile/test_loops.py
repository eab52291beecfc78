"""Loops that their condition ends: what they read is what onnxruntime shows, up to a bound."""

import onnx.parser
import pytest

import rfgraph
from oracle import perturb
from rfgraph.onnxfile.control.loops import MAX_TURNS

HEAD = '<ir_version: 8, opset_import: ["" : 17]>\n'
# A turn widens the field by one on either side; the loop ends when its counter has reached `end`.
WHILE = """m (float[1, 1, 24] x) => (float[1, 1, 24] y, int64 last, float[T, 1, 1, 24] z)
    <float[1, 1, 3] w = {{1, 1, 1}}, int64 zero = {{0}}, int64 one = {{1}}, int64 end = {{{end}}},
     int64 most = {{{most}}}, bool go = {{1}}> {{
    y, last, z = Loop (most, go, x, zero) <body =
        b (int64 i, bool c, float[1, 1, 24] v, int64 k)
            => (bool d, float[1, 1, 24] o, int64 n, float[1, 1, 24] s) {{
            n = Add (k, one)
            d = {condition}
            o = Conv <pads = [1, 1]> (v, w)
            s = Relu (v)
        }}>
}}"""
LESS = "Less (n, end)"


def model(limit="", end=4, most=1 << 62, condition=LESS):
    proto = onnx.parser.parse_model(HEAD + WHILE.format(end=end, most=most, condition=condition))
    # Not every version of the parser takes an input that is left out.
    proto.graph.node[0].input[0] = limit
    return proto


@pytest.mark.parametrize(
    ("limit", "most"), [("", 1), ("most", 1 << 62), ("most", 2), ("most", 4), ("most", 300)]
)
def test_the_condition_or_the_number_ends_a_loop(limit, most):
    proto = model(limit, most=most)
    result = rfgraph.analyze(proto)
    assert result.findings == ()
    prober = perturb.Prober(proto, ["y", "z"])
    for tensor, index in (("y", (0, 0, 12)), ("z", (-1, 0, 0, 12))):
        region = rfgraph.unit(result, tensor, index).regions[0]
        shape = prober.shape(tensor)
        assert result.graph.nodes[tensor]["shape"] == shape
        seen = prober.hull(
            tensor, [at % length for at, length in zip(index, shape, strict=True)], "x"
        )
        assert region.clipped == tuple(seen)


@pytest.mark.parametrize(
    ("limit", "end", "condition"),
    [
        ("", MAX_TURNS + 1, LESS),
        ("most", MAX_TURNS + 1, LESS),
        ("most", 4, "Identity (c)"),
        ("", 4, "Identity (go)"),
        ("", 4, "Constant <value = bool {1}> ()"),
    ],
)
def test_a_loop_beyond_the_bound_is_its_fixpoint_and_leaves_no_turns_behind(limit, end, condition):
    result = rfgraph.analyze(model(limit, end, condition=condition))
    assert set(result.graph) == {"x", "y", "last", "z"}
    assert result.receptive_field("y").axes[2].scope == "global"
    assert result.graph.in_degree("last") == 0  # it counts turns
    # How many slices there are is known where only the number ends the loop.
    counted = limit == "most" and condition == "Identity (c)"
    assert [finding.node for finding in result.findings] == ([] if counted else ["Loop_0"])
    assert result.graph.nodes["z"]["shape"] == ((1 << 62, 1, 1, 24) if counted else None)
    scope = result.receptive_field("z").axes[2].scope
    assert scope == ("global" if counted else "unknown")


def test_a_loop_of_just_as_many_turns_as_the_bound_is_followed():
    assert rfgraph.analyze(model(end=MAX_TURNS)).findings == ()
