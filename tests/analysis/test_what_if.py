"""A model with other attributes is the model that would be built with them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper

import rfgraph
from oracle.local_models import local_model
from reports import models
from rfgraph.analysis.what_if import encode
from rfgraph.cli import main
from rfgraph.errors import UsageError
from sweeps import at_length

FIXTURES = Path(__file__).parents[2] / "fixtures"


def conv(kernel=(3,), length=64, maps=2, **attributes):
    """One convolution `c` over a signal, and a second one, `d`, 3 wide and padded."""
    spatial = [length] * len(kernel)
    ones = [1] * len(kernel)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c_out"], name="c", **attributes),
        helper.make_node("Conv", ["c_out", "v"], ["y"], name="d", pads=[*ones, *ones]),
    ]
    kernels = {
        "w": models.weights(maps, 1, *kernel),
        "v": models.weights(1, maps, *[3] * len(kernel)),
    }
    return models.model(nodes, {"x": [1, 1, *spatial]}, {"y": None}, kernels)


def axis(model, tensor="c_out", number=2):
    return rfgraph.analyze(model).receptive_field(tensor).axes[number]


def pads_of(model):
    (found,) = [change.after for change in model.revision.changes if change.follows]
    return found


# -- the law of pads ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pads", "kernel", "followed"),
    [
        ((1, 1), 5, (2, 2)),  # a change of 2: one on each side
        ((1, 1), 4, (1, 2)),  # the odd one after, as SAME_UPPER has it
        ((2, 0), 5, (4, 0)),  # all before stays so
        ((0, 2), 5, (0, 4)),
        ((1, 3), 7, (2, 6)),  # 4 more, a quarter of it before
        ((1, 1), 1, (0, 0)),
        ((1, 0), 1, (0, 0)),  # never negative
    ],
)
def test_pads_keep_up_in_proportion(pads, kernel, followed):
    model = rfgraph.what_if(conv(pads=pads), {("c", "kernel_shape"): kernel})
    assert pads_of(model) == followed
    assert axis(model).start == -followed[0]
    assert axis(model).size == kernel


@pytest.mark.parametrize("given", [{}, {"pads": (0, 0)}, {"auto_pad": "SAME_UPPER"}])
def test_no_pads_and_those_of_auto_pad_stay(given):
    model = rfgraph.what_if(conv(**given), {("c", "dilations"): 3})
    assert [change.attribute for change in model.revision.changes] == ["dilations"]
    assert axis(model).size == 7
    assert axis(model).start == (-3 if "auto_pad" in given else 0)


def test_a_node_has_pads_or_auto_pad_never_both():
    def attributes(given, asked):
        model = rfgraph.what_if(
            conv(**given), {("c", name): value for name, value in asked.items()}
        )
        written = onnx.ModelProto.FromString(encode(model, Path("x.onnx")))
        (node,) = (node for node in written.graph.node if node.name == "c")
        onnxruntime.InferenceSession(written.SerializeToString())
        return {it.name: helper.get_attribute_value(it) for it in node.attribute}, [
            (it.attribute, it.before, it.after) for it in model.revision.changes if it.follows
        ]

    found, said = attributes({"pads": (1, 1)}, {"auto_pad": "SAME_UPPER"})
    assert found["auto_pad"] == b"SAME_UPPER"
    assert "pads" not in found
    assert said == [("pads", (1, 1), None)]
    found, said = attributes({"auto_pad": "SAME_UPPER"}, {"pads": (2, 0)})
    assert (found["auto_pad"], found["pads"]) == (b"NOTSET", [2, 0])
    assert said == [("auto_pad", "SAME_UPPER", "NOTSET")]
    with pytest.raises(UsageError, match="a node has one of them"):
        attributes({}, {"pads": (1, 1), "auto_pad": "VALID"})


def test_pads_that_are_given_do_not_follow():
    model = rfgraph.what_if(
        conv(pads=(1, 1)), {("c", "dilations"): (3,), ("c", "pads"): (6, 0), ("d", "strides"): (2,)}
    )
    assert not any(change.follows for change in model.revision.changes)
    assert (axis(model).start, axis(model).size) == (-6, 7)
    assert model.graph.nodes["y"]["shape"] == (1, 1, 32)


def test_each_axis_has_its_own():
    model = rfgraph.what_if(
        conv((3, 5), pads=(1, 4, 1, 0)), {("c", "dilations"): (2, 3), ("c", "kernel_shape"): (3, 3)}
    )
    # 3 -> 5 in the first, 5 -> 7 in the second, where all lies before.
    assert pads_of(model) == (2, 6, 2, 0)


def test_a_transposed_convolution_keeps_its_length():
    node = helper.make_node(
        "ConvTranspose", ["x", "w"], ["y"], name="up", strides=[2], pads=[1, 1], group=2
    )
    net = models.model([node], {"x": [1, 4, 20]}, {"y": None}, {"w": models.weights(4, 3, 4)})
    model = rfgraph.what_if(net, {("up", "kernel_shape"): 6, ("up", "group"): 1})
    assert pads_of(model) == (2, 2)
    # Six maps remain, whatever the groups: their weights are not those of the file.
    assert model.graph.nodes["y"]["shape"] == (1, 6, 40)


# -- addresses and what may be set -----------------------------------------------------------------


def test_a_node_without_a_name_is_addressed_by_its_first_output():
    net = conv(pads=(1, 1))
    net.graph.node[0].ClearField("name")
    assert axis(rfgraph.what_if(net, {("c_out", "dilations"): 2})).size == 5


def test_two_nodes_of_one_name_are_told_apart_by_their_outputs():
    net = conv(pads=(1, 1))
    net.graph.node[1].name = "c"
    with pytest.raises(rfgraph.UsageError, match=r"2 nodes are called 'c'.*'c_out', 'y'"):
        rfgraph.what_if(net, {("c", "dilations"): 2})
    assert axis(rfgraph.what_if(net, {("c_out", "dilations"): 2})).size == 5


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({("e", "dilations"): 2}, r"no node 'e'; the nodes are '[cd]', '[cd]'"),
        ({("c", "dilation"): 2}, r"no attribute 'dilation'; .*'dilations', 'group', 'kernel_sh"),
        ({("c", "dilations"): (2, 2)}, "'dilations' requires 1 value, found 2"),
        ({("c", "pads"): 2}, "'pads' requires 2 values, found 1"),
        (
            {("c", "dilations"): 10**30},
            "'dilations' requires integers of at most 9223",
        ),
        ({("c", "group"): (1, 1)}, "'group' requires an integer, found 2"),
        ({("c", "dilations"): "two"}, "'dilations' requires integers, found 'two'"),
        ({("c", "auto_pad"): "FULL"}, "'auto_pad' requires one of NOTSET, .*found 'FULL'"),
        ({("c", "strides"): 0}, "'strides' requires 1 integers of at least 1"),
        ({("c", "repeat"): 0}, "'repeat' requires 1 to 256, found 0"),
        ({("c", "dilations"): [True]}, "requires numbers or a text"),
        ({"c.dilations": 2}, "changes requires .node, attribute. as keys"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(changes, said):
    with pytest.raises(rfgraph.RfgraphError, match=said) as error:
        rfgraph.what_if(conv(), changes)
    assert "\n" not in str(error.value)


def test_constants_that_an_operator_takes_are_set_by_their_names():
    nodes = [
        helper.make_node("Pad", ["x", "p"], ["padded"], name="pad"),
        helper.make_node("Conv", ["padded", "w", "b"], ["y"], name="c"),
    ]
    given = {
        "p": np.array([0, 0, 2, 0, 0, 0]),
        "w": models.weights(1, 1, 3),
        "b": models.weights(1),
    }
    net = models.model(nodes, {"x": [1, 1, 30]}, {"y": None}, given)
    warned = rfgraph.what_if(net, {("c", "dilations"): 2})
    (warning,) = warned.revision.warnings
    assert "node 'c' is fed by the separate Pad 'pad'" in warning
    both = rfgraph.what_if(warned, {("pad", "pads"): (0, 0, 4, 0, 0, 0)})
    assert both.graph.nodes["y"]["shape"] == (1, 1, 30)
    assert (axis(both, "y").size, axis(both, "y").start) == (5, -4)
    with pytest.raises(rfgraph.UsageError, match="input 'pads' requires 6 values, found 2"):
        rfgraph.what_if(net, {("pad", "pads"): (4, 0)})
    with pytest.raises(rfgraph.UsageError, match="no attribute 'B'"):
        rfgraph.what_if(net, {("c", "B"): 2})


def test_a_node_in_a_row_with_itself_is_as_many_nodes():
    net = conv((3,), maps=1, pads=(2, 0), dilations=(2,), strides=(2,))
    again = conv((3,), maps=1, pads=(2, 0), dilations=(2,), strides=(2,))
    more = helper.make_node("Conv", ["c_1", "w"], ["c_out"], dilations=[2], pads=[4, 0])
    again.graph.node[0].output[0] = "c_1"
    again.graph.node.insert(1, more)
    twice = rfgraph.analyze(rfgraph.what_if(net, {("c", "repeat"): 2}))
    for tensor in ("c_out", "y"):
        built = rfgraph.analyze(again).receptive_field(tensor)
        assert twice.receptive_field(tensor).axes == built.axes
    assert rfgraph.path_histogram(twice, tensor="y").total == 1


def test_depthwise_and_widening_nodes_repeat():
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], name="depthwise", group=4, pads=[1, 1]),
        helper.make_node("Conv", ["a", "v"], ["b"], name="wide", pads=[1, 1]),
        helper.make_node("MaxPool", ["b"], ["y"], name="pool", kernel_shape=[2], strides=[2]),
    ]
    kernels = {"w": models.weights(4, 1, 3), "v": models.weights(6, 4, 3)}
    net = models.model(nodes, {"x": [1, 4, 40]}, {"y": None}, kernels)
    changes = {(name, "repeat"): 3 for name in ("depthwise", "wide", "pool")}
    found = rfgraph.what_if(net, changes)
    # 3 * 2 and 3 * 2 more, a pair, and two pairs of steps of 2 without padding.
    assert axis(found, "y").size == 1 + 6 + 6 + 1 + 2 + 2
    assert found.graph.nodes["y"]["shape"] == (1, 6, 18)


def test_weights_that_data_computes_keep_their_shape():
    node = helper.make_node("Conv", ["x", "w"], ["y"], name="c")
    net = models.model([node], {"x": [1, 1, 30], "w": [1, 1, 3]}, {"y": None})
    with pytest.raises(rfgraph.ModelError, match="kernel_shape"):
        rfgraph.what_if(net, {("c", "kernel_shape"): 5})
    assert rfgraph.analyze(rfgraph.what_if(net, {("c", "dilations"): 2})).receptive_field(
        "y", "x"
    ).axes[2].size == 5  # fmt: skip


def test_a_model_that_has_no_file_and_a_binding_are_refused():
    model = rfgraph.load(conv())
    by_hand = rfgraph.Model("m", 8, {"": 17}, "", 0, (), (), model.graph)
    with pytest.raises(rfgraph.UsageError, match="built by hand"):
        rfgraph.what_if(by_hand, {})
    with pytest.raises(rfgraph.UsageError, match="built by hand"):
        encode(by_hand, Path("x.onnx"))
    with pytest.raises(TypeError, match=r"what_if\(\) got an unexpected keyword argument 'dims'"):
        rfgraph.what_if(model, {}, dims={"n": 3})


def test_the_file_is_as_it_was_and_changes_add_up():
    model = rfgraph.load(conv(pads=(1, 1)))
    first = rfgraph.what_if(model, {("c", "dilations"): 2})
    second = rfgraph.what_if(first, {("c", "kernel_shape"): 5})
    assert [axis(it).size for it in (model, first, second)] == [3, 5, 9]
    assert model.revision is None
    assert second.at({"x": (1, 1, 100)}).revision == second.revision


# -- the model really rebuilt ----------------------------------------------------------------------


def rebuilt(proto, number, attribute, values):
    """Edit the ModelProto itself: attribute, pads by the law's arithmetic, weights of the shape."""
    made = onnx.ModelProto()
    made.CopyFrom(proto)
    node = made.graph.node[number]
    stored = {tensor.name: tensor for tensor in made.graph.initializer}
    old = {item.name: list(item.ints) for item in node.attribute}
    if "kernel_shape" not in old:
        old["kernel_shape"] = list(stored[node.input[1]].dims)[2:]
    count = len(old["kernel_shape"])
    new = {**old, attribute: values}
    reach = [
        [
            (k - 1) * (it.get("dilations") or [1] * count)[a]
            for a, k in enumerate(it["kernel_shape"])
        ]
        for it in (old, new)
    ]
    pads = list(old.get("pads") or [0] * (2 * count))
    for a in range(count):
        more, left, right = reach[1][a] - reach[0][a], pads[a], pads[a + count]
        if left + right:
            pads[a] = max(0, left + int(np.floor(more * left / (left + right))))
            pads[a + count] = max(0, right + more - int(np.floor(more * left / (left + right))))
    changed = {attribute: values}
    if old.get("pads"):
        changed["pads"] = pads
    kept = [item for item in node.attribute if item.name not in changed]
    del node.attribute[:]
    node.attribute.extend(kept)
    node.attribute.extend(helper.make_attribute(name, value) for name, value in changed.items())
    if attribute == "kernel_shape" and node.op_type.startswith("Conv"):
        dims = [*list(stored[node.input[1]].dims)[:2], *values]
        made.graph.initializer.append(
            numpy_helper.from_array(np.ones(dims, np.float32), f"{node.input[1]}_new")
        )
        node.input[1] += "_new"
    return made


