"""What `rfgraph diff` says of pairs of models of which it is known what differs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import rfgraph
from checks.nets import chain
from fixtures.make.net import Net
from ops import optimize
from reports import models
from rfgraph.analysis.layers import Layer, layers_of
from rfgraph.analysis.pairing import MAX_MATCHED, match, paired_layers
from rfgraph.cli import main

FIXTURES = Path(__file__).parents[2] / "fixtures"
EXPORTS = FIXTURES / "exports"
SAME = "No difference in what is read."


def said(old, new, capsys, tmp_path, *arguments, code=0):
    files = []
    for name, model in (("old", old), ("new", new)):
        if isinstance(model, onnx.ModelProto):
            model = models.saved(model, tmp_path / f"{name}.onnx")
        files.append(str(model))
    assert main(["diff", *files, *arguments]) == code
    found = capsys.readouterr()
    return found.err if code == 2 else found.out


def axis_changes(found, number=0, axis=2):
    return {change.key: change[1:3] for change in found.outputs[number].axes[axis].changes}


def kinds(verdicts):
    return {item.kind for item in verdicts}


# -- the same, written otherwise -------------------------------------------------------------------


def with_norms(model):
    """Put a BatchNormalization behind each Conv."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    nodes = list(made.graph.node)
    stored = {tensor.name: list(tensor.dims) for tensor in made.graph.initializer}
    del made.graph.node[:]
    for node in nodes:
        made.graph.node.append(node)
        if node.op_type == "Conv":
            conv, out, maps = made.graph.node[-1], node.output[0], stored[node.input[1]][0]
            conv.output[0] = f"{out}_plain"
            names = [f"{out}_{part}" for part in ("scale", "bias", "mean", "var")]
            values = [numpy_helper.from_array(np.ones(maps, np.float32), name) for name in names]
            made.graph.initializer.extend(values)
            norm = helper.make_node("BatchNormalization", [conv.output[0], *names], [out])
            made.graph.node.append(norm)
    onnx.checker.check_model(made)
    return made


