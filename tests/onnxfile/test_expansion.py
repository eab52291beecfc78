"""What functions and subgraphs would become is counted first: refusals are cheap, and no others."""

import time

import numpy as np
import pytest
from onnx import helper

import rfgraph
import rfgraph.onnxfile.load  # importing is not part of what is timed
from hostile.make import function, graph, ints, model, node, value, weights
from rfgraph.errors import BoundError
from rfgraph.onnxfile.building import budget

SECONDS = 10.0  # of this process, on a slow and busy machine that also measures coverage
CHOICE = [value("c", [1], 9), value("x", [1, 1, 16])]


def refusal(proto):
    """The text of the error, which must come without the expansion."""
    start = time.process_time()
    with pytest.raises(BoundError, match="MAX_EXPANDED") as caught:
        rfgraph.load(proto)
    assert time.process_time() - start < SECONDS
    return str(caught.value)


def chained(count, body):
    """Functions F0, a Relu, to F<count>, of which `body` makes the nodes from the one before."""
    made = [function("F0", "a c", "b", [node("Relu", "a", "b")])]
    return [*made, *(function(f"F{k + 1}", "a c", "b", body(f"F{k}")) for k in range(count))]


def called(functions, name="caller"):
    last = functions[-1].name
    return model([node(last, "x c", "y", name, "local")], CHOICE, functions=functions)


def twice(inner):
    return [node(inner, "a c", "t", "", "local"), node(inner, "t c", "b", "", "local")]


def either_branch(inner):
    branch = graph([node(inner, "a c", "t", "", "local")], outputs=[value("t")])
    return [node("If", "c", "b", then_branch=branch, else_branch=branch)]


def in_turns(inner):
    body = graph(
        [node("Identity", "go", "on"), node(inner, "v c", "w", "", "local")],
        [value("i"), value("go"), value("v")],
        [value("on"), value("w")],
    )
    return [
        node("Constant", [], "n", value_int=200),
        node("Loop", ["n", "", "a"], ["b"], body=body),
    ]


@pytest.mark.parametrize("body", [twice, either_branch])
def test_doubling_is_refused_before_it_is_done(body):
    assert "node 'caller' (F30)" in refusal(called(chained(30, body)))


def test_the_node_that_becomes_most_is_named():
    functions = chained(17, twice)
    nodes = [
        node("F3", "x c", "s", "small", "local"),
        node("F17", "s c", "y", "large", "local"),
    ]
    assert "node 'large' (F17)" in refusal(model(nodes, CHOICE, functions=functions))


def test_many_calls_that_are_small_each_are_refused_together():
    nodes = [node("F8", "x c", f"t{k}", f"call{k}", "local") for k in range(800)]
    proto = model([*nodes, node("Relu", "t0", "y")], CHOICE, functions=chained(8, twice))
    assert "node 'call0' (F8)" in refusal(proto)


def test_functions_in_a_circle_are_counted_once():
    first = function("A", "a c", "b", twice("B"))
    second = function("B", "a c", "b", twice("A"))
    start = time.process_time()
    with pytest.raises(BoundError, match="MAX_NESTING"):
        rfgraph.load(called([second, first]))
    assert time.process_time() - start < SECONDS


def test_loops_that_would_turn_too_often_inside_each_other_are_unknown_and_named():
    functions = chained(4, in_turns)
    start = time.process_time()
    result = rfgraph.analyze(called(functions))
    assert time.process_time() - start < SECONDS
    assert result.receptive_field("y", input="x").axes[2].scope == "unknown"
    assert {finding.code for finding in result.findings} == {"RF005"}


def nested_loops(depth, turns):
    body = None
    for level in range(depth):
        inner = (
            node("Conv", "v w", "o", pads=[1, 1])
            if body is None
            else node("Loop", "n go v", "o", f"loop{level}", body=body)
        )
        body = graph(
            [node("Identity", "go", "on"), inner],
            [value("i"), value("go"), value("v")],
            [value("on"), value("o")],
        )
    stored = [ints("n", turns, ()), ints("go", 1, ()), weights("w", 1, 1, 3)]
    return model(
        [node("Loop", "n go x", "y", "outer", body=body)], [value("x", [1, 1, 16])], ["y"], stored
    )


