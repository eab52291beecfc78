from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from oracle import perturb
from oracle.examples import builder, chain, output


def rows(model, tensor=None):
    """[lo, hi] along the last input axis of every unit along the last axis, first channel."""
    lo, hi = perturb.hull_tables(model, tensor or output(model), "x0")
    return [(int(a), int(b)) for a, b in zip(lo[0, 0, :, -1], hi[0, 0, :, -1], strict=True)]


def model_of(nodes, inputs, stored=(), opset=18):
    """Inputs as (name, element type, shape); the output is the last node's."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(*value) for value in inputs],
        [onnx.ValueInfoProto(name=nodes[-1].output[0])],
        [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in stored],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def test_three_wide_window_is_cut_at_both_borders():
    assert rows(chain(5, (3, 1, 1, 1))) == [(0, 1), (0, 2), (1, 3), (2, 4), (3, 4)]


def test_stride_and_dilation():
    assert rows(chain(9, (3, 2, 1, 0))) == [(0, 2), (2, 4), (4, 6), (6, 8)]
    assert rows(chain(7, (3, 1, 2, 0))) == [(0, 4), (1, 5), (2, 6)]


def test_elements_show_the_gaps_of_a_dilated_window():
    found = perturb.elements(chain(7, (3, 1, 2, 0)), "t0_0", "x0")
    assert found[0, 0, 1, 0, 0].tolist() == [False, True, False, True, False, True, False]


def test_dependence_reads_any_tensor_and_every_input():
    build, x = builder(1, 1, 4)
    y = build.input((1, 1, 4))
    middle = build.same("Relu", x)
    end = build.same("Add", middle, build.conv(y, 1, [2], pads=[1, 0]))
    found = perturb.dependence(build.model(end), end, (0, 0, 2))
    assert found["x0"].ravel().tolist() == [False, False, True, False]
    assert found["x1"].ravel().tolist() == [False, True, True, False]
    only = perturb.dependence(build.model(end), middle, (0, 0, 2))
    assert list(only) == ["x0", "x1"]
    assert not only["x1"].any()


def test_two_dimensions_stay_apart():
    build, x = builder(1, 2, 5, 6)
    y = build.conv(x, 2, [3, 1], pads=[1, 0, 1, 0], group=2)
    box = perturb.hull(build.model(y), y, (0, 1, 0, 4), x)
    assert box == [(0, 0), (1, 1), (0, 1), (4, 4)]


def test_bisection_of_a_long_axis_equals_one_by_one():
    model = chain(200, (5, 1, 1, 2), (3, 2, 1, 1), (3, 1, 4, 0))
    lo, hi = perturb.hull_tables(model, "t2_0", "x0")
    prober = perturb.Prober(model, ["t2_0"])
    for unit in (0, 1, 40, 90):
        pair = (int(lo[0, 0, unit, 2]), int(hi[0, 0, unit, 2]))
        assert prober.hull("t2_0", (0, 0, unit), "x0") == [(0, 0), (0, 0), pair]


def test_a_deep_chain_keeps_its_border():
    # Fifty 3-wide layers read 101 positions; a border weight is 3^-50.
    model = chain(121, *[(3, 1, 1, 1)] * 50)
    assert perturb.hull(model, output(model), (0, 0, 60), "x0")[2] == (10, 110)


def test_a_deep_chain_keeps_its_border_where_only_finite_probes_are_sound():
    build, x = builder(1, 1, 61)
    for _ in range(25):
        x = build.same_conv(x, 1, 3)
    y = build.resize(x, [122], None, mode="linear", coordinate_transformation_mode="asymmetric")
    model = build.model(y)
    assert perturb.hull(model, y, (0, 0, 60), "x0")[2] == (5, 55)
    assert perturb.hull(model, y, (0, 0, 61), "x0")[2] == (5, 56)


def test_max_pool_and_relu_do_not_hide_what_they_read():
    build, x = builder(1, 1, 9)
    y = build.pool("MaxPool", build.same("Relu", x), [3], strides=[3])
    assert rows(build.model(build.same_conv(y, 1, 1))) == [(0, 2), (3, 5), (6, 8)]


def test_a_linear_resize_leaks_nothing_where_it_samples_exactly():
    # 3 -> 5 with aligned corners samples at 0, 1/2, 1, 3/2, 2.
    build, x = builder(1, 1, 3)
    y = build.resize(x, [5], None, mode="linear", coordinate_transformation_mode="align_corners")
    assert rows(build.model(y)) == [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2)]


def test_phases_that_read_nothing_have_lo_above_hi():
    build, x = builder(1, 1, 3)
    y = build.transposed(x, 1, [1], strides=[3])
    found = rows(build.model(y))
    assert [pair for pair in found if pair[0] <= pair[1]] == [(0, 0), (1, 1), (2, 2)]
    assert [lo <= hi for lo, hi in found] == [True, False, False, True, False, False, True]
    assert perturb.hull(build.model(y), y, (0, 0, 1), x) is None


def test_cancelling_and_multiplying_by_zero_hide_nothing():
    build, x = builder(1, 1, 4)
    gaps = build.transposed(x, 1, [1], strides=[2])
    y = build.same("Mul", gaps, build.resize(x, [7], None, mode="nearest"))
    z = build.same("Sub", y, y)
    assert all(lo <= hi for lo, hi in rows(build.model(z)))


@pytest.mark.parametrize("kind", ["InstanceNormalization", "Softmax"])
def test_statistics_over_the_axis_reach_everywhere(kind):
    build, x = builder(1, 1, 6)
    if kind == "Softmax":
        y = build.same("Softmax", x, axis=2)
    else:
        y = build.one(kind, [x, build.floats((1,)), build.floats((1,))], (1, 1, 6))
    assert rows(build.model(y)) == [(0, 5)] * 6


def test_a_causal_sum_reads_what_came_before():
    nodes = [helper.make_node("CumSum", ["x0", "axis"], ["y"])]
    model = model_of(nodes, [("x0", TensorProto.FLOAT, [1, 1, 4])], [("axis", np.int64(2))])
    assert rows(model) == [(0, 0), (0, 1), (0, 2), (0, 3)]


def test_a_normalisation_over_a_window_of_channels_stays_within_it():
    build, x = builder(1, 5, 2, 2)
    y = build.one("LRN", [x], (1, 5, 2, 2), size=3)
    lo, hi = perturb.hull_tables(build.model(y), y, x)
    pairs = list(zip(lo[0, :, 1, 0, 1].tolist(), hi[0, :, 1, 0, 1].tolist(), strict=True))
    assert pairs == [(0, 1), (0, 2), (1, 3), (2, 4), (3, 4)]
    assert (lo[0, 2, 1, 0].tolist(), hi[0, 2, 1, 0].tolist()) == ([0, 1, 1, 0], [0, 3, 1, 0])


def test_integer_inputs_move_within_their_range():
    table = np.arange(30, dtype=np.float32).reshape(10, 3)
    nodes = [helper.make_node("Gather", ["table", "ids"], ["y"])]
    inputs = [("ids", TensorProto.INT64, [2, 4])]
    model = model_of(nodes, inputs, [("table", table)])
    found = perturb.elements(model, "y", "ids", ranges={"ids": (0, 10)})
    assert found[1, 2, 0].astype(int).tolist() == [[0, 0, 0, 0], [0, 0, 1, 0]]


def test_boolean_inputs_flip():
    nodes = [helper.make_node("Where", ["m", "x0", "x0n"], ["y"])]
    nodes.insert(0, helper.make_node("Neg", ["x0"], ["x0n"]))
    inputs = [("m", TensorProto.BOOL, [3]), ("x0", TensorProto.FLOAT, [3])]
    found = perturb.dependence(model_of(nodes, inputs), "y", (1,))
    assert found["m"].tolist() == found["x0"].tolist() == [False, True, False]


def test_symbolic_dims_need_a_shape_and_take_it():
    nodes = [helper.make_node("Relu", ["x0"], ["y"])]
    model = model_of(nodes, [("x0", TensorProto.FLOAT, ["n", 1, "t"])])
    with pytest.raises(ValueError, match="give its shape"):
        perturb.Prober(model, ["y"])
    prober = perturb.Prober(model, ["y"], shapes={"x0": (1, 1, 3)})
    assert prober.hull("y", (0, 0, 1), "x0") == [(0, 0), (0, 0), (1, 1)]


def test_fixed_inputs_are_fed_and_not_probed():
    nodes = [helper.make_node("If", ["flag"], ["y"])]
    for name, kind in (("then_branch", "Relu"), ("else_branch", "Softmax")):
        inner = helper.make_node(kind, ["x0"], [name])
        branch = helper.make_graph([inner], name, [], [onnx.ValueInfoProto(name=name)])
        branch.output[0].CopyFrom(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
        nodes[0].attribute.append(helper.make_attribute(name, branch))
    inputs = [("flag", TensorProto.BOOL, []), ("x0", TensorProto.FLOAT, [3])]
    model = model_of(nodes, inputs)
    for flag, expected in ((True, (1, 1)), (False, (0, 2))):
        prober = perturb.Prober(model, ["y"], fixed={"flag": np.array(flag)})
        assert list(prober.inputs) == ["x0"]
        assert prober.hull("y", (1,), "x0") == [expected]


def test_weights_may_be_missing_zero_or_negative():
    model = chain(5, (3, 1, 1, 1))
    expected = rows(model)
    weight = model.graph.initializer[0]
    for value in (np.zeros((1, 1, 3), np.float32), -np.ones((1, 1, 3), np.float32)):
        weight.CopyFrom(onnx.numpy_helper.from_array(value, weight.name))
        assert rows(model) == expected
    weight.raw_data = b""
    assert rows(model) == expected


def test_values_that_steer_or_bound_are_kept():
    nodes = [
        helper.make_node("Clip", ["x0", "low", "high"], ["c"]),
        helper.make_node("Resize", ["c", "", "scales"], ["r"], mode="nearest"),
        helper.make_node("Mul", ["r", "zero"], ["y"]),
    ]
    stored = [
        ("low", np.float32(0)),
        ("high", np.float32(6)),
        ("scales", np.array([1, 1, 2], np.float32)),
        ("zero", np.zeros((), np.float32)),
    ]
    model = model_of(nodes, [("x0", TensorProto.FLOAT, [1, 1, 2])], stored)
    assert rows(model) == [(0, 0), (0, 0), (1, 1), (1, 1)]


def test_a_baseline_of_nan_is_refused():
    nodes = [helper.make_node("Neg", ["x0"], ["n"]), helper.make_node("Sqrt", ["n"], ["y"])]
    with pytest.raises(ValueError, match="blind"):
        perturb.Prober(model_of(nodes, [("x0", TensorProto.FLOAT, [2])]), ["y"])
