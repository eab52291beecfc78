"""Maps by the weights of a file: where numbers lie, how they are stored, and what goes wrong."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import rfgraph
from effective.nets import Net
from rfgraph.domains.effective import stored
from rfgraph.onnxfile.building import fold, operands
from rfgraph.relations import bounds

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


# -- where numbers lie -----------------------------------------------------------------------------


def mapped(build, **options):
    """The map of nodes on 1 x 4 x 6 x 5 values of a convolution that tells channels apart."""
    random, net = np.random.default_rng(6), Net((1, 2, 6, 5), opset=options.pop("opset", 21))
    x = net.node("Conv", "x", net.const(random.normal(size=(4, 2, 3, 3))), pads=[1] * 4)
    y = build(net, x)
    return rfgraph.erf(net.model(y), y, map="stored", **options)


GAIN = np.array([0.5, -2.0, 3.0, 0.25])
ALONG = GAIN[:, None, None]


@pytest.mark.parametrize(
    ("kind", "stored", "attributes", "opset"),
    [
        ("LayerNormalization", [np.broadcast_to(ALONG, (4, 6, 5))], {"axis": 1}, 21),
        ("RMSNormalization", [np.broadcast_to(ALONG, (4, 6, 5))], {"axis": 1}, 23),
        ("InstanceNormalization", [GAIN, GAIN], {}, 21),
        ("GroupNormalization", [GAIN, GAIN], {"num_groups": 2}, 21),
        ("BatchNormalization", [GAIN, GAIN, GAIN, np.ones(4)], {"training_mode": 1}, 21),
    ],
)
def test_a_gain_is_a_product_behind_the_normalization(kind, stored, attributes, opset):
    def build(net, x, gain=True):
        first = stored[0] if gain else np.ones_like(stored[0])
        numbers = [net.const(np.ascontiguousarray(each)) for each in (first, *stored[1:])]
        y = net.node(kind, x, *numbers, **attributes)
        return y if gain else net.node("Mul", y, net.const(ALONG))

    one = mapped(build, opset=opset)
    other = mapped(lambda net, x: build(net, x, gain=False), opset=opset)
    assert one.assumed == ()
    np.testing.assert_allclose(one.map, other.map, rtol=1e-12)


@pytest.mark.parametrize("kind", ["InstanceNormalization", "GroupNormalization"])
def test_a_gain_of_one_leaves_what_is_expected_of_a_normalization(kind):
    net = Net((1, 4, 3, 3), opset=21)
    more = {"num_groups": 2} if kind.startswith("Group") else {}
    y = net.node(kind, "x", net.const(np.ones(4)), net.const(np.ones(4)), **more)
    model = net.model(y)
    one, other = (rfgraph.erf(model, map=each) for each in ("stored", "random"))
    np.testing.assert_allclose(one.map, other.map, rtol=1e-12)
    assert one.approximate == (kind,)


MATRIX = np.arange(1.0, 13).reshape(4, 3) / 7
TURNED = MATRIX.T.copy()


def channels_last(net, x):
    return net.node("Transpose", x, perm=[0, 2, 3, 1])


def channels_first(net, x):
    return net.node("Transpose", x, perm=[0, 3, 1, 2])


def in_rows(net, x, *lengths):
    return net.node("Reshape", x, net.const([*lengths, 30]))


def spread_out(net, x):
    return net.node("Reshape", x, net.const([1, 3, 6, 5]))


def times(net, x, stored):
    return channels_first(net, net.node("MatMul", channels_last(net, x), net.const(stored)))


def product_from_left(net, x, stored):
    return spread_out(net, net.node("MatMul", net.const(stored), in_rows(net, x, 1, 4)))


def gemm_from_left(net, x, turned, stored):
    rows = in_rows(net, x, 4)
    rows = net.node("Transpose", rows, perm=[1, 0]) if turned else rows
    trans = {"transA": int(stored is MATRIX), "transB": int(turned)}
    return spread_out(net, net.node("Gemm", net.const(stored), rows, **trans))


def gemm_from_right(net, x, turned):
    rows = in_rows(net, x, 4)
    rows = rows if turned else net.node("Transpose", rows, perm=[1, 0])
    made = net.node("Gemm", rows, net.const(MATRIX), transA=int(turned))
    return spread_out(net, net.node("Transpose", made, perm=[1, 0]))


def einsum(net, x, *operands, equation):
    stored = [x if each is None else net.const(each) for each in operands]
    return net.node("Einsum", *stored, equation=equation)


WRITTEN = [
    lambda net, x: times(net, x, MATRIX),
    lambda net, x: times(net, x, MATRIX[None]),
    lambda net, x: product_from_left(net, x, TURNED),
    lambda net, x: product_from_left(net, x, TURNED[None]),
    lambda net, x: gemm_from_left(net, x, False, TURNED),
    lambda net, x: gemm_from_left(net, x, True, TURNED),
    lambda net, x: gemm_from_left(net, x, True, MATRIX),
    lambda net, x: gemm_from_right(net, x, False),
    lambda net, x: gemm_from_right(net, x, True),
    lambda net, x: einsum(net, x, None, MATRIX, equation="bcyx,ck->bkyx"),
    lambda net, x: channels_first(net, einsum(net, x, TURNED, None, equation="kc,bcyx->byxk")),
]


def pointwise(net, x, stored=None):
    kernel = TURNED if stored is None else stored
    return net.node("Conv", x, net.const(kernel.reshape(3, 4, 1, 1)))


@pytest.mark.parametrize("build", WRITTEN)
def test_a_matrix_is_a_convolution_of_one_tap_however_it_is_written(build):
    one, other = (mapped(each, unit=(0, None, 3, 2)) for each in (pointwise, build))
    assert other.assumed == ()
    np.testing.assert_allclose(other.map, one.map, rtol=1e-12)


UNSAID = {
    "two letters": ("Einsum", [None, np.ones((4, 6, 3))], {"equation": "bcyx,cyk->bkx"}),
    "all letters": ("Einsum", [None, MATRIX], {"equation": "bcyx,ck->bcykx"}),
    "other order": ("Einsum", [None, MATRIX], {"equation": "bcyx,ck->bkxy"}),
    "broadcast": ("Einsum", [None, np.ones((1, 3))], {"equation": "bcyx,ck->bkyx"}),
    "diagonal": ("Einsum", [None, np.ones((2, 3))], {"equation": "bcyx,bk->kcyx"}),
    "three operands": ("Einsum", [None, MATRIX, MATRIX], {"equation": "bcyx,ck,cm->bkyx"}),
    "batches": ("MatMul", [None, np.ones((4, 5, 3))], {}),
    "a rank more": ("MatMul", [None, np.ones((1, 1, 1, 5, 3))], {}),
    "a vector": ("MatMul", [np.ones(6), None], {}),
    "a gain by group": ("GroupNormalization", [None, np.ones(2), np.ones(2)], {"num_groups": 2}),
}


@pytest.mark.parametrize("case", UNSAID)
def test_weights_of_no_known_layout_are_named(case):
    kind, operands, attributes = UNSAID[case]

    def build(net, x):
        reads = [x if each is None else net.const(each) for each in operands]
        return net.node(kind, *reads, **attributes)

    found = mapped(build, opset=18)
    assert found.assumed == (kind,)
    assert found.map.any()


def test_what_is_not_known_counts_as_at_initialisation():
    """Its even share: a weight of one half for each of four channels."""
    one = mapped(lambda net, x: net.node("MatMul", channels_last(net, x), net.const(np.ones(4))))
    kernel = np.full((1, 4, 1, 1), 0.5)
    other = mapped(lambda net, x: net.node("Conv", x, net.const(kernel)))
    assert one.assumed == ("MatMul",)
    np.testing.assert_allclose(one.map, other.map, rtol=1e-12)


@pytest.mark.parametrize("kind", ["Mul", "Div"])
def test_a_constant_of_the_first_operator_sets_lies_where_its_axis_says(kind):
    old, new = (
        mapped(
            lambda net, x, more=more, stored=stored: net.node(kind, x, net.const(stored), **more),
            opset=opset,
        )
        for opset, stored, more in ((6, GAIN, {"broadcast": 1, "axis": 1}), (21, ALONG, {}))
    )
    np.testing.assert_allclose(old.map, new.map, rtol=1e-12)


def test_a_number_that_differs_along_space_counts_in_its_place():
    columns = np.array([1.0, 2, 0, 4, 5])
    found = mapped(lambda net, x: net.node("Mul", x, net.const(columns)), unit=(0, 0, 3, 3))
    plain = mapped(lambda net, x: net.node("Identity", x), unit=(0, 0, 3, 3))
    np.testing.assert_allclose(found.map, 4 * plain.map, rtol=1e-12)
    # Past the border there are no numbers, so nothing is said.
    assert found.axes[3].unclipped is None
    assert found.axes[2].unclipped is not None


# -- how numbers are stored ------------------------------------------------------------------------


def one_conv(tensor, *, node=None, opset=17, extra=()):
    """A convolution by a stored tensor of shape 2 x 3 x 3 x 3, or by what a node makes of it."""
    net = Net((1, 3, 7, 7), opset=opset)
    tensor.name = "w"
    net.stored.append(tensor)
    net.stored.extend(extra)
    if node is not None:
        net.nodes.append(node)
    y = net.node("Conv", "x", "w" if node is None else node.output[0], channels=2, pads=[1] * 4)
    return net.model(y)


KERNEL = np.random.default_rng(9).integers(-8, 9, (2, 3, 3, 3)) / 8


def typed(kind):
    return helper.make_tensor("w", kind, KERNEL.shape, KERNEL.ravel())


def field(model, **options):
    return rfgraph.erf(model, map="stored", **options)


EXPECTED = np.pad((KERNEL**2).sum(axis=(0, 1)), 2) ** 0.5


@pytest.mark.parametrize("kind", ["FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16"])
def test_floats_of_every_width_are_read(kind):
    found = field(one_conv(typed(getattr(TensorProto, kind))))
    assert found.assumed == ()
    np.testing.assert_allclose(found.map, EXPECTED, rtol=1e-12)


def test_weights_of_a_constant_node_are_read():
    large = np.repeat(KERNEL, 8, axis=0)
    for value in (KERNEL, large):
        net = Net((1, 3, 7, 7))
        tensor = numpy_helper.from_array(value)
        net.nodes.append(helper.make_node("Constant", [], ["w"], value=tensor))
        model = net.model(net.node("Conv", "x", "w", pads=[1] * 4))
        want = EXPECTED * np.sqrt(len(value) / len(KERNEL))
        np.testing.assert_allclose(field(model).map, want, rtol=1e-12)


def test_weights_that_nodes_make_of_constants_are_read():
    quantized = numpy_helper.from_array((KERNEL * 8).astype(np.int8), "w")
    scale = numpy_helper.from_array(np.full(2, 0.125, np.float32), "s")
    node = helper.make_node("DequantizeLinear", ["w", "s"], ["d"], axis=0)
    found = field(one_conv(quantized, node=node, extra=[scale]))
    assert found.assumed == ()
    np.testing.assert_allclose(found.map, EXPECTED, rtol=1e-12)
    turned = np.ascontiguousarray(KERNEL.repeat(32, axis=0).transpose(1, 0, 2, 3))
    node = helper.make_node("Transpose", ["w"], ["d"], perm=[1, 0, 2, 3])
    found = field(one_conv(numpy_helper.from_array(turned), node=node))
    np.testing.assert_allclose(found.map, EXPECTED * 32**0.5, rtol=1e-12)


def test_weights_in_bodies_and_functions_are_read():
    body = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"], pads=[1] * 4)],
        "body",
        [],
        [helper.make_tensor_value_info("y", TensorProto.DOUBLE, None)],
        [numpy_helper.from_array(KERNEL, "w")],
    )
    net = Net((1, 3, 7, 7))
    condition = net.const(np.array(True))
    net.nodes.append(helper.make_node("If", [condition], ["z"], then_branch=body, else_branch=body))
    found = field(net.model("z"))
    np.testing.assert_allclose(found.map, EXPECTED, rtol=1e-12)
    model = one_conv(typed(TensorProto.FLOAT))
    conv = model.graph.node[0]
    function = helper.make_function(
        "own",
        "F",
        ["x", "w"],
        ["y"],
        [helper.make_node("Conv", ["x", "w"], ["y"], pads=[1] * 4)],
        model.opset_import,
    )
    model.functions.append(function)
    conv.op_type, conv.domain = "F", "own"
    del conv.attribute[:]
    model.opset_import.append(helper.make_opsetid("own", 1))
    np.testing.assert_allclose(field(model).map, EXPECTED, rtol=1e-12)


def test_external_weights_are_not_opened_but_taken_as_at_initialisation(tmp_path):
    model = one_conv(numpy_helper.from_array(KERNEL))
    path = tmp_path / "net.onnx"
    onnx.save(model, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    assert (tmp_path / "w.bin").exists()
    for there in (True, False):
        if not there:
            (tmp_path / "w.bin").unlink()
        found = field(path)
        assert found.assumed == ("Conv",)
        np.testing.assert_array_equal(found.map, rfgraph.erf(path).map)


def test_a_gain_in_another_file_is_taken_as_at_initialisation():
    net = Net((1, 3, 7, 7))
    gain = net.const(np.ones(3, np.float32))
    net.stored[-1].data_location = TensorProto.EXTERNAL
    net.stored[-1].external_data.add(key="location", value="w.bin")
    y = net.node("InstanceNormalization", "x", gain, net.const(np.zeros(3, np.float32)))
    model = net.model(y)
    found = field(model)
    assert found.assumed == ("InstanceNormalization",)
    np.testing.assert_array_equal(found.map, rfgraph.erf(model).map)


def test_quantized_weights_are_taken_as_at_initialisation():
    net = Net((1, 3, 7, 7))
    stored = net.const((KERNEL * 8).astype(np.int8))
    x = net.node("Cast", "x", to=TensorProto.INT8)
    found = field(net.model(net.node("ConvInteger", x, stored, pads=[1] * 4)))
    assert found.assumed == ("ConvInteger",)


def test_stored_masks_do_not_stand_in_the_way():
    model = one_conv(typed(TensorProto.FLOAT))
    found = rfgraph.erf(rfgraph.load(model, masks=True), map="stored")
    np.testing.assert_allclose(found.map, EXPECTED, rtol=1e-12)


# -- what goes wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 1e200])
def test_numbers_that_are_not_finite_are_an_error_of_one_line(number):
    kernel = KERNEL.copy()
    kernel[1, 2, 0, 1] = number
    said = f"^node 'Conv_0' .Conv.: input 1 requires numbers up to 1e60, found {number:g}$"
    with pytest.raises(rfgraph.ModelError, match=said.replace("+", r"\+")):
        field(one_conv(numpy_helper.from_array(kernel)))


def test_a_variance_below_zero_is_an_error_of_one_line():
    stored = [np.ones(4), np.ones(4), np.ones(4), np.array([1.0, 1, -1, 1])]
    with pytest.raises(
        rfgraph.ModelError, match=r"input 4 requires a variance above 0, found -0\.99"
    ):
        mapped(lambda net, x: net.node("BatchNormalization", x, *map(net.const, stored)))


def test_a_division_by_zero_is_an_error_of_one_line():
    zero = np.where(ALONG == 3, 0, ALONG)
    with pytest.raises(rfgraph.ModelError, match="input 1 requires divisors other than 0, found 0"):
        mapped(lambda net, x: net.node("Div", x, net.const(zero)))


def test_numbers_as_large_as_floats_can_be_leave_the_map_finite():
    largest = float(np.finfo(np.float32).max)
    kernel = np.where(KERNEL > 0, largest, KERNEL)
    found = field(one_conv(numpy_helper.from_array(kernel.astype(np.float32))))
    want = np.pad(((kernel / largest) ** 2).sum(axis=(0, 1)), 2) ** 0.5
    np.testing.assert_allclose(found.map / largest, want, rtol=1e-6)


def test_a_payload_that_is_short_is_an_error_of_one_line():
    tensor = numpy_helper.from_array(np.ones((2, 3, 3, 3)).repeat(16, axis=0))
    tensor.raw_data = tensor.raw_data[:-8]
    model = one_conv(tensor).SerializeToString()
    assert rfgraph.erf(model).map.any()
    with pytest.raises(rfgraph.ModelError, match=r"864 elements of double are 6912 long.*6904"):
        field(model)


def test_weights_that_are_all_zero_let_nothing_through():
    found = field(one_conv(numpy_helper.from_array(np.zeros((2, 3, 3, 3)))))
    assert found.empty
    assert found.axes[2].sigma is None


def test_a_model_without_a_file_has_no_weights():
    model = rfgraph.load(one_conv(typed(TensorProto.FLOAT)))
    with pytest.raises(rfgraph.UsageError, match="map stored requires a model with its file"):
        field(replace(model, weights=None))


def test_weights_that_do_not_fit_what_is_asked_are_taken_as_at_initialisation():
    model = one_conv(typed(TensorProto.FLOAT))
    model.graph.node[0].attribute.append(helper.make_attribute("kernel_shape", [3, 3]))
    model.graph.node[0].name = "conv"
    changed = rfgraph.load(model).revise({("conv", "kernel_shape"): (5, 5)})
    assert field(changed).assumed == ("Conv",)


@pytest.mark.parametrize(
    ("module", "name", "most"),
    [
        (stored, "MAX_MULTIPLIED", 53),
        (operands, "MAX_OPERAND", 863),
        (operands, "MAX_OPERANDS", 4095),
        (bounds, "MAX_CHANNELED", 26),
    ],
)
def test_bounds_are_named(monkeypatch, module, name, most):
    model = rfgraph.load(one_conv(numpy_helper.from_array(np.ones((32, 3, 3, 3)))))
    assert field(model).map.any()
    monkeypatch.setattr(module, name, most)
    with pytest.raises(rfgraph.BoundError, match=rf"{name} \({most}\)"):
        field(model)


def test_constants_that_grow_past_a_bound_are_taken_as_at_initialisation(monkeypatch):
    net = Net((1, 3, 7, 7))
    lengths = net.const([32, 3, 3, 3])
    wide = net.node("Expand", net.const(np.ones((1, 1, 3, 3))), lengths)
    model = rfgraph.load(net.model(net.node("Conv", "x", wide, pads=[1] * 4)))
    monkeypatch.setattr(fold, "MAX_FOLD", 100)
    model = rfgraph.load(net.model(net.nodes[-1].output[0]))
    assert field(model).assumed == ()
    monkeypatch.setattr(operands, "MAX_OPERAND", 100)
    assert field(model).assumed == ("Conv",)


def test_other_maps_load_nothing_that_reads_weights():
    code = """
import sys, rfgraph
rfgraph.erf(sys.argv[1])
lazy = ("domains.effective.stored", "onnxfile.building.fetching", "onnxfile.building.operands")
assert not {f"rfgraph.{name}" for name in lazy} & set(sys.modules), sys.modules
"""
    subprocess.run([sys.executable, "-c", code, str(FIXTURES / "resnet18.onnx")], check=True)
