"""The table of `--layers`: published numbers to the digit, one row for each layer that matters."""

import re

import onnx
import pytest

import rfgraph
from reports import models
from reports.published import ALEXNET, FILES, FOLDER, analysed
from rfgraph.analysis.view import view
from rfgraph.reports.formats.style import Style
from rfgraph.reports.layers import rows as layers_rows
from rfgraph.reports.layers.rows import layers
from rfgraph.wording.names import cells


def table_of(result, **chosen):
    return layers_rows.as_text(view(result, chosen.get("input"), chosen.get("tensors")), Style())


def rows_of(text):
    """The rows under the header, split at white space."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("layer"))
    rows = []
    for line in lines[start + 1 :]:
        if not line:
            break
        rows.append(line.split())
    return rows


def test_alexnet_is_the_published_table_to_the_digit():
    rows = rows_of(table_of(analysed(FOLDER / "alexnet.onnx")))
    shown = [(name, int(n), int(jump), int(size), float(center) + 0.5)
             for name, n, jump, size, _, center, *_ in rows]  # fmt: skip
    assert shown == ALEXNET


def test_start_is_minus_the_padding_of_the_published_alexnet():
    rows = rows_of(table_of(analysed(FOLDER / "alexnet.onnx")))
    # start = center - (size - 1) / 2, from the published columns alone
    expected = [str(int(start - 0.5 - (size - 1) / 2)) for *_, size, start in ALEXNET]
    assert [row[4] for row in rows] == expected


def test_header_names_every_column():
    text = table_of(analysed(FOLDER / "alexnet.onnx"))
    assert "layer    n  stride  size  start  center  before  after  paths  erf95\n" in text
    assert "stride (jump)" in text
    assert "center + 0.5" in text.replace("\n", " ")


def test_the_effective_size_is_about_that_of_the_map():
    rows = rows_of(table_of(analysed(FOLDER / "resnet18.onnx")))
    found = {row[0]: int(row[-1]) for row in rows if row[-1] != "-"}
    for node, tensor in {"conv1": "conv1_out", "layer4.1.add": "layer4.1.add_out"}.items():
        endless = rfgraph.erf(FOLDER / "resnet18.onnx", tensor).axes[2].unclipped.size
        assert found[node] == pytest.approx(endless, rel=0.1)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_fixture_fits_80_columns(path):
    for line in table_of(analysed(path)).splitlines():
        assert cells(line) <= 80


@pytest.mark.parametrize("make", models.EVERY.values(), ids=models.EVERY)
@pytest.mark.parametrize("width", [40, 80, 120])
def test_every_model_fits_any_width(make, width):
    shown = view(rfgraph.analyze(make()), None, None)
    for line in layers_rows.as_text(shown, Style(width=width)).splitlines():
        assert cells(line) <= width


def test_merges_of_a_residual_network_are_rows_and_activations_are_not():
    shown = view(analysed(FOLDER / "resnet18.onnx"), None, None)
    kinds = [layer.field.op_type for layer in layers(shown, "input")]
    nodes = [node.op_type for node in onnx.load(FOLDER / "resnet18.onnx").graph.node]
    assert kinds.count("Conv") == nodes.count("Conv")
    assert kinds.count("Add") == 8  # two blocks in each of four stages
    assert kinds.count("MaxPool") == 1
    assert "Relu" not in kinds
    assert "BatchNormalization" not in kinds


def test_axes_that_differ_have_a_line_each():
    text = table_of(rfgraph.analyze(models.anisotropic()))
    rows = rows_of(text)
    assert "layer  axis" in text
    assert rows[:3] == [
        ["x", "2,3", "50x20", "1", "1", "0", "0", "0", "0", "1", "1"],
        ["conv", "2", "48", "1", "3", "0", "1", "0", "2", "3", "3"],
        ["3", "8", "2", "5", "0", "2", "0", "4", "5", "5"],
    ]


def test_a_global_axis_is_marked_and_its_local_numbers_are_shown():
    text = table_of(analysed(FOLDER / "efficientnet_b0.onnx"))
    last = [row for row in rows_of(text) if row[3].startswith("851")]
    assert last
    assert {row[3] for row in last} == {"851*"}
    assert "* global" in text


def test_a_one_sided_axis_gives_its_bounded_side():
    text = table_of(rfgraph.analyze(models.cumulative()))
    # the window is padded by 1, so that the sum up to o reads up to o + 1
    assert rows_of(text)[-1] == ["sum", "-", "-", "one-sided<", "-", "-", "-", "1", "-", "-"]
    assert "< one-sided" in text


def test_unaligned_merges_are_marked():
    text = table_of(analysed(FOLDER / "toy_unaligned.onnx"))
    assert rows_of(text)[-1] == ["add", "3", "-", "5..7", "-", "-", "-", "-", "5!", "-"]
    assert "! not aligned" in text
    assert "!" not in table_of(analysed(FOLDER / "toy_aligned.onnx"))


def test_named_tensors_are_the_rows():
    shown = table_of(analysed(FOLDER / "alexnet.onnx"), tensors=["pool5", "relu1"])
    assert [row[0] for row in rows_of(shown)] == ["pool5", "relu1"]


def test_each_input_has_a_table():
    text = table_of(analysed(FOLDER / "siamese.onnx"))
    assert re.findall(r"^Input  (\w+)", text, re.MULTILINE) == ["left", "right"]
    alone = table_of(analysed(FOLDER / "siamese.onnx"), input="right")
    assert re.findall(r"^Input  (\w+)", alone, re.MULTILINE) == ["right"]


@pytest.mark.parametrize("make", [models.constant, models.scalar])
def test_nothing_to_show_is_said(make):
    assert "No input with axes reaches" in table_of(rfgraph.analyze(make()))


def test_markdown_has_the_same_rows():
    shown = view(analysed(FOLDER / "alexnet.onnx"), None, None)
    lines = layers_rows.as_markdown(shown).splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
    shown_rows = [(row[0], *row[2:5], float(row[6]) + 0.5) for row in rows[2:]]
    assert shown_rows == [(n, *map(str, rest), start) for n, *rest, start in ALEXNET]