def test_loops_within_the_bound_are_unrolled():
    # 2^6 convolutions of 3 positions
    result = rfgraph.analyze(nested_loops(6, 2))
    assert result.receptive_field().axes[2].size == 1 + 2 * 2**6


def test_loops_beyond_it_are_unknown():
    start = time.process_time()
    result = rfgraph.analyze(nested_loops(20, 2))
    assert time.process_time() - start < SECONDS
    assert result.receptive_field().axes[2].scope == "unknown"


def test_a_branch_that_a_stored_condition_leaves_out_does_not_count():
    # 2^30 nodes stand in the branch that is never taken, at each level
    def body(inner):
        taken = graph([node("Relu", "a", "t")], outputs=[value("t")])
        left = graph(twice(inner), outputs=[value("b")])
        stored = node("Constant", [], "go", value=ints("", 1, ()))
        return [stored, node("If", "go", "b", then_branch=taken, else_branch=left)]

    result = rfgraph.analyze(called(chained(30, body)))
    assert result.receptive_field("y", input="x").axes[2].size == 1


def test_functions_that_nobody_calls_do_not_count():
    proto = model([node("Relu", "x", "y")], functions=chained(30, twice))
    assert rfgraph.load(proto).outputs == ("y",)


def scanning(depth, length):
    """Scans inside each other along stored tensors: what they turn is known from the outside."""
    body = graph(
        [node("Add", "v e", "o"), node("Relu", "e", "s")],
        [value("v"), value("e")],
        [value("o"), value("s")],
    )
    for level in range(depth):
        made = node("Scan", "v list", "o s", f"scan{level}", body=body, num_scan_inputs=1)
        body = graph([made], [value("v"), value("e")], [value("o"), value("s")])
    along = ints("list", np.zeros(length, dtype=np.int64))
    return model(
        [node("Scan", "x list", "y", "outer", body=body, num_scan_inputs=1)],
        [value("x", [4])],
        ["y"],
        [along],
    )


def test_scans_inside_each_other_are_bounded_alike():
    start = time.process_time()
    assert rfgraph.load(scanning(3, 200)).unanalysed
    assert time.process_time() - start < SECONDS
    assert not rfgraph.load(scanning(1, 3)).unanalysed


def test_the_walk_itself_is_bounded_where_the_count_knows_too_little(monkeypatch):
    monkeypatch.setattr(budget, "MAX_EXPANDED", 50)
    body = graph(
        [node("Identity", "go", "on"), node("Relu", "v", "o")],
        [value("i"), value("go"), value("v")],
        [value("on"), value("o")],
    )
    stored = [ints("five", 5, ()), ints("go", 1, ())]
    nodes = [node("Add", "five five", "n")] + [
        node("Loop", f"n go {'x' if k == 0 else f't{k}'}", f"t{k + 1}", f"loop{k}", body=body)
        for k in range(4)
    ]
    with pytest.raises(BoundError, match=r"node 'loop\d' \(Loop\): .*MAX_EXPANDED"):
        rfgraph.load(model([*nodes, node("Relu", "t4", "y")], initializers=stored))


def test_a_call_does_not_copy_what_the_model_imports():
    # The function imports another version than the model does, so that its scope is its own.
    made = function("F", "a", "b", [node("Relu", "a", "b")])
    made.opset_import[0].version = 13
    proto = model([node("F", "x", f"t{k}", "", "local") for k in range(4000)], functions=[made])
    proto.graph.output[0].name = "t0"
    proto.opset_import.extend(helper.make_opsetid(f"d{k}", 1) for k in range(200_000))
    data = proto.SerializeToString()
    start = time.process_time()
    assert rfgraph.load(data).outputs == ("t0",)
    assert time.process_time() - start < SECONDS


def test_a_function_s_own_versions_hold_inside_it():
    # Softmax flattens all trailing axes before version 13, and takes one axis since.
    made = [
        function(f"F{version}", "a", "b", [node("Softmax", "a", "b", axis=1)])
        for version in (11, 13)
    ]
    for one, version in zip(made, (11, 13), strict=True):
        one.opset_import[0].version = version
    nodes = [node("F11", "x", "y", "", "local"), node("F13", "x", "z", "", "local")]
    result = rfgraph.analyze(model(nodes, outputs=["y", "z"], functions=made))
    assert result.receptive_field("y").axes[3].scope == "global"
    assert result.receptive_field("z").axes[3].scope == "local"