def renamed(model):
    """Give every node and every tensor but the inputs another name, the nodes numbered anew."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    kept = {value.name for value in made.graph.input}
    names = {}

    def new(name):
        return name if not name or name in kept else names.setdefault(name, f"t{len(names)}")

    for number, node in enumerate(made.graph.node):
        node.name = f"n{number}"
        node.input[:] = map(new, node.input)
        node.output[:] = map(new, node.output)
    for item in (*made.graph.initializer, *made.graph.output, *made.graph.value_info):
        item.name = new(item.name)
    return made


@pytest.mark.parametrize("other", [with_norms, renamed])
def test_unfolded_norms_and_other_names_read_the_same(other, capsys, tmp_path):
    plain = onnx.load(FIXTURES / "resnet18.onnx")
    assert SAME in said(plain, other(plain), capsys, tmp_path)
    found = rfgraph.diff(other(plain), plain)
    assert found.same
    assert (found.worse, found.better) == ((), ())
    assert all(layer.before and layer.after and not layer.changes for layer in found.layers)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("mobilenet_ts", "mobilenet_dynamo"),
        ("unet_ts", "unet_dynamo_dynamic"),
        ("causal_dynamo", "causal_ts_dynamic"),
        ("pads_ts", "pads_dynamo"),
        pytest.param("swin_ts", "swin_dynamo", marks=pytest.mark.slow),
    ],
)
def test_two_exporters_say_the_same(old, new, capsys, tmp_path):
    text = said(EXPORTS / f"{old}.onnx", EXPORTS / f"{new}.onnx", capsys, tmp_path)
    assert SAME in text
    assert "Worse" not in text


def test_a_quantized_model_reads_the_same():
    found = rfgraph.diff(EXPORTS / "mobilenet_ts.onnx", EXPORTS / "mobilenet_quantized.onnx")
    assert found.same


@pytest.mark.parametrize("level", ["ENABLE_EXTENDED", "ENABLE_ALL"])
def test_what_a_runtime_optimizes_reads_the_same(level, tmp_path):
    if level not in optimize.LEVELS:
        pytest.skip(f"onnxruntime has no level {level}")
    path = FIXTURES / "mobilenet_v2.onnx"
    found = rfgraph.diff(path, optimize.optimized(path, optimize.LEVELS[level], tmp_path))
    assert found.same
    assert found.new.nodes < found.old.nodes


def test_a_pad_of_its_own_is_no_difference():
    def net(apart):
        nodes = [
            *([helper.make_node("Pad", ["x", "p"], ["x_p"])] if apart else []),
            helper.make_node("Conv", ["x_p" if apart else "x", "w"], ["y"], name="c"),
        ]
        if not apart:
            nodes[0].attribute.append(helper.make_attribute("pads", [2, 0]))
        given = {"p": np.array([0, 0, 2, 0, 0, 0]), "w": models.weights(1, 1, 3)}
        return models.model(nodes, {"x": [1, 1, 30]}, {"y": None}, given)

    assert rfgraph.diff(net(apart=True), net(apart=False)).same


# -- true differences ------------------------------------------------------------------------------


def test_the_two_resnets_are_told_apart(capsys, tmp_path):
    """Published: 483 with the stride on the 1x1, 427 with it on the 3x3."""
    old, new = FIXTURES / "resnet50_v1.onnx", FIXTURES / "resnet50.onnx"
    text = said(old, new, capsys, tmp_path, "--fail-on", "smaller", code=1)
    lines = [line.split() for line in text.splitlines()]
    assert ["receptive", "field", "483", "427"] in lines
    assert "layer2.0.conv1 stride 2 x 2 stride 1 x 1".split() in lines
    assert "layer2.0.conv2 stride 1 x 1 stride 2 x 2".split() in lines
    assert "Worse: layer4.2.relu_out reads less on axes 2, 3" in text
    assert len([line for line in lines if line[:1] and line[0].startswith("layer")]) == 8
    back = said(new, old, capsys, tmp_path, "--fail-on", "smaller")
    assert "Better: layer4.2.relu_out reads more" in back


def test_one_dilation(capsys, tmp_path):
    # 3-wide windows: 1 + 2 * (1 + 2 + 4) = 15, with a dilation of 8 in the middle 1 + 2 * 13 = 27.
    old, new = chain((1, 1), (2, 1), (4, 1)), chain((1, 1), (8, 1), (4, 1))
    found = rfgraph.diff(old, new)
    changes = axis_changes(found)
    assert changes["size"] == (15, 27)
    assert changes["paths_median"] == (15, 27)
    assert changes["halo"] == ((7, 7), (13, 13))
    assert changes["lookahead"] == (7, 13)
    own = [layer for layer in found.layers if layer.own]
    assert [layer.after.label for layer in own] == ["conv1"]
    assert own[0].changes["dilations"] == ((2,), (8,))
    assert kinds(found.better) == {"larger"}
    assert kinds(found.worse) == {"lookahead"}
    text = said(old, new, capsys, tmp_path)
    assert "1 layer behind reads otherwise." in text
    assert "dilation 2" in text


def residual(skip, norm=None, pads=(1, 1)):
    net = Net("residual", "arithmetic only")
    x = net.conv(net.input("x", [1, 4, 40]), "stem", 4, 3, 1, 1)
    y = net.node("Conv", [x, net.constant("w", models.weights(4, 4, 3), np.float32)], "conv",
                 pads=list(pads))  # fmt: skip
    if norm is not None:
        y = norm(net, y)
    y = net.add(x, y, "sum") if skip else net.relu(y, "sum")
    net.output(y, [1, 4, 40])
    return net.model()


def test_a_skip_removed(capsys, tmp_path):
    found = rfgraph.diff(residual(skip=True), residual(skip=False))
    # Paths of 3 and of 5 become one of 5; the region stays 5.
    assert found.outputs[0].routes == (2, 1)
    changes = axis_changes(found)
    assert "size" not in changes
    assert changes["paths_min"] == (3, 5)
    (gone,) = [layer for layer in found.layers if layer.own]
    assert (gone.before.label, gone.before.kind, gone.after) == ("sum", "merge", None)
    assert found.worse == ()
    back = rfgraph.diff(residual(skip=False), residual(skip=True))
    assert kinds(back.worse) == {"smaller"}
    text = said(residual(skip=True), residual(skip=False), capsys, tmp_path)
    assert "routes" in text
    assert "paths, smallest" in text


def group_norm(net, x):
    x = net.node("Reshape", [x, net.constant("grouped", [1, 2, -1])], "flat")
    ones = [net.constant(name, np.ones(2), np.float32) for name in ("scale", "shift")]
    x = net.node("InstanceNormalization", [x, *ones], "norm")
    return net.node("Reshape", [x, net.constant("shape", [1, 4, 40])], "unflat")


def test_group_norm_for_batch_norm(capsys, tmp_path):
    old, new = residual(skip=True), residual(skip=True, norm=group_norm)
    found = rfgraph.diff(old, new)
    assert axis_changes(found)["scope"] == ("local", "global")
    assert kinds(found.worse) == {"global", "lookahead"}
    # What is local is as it was.
    assert not {"size", "size_min"} & axis_changes(found).keys()
    text = said(old, new, capsys, tmp_path, "--fail-on", "unaligned,global", code=1)
    assert "became global" in text
    assert said(old, new, capsys, tmp_path, "--fail-on", "smaller")
    assert kinds(rfgraph.diff(new, old).better) == {"local", "lookahead"}


def test_both_ways_are_named_as_in_the_new_model():
    """The same windows in another layout, under other names, the middle one wider."""

    def net(last, dilation, source, output):
        made = Net("layout", "arithmetic only")
        shape = [1, 20, 20, 3]
        x = made.nhwc(source, shape) if last else made.input(source, [1, 3, 20, 20])
        made.output(made.conv(x, output, 2, 3, 1, dilation, d=dilation), [1, 2, 20, 20])
        return made.model()

    found = rfgraph.diff(net(True, 1, "x", "y"), net(False, 2, "signal", "map"))
    assert {(it.tensor, it.input, it.axis, it.kind) for it in found.better} == {
        ("map", "signal", 2, "larger"),
        ("map", "signal", 3, "larger"),
    }
    assert {(it.before, it.after) for it in found.better} == {(3, 5)}
    back = rfgraph.diff(net(False, 2, "signal", "map"), net(True, 1, "x", "y"))
    assert {(it.tensor, it.input, it.axis, it.kind) for it in back.worse} == {
        ("y", "x", 1, "smaller"),
        ("y", "x", 2, "smaller"),
    }


def test_causal_and_not():
    found = rfgraph.diff(residual(False, pads=(2, 0)), residual(False, pads=(1, 1)))
    # The stem reads one ahead; so does the second window then.
    assert axis_changes(found)["lookahead"] == (1, 2)
    assert axis_changes(found)["start"] == (-3, -2)
    assert kinds(found.worse) == {"lookahead"}
    assert found.failing(["lookahead"])
    assert not found.failing(["smaller"])


def test_a_look_ahead_without_end():
    def net(gated):
        made = Net("gated", "arithmetic only")
        x = made.conv(made.input("x", [1, 2, 30]), "c", 2, 3, 1, (2, 0))
        if gated:
            mean = made.node("GlobalAveragePool", [x], "mean")
            x = made.node("Mul", [x, made.node("Sigmoid", [mean], "gate")], "gated")
        made.output(made.relu(x, "y"), [1, 2, 30])
        return made.model()

    found = rfgraph.diff(net(gated=False), net(gated=True))
    assert axis_changes(found)["lookahead"] == (0, "without end")
    assert kinds(found.worse) == {"global", "lookahead"}
    assert kinds(rfgraph.diff(net(gated=True), net(gated=False)).better) == {"local", "lookahead"}


def in_a_row(op, domain, shape=(1, 1, 30)):
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], name="c"),
        helper.make_node(op, ["a"], ["y"], name="last", domain=domain),
    ]
    window = {"w": models.weights(1, 1, *[3] * (len(shape) - 2))}
    made = models.model(nodes, {"x": list(shape)}, {"y": None}, window)
    made.opset_import.append(helper.make_opsetid("odd", 1))
    return made


def test_what_is_no_longer_known_is_worse():
    known, unknown, whole = (
        in_a_row(*op) for op in (("Relu", ""), ("Odd", "odd"), ("GlobalAveragePool", ""))
    )
    for model in (known, whole):
        (worse,) = rfgraph.diff(model, unknown).failing(["global"])
        assert (worse.kind, worse.tensor, worse.after) == ("global", "y", "unknown")
    assert not rfgraph.diff(unknown, known).failing(["global"])


def test_an_axis_that_is_gone_is_missing():
    plane, line = in_a_row("Relu", "", (1, 1, 30, 30)), in_a_row("Relu", "")
    (worse,) = rfgraph.diff(plane, line).worse
    assert (worse.kind, worse.tensor, worse.axis) == ("missing", "y", None)
    assert kinds(rfgraph.diff(line, plane).better) == {"added"}
    assert not rfgraph.diff(line, plane).same


def test_another_number_of_routes_is_a_difference():
    """Two windows of one size beside each other read what one does."""

    def net(many):
        made = Net("beside", "arithmetic only")
        x = made.input("x", [1, 2, 30])
        parts = [made.conv(x, name, 2, 3, 1, 1) for name in "ab"[:many]]
        made.output(made.relu(made.add(*parts, "sum") if many > 1 else parts[0], "y"), [1, 2, 30])
        return made.model()

    found = rfgraph.diff(net(1), net(2))
    (output,) = found.outputs
    assert output.routes == (1, 2)
    assert not any(axis.changes for axis in output.axes.values())
    assert not found.same_outputs


def test_merged_paths_that_are_no_longer_aligned():
    def net(pads):
        made = Net("branches", "arithmetic only")
        x = made.input("x", [1, 2, 30])
        left, right = made.conv(x, "a", 2, 3, 1, 1), made.conv(x, "b", 2, 3, 1, pads)
        made.output(made.add(left, right, "y"), [1, 2, 30])
        return made.model()

    found = rfgraph.diff(net(1), net((2, 0)))
    assert found.outputs[0].aligned == (True, False)
    assert kinds(found.worse) == {"unaligned"}
    assert kinds(rfgraph.diff(net((2, 0)), net(1)).better) == {"aligned"}


def test_alignment_alone_is_a_difference():
    """A 3-wide window within a 5-wide one, in its middle or at its beginning."""

    def net(pads):
        made = Net("within", "arithmetic only")
        x = made.input("x", [1, 2, 30])
        wide, narrow = made.conv(x, "a", 2, 5, 1, 2), made.conv(x, "b", 2, 3, 1, pads)
        made.output(made.add(wide, narrow, "y"), [1, 2, 30])
        return made.model()

    found = rfgraph.diff(net(1), net((2, 0)))
    assert set(axis_changes(found)) <= {"effective"}
    assert not found.same_outputs


def test_an_output_without_a_partner_counts_for_each(capsys, tmp_path):
    old, new = models.many_outputs(3), models.many_outputs(2)
    found = rfgraph.diff(old, new)
    (gone,) = found.worse
    assert (gone.kind, gone.tensor) == ("missing", "y2")
    for word in ("smaller", "global", "unaligned", "lookahead"):
        assert "y2 on input x is gone" in said(
            old, new, capsys, tmp_path, "--fail-on", word, code=1
        )
    assert "y2 on input x is new" in said(new, old, capsys, tmp_path, "--fail-on", "smaller,global")


def test_inputs_without_a_partner_are_missing_and_never_the_same(capsys, tmp_path):
    def net(inputs, shape=(1, 2, 30)):
        made = Net("sum", "arithmetic only")
        parts = [made.conv(made.input(name, shape), f"c{name}", 2, 3, 1, 1) for name in inputs]
        made.output(made.add(*parts, "y") if parts[1:] else parts[0], shape)
        return made.model()

    both, one, far = net("ab"), net("x"), net("x", (1, 2, 30, 30))
    found = rfgraph.diff(both, one)
    assert [
        (it.before and it.before.input, it.after and it.after.input) for it in found.outputs
    ] == [
        ("a", "x"),
        ("b", None),
    ]
    assert not found.same
    assert [item.input for item in found.worse] == ["b"]
    assert {item.kind for item in rfgraph.diff(one, both).better} == {"added"}
    for word in ("smaller", "global", "unaligned", "lookahead"):
        assert "y on input b is gone" in said(
            both, one, capsys, tmp_path, "--fail-on", word, code=1
        )
    # Of no rank in common: nothing has a partner.
    found = rfgraph.diff(both, far)
    assert not found.same
    assert {item.input for item in found.worse} == {"a", "b"}


# -- what is paired --------------------------------------------------------------------------------


def layer(kernel, name=""):
    window = {"kernel_shape": (kernel,), "strides": (1,), "dilations": (1,)}
    return Layer(name or f"Conv_{kernel}", name, "Conv", "t", "weighted", window, {})


def labels(pairs):
    return [tuple(item and item.label for item in pair) for pair in pairs]


def test_numbers_in_names_that_shift_do_not_pair():
    old = [layer(k, f"Conv_{number}") for number, k in enumerate((3, 5, 7))]
    new = [layer(k, f"Conv_{number}") for number, k in enumerate((9, 3, 5, 7))]
    assert labels(paired_layers(old, new)) == [
        (None, "Conv_0"), ("Conv_0", "Conv_1"), ("Conv_1", "Conv_2"), ("Conv_2", "Conv_3"),
    ]  # fmt: skip


def test_names_pair_before_order():
    old, new = [layer(3, "a"), layer(5, "b")], [layer(5, "b"), layer(3, "a")]
    assert labels(paired_layers(old, new)) == [("b", "b"), ("a", "a")]
    # Twice the same name says nothing; equal windows at another place are still each other's.
    assert labels(paired_layers([layer(3, "a"), layer(3, "a")], [layer(3)])) == [
        ("a", "Conv_3"), ("a", None),
    ]  # fmt: skip


def test_what_is_gone_stands_where_it_was():
    old, new = [layer(k) for k in (3, 5, 7, 9)], [layer(k) for k in (3, 9)]
    found = labels(paired_layers(old, new))
    assert found == [
        ("Conv_3", "Conv_3"), ("Conv_5", None), ("Conv_7", None), ("Conv_9", "Conv_9"),
    ]  # fmt: skip


def test_long_sequences_are_matched_in_linear_time():
    old = list(range(3 * MAX_MATCHED))
    pairs = match(old, [-1, *old[1:-1], -2], lambda item: item)
    assert sum(None not in pair for pair in pairs) == len(old) - 2
    shifted = match(old, [*old[1:], old[0]], lambda item: item)
    assert all(one == other for one, other in shifted)


def test_tensors_may_be_named(capsys, tmp_path):
    old, new = chain((1, 1), (2, 1)), renamed(chain((1, 1), (4, 1)))
    text = said(old, new, capsys, tmp_path, "--tensor", "conv0=n0", "--fail-on", "smaller")
    assert "Better" not in text
    with pytest.raises(rfgraph.UsageError, match="no tensor 'conv9'"):
        rfgraph.diff(old, new, tensors={"conv9": "n0"})
    assert "no tensor 'conv1'" in said(old, new, capsys, tmp_path, "--tensor", "conv1", code=2)


def test_an_input_of_another_layout_is_the_same_axes():
    def net(last):
        made = Net("layout", "arithmetic only")
        x = made.nhwc("x", [1, 20, 20, 3]) if last else made.input("x", [1, 3, 20, 20])
        made.output(made.conv(x, "c", 2, 3, 1, 1), [1, 2, 20, 20])
        return made.model()

    found = rfgraph.diff(net(last=True), net(last=False))
    assert found.same
    assert [(axis.before.axis, axis.after.axis) for axis in found.outputs[0].axes.values()] == [
        (1, 2), (2, 3),
    ]  # fmt: skip


def test_lengths_that_one_file_leaves_open_are_those_of_the_other():
    def net(length):
        made = Net("length", "arithmetic only")
        made.output(made.conv(made.input("x", [1, 1, length]), "c", 1, 33, 1, 16), [1, 1, length])
        return made.model()

    # 33 positions cover 20, and at the probed 256 they would not.
    for pair in ((net("n"), net(20)), (net(20), net("n"))):
        found = rfgraph.diff(*pair)
        assert {it.inputs[0].shape for it in (found.old, found.new)} == {(1, 1, 20)}
        assert found.same


def test_inputs_of_other_names_are_paired_in_order():
    model = chain((1, 1), (2, 1))
    other = chain((1, 1), (2, 1))
    other.graph.input[0].name = other.graph.node[0].input[0] = "signal"
    assert rfgraph.diff(model, other).same


# -- what is written -------------------------------------------------------------------------------


def test_json_and_markdown(capsys, tmp_path):
    old, new = chain((1, 1), (2, 1), (4, 1)), chain((1, 1), (1, 1), (4, 1))
    found = json.loads(said(old, new, capsys, tmp_path, "--format", "json"))
    assert {"schema", "version", "old", "new", "outputs", "layers", "worse", "better"} <= set(found)
    (output,) = found["outputs"]
    assert output["axes"][0]["changes"]["size"] == [15, 13]
    assert output["axes"][0]["new"]["paths_median"] == 13
    (changed,) = [it for it in found["layers"] if it["changes"] and "dilations" in it["changes"]]
    assert changed["old"] == changed["new"] == "conv1"
    assert changed["changes"]["dilations"] == [[2], [1]]
    assert {item["kind"] for item in found["worse"]} == {"smaller"}
    assert found["worse"][0]["before"] == 15
    text = said(old, new, capsys, tmp_path, "--format", "markdown")
    assert "- **worse**: conv2 reads less on axis 2" in text
    assert "| receptive field | 15 | 13 |" in text
    assert "| conv1 | dilation 2 | dilation 1 |" in text


def test_an_unknown_word_lists_those_that_there_are(capsys, tmp_path):
    error = said(chain((1, 1)), chain((1, 1)), capsys, tmp_path, "--fail-on", "worse", code=2)
    assert "fail-on requires some of smaller, global, unaligned, lookahead, found 'worse'" in error


def test_layers_are_those_that_read_otherwise():
    found = layers_of(rfgraph.analyze(FIXTURES / "alexnet.onnx"), "input")
    names = ["conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5", "fc6", "fc7"]
    assert [layer.label for layer in found] == names
    assert found[-1].is_trivial
    assert found[1].window == {"kernel_shape": (3, 3), "strides": (2, 2), "dilations": (1, 1)}