def same_answers(one, other):
    found = [
        json.loads(json.dumps(rfgraph.Result.to_dict(rfgraph.analyze(it)))) for it in (one, other)
    ]
    for document in found:
        del document["model"]
    return found[0] == found[1]


def compare_with_rebuilt(rank, seed, draw):
    proto = local_model(rank, seed, draw)
    windows = [
        number
        for number, node in enumerate(proto.graph.node)
        if node.op_type in ("Conv", "ConvTranspose", "MaxPool", "AveragePool")
    ]
    number = windows[draw(0, len(windows) - 1)]
    node = proto.graph.node[number]
    dilated = node.op_type.startswith("Conv") or node.op_type == "MaxPool"
    attribute = ("strides", "kernel_shape", "dilations")[draw(0, 2 if dilated else 1)]
    values = [draw(1, 4) for _ in range(rank)]
    address = node.name or node.output[0]
    try:
        model = rfgraph.what_if(proto, {(address, attribute): values})
    except rfgraph.ModelError:
        with pytest.raises(rfgraph.ModelError):
            rfgraph.load(rebuilt(proto, number, attribute, values))
        return
    built = rebuilt(proto, number, attribute, values)
    assert same_answers(model, built)
    written = encode(model, Path("elsewhere.onnx"))
    assert same_answers(written, built)


