"""What holds of every map, on every file: where it lies, how maps add, what changes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

import exported
import rfgraph
from effective.nets import Net, stack
from oracle.examples import builder
from rfgraph.analysis.erf import candidates
from rfgraph.domains.effective.adjoint import mass_on
from rfgraph.domains.effective.mass import expand
from rfgraph.domains.effective.weighing import weigh

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
FILES = sorted(path.stem for path in FIXTURES.glob("*.onnx"))


def hull(values):
    at = np.argwhere(values != 0)
    return [(int(a), int(b)) for a, b in zip(at.min(axis=0), at.max(axis=0), strict=True)]


def check_support(result):
    """Every map is non-zero on exactly the region that `unit` says, on the spatial axes."""
    for source in result.forms:
        for tensor in candidates(result, source):
            if result.graph.nodes[tensor]["shape"] is None:
                continue
            found = {kind: field(result, tensor, source, kind) for kind in ("paths", "random")}
            region = rfgraph.unit(result, tensor, found["paths"].index, source).regions[0]
            if found["paths"].unknown:
                continue
            for kind, item in found.items():
                want = [region.clipped[axis] for axis in item.axes]
                assert hull(item.map) == want, (tensor, source, kind)


def field(result, tensor, source, kind):
    return rfgraph.erf(result, tensor, input=source, map=kind)


# Whole networks of hundreds of tensors, or of three axes, take seconds each.
LARGE = {"densenet121", "densenet201", "highres3dnet", "inception_v3"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in LARGE)) for name in FILES]
)
def test_a_map_lies_where_unit_says_it_reads(name):
    check_support(rfgraph.analyze(FIXTURES / f"{name}.onnx"))


@pytest.mark.parametrize("name", [name for name in exported.FILES if "swin" not in name])
def test_a_map_of_an_export_lies_where_unit_says_it_reads(name):
    check_support(exported.analysed(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in exported.FILES if "swin" in name])
def test_a_map_of_a_transformer_lies_where_unit_says_it_reads(name):
    check_support(exported.analysed(name))


# -- sums ------------------------------------------------------------------------------------------


def squares(graph, tensor, index, kind="random"):
    weighing = weigh(graph, [tensor], kind)
    mass = mass_on(graph, weighing, "x", tensor, index)
    for axis in range(len(mass.shape)):
        mass = expand(mass, axis)
    return np.ldexp(mass.values, mass.exponent)


def residual(side=12):
    net = Net((1, 2, side, side))
    x = net.node("Relu", net.conv("x", 4))
    y = net.conv(net.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]), 4)
    up = net.conv(y, 4, k=2, s=2, pad=0, kind="ConvTranspose")
    return net.model(net.node("Add", x, up))


def test_the_map_of_two_units_is_the_sum_of_their_maps():
    graph = rfgraph.load(residual()).graph
    (tensor,) = (name for name in graph if not graph.succ[name])
    whole = squares(graph, tensor, (0, None, 5, None))
    parts = [squares(graph, tensor, (0, c, 5, w)) for c in range(4) for w in range(12)]
    np.testing.assert_allclose(sum(parts), whole, rtol=1e-12)


@pytest.mark.parametrize(
    ("build", "tensor"),
    [
        (lambda: stack(25, [(1, 1), (2, 1), (1, 1)], channels=1, data=1), None),
        (lambda: stack(29, [(1, 2), (1, 1), (1, 2)], channels=1, data=1), None),
        (lambda: stack(21, [(1, 1)] * 4, channels=1, data=1, skip=True, relu=False), None),
    ],
)
def test_the_total_of_even_shares_is_the_number_of_routes(build, tensor):
    result = rfgraph.analyze(build())
    found = rfgraph.erf(result, tensor, map="uniform")
    assert found.map.sum() == pytest.approx(rfgraph.path_histogram(result).total, rel=1e-12)


# -- what changes nothing --------------------------------------------------------------------------


def same_map(first, second):
    one, other = rfgraph.erf(first), rfgraph.erf(second)
    np.testing.assert_allclose(one.map, other.map, rtol=1e-12)
    assert one.axes == pytest.approx(other.axes)


def maps_of(first, second):
    return rfgraph.erf(first).map, rfgraph.erf(second).map


def block(*, norm=False, dropout=False, identity=False):
    net = Net((1, 3, 20, 20))
    x = net.node("Relu", net.conv("x", 4))
    for _ in range(3):
        y = net.conv(x, 4)
        y = net.norm(y) if norm else y
        y = net.node("Dropout", y) if dropout else y
        y = net.node("Identity", y) if identity else y
        x = net.node("Relu", net.node("Add", y, x))
    return net.model(x)


@pytest.mark.parametrize("what", ["norm", "dropout", "identity"])
def test_a_norm_a_dropout_and_an_identity_change_nothing(what):
    one, other = maps_of(block(), block(**{what: True}))
    np.testing.assert_allclose(one, other, rtol=1e-12)


def test_a_map_is_as_symmetric_as_the_network():
    values = rfgraph.erf(stack(21, [(1, 1)] * 6)).map
    np.testing.assert_allclose(values, values[::-1], rtol=1e-12)
    np.testing.assert_allclose(values, values.T, rtol=1e-12)


def test_names_and_order_change_nothing():
    model = block()
    renamed = onnx.ModelProto.FromString(model.SerializeToString())
    names = {name: f"z{n}" for n, name in enumerate(o for x in model.graph.node for o in x.output)}
    for node in renamed.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
        if node.op_type == "Add":
            node.input[:] = node.input[::-1]
    renamed.graph.output[0].name = names[model.graph.output[0].name]
    one, other = maps_of(model, renamed)
    np.testing.assert_allclose(one, other, rtol=1e-12)


def test_channels_last_is_as_channels_first():
    first = Net((1, 3, 16, 12))
    x = first.conv("x", 4)
    model = first.model(first.conv(first.node("Relu", x), 2))
    last = Net((1, 16, 12, 3))
    turned = last.node("Transpose", "x", perm=[0, 3, 1, 2], channels=3)
    y = last.conv(last.node("Relu", last.conv(turned, 4)), 2)
    flat = last.node("Transpose", y, perm=[0, 2, 3, 1])
    one, other = maps_of(model, last.model(flat))
    np.testing.assert_allclose(one, other, rtol=1e-12)


def silu(*, fused):
    net = Net((1, 2, 15, 15), opset=24)
    x = net.conv("x", 3)
    y = net.node("Swish", x) if fused else net.node("Mul", x, net.node("Sigmoid", x))
    return net.model(net.node("Add", net.conv(y, 3), y))


def gelu(*, fused):
    net = Net((1, 2, 15, 15), opset=20)
    x = net.conv("x", 3)
    if fused:
        y = net.node("Gelu", x)
    else:
        half = net.node("Erf", net.node("Div", x, net.const(np.float32(2**0.5))))
        one = net.node("Add", half, net.const(np.float32(1)))
        y = net.node("Mul", net.node("Mul", x, one), net.const(np.float32(0.5)))
    return net.model(net.node("Add", net.conv(y, 3), y))


def divided(*, fused):
    """x / (1 + exp(-x)), as some write what others call SiLU."""
    net = Net((1, 2, 15, 15), opset=24)
    x = net.conv("x", 3)
    if fused:
        y = net.node("Swish", x)
    else:
        below = net.node("Exp", net.node("Neg", x))
        y = net.node("Div", x, net.node("Add", below, net.const(np.float32(1))))
    return net.model(net.node("Add", net.conv(y, 3), y))


def tanh_gelu(*, fused):
    """The approximation by tanh, whose inside is a sum of two functions of x."""
    net = Net((1, 2, 15, 15), opset=20)
    x = net.conv("x", 3)
    if fused:
        y = net.node("Gelu", x)
    else:
        cube = net.node("Pow", x, net.const(np.float32(3)))
        inner = net.node("Add", x, net.node("Mul", cube, net.const(np.float32(0.044715))))
        gate = net.node("Tanh", net.node("Mul", inner, net.const(np.float32(0.7978845608))))
        gate = net.node("Identity", net.node("Add", gate, net.const(np.float32(1))))
        half = net.node("Mul", x, net.const(np.float32(0.5)))
        y = net.node("Mul", half, gate)
    return net.model(net.node("Add", net.conv(y, 3), y))


@pytest.mark.parametrize("kind", ["paths", "uniform", "random"])
@pytest.mark.parametrize("build", [silu, gelu, divided, tanh_gelu])
def test_an_activation_written_out_is_the_fused_one(build, kind):
    one, other = (rfgraph.erf(build(fused=fused), map=kind).map for fused in (True, False))
    np.testing.assert_allclose(one.astype(float), other.astype(float), rtol=2e-4)


def test_a_fused_attention_is_as_one_written_out():
    maps = [
        rfgraph.erf(exported.as_exported(f"vit_fused_{way}")).map
        for way in ("dynamo", "dynamo_opset23")
    ]
    np.testing.assert_allclose(*maps, rtol=1e-9)


def test_the_same_tensor_added_to_itself_doubles_the_amplitude():
    plain = Net((1, 1, 9, 9))
    double = Net((1, 1, 9, 9))
    y = double.conv("x", 1)
    one = rfgraph.erf(plain.model(plain.conv("x", 1))).map
    two = rfgraph.erf(double.model(double.node("Add", y, y))).map
    np.testing.assert_allclose(two, 2 * one, rtol=1e-12)


# -- globals and unknowns --------------------------------------------------------------------------


def gated():
    net = Net((1, 4, 16, 16))
    x = net.conv("x", 4)
    squeezed = net.node("GlobalAveragePool", x)
    gate = net.node("Sigmoid", net.conv(squeezed, 4, k=1))
    return net.model(net.node("Mul", x, gate))


def test_what_comes_over_global_paths_is_told_apart():
    found = rfgraph.erf(gated())
    assert 0 < found.global_share < 0.5
    assert (found.map > 0).all()
    assert found.approximate == ("Mul",)
    assert found.axes[2].unclipped is None
    local = rfgraph.erf(gated(), local=True)
    assert hull(local.map) == [(7, 9), (7, 9)]
    share = 1 - local.map.sum() / found.map.sum()
    assert found.global_share == pytest.approx(share)


def test_an_operator_without_a_rule_is_left_out_and_named():
    net = Net((1, 2, 8, 8))
    x = net.conv("x", 2)
    net.nodes.append(helper.make_node("Mystery", [x], ["odd"], domain="nowhere", name="odd one"))
    out = net.node("Add", x, "odd", channels=2)
    model = net.model(out)
    model.opset_import.append(helper.make_opsetid("nowhere", 1))
    model.graph.value_info.append(
        helper.make_tensor_value_info("odd", onnx.TensorProto.FLOAT, [1, 2, 8, 8])
    )
    found = rfgraph.erf(model)
    assert found.unknown == ("odd one",)
    assert hull(found.map) == [(3, 5), (3, 5)]


def test_a_unit_that_reads_nothing_has_no_numbers():
    net = Net((1, 1, 6, 6))
    out = net.conv("x", 1, k=1, s=3, pad=0, kind="ConvTranspose")
    found = rfgraph.erf(net.model(out), unit=(0, 0, 1, 1))
    assert found.empty
    assert found.axes[2].sigma is None
    assert found.axes[2].size is None
    assert found.area_ratio(0.5) is None
    assert found.to_dict()["luo_size"] is None


def test_a_roll_is_followed_in_parts_as_by_one_operator():
    def rolled(parts):
        net = Net((1, 1, 9, 9))
        x = net.conv("x", 1)
        if parts:
            ends = [net.node("Slice", x, *map(net.const, ([a], [b], [2]))) for a, b in RANGES]
            x = net.node("Concat", *ends, axis=2)
        else:
            x = net.node("Gather", x, net.const([3, 4, 5, 6, 7, 8, 0, 1, 2]), axis=2)
        return rfgraph.erf(net.model(net.conv(x, 1)), map="paths")

    one, parts = rolled(False), rolled(True)
    assert parts.map.tolist() == one.map.tolist()
    # Past the border nothing goes on along the axis that is rolled.
    assert one.axes[2].unclipped is None
    assert parts.axes == one.axes


RANGES = [(3, 9), (0, 3)]


def test_a_stem_of_slices_goes_on_past_the_border():
    net = Net((1, 1, 12, 12))
    every = [
        net.node("Slice", "x", *map(net.const, ([a, b], [12, 12], [2, 3], [2, 2])))
        for a in (0, 1)
        for b in (0, 1)
    ]
    x = net.node("Concat", *every, axis=1, channels=4)
    (axis, _) = rfgraph.erf(net.model(net.conv(x, 1)), map="paths").axes.values()
    # Three rows of pairs.
    assert (axis.theoretical, axis.unclipped.size) == (6, 6)


def test_errors_say_what_is_required():
    model = rfgraph.load(stack(9, [(1, 1)] * 2))
    with pytest.raises(rfgraph.UsageError, match="map requires one of random, uniform, paths"):
        rfgraph.erf(model, map="gauss")
    with pytest.raises(rfgraph.UsageError, match="share requires a number above 0"):
        rfgraph.erf(model, share=0)
    with pytest.raises(rfgraph.UsageError, match="and at most 1, found 'half'"):
        rfgraph.erf(model, share="half")
    with pytest.raises(rfgraph.UsageError, match="the index requires a sequence, found 'middle'"):
        rfgraph.erf(model, unit="middle")
    with pytest.raises(TypeError, match="Did you mean 'share'"):
        rfgraph.erf(model, shares=0.5)
    with pytest.raises(rfgraph.UsageError, match="the index requires 4 entries"):
        rfgraph.erf(model, unit=(0, 1))
    with pytest.raises(rfgraph.UsageError, match="requires one tensor to look at, but there are 2"):
        rfgraph.erf(FIXTURES / "wavenet_block.onnx")


def test_a_map_that_is_too_large_is_an_error_that_names_the_bound():
    net = Net((1, 1, 1 << 12, 1 << 12))
    with pytest.raises(rfgraph.BoundError, match="MAX_TABLE"):
        rfgraph.erf(net.model(net.conv("x", 1)))
    wide = Net((1, 1, 1 << 31))
    scales = wide.const(np.array([1, 1, 2], np.float32))
    y = wide.node("Resize", "x", "", scales, mode="linear")
    with pytest.raises(rfgraph.BoundError, match="MAX_TABLE"):
        rfgraph.erf(wide.model(y))


def test_a_fork_of_axes_is_followed_to_where_it_becomes_global():
    net = Net((1, 4, 6, 6))
    x = net.conv("x", 4)
    tokens = net.node("Transpose", net.node("Reshape", x, net.const([1, 4, 36])), perm=[0, 2, 1])
    mean = net.node("ReduceMean", tokens, axes=[1], keepdims=1)
    found = rfgraph.erf(net.model(net.node("Add", tokens, mean)), unit=(0, 20, None))
    assert 0 < found.global_share < 1
    assert (found.map > 0).all()


def test_scales_beyond_any_square_of_a_float_are_kept():
    net = Net((1, 1, 5, 5))
    x = net.conv("x", 1)
    plain = rfgraph.erf(net.model(x)).map
    for number in (1e30, 1e30, 1e30, 1e30, 1e30, 1e30, 1e30, 1e-30):
        x = net.node("Mul", x, net.const(np.float32(number)))
    found = rfgraph.erf(net.model(x)).map
    np.testing.assert_allclose(found / 1e180, plain, rtol=1e-6)


def test_a_part_of_no_positions_counts_nothing():
    """Beside it in a Concat, a window of 3 counts as alone."""
    build, x = builder(1, 1, 16)
    y = build.same_conv(x, 1, 3)
    beside = build.concat([build.slice(x, [2], [0], [0]), y], axis=2)
    alone, both = (rfgraph.erf(build.model(tensor), unit=(0, 0, 8)) for tensor in (y, beside))
    np.testing.assert_array_equal(both.map, alone.map)
    assert both.assumed == ()
