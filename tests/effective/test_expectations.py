"""What is expected of values and slopes, against sampling; factors of edges, against arithmetic."""

from __future__ import annotations

import math

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

import rfgraph
from effective.nets import Net
from rfgraph.domains.effective.activations import (
    ARGUMENT,
    COMBINED,
    FUNCTIONS,
    Moments,
    Op,
    expected_moments,
    largest,
    open_share,
    rectified_moments,
)
from rfgraph.domains.effective.factors import fan
from rfgraph.domains.effective.spreading import count_inside
from rfgraph.domains.effective.weighing import weigh
from rfgraph.relations.axis_rules import Band, Blocks, Rows, Transposed, Window
from rfgraph.relations.relation import Relation
from rfgraph.relations.steps import Reduce, Taps

# -- functions -------------------------------------------------------------------------------------

SINGLE = [name for name in FUNCTIONS if name not in (*COMBINED, "scale", "shift")]
VALUES = {
    "Celu": {"alpha": 0.7},
    "Elu": {"alpha": 0.7},
    "HardSigmoid": {"alpha": 0.3, "beta": 0.4},
    "LeakyRelu": {"alpha": 0.2},
    "ParametricSoftplus": {"alpha": 1.5, "beta": 0.5},
    "ScaledTanh": {"alpha": 1.5, "beta": 0.5},
    "Selu": {"alpha": 1.5, "gamma": 1.1},
    "Shrink": {"bias": 0.25, "lambd": 0.5},
    "Swish": {"alpha": 1.5},
    "ThresholdedRelu": {"alpha": 0.5},
}
POINTS = np.array([-2.3, -1.1, -0.7, -0.3, 0.2, 0.45, 0.8, 1.7])


def op_of(name):
    """The op that a rule makes of an operator's attributes."""
    if name == "Pow":
        return Op("Pow", (3.0,), (ARGUMENT,))
    if name == "Clip":
        return Op("Clip", (-1.0, 0.5), (ARGUMENT,))
    net = Net((1, 8), opset=24)
    net.node(name, "x", name="y", **VALUES.get(name, {}))
    ((_, _, edge),) = rfgraph.load(net.model("y")).graph.edges(data=True)
    return Op(edge["how"].name, edge["how"].values, (ARGUMENT,))


def at(name, x):
    op = op_of(name)
    return FUNCTIONS[op.name](x, *op.values)


@pytest.mark.parametrize("name", SINGLE)
def test_a_slope_is_that_of_the_value(name):
    x = np.abs(POINTS) if name == "Sqrt" else POINTS
    (value, slope), h = at(name, x), 1e-3
    near = (at(name, x + h)[0] - at(name, x - h)[0]) / (2 * h)
    np.testing.assert_allclose(slope, near, atol=1e-4, err_msg=name)
    assert value.shape == x.shape