@given(st.integers(1, 2), st.integers(0, 99), st.data())
@at_length(6)
def test_a_change_equals_the_rebuilt_model(rank, seed, data):
    compare_with_rebuilt(rank, seed, lambda low, high: data.draw(st.integers(low, high)))


@pytest.mark.slow
@given(st.integers(1, 3), st.integers(0, 99), st.data())
@at_length(200)
def test_a_change_equals_the_rebuilt_model_at_length(rank, seed, data):
    compare_with_rebuilt(rank, seed, lambda low, high: data.draw(st.integers(low, high)))


# -- written ---------------------------------------------------------------------------------------


def initializers(proto):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}


def test_what_is_written_is_valid_and_keeps_the_weights(tmp_path, capsys):
    out = tmp_path / "changed.onnx"
    source = FIXTURES / "resnet18.onnx"
    before = source.read_bytes()
    arguments = ["whatif", str(source), "--set", "layer1.0.conv1.kernel_shape=5,5", "-o", str(out)]
    assert main(arguments) == 0
    said, errors = capsys.readouterr()
    assert (said.splitlines()[0], errors) == (str(source), "")
    assert source.read_bytes() == before
    written = onnx.load(out)
    onnx.checker.check_model(written, full_check=True)
    old, new = initializers(onnx.load(source)), initializers(written)
    (added,) = new.keys() - old.keys()
    assert all(new[name].tobytes() == array.tobytes() for name, array in old.items())
    (name,) = [it for it in old if added.startswith(it) and added != it]
    np.testing.assert_array_equal(new[added][:, :, 1:-1, 1:-1], old[name])
    assert new[added].sum() == pytest.approx(old[name].sum())


