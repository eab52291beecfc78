"""The summary for a person: its numbers are the expected ones, and it fits a terminal."""

import re

import onnx.parser
import pytest

import rfgraph
from reports import models
from reports.published import FILES, FOLDER, analysed, expected
from rfgraph.analysis.view import view
from rfgraph.cli import main
from rfgraph.reports.formats.style import Style
from rfgraph.reports.model.text import as_text
from rfgraph.wording.names import cells
from rfgraph.wording.numbers import fraction, span, whole_up


def text_of(result, style=None, **chosen):
    return as_text(view(result, chosen.get("input"), chosen.get("tensors")), style or Style())


def value(text, label):
    """What stands beside a label, without the explanation after it."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"    {label}  ")]
    return line.removeprefix(f"    {label}").strip().split("  ")[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_fixture_fits_80_columns(path):
    text = text_of(analysed(path))
    assert [line for line in text.splitlines() if cells(line) > 80] == []


@pytest.mark.parametrize("make", models.EVERY.values(), ids=models.EVERY)
@pytest.mark.parametrize("width", [40, 80, 120])
def test_every_model_fits(make, width):
    text = text_of(rfgraph.analyze(make()), Style(width=width))
    assert [line for line in text.splitlines() if cells(line) > width] == []


LABELS = {"size": "receptive field", "stride": "stride (jump)"}


@pytest.mark.parametrize(
    ("model", "tensor"),
    [
        ("alexnet", "pool5"),
        ("resnet18", "layer4.1.relu_out"),
        ("resnet50_v1", "layer4.2.relu_out"),
        ("highres3dnet", "classifier"),
        ("wav2vec2", "conv_layers.6.gelu"),
        ("mobilenet_v2", "features.18.relu6"),
    ],
)
def test_size_stride_and_padding_are_those_expected(model, tensor):
    path = FOLDER / f"{model}.onnx"
    text = text_of(analysed(path), tensors=[tensor])
    (rows,) = expected(path, {"size", "stride", "start"}).values()
    spatial = [row for row in rows if row.tensor == tensor and row.axis >= 2]
    assert {row.key for row in spatial} == {"size", "stride", "start"}
    for key, label in LABELS.items():
        values = [str(row.value) for row in spatial if row.key == key]
        assert value(text, label) == " x ".join(values)
    starts = [str(-row.value) for row in spatial if row.key == "start"]
    assert value(text, "effective padding") == " x ".join(starts)


def test_a_classifier_shows_the_last_local_feature_map():
    text = text_of(analysed(FOLDER / "resnet50.onnx"))
    assert "Global through avgpool: every unit reads the whole input" in text
    assert "The last local feature map before it:\n  layer4.2.relu_out  1 x 32 x 7 x 7\n" in text
    assert value(text, "receptive field") == "427 x 427"
    assert value(text, "reach") == "213 before, 213 after"
    assert value(text, "covers the input") == "yes: at least as large as its 224 x 224"
    assert value(text, "single paths") == "11 x 11 (shortest) to 427 x 427 (longest)"
    assert value(text, "alignment") == "aligned"


def test_a_flattened_map_is_shown_where_it_has_a_stride():
    text = text_of(analysed(FOLDER / "vgg16.onnx"))
    assert "pool5  1 x 8 x 7 x 7" in text
    assert value(text, "stride (jump)") == "32 x 32"
    assert value(text, "covers the input") == "no: 212 of 224 positions"


def test_gates_do_not_hide_the_local_paths():
    text = text_of(analysed(FOLDER / "efficientnet_b0.onnx"))
    assert "The last feature map with local paths before it:" in text
    assert "global through features.1.0.se.avgpool" in text
    assert value(text, "local paths") == "851 x 851"


def test_phases_are_a_range():
    text = text_of(analysed(FOLDER / "unet_transposed.onnx"))
    assert value(text, "receptive field") == "188..204 x 188..204"


def test_unaligned_paths_are_said():
    text = text_of(analysed(FOLDER / "toy_unaligned.onnx"))
    assert value(text, "receptive field") == "5..7"
    assert value(text, "stride (jump)") == "none"
    assert value(text, "alignment") == "not aligned"


def test_what_is_open_in_the_file_is_said():
    text = text_of(analysed(FOLDER / "tcn.onnx"))
    assert "Open in the file: axis 0 ('batch'), taken as 1; axis 2" in text
    assert value(text, "covers the input").startswith("depends on axis 2, open in the file")
    assert "causal: nothing ahead is read" in text


def test_what_the_file_fixes_is_said_with_the_reason():
    text = """<ir_version: 8, opset_import: ["" : 17]>
        m (float[T, D] x, float[K, 3] z) => (float[P, Q] y, float[R, S] v)
        <int64[1] s = {1}, int64[1] e = {999}> {
        t = Slice (x, s, e)
        y = MatMul (t, w)
        v = Relu (z)
    }"""
    proto = onnx.parser.parse_model(text)
    proto.graph.input[1].type.tensor_type.shape.dim[0].dim_param = "2*T"
    proto.graph.initializer.append(onnx.TensorProto(name="w", data_type=1, dims=(138, 25)))
    result = rfgraph.analyze(proto)
    said = " ".join(text_of(result).split())
    assert (
        "No spatial axis: the numbers are those of axes 0, 1. Open in the file: axis 0 ('T'), "
        "taken as 256 (node 'Slice_0' (Slice) moves along it); axis 1 ('D'), 138 (fixed by node "
        "that makes 'y' (MatMul))."
    ) in said
    assert "axis 0 ('2*T'), taken as 512 (T is 256; node" in said
    entry = result.to_dict()["inputs"][0]
    assert (entry["probed"], entry["determined"]) == ({"0": 256}, {"1": 138})
    assert entry["reasons"]["1"] == "fixed by node that makes 'y' (MatMul)"


def test_a_one_sided_field_says_its_look_ahead():
    text = text_of(rfgraph.analyze(models.cumulative())).replace("\n ", "")
    assert "One-sided through sum: each unit reads all that came before; look-ahead 1." in text


def test_axes_of_different_scope_are_told_apart():
    text = text_of(rfgraph.analyze(models.anisotropic())).replace("\n ", "")
    assert "Axis 2: local, receptive field 3; axis 3: global through mean" in text
    assert value(text_of(rfgraph.analyze(models.anisotropic())), "reach") == (
        "0 before, 2 x 4 after"
    )


def test_an_output_that_nothing_reaches_is_constant():
    assert "Constant: no input reaches it." in text_of(rfgraph.analyze(models.constant()))


def test_an_output_right_behind_its_input_has_no_feature_map():
    text = text_of(rfgraph.analyze(models.dense()))
    assert "No feature map lies before it: the input itself feeds it." in text


@pytest.mark.parametrize(
    "arguments",
    [
        ["resnet18"],
        ["se_gate"],
        ["unet_bilinear"],
        ["tcn"],
        ["tiles", "unet_nearest"],
    ],
)
def test_every_label_of_a_report_is_explained(arguments, capsys):
    *command, name = arguments
    assert main([*command, str(FOLDER / f"{name}.onnx")]) == 0
    labels = re.findall(r"^ {4,6}([a-z][a-z0-9 %()-]*?)(?: {2,}|$)", capsys.readouterr().out, re.M)
    assert labels
    for label in dict.fromkeys(labels):
        assert main(["explain", label]) == 0, label


@pytest.mark.parametrize(
    "word",
    "rate tail chunk delay context latency size_min effective layout carrier field".split(),
)
def test_other_words_of_the_reports_are_explained(word):
    assert main(["explain", word]) == 0


def test_an_unknown_word_is_told_which_there_are(capsys):
    assert main(["explain", "zzzz"]) == 2
    assert "words are aligned, alignment" in capsys.readouterr().err


def test_many_outputs_alike_are_one():
    text = text_of(rfgraph.analyze(models.many_outputs(20)))
    assert text.count("\nOutput  ") == 1
    assert "20 outputs are alike but for names and positions: y0 to y19." in text


def test_inputs_that_differ_have_numbers_each():
    text = text_of(analysed(FOLDER / "siamese.onnx"))
    left = text[text.index("on input left:") : text.index("on input right:")]
    right = text[text.index("on input right:") :]
    assert (value(left, "receptive field"), value(right, "receptive field")) == (
        "12 x 12",
        "8 x 8",
    )


def test_findings_come_last_and_name_the_node():
    text = text_of(rfgraph.analyze(models.hostile()))
    last = text[text.index("Findings") :]
    assert "warning RF005" in last
    assert "(at \\x1b[31m" in " ".join(last.split())


def test_colour_only_where_asked():
    result = analysed(FOLDER / "alexnet.onnx")
    assert "\x1b" not in text_of(result)
    assert "\x1b[1m" in text_of(result, Style(color=True))


@pytest.mark.parametrize(
    ("half", "shown"), [("-23/2", "-11.5"), ("23/2", "11.5"), ("14/3", "14/3"), ("-1/2", "-0.5")]
)
def test_halves_are_decimals(half, shown):
    from fractions import Fraction

    assert fraction(Fraction(half)) == shown


def test_absent_numbers_are_dashes():
    assert (fraction(None), whole_up(None), span(None, None), span(None, 7)) == ("-", "-", "-", "7")