@pytest.mark.parametrize(
    "name",
    [n for n in SINGLE if n not in ("ParametricSoftplus", "Pow", "ScaledTanh", "Swish", "Clip")],
)
def test_a_value_is_what_onnxruntime_computes(name):
    x = np.abs(POINTS) if name == "Sqrt" else POINTS
    node = helper.make_node(name, ["x"], ["y"], **VALUES.get(name, {}))
    ends = (helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [8]) for n in "xy")
    graph = helper.make_graph([node], "g", *([end] for end in ends))
    opsets = [helper.make_opsetid("", 20)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (want,) = session.run(None, {"x": x.astype(np.float32)})
    np.testing.assert_allclose(at(name, x)[0], want, atol=1e-5)


# -- expectations ----------------------------------------------------------------------------------

GIVEN = [Moments(0.0, 1.0, 0.0), Moments(0.3, 1.5, 0.6), Moments(-0.5, 0.8, 0.25)]


def channels(given, per_channel=2000, count=1500):
    """Samples of a tensor by channel."""
    random = np.random.default_rng(0)
    means = given.mean + math.sqrt(given.between) * random.normal(size=(count, 1))
    return means + math.sqrt(given.within) * random.normal(size=(count, per_channel))


def sampled(values):
    return values.mean(), (values**2).mean(), (values.mean(axis=1) ** 2).mean()


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("name", ["Gelu", "HardSwish", "Sigmoid", "Elu", "Abs"])
def test_moments_of_an_activation_are_those_of_samples(name, given):
    x = channels(given)
    value, slope = at(name, x)
    moments, passed = expected_moments(op_of(name), given)
    assert tuple(moments) == pytest.approx(sampled(value), rel=0.06, abs=4e-3)
    assert passed == pytest.approx((slope**2).mean(), rel=0.02)


@pytest.mark.parametrize("given", GIVEN)
def test_moments_of_relu_are_those_of_samples(given):
    x = channels(given)
    moments, passed = rectified_moments(given)
    assert tuple(moments) == pytest.approx(sampled(np.maximum(x, 0)), rel=0.06)
    assert passed == pytest.approx((x > 0).mean(), rel=0.03)


def test_relu_of_a_constant():
    assert rectified_moments(Moments(2.0, 4.0, 4.0))[0] == (2.0, 4.0, 4.0)
    assert rectified_moments(Moments(-2.0, 4.0, 4.0))[1] == 0


@pytest.mark.parametrize("rectified_after", [False, True])
@pytest.mark.parametrize("given", GIVEN)
def test_moments_of_a_maximum_are_those_of_samples(given, rectified_after):
    x = channels(given).reshape(1500, -1, 4).max(axis=2)
    x = np.maximum(x, 0) if rectified_after else x
    found = largest(given, 4, rectified_after=rectified_after)
    assert tuple(found) == pytest.approx(sampled(x), rel=0.06, abs=4e-3)


def test_a_maximum_of_rectified_values_passes_on_where_any_is_open():
    # Of four fair coins 15 / 16 show at least one head: 15 / 8 times as often as one coin.
    assert open_share(Moments(0.0, 1.0, 0.0), 4) == pytest.approx(15 / 8)


def test_a_function_that_is_not_known_has_no_expectation():
    assert expected_moments(Op("Mystery", (), (ARGUMENT,)), GIVEN[0]) is None


# -- factors ---------------------------------------------------------------------------------------


def factors(net, output):
    """The factors of the edges into the output, by slot and part."""
    graph = rfgraph.load(net.model(output)).graph
    counted = weigh(graph, [output], "random")
    into = counted.edges[output]
    return {(edge.slot, edge.part): counted.factors.get(edge.key, 1.0) for edge in into}


def net():
    """x is a convolution's output, of variance one; r its Relu: mean square 1/2."""
    found = Net((1, 2, 6, 6), opset=20)
    found.node("Conv", "x", found.const(np.ones((4, 2, 1, 1), np.float32)), name="c", channels=4)
    found.node("Relu", "c", name="r")
    return found


HALF, OPEN = 0.5, 0.5 - 0.5 / math.pi


def test_weights_divide_by_what_they_read():
    found = net()
    out = found.conv("r", 3)
    assert factors(found, out)[0, 0] == pytest.approx(1 / (9 * 4 * OPEN))


def test_a_stored_norm_divides_by_the_variance_within_channels():
    found = net()
    assert factors(found, found.norm("r"))[0, 0] == pytest.approx(1 / OPEN)


@pytest.mark.parametrize(
    ("kind", "more", "count", "variance"),
    [
        ("InstanceNormalization", {}, 36, OPEN),
        ("LayerNormalization", {"axis": 1}, 144, HALF),
    ],
)
def test_a_norm_passes_on_less_the_fewer_it_normalizes(kind, more, count, variance):
    found = net()
    shape = (4,) if kind.startswith("Instance") else (4, 6, 6)
    ones = [found.const(np.ones(shape, np.float32)) for _ in range(2)]
    got = factors(found, found.node(kind, "r", *ones, **more))
    assert got[0, 0] == pytest.approx((1 - 4 / count) / variance)
    assert got[0, 1] == pytest.approx(2 / count**2 / variance)


def test_a_norm_of_one_element_passes_on_nothing():
    found = Net((1, 4, 1, 1))
    ones = [found.const(np.ones(4, np.float32)) for _ in range(2)]
    got = factors(found, found.node("InstanceNormalization", "x", *ones))
    assert set(got.values()) == {0.0}


def test_a_gate_multiplies_by_the_square_of_the_other():
    found = net()
    out = found.node("Mul", "r", found.conv("c", 4, k=1))
    assert factors(found, out) == pytest.approx({(0, 0): 1.0, (1, 0): HALF})


def test_a_quotient_divides_by_the_square_of_the_other():
    found = net()
    out = found.node("Div", found.conv("c", 4, k=1), "r")
    assert factors(found, out) == pytest.approx({(0, 0): 2.0, (1, 0): 4.0})


def test_numbers_scale_and_shift():
    found = net()
    scaled = found.node("Mul", "r", found.const(np.float32(3)))
    assert factors(found, scaled) == pytest.approx({(0, 0): 9.0})
    shifted = found.node("Sub", found.const(np.float32(1)), scaled)
    assert factors(found, shifted) == {(1, 0): 1.0}
    over = found.node("Div", scaled, found.const(np.float32(2)))
    assert factors(found, over) == {(0, 0): 0.25}
    learned = found.node("Mul", over, found.const(np.ones((4, 1, 1), np.float32)))
    assert factors(found, learned) == {(0, 0): 1.0}
    # 3 Relu / 2: a mean square of 9/8, of which the channels' means make 9/4 / (2 pi).
    out = found.conv(learned, 1, k=1)
    assert factors(found, out)[0, 0] == pytest.approx(1 / (4 * 9 / 4 * OPEN))


def test_a_shift_moves_the_mean_and_not_the_variance():
    found = net()
    out = found.conv(found.node("Add", "r", found.const(np.float32(5))), 1, k=1)
    assert factors(found, out)[0, 0] == pytest.approx(1 / (4 * OPEN))


def test_sums_add_squares_and_means():
    found = net()
    # The means of two Relus add: (2 m)^2 - 2 m^2 more in both moments, so the variance doubles.
    other = found.node("Relu", found.conv("c", 4, k=1))
    out = found.conv(found.node("Sum", "r", other), 1, k=1)
    assert factors(found, out)[0, 0] == pytest.approx(1 / (4 * 2 * OPEN))


def test_averages_and_maxima():
    found = net()
    mean = found.node("Mean", "r", "c")
    assert factors(found, mean) == {(0, 0): 0.25, (1, 0): 0.25}
    most = found.node("Max", "r", "c")
    assert factors(found, most) == {(0, 0): 0.5, (1, 0): 0.5}
    pooled = found.node("AveragePool", "c", kernel_shape=[2, 2])
    assert factors(found, pooled) == {(0, 0): 1 / 16}
    # An average of four keeps a quarter of the variance.
    assert factors(found, found.conv(pooled, 1, k=1))[0, 0] == pytest.approx(1)
    whole = found.node("GlobalAveragePool", "r")
    assert factors(found, whole)[0, 0] == pytest.approx(1 / 36**2)
    assert factors(found, found.conv(whole, 1, k=1))[0, 0] == pytest.approx(1 / (4 * OPEN))
    assert factors(found, found.node("MaxPool", "c", kernel_shape=[2, 2])) == {(0, 0): 0.25}
    opened = found.node("MaxPool", "r", kernel_shape=[2, 2])
    assert factors(found, opened)[0, 0] == pytest.approx(15 / 8 / 4)


def attention():
    found = Net((1, 8, 16))
    weight = np.ones((16, 16), np.float32)
    q, k, v = (found.node("MatMul", "x", found.const(weight)) for _ in range(3))
    scores = found.node("MatMul", q, found.node("Transpose", k, perm=[0, 2, 1]))
    weights = found.node("Softmax", scores, axis=-1)
    return found, scores, weights, found.node("MatMul", weights, v)


def test_attention_mixes_with_the_squares_of_its_weights():
    found, scores, weights, out = attention()
    assert factors(found, scores) == pytest.approx({(0, 0): 1 / 16, (1, 0): 1 / 16})
    share = math.e / 8**2
    assert factors(found, weights) == pytest.approx({(0, 0): share, (0, 1): share**2})
    assert factors(found, out) == pytest.approx({(0, 0): 1.0, (1, 0): share})
    after = found.node("MatMul", out, found.const(np.ones((16, 4), np.float32)))
    # Eight values with these weights keep 8 * e / 64 of the variance.
    assert factors(found, after)[0, 0] == pytest.approx(1 / (16 * 8 * share))


def test_a_recurrence_shares_among_what_it_has_read():
    found = Net((5, 1, 3))
    w, r = (found.const(np.ones((1, 2, n), np.float32)) for n in (3, 2))
    out = found.node("RNN", "x", w, r, hidden_size=2)
    # Of five steps three are read on average, of three features each.
    assert factors(found, out)[0, 0] == pytest.approx(1 / (3 * 3))


def test_concatenation_averages_by_elements():
    found = net()
    joined = found.node("Concat", "r", "c", "c", axis=1, channels=12)
    out = found.conv(joined, 1, k=1)
    # Two thirds have variance one; of the rest the channels' means are 1 / (2 pi).
    within = (2 * 1 + HALF) / 3 - 1 / (2 * math.pi) / 3
    assert factors(found, out)[0, 0] == pytest.approx(1 / (12 * within))


def test_clip_is_known_by_its_bounds():
    found = net()
    low, high = (found.const(np.float32(v)) for v in (0, 6))
    six = factors(found, found.node("Clip", "c", low, high))[0, 0]
    assert six == pytest.approx(0.5, abs=1e-6)
    old = Net((1, 2, 6, 6), opset=10)
    assert factors(old, old.node("Clip", "x", min=0.0, max=6.0))[0, 0] == pytest.approx(six)
    assert factors(found, found.node("Clip", "c"))[0, 0] == pytest.approx(1.0)
    unknown = found.node("Clip", "c", found.node("ReduceMin", "r", keepdims=0))
    assert factors(found, unknown)[0, 0] == 1.0


def test_a_power_has_the_slope_of_its_exponent():
    found = net()
    out = found.node("Pow", "c", found.const(np.float32(2)))
    assert factors(found, out)[0, 0] == pytest.approx(4, rel=1e-4)


@pytest.mark.parametrize("kind", ["Floor", "Reciprocal"])
def test_a_function_without_a_useful_slope_is_assumed(kind):
    found = net()
    out = found.node(kind, "c")
    counted = weigh(rfgraph.load(found.model(out)).graph, [out], "random")
    assert [edge.operator.op_type for edge in counted.assumed] == [kind]


# -- how many are read -----------------------------------------------------------------------------


def test_fans_count_what_an_output_reads_on_average():
    kept = np.array([[1, 0, 0], [1, 1, 1]], bool)
    rows = Rows((0,), (2,), np.packbits(kept.reshape(-1)).tobytes(), 3)
    cases = {
        rows: 2,
        Band(1, 2, 9, 9): 4,
        Band(None, None, 9, 9): 9,
        Band(None, 0, 9, 9): 5,
        Band(0, None, 9, 9): 5,
        Blocks(3, 6, 12): 2,
        Transposed(3, 2, 1, 0, 4, 9): 1.5,
    }
    for rule, want in cases.items():
        step = Reduce(((1, rule),)) if isinstance(rule, Rows) else Taps(((0, rule),))
        assert fan(Relation((2, 3) if isinstance(rule, Rows) else (rule.in_len,), (step,))) == want


@pytest.mark.parametrize(("padded", "at_corner"), [(0, 1 / 4), (1, 1 / 9)])
def test_a_window_at_a_border_averages_what_is_there_unless_padding_counts(padded, at_corner):
    found = Net((1, 1, 6, 6))
    pool = {"kernel_shape": [3, 3], "pads": [1] * 4, "count_include_pad": padded}
    out = found.node("AveragePool", "x", **pool)
    values = rfgraph.erf(found.model(out), unit=(0, 0, 0, 5)).map
    assert values[:2, 4:] == pytest.approx(np.full((2, 2), at_corner))
    assert np.count_nonzero(values) == 4
    inside = rfgraph.erf(found.model(out), unit=(0, 0, 2, 2)).map
    assert inside[1:4, 1:4] == pytest.approx(np.full((3, 3), 1 / 9))


def test_windows_with_gaps_count_the_taps_that_exist():
    rule = Window(3, 2, 3, 4, 9, 5)
    taps = [[o * 2 - 4 + t * 3 for t in range(3)] for o in range(-1, 6)]
    want = [max(sum(0 <= i < 9 for i in each), 1) for each in taps]
    assert count_inside(rule, -1, 7).tolist() == want