def test_a_causal_kernel_grows_to_the_past():
    """Zeros around the stored kernel lie where its pads are, so it says what it said."""
    net = conv((3,), pads=(2, 0))
    net.graph.initializer[0].CopyFrom(
        numpy_helper.from_array(np.arange(6, dtype=np.float32).reshape(2, 1, 3) + 1, "w")
    )
    model = rfgraph.what_if(net, {("c", "kernel_shape"): 5})
    written = onnx.ModelProto.FromString(encode(model, Path("x.onnx")))
    kernel = initializers(written)[written.graph.node[0].input[1]]
    np.testing.assert_array_equal(kernel[:, 0], [[0, 0, 1, 2, 3], [0, 0, 4, 5, 6]])
    smaller = rfgraph.what_if(net, {("c", "kernel_shape"): 2})
    written = onnx.ModelProto.FromString(encode(smaller, Path("x.onnx")))
    kernel = initializers(written)[written.graph.node[0].input[1]]
    np.testing.assert_array_equal(kernel[:, 0], [[2, 3], [5, 6]])


def test_what_cannot_be_written_is_said(tmp_path, capsys):
    net = models.saved(conv(pads=(1, 1)), tmp_path / "net.onnx")

    def refusal(*arguments):
        assert main(["whatif", net, *arguments]) == 2
        return capsys.readouterr().err

    assert "is the model itself" in refusal("--set", "c.dilations=2", "-o", net)
    assert "required FILE.onnx, found 'y.json'" in refusal("--set", "c.dilations=2", "-o", "y.json")
    out = str(tmp_path / "out.onnx")
    assert "is repeated" in refusal("--set", "c.repeat=2", "-o", out)
    assert "given twice for 'c.dilations'" in refusal(*["--set", "c.dilations=2"] * 2)
    assert "required NODE.ATTRIBUTE=V[,V], found 'c'" in refusal("--set", "c")
    assert not Path(out).exists()


