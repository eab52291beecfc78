"""Control flow, functions and sequences: fields equal what perturbation under onnxruntime finds."""

import itertools

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper, parser

import rfgraph
from oracle import perturb
from rfgraph.domains import regions as exact
from rfgraph.errors import ModelError, RfgraphError


def model(text: str) -> onnx.ModelProto:
    made = parser.parse_model(text)
    made.ir_version = 8
    onnx.checker.check_model(made)
    return made


HEAD = '<ir_version: 8, opset_import: ["" : 17, "local" : 1]>'

LOOP = model(
    HEAD
    + """
g (float[1,1,12] x) => (float[1,1,12] y, float[3,1,1,12] z)
<float[1,1,3] w = {1, 1, 1}, int64 n = {3}, bool go = {1}>
{
  y, z = Loop (n, go, x) <body =
    b (int64 i, bool c, float[1,1,12] v) => (bool d, float[1,1,12] o, float[1,1,12] s)
  {
    d = Identity (c)
    o = Conv <pads = [1, 1]> (v, w)
    s = Relu (v)
  }>
}"""
)

SCAN = model(
    HEAD
    + """
g (float[1,4] h, float[6,1,4] x) => (float[1,4] last, float[6,1,4] y)
{
  last, y = Scan <num_scan_inputs = 1, body =
    b (float[1,4] s, float[1,4] v) => (float[1,4] t, float[1,4] o)
  {
    t = Add (s, v)
    o = Identity (t)
  }> (h, x)
}"""
)

SCAN_BACK = model(
    HEAD
    + """
g (float[4] h, float[4,6] x) => (float[4] last, float[4,6] y)
{
  last, y = Scan <num_scan_inputs = 1, scan_input_axes = [1], scan_input_directions = [1],
    scan_output_axes = [1], body = b (float[4] s, float[4] v) => (float[4] t, float[4] o)
  {
    t = Add (s, v)
    o = Identity (t)
  }> (h, x)
}"""
)

IF_CONSTANT = model(
    HEAD
    + """
g (float[1,1,9] x) => (float[1,1,9] y)
<float[1,1,3] w = {1, 1, 1}, bool c = {0}>
{
  y = If (c) <then_branch = t () => (float[1,1,9] a) { a = Relu (x) },
              else_branch = e () => (float[1,1,9] b) { b = Conv <pads = [1, 1]> (x, w) }>
}"""
)

FUNCTION = model(
    HEAD
    + """
g (float[1,1,16] x) => (float[1,1,16] y)
<float[1,1,3] w = {1, 1, 1}>
{
  y = local.twice <d = 2> (x, w)
}
<domain: "local", opset_import: ["" : 17, "local" : 1]>
twice <d> (v, k) => (o)
{
  a = local.once <e: int = @d> (v, k)
  o = local.once <e: int = @d> (a, k)
}
<domain: "local", opset_import: ["" : 17]>
once <e> (v, k) => (o)
{
  o = Conv <dilations = [2], pads = [2, 2]> (v, k)
}
"""
)

SEQUENCES = model(
    HEAD
    + """
g (float[2,8] x) => (float[2,4] y, float[2,2,4] z)
<int64 one = {1}, int64 four = {4}>
{
  s = SplitToSequence <axis = 1> (x, four)
  y = SequenceAt (s, one)
  t = SequenceConstruct (y, y)
  z = ConcatFromSequence <axis = 0, new_axis = 1> (t)
}"""
)

MODELS = {
    "loop": LOOP,
    "scan": SCAN,
    "scan back": SCAN_BACK,
    "if": IF_CONSTANT,
    "function": FUNCTION,
    "sequences": SEQUENCES,
}


@pytest.mark.parametrize("name", MODELS)
def test_regions_equal_perturbation(name):
    proto = MODELS[name]
    loaded = rfgraph.load(proto)
    assert loaded.unanalysed == ()
    outputs = list(loaded.outputs)
    compared = 0
    for source in loaded.inputs:
        found = exact.clipped_tables(loaded.graph, source.name)
        truth = perturb.Prober(proto, outputs).tables(source.name)
        for tensor in outputs:
            lo, hi = truth[tensor]
            shape = loaded.graph.nodes[tensor]["shape"]
            assert lo.shape[:-1] == shape
            for index in itertools.product(*map(range, shape)):
                box = exact.region(found[tensor], index) if tensor in found else None
                low, high = lo[index], hi[index]
                want = (
                    None
                    if (low > high).any()
                    else tuple(zip(low.tolist(), high.tolist(), strict=True))
                )
                assert box == want, (tensor, index)
                compared += 1
    assert compared > 8


def test_a_runtime_if_is_either_branch_and_reads_its_condition():
    proto = model(
        HEAD
        + """
g (float[1,1,9] x, bool c) => (float[1,1,9] y)
<float[1,1,3] w = {1, 1, 1}>
{
  y = If (c) <then_branch = t () => (float[1,1,9] a) { a = Relu (x) },
              else_branch = e () => (float[1,1,9] b) { b = Conv <pads = [1, 1]> (x, w) }>
}"""
    )
    result = rfgraph.analyze(proto)
    field = result.receptive_field("y", input="x")
    assert (field.axes[2].size, field.axes[2].shortest, field.axes[2].longest) == (3, 1, 3)
    assert result.receptive_field("y", input="c").axes == {}
    assert rfgraph.path_histogram(result, input="x").total == 2


