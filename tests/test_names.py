"""A node's name stands for the tensor that it makes, and left-out names for what is meant."""

import json
from pathlib import Path

import pytest
from onnx import TensorProto, helper

import rfgraph
from reports import models
from rfgraph.cli import main

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
LAST = "layer4.1.relu_out"

RESNET = str(FIXTURES / "resnet18.onnx")
NODE = "layer4.1.relu"


@pytest.fixture(scope="module")
def result():
    return rfgraph.analyze(RESNET)


def run(capsys, *arguments):
    code = main(list(arguments))
    found = capsys.readouterr()
    return code, found.out, found.err


def refused(call, *words):
    with pytest.raises(rfgraph.UsageError) as caught:
        call()
    for word in words:
        assert word in str(caught.value)


def halves():
    """A Split of an image into its left and its right half, each pooled, and two heads."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], "conv", pads=[1, 1, 1, 1]),
        helper.make_node("Split", ["c"], ["left", "right"], "split", axis=3),
        helper.make_node("GlobalAveragePool", ["left"], ["a"], "pool_a"),
        helper.make_node("GlobalAveragePool", ["right"], ["b"], "pool_b"),
        helper.make_node("Add", ["a", "b"], ["y"], "add"),
    ]
    weights = {"w": models.weights(1, 1, 3, 3)}
    return models.model(nodes, {"x": [1, 1, 8, 8]}, {"y": None}, weights)


# -- nodes ----------------------------------------------------------------------------------------


def test_a_node_stands_for_its_tensor_in_python(result):
    assert result.receptive_field(NODE).to_dict() == result.receptive_field(LAST).to_dict()
    assert [field.tensor for field in result.receptive_fields([NODE, LAST])] == [LAST]
    assert result.to_dict([NODE]) == result.to_dict([LAST])
    assert rfgraph.unit(result, NODE, (0, 0, 3, 3)) == rfgraph.unit(result, LAST, (0, 0, 3, 3))
    assert rfgraph.path_histogram(result, tensor=NODE).tensor == LAST
    assert next(rfgraph.paths(result, NODE)) == next(rfgraph.paths(result, LAST))
    assert result.before_global("fc") == result.before_global("fc_out") == (LAST,)


@pytest.mark.parametrize(
    "command",
    [
        ["{}", "--tensor"],
        ["{}", "--layers", "--tensor"],
        ["{}", "--format", "json", "--tensor"],
        ["paths", "{}", "--tensor"],
        ["unit", "{}", "--index", "0,*,3,3", "--tensor"],
        ["check", "{}", "--at"],
        ["check", "{}", "--stat", "union", "--at"],
    ],
    ids=lambda command: " ".join(command),
)
def test_a_node_stands_for_its_tensor_on_the_command_line(command, capsys):
    arguments = [part.format(RESNET) for part in command]
    by_tensor = run(capsys, *arguments, LAST)
    assert by_tensor[2] == ""
    assert by_tensor[0] in (0, 1)
    assert run(capsys, *arguments, NODE) == by_tensor


def test_a_node_stands_for_its_tensors_in_a_baseline(capsys, tmp_path):
    _, stored, _ = run(capsys, RESNET, "--format", "json")
    smaller = json.loads(stored)
    for field in smaller["receptive_fields"]:
        if field["tensor"] == LAST:
            field["axes"][2]["size"] += 1
    baseline = tmp_path / "before.json"
    baseline.write_text(json.dumps(smaller), encoding="utf-8")
    for name in (LAST, NODE):
        (finding,) = rfgraph.check(
            RESNET, select="RF007", baseline=str(baseline), tensors=[name], stat="union"
        )
        assert finding.message.startswith(f"tensor '{LAST}' on input 'input', axis 2: smaller")


def test_a_node_without_a_name_goes_by_type_and_number():
    nodes = [helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Relu", ["a"], ["y"])]
    result = rfgraph.analyze(models.model(nodes, {"x": [1, 4]}, {"y": None}))
    assert result.receptive_field("Relu_0").tensor == "a"
    assert result.receptive_field("Relu_0").node == "Relu_0"


def test_a_tensor_comes_before_a_node_of_its_name():
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], "y"),
        helper.make_node("Abs", ["a"], ["y"], "a"),
    ]
    result = rfgraph.analyze(models.model(nodes, {"x": [1, 4]}, {"y": None}))
    assert result.receptive_field("a").tensor == "a"
    assert result.receptive_field("y").tensor == "y"


def test_a_node_that_makes_several_tensors_is_an_error_that_lists_them(capsys, tmp_path):
    result = rfgraph.analyze(halves())
    listed = "node 'split' makes 2 tensors ('left', 'right'): name one"
    refused(lambda: result.receptive_field("split"), listed)
    refused(lambda: rfgraph.unit(result, "split", (0, 0, 0, 0)), listed)
    refused(lambda: rfgraph.path_histogram(result, tensor="split"), listed)
    refused(lambda: rfgraph.check(result, at="split"), listed)
    file = models.saved(halves(), tmp_path / "halves.onnx")
    for arguments in ([file], ["paths", file], ["unit", file, "--index", "0,0,0,0"]):
        code, out, err = run(capsys, *arguments, "--tensor", "split")
        assert (code, out) == (2, "")
        assert listed in err


def test_two_nodes_of_one_name_are_an_error_that_lists_their_tensors():
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], "twin"),
        helper.make_node("Abs", ["a"], ["y"], "twin"),
    ]
    result = rfgraph.analyze(models.model(nodes, {"x": [1, 4]}, {"y": None}))
    refused(lambda: result.receptive_field("twin"), "makes 2 tensors ('a', 'y')")


def test_what_a_node_makes_for_itself_alone_is_not_meant():
    """A sequence that is read as a whole becomes a tensor in between, of the same node."""
    nodes = [
        helper.make_node("SplitToSequence", ["x"], ["s"], "split", axis=1),
        helper.make_node("Whole", ["s"], ["y"], "whole", domain="my.ops"),
    ]
    net = models.model(nodes, {"x": [1, 4]}, {"y": None})
    net.opset_import.append(helper.make_opsetid("my.ops", 1))
    result = rfgraph.analyze(net)
    labels = [
        data["producer"].label for _, data in result.graph.nodes(data=True) if data["producer"]
    ]
    assert labels.count("whole") == 2
    assert result.receptive_field("whole").tensor == "y"


def test_the_nearest_names_are_of_tensors_and_nodes(result):
    refused(lambda: result.receptive_field("layer4.1.rel"), "no tensor 'layer4.1.rel'", f"'{NODE}'")
    refused(lambda: result.receptive_field("layer4.1.relu_ou"), f"'{LAST}'")


def test_an_at_that_reads_nothing_is_named_as_it_was_asked():
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["y"], "conv"),
        helper.make_node("Relu", ["z"], ["r"], "other"),
    ]
    x = {"x": [1, 1, 8], "z": [1, 4]}
    net = models.model(nodes, x, {"y": None, "r": None}, {"w": models.weights(1, 1, 3)})
    (finding,) = rfgraph.check(net, at="other", inputs="x")
    assert finding.message == "tensor 'other' reads nothing of the inputs to check ('x')"


# -- what is left out -----------------------------------------------------------------------------


def counted(capsys, file, *arguments):
    _, out, _ = run(capsys, "paths", file, "--format", "json", *arguments)
    return json.loads(out)["paths"]


@pytest.mark.parametrize(
    "name", ["resnet18", "alexnet", "efficientnet_b0", "unet_bilinear", "se_gate", "wav2vec2"]
)
def test_the_default_tensor_is_that_of_the_command(name, capsys):
    file = str(FIXTURES / f"{name}.onnx")
    (entry,) = counted(capsys, file)
    for model in (file, rfgraph.load(file), rfgraph.analyze(file)):
        assert rfgraph.path_histogram(model).to_dict() == entry
    first = next(rfgraph.paths(file, order="smallest"))
    (entry,) = counted(capsys, file, "--list", "1", "--order", "smallest")
    assert [first.to_dict()] == entry["list"]


def test_a_global_output_gives_the_paths_before_it(result):
    assert rfgraph.path_histogram(result).tensor == LAST
    assert rfgraph.path_histogram(result).axes[2].counts[11] == 1
    assert next(rfgraph.paths(result, order="smallest")).sizes == (11, 11)
    assert rfgraph.path_histogram(result, tensor="fc_out").axes[2].local == 0


def test_several_tensors_are_listed_by_python_and_reported_by_the_command(capsys, tmp_path):
    file = models.saved(halves(), tmp_path / "halves.onnx")
    listed = "paths from 'x' lead to 2 tensors ('left', 'right'): name one"
    for model in (file, rfgraph.load(file), rfgraph.analyze(file)):
        refused(lambda model=model: rfgraph.path_histogram(model), listed)
        refused(lambda model=model: rfgraph.paths(model), listed)
    assert [entry["tensor"] for entry in counted(capsys, file)] == ["left", "right"]


def test_several_outputs_of_one_feature_map_need_no_name():
    net = halves()
    del net.graph.node[3:], net.graph.output[:]
    net.graph.node.append(helper.make_node("GlobalMaxPool", ["left"], ["m"]))
    for name in ("a", "m"):
        value = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        net.graph.output.append(value)
    assert rfgraph.path_histogram(net).tensor == "left"


def test_each_input_has_its_own_last_tensor(capsys, tmp_path):
    """`b` goes on to `d` alone; the last of `x` is `c`, into which only `x` comes."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], "conv_c"),
        helper.make_node("GlobalAveragePool", ["c"], ["g"], "pool"),
        helper.make_node("Add", ["z", "g"], ["b"], "add"),
        helper.make_node("Conv", ["b", "w"], ["d"], "conv_d"),
        helper.make_node("GlobalAveragePool", ["d"], ["y"], "last"),
    ]
    shapes = {"x": [1, 1, 8, 8], "z": [1, 1, 8, 8]}
    net = models.model(nodes, shapes, {"y": None}, {"w": models.weights(1, 1, 3, 3)})
    assert rfgraph.path_histogram(net, input="x").tensor == "c"
    assert rfgraph.path_histogram(net, input="z").tensor == "d"
    entries = counted(capsys, models.saved(net, tmp_path / "two.onnx"))
    assert [(entry["input"], entry["tensor"]) for entry in entries] == [("x", "c"), ("z", "d")]