def test_a_node_of_a_body_is_changed_but_not_written(tmp_path):
    body = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["inner"], name="c", pads=[1, 1])],
        "body",
        [],
        [helper.make_tensor_value_info("inner", onnx.TensorProto.FLOAT, None)],
    )
    node = helper.make_node("If", ["yes"], ["y"], name="if", then_branch=body, else_branch=body)
    given = {"yes": np.array(True), "w": models.weights(1, 1, 3)}
    model = rfgraph.what_if(
        models.model([node], {"x": [1, 1, 20]}, {"y": None}, given), {("if/c", "dilations"): 3}
    )
    assert axis(model, "y").size == 7
    with pytest.raises(rfgraph.UsageError, match="is part of a body"):
        encode(model, tmp_path / "out.onnx")


def test_weights_that_no_file_holds_are_not_written(tmp_path):
    wide = rfgraph.what_if(conv(length=10**10), {("c", "kernel_shape"): 10**9})
    with pytest.raises(rfgraph.UsageError, match="would be 8000000000 bytes"):
        encode(wide, tmp_path / "out.onnx")


def test_weights_of_other_groups_are_not_made_up(tmp_path):
    node = helper.make_node("Conv", ["x", "w"], ["y"], name="c", group=2)
    net = models.model([node], {"x": [1, 4, 9]}, {"y": None}, {"w": models.weights(2, 2, 3)})
    model = rfgraph.what_if(net, {("c", "group"): 1})
    with pytest.raises(
        rfgraph.UsageError, match=r"shape \[2, 2, 3\], and .* none of .*\[2, 4, 3\]"
    ):
        encode(model, tmp_path / "out.onnx")