def test_a_loop_of_unknown_length_is_its_fixpoint_until_the_length_is_given():
    proto = model(
        HEAD
        + """
g (float[1,1,9] x, int64 n) => (float[1,1,9] y)
<float[1,1,3] w = {1, 1, 1}, bool go = {1}>
{
  y = Loop (n, go, x) <body = b (int64 i, bool c, float[1,1,9] v) => (bool d, float[1,1,9] o)
  {
    d = Identity (c)
    o = Conv <pads = [1, 1]> (v, w)
  }>
}"""
    )
    result = rfgraph.analyze(proto)
    axes = result.receptive_field("y", input="x").axes
    assert [axis.scope for axis in axes.values()] == ["local", "global", "global"]
    assert result.findings == ()
    bound = rfgraph.analyze(rfgraph.load(proto, input_values={"n": 4}))
    assert bound.receptive_field("y", input="x").axes[2].size == 9


def test_functions_that_call_each_other_twice_are_bounded():
    functions = [
        helper.make_function(
            "local", f"f{k}", ["v"], ["o"],
            [helper.make_node(f"f{k + 1}", ["v"], ["a"], domain="local"),
             helper.make_node(f"f{k + 1}", ["a"], ["o"], domain="local")],
            [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)],
        )
        for k in range(30)
    ]  # fmt: skip
    functions.append(
        helper.make_function(
            "local", "f30", ["v"], ["o"], [helper.make_node("Relu", ["v"], ["o"])],
            [helper.make_opsetid("", 17)],
        )
    )  # fmt: skip
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 4])
    graph = helper.make_graph([helper.make_node("f0", ["x"], ["y"], domain="local")], "g", [x], [y])
    proto = helper.make_model(
        graph,
        functions=functions,
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("local", 1)],
        ir_version=8,
    )
    with pytest.raises(RfgraphError, match="MAX_EXPANDED"):
        rfgraph.load(proto)


def test_a_function_that_calls_itself_is_refused():
    function = helper.make_function(
        "local", "f", ["v"], ["o"], [helper.make_node("f", ["v"], ["o"], domain="local")],
        [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)],
    )  # fmt: skip
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("f", ["x"], ["y"], domain="local")], "g", [x], [y])
    proto = helper.make_model(
        graph,
        functions=[function],
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("local", 1)],
        ir_version=8,
    )
    with pytest.raises(RfgraphError, match="MAX_NESTING"):
        rfgraph.load(proto)


def chain_of(nodes, initializers=()):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", [x], [y], initializer=list(initializers))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_nodes_out_of_order_are_sorted():
    weight = numpy_helper.from_array(np.ones((1, 1, 3), np.float32), "w")
    nodes = [helper.make_node("Relu", ["a"], ["y"]), helper.make_node("Conv", ["x", "w"], ["a"])]
    result = rfgraph.analyze(chain_of(nodes, [weight]))
    assert result.receptive_field().axes[2].size == 3


def test_a_cycle_is_named():
    nodes = [
        helper.make_node("Add", ["x", "y"], ["a"], name="plus"),
        helper.make_node("Relu", ["a"], ["y"]),
    ]
    with pytest.raises(ModelError, match=r"node 'plus' \(Add\): lies on a cycle"):
        rfgraph.load(chain_of(nodes))


def test_a_missing_tensor_is_named():
    nodes = [helper.make_node("Add", ["x", "nowhere"], ["y"], name="plus")]
    with pytest.raises(ModelError, match=r"node 'plus' .*requires tensor 'nowhere'"):
        rfgraph.load(chain_of(nodes))


def test_a_tensor_made_twice_is_named():
    nodes = [
        helper.make_node("Relu", ["x"], ["y"]),
        helper.make_node("Abs", ["x"], ["y"], name="again"),
    ]
    with pytest.raises(ModelError, match=r"node 'again' .*tensor 'y' is produced twice"):
        rfgraph.load(chain_of(nodes))


def test_readers_of_a_sequence_share_what_they_may_read():
    # Any element at each of 300 places that are computed: 300 edges and 400, not their product.
    nodes = [helper.make_node("SplitToSequence", ["x"], ["s"], axis=2)] + [
        helper.make_node("SequenceAt", ["s", "i"], [f"t{k}"]) for k in range(300)
    ]
    proto = chain_of([*nodes, helper.make_node("Relu", ["t299"], ["y"])])
    proto.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 400
    proto.graph.input.append(helper.make_tensor_value_info("i", TensorProto.INT64, []))
    result = rfgraph.analyze(proto)
    assert result.receptive_field("y", input="x").axes[2].scope == "unknown"
    assert result.graph.number_of_edges() < 2000
    assert rfgraph.path_histogram(result, tensor="y", input="x", count="paths").total == 400