def test_weights_beside_the_model_stay_beside_it(tmp_path):
    path = tmp_path / "net.onnx"
    onnx.save_model(
        conv(pads=(1, 1)), path, save_as_external_data=True, location="w", size_threshold=0
    )
    model = rfgraph.what_if(str(path), {("c", "dilations"): 2})
    (tmp_path / "inner").mkdir()
    with pytest.raises(rfgraph.UsageError, match="name a file in its folder"):
        encode(model, tmp_path / "inner" / "out.onnx")
    out = tmp_path / "out.onnx"
    out.write_bytes(encode(model, out))
    (tensor, *_) = onnx.load(out, load_external_data=False).graph.initializer
    assert tensor.external_data[0].value == "w"
    assert initializers(onnx.load(out))["w"].tobytes() == np.ones((2, 1, 3), np.float32).tobytes()
    wider = rfgraph.what_if(str(path), {("c", "kernel_shape"): 5})
    with pytest.raises(rfgraph.UsageError, match="stored elsewhere"):
        encode(wider, out)


# -- the command -----------------------------------------------------------------------------------


def test_the_command_says_what_changed(capsys):
    source = str(FIXTURES / "vgg16.onnx")
    assert main(["whatif", source, "--set", "conv5_3.dilations=2,2"]) == 0
    text = capsys.readouterr().out
    assert "conv5_3" in text
    assert "2,2,2,2 (follows the extent)" in text
    # 212 + 2 * 16
    assert ["receptive", "field", "212", "244"] in [line.split() for line in text.splitlines()]
    assert main(["whatif", source, "--set", "conv5_3.dilations=2,2", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["changes"][0] == {
        "node": "conv5_3",
        "attribute": "dilations",
        "before": [1, 1],
        "after": [2, 2],
        "follows": False,
    }
    assert document["warnings"] == []
    for form in ("csv", "markdown"):
        assert main(["whatif", source, "--set", "conv5_3.dilations=2,2", "--format", form]) == 0
        assert "244" in capsys.readouterr().out


def test_a_warning_goes_to_stderr(tmp_path, capsys):
    nodes = [
        helper.make_node("Pad", ["x", "p"], ["padded"], name="pad"),
        helper.make_node("Conv", ["padded", "w"], ["y"], name="c"),
    ]
    given = {"p": np.array([0, 0, 2, 0, 0, 0]), "w": models.weights(1, 1, 3)}
    net = models.model(nodes, {"x": [1, 1, 30]}, {"y": None}, given)
    path = models.saved(net, tmp_path / "net.onnx")
    assert main(["whatif", path, "--set", "c.dilations=2"]) == 0
    assert "rfgraph: warning: node 'c' is fed by the separate Pad 'pad'" in capsys.readouterr().err
    assert main(["whatif", path, "--set", "c.dilations=2", "--quiet"]) == 0
    assert capsys.readouterr().err == ""
