"""JSON, CSV, Markdown and HTML say what is expected, and nothing in a name acts on a reader."""

import csv
import io
import itertools
import json
import re
import unicodedata
from fractions import Fraction

import pytest

import rfgraph
from oracle.builder import Builder
from reports import models
from reports.published import FILES, FOLDER, analysed, expected
from rfgraph.analysis.document import parts
from rfgraph.analysis.histogram import path_histogram
from rfgraph.analysis.view import view
from rfgraph.reports.formats.csv import csv_text
from rfgraph.reports.formats.json import dumps
from rfgraph.reports.formats.style import Style
from rfgraph.reports.layers import rows as layers_rows
from rfgraph.reports.layers.rows import layers
from rfgraph.reports.model import fields as records
from rfgraph.reports.model import markdown, text

NUMBERS = {
    "n", "scope", "size", "size_min", "stride", "start", "center", "before", "after", "shortest",
    "longest", "covers_input", "period", "regular", "local.size", "local.start", "local.stride",
}  # fmt: skip


def shown(result, input_name=None, tensors=None):
    return view(result, input_name, tensors)


def read_csv(written):
    return list(csv.DictReader(io.StringIO(written, newline="")))


def as_cell(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_csv_has_the_expected_numbers(path):
    wrong = []
    by_shape = expected(path, NUMBERS)
    assert by_shape
    for shape, wanted in by_shape.items():
        result = analysed(path, shape)
        rows = {
            (row["tensor"], row["input"], row["axis"]): row
            for row in read_csv(records.as_csv(shown(result)))
        }
        for row in wanted:
            source = row.input or result.model.inputs[0].name
            cell = rows[row.tensor, source, str(row.axis)][row.key]
            if cell != as_cell(row.value):
                wrong.append((shape, row.tensor, row.axis, row.key, cell, row.value))
    assert wrong == []


def test_csv_is_that_of_rfc_4180():
    written = records.as_csv(shown(analysed(FOLDER / "siamese.onnx")))
    assert written.count("\r\n") == written.count("\n")
    assert {len(row) for row in csv.reader(io.StringIO(written, newline=""))} == {
        len(records.HEADER)
    }


def test_csv_of_layers_keeps_their_tensors():
    written = records.as_csv(shown(analysed(FOLDER / "alexnet.onnx"), None, ["pool5"]))
    assert {row["tensor"] for row in read_csv(written)} == {"pool5"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_json_is_what_python_gives(path):
    result = analysed(path)
    found = json.loads(dumps(parts(shown(result))))
    paths = found["paths"]
    assert found == json.loads(json.dumps(result.to_dict()))
    ends = [name for output in result.outputs for name in output.before_global or (output.name,)]
    assert [(item["tensor"], item["input"]) for item in paths] == [
        (name, item.name)
        for name in ends
        for item in result.model.inputs
        if name in result.forms[item.name]
    ]


def test_json_of_tensors_is_what_python_gives():
    result = analysed(FOLDER / "siamese.onnx")
    found = json.loads(dumps(parts(shown(result, None, ["left.conv1"]))))
    assert found == json.loads(json.dumps(result.to_dict(["left.conv1"])))
    assert [item["tensor"] for item in found["receptive_fields"]] == ["left.conv1"]
    with pytest.raises(rfgraph.UsageError, match=r"no tensor 'left.conv'.*'left.conv1'"):
        result.to_dict(["left.conv"])


def test_json_has_the_keys_in_the_order_of_the_contract():
    found = json.loads(dumps(parts(shown(analysed(FOLDER / "resnet50.onnx")))))
    assert list(found) == [
        "schema", "version", "model", "inputs", "outputs", "receptive_fields", "paths", "findings",
    ]  # fmt: skip
    (last,) = [item for item in found["receptive_fields"] if item["tensor"] == "layer4.2.relu_out"]
    wanted = {"size": 427, "size_min": 427, "stride": 32, "start": -213, "center": 0,
              "before": 213, "after": 213, "period": [1, 32], "shortest": 11, "longest": 427,
              "covers_input": True, "regular": True, "interior": None, "local": None,
              "through": []}  # fmt: skip
    for axis in (2, 3):
        assert last["axes"][axis] == {"axis": axis, "scope": "local", **wanted}


def test_json_counts_the_published_paths():
    found = json.loads(dumps(parts(shown(analysed(FOLDER / "highres3dnet.onnx")))))
    (entry,) = found["paths"]
    assert entry["total"] == "512"
    assert len(entry["axes"][0]["histogram"]) == 22


def test_json_entries_have_a_line_each():
    lines = dumps(parts(shown(analysed(FOLDER / "alexnet.onnx")))).splitlines()
    tensors = [line for line in lines if line.startswith('  {"tensor"')]
    assert len(tensors) == 17  # the input and 16 nodes


def test_json_of_some_tensors_and_one_input():
    result = analysed(FOLDER / "siamese.onnx")
    found = json.loads(dumps(parts(shown(result, "left", ["distance"]))))
    pairs = [(item["tensor"], item["input"]) for item in found["receptive_fields"]]
    assert pairs == [("distance", "left")]
    assert [(item["tensor"], item["input"]) for item in found["paths"]] == pairs


# -- hostile names ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hostile():
    return rfgraph.analyze(models.hostile())


RENDERERS = {
    "text": lambda result: text.as_text(shown(result), Style()),
    "layers": lambda result: layers_rows.as_text(shown(result), Style()),
    "markdown": lambda result: markdown.as_markdown(shown(result)),
    "markdown layers": lambda result: layers_rows.as_markdown(shown(result)),
    "json": lambda result: dumps(parts(shown(result))),
    "csv": lambda result: records.as_csv(shown(result)),
    "html": rfgraph.Result._repr_html_,
}


@pytest.mark.parametrize("render", RENDERERS.values(), ids=RENDERERS)
def test_no_character_acts(hostile, render):
    acting = {char for char in render(hostile) if unicodedata.category(char)[0] == "C"}
    assert acting <= {"\n", "\r"}


@pytest.mark.parametrize("kind", ["text", "layers", "markdown", "markdown layers", "html"])
def test_no_line_is_made_by_a_name(hostile, kind):
    rendered = RENDERERS[kind](hostile)
    assert "\r" not in rendered
    assert not any(line.startswith(("|<script", "<script")) for line in rendered.splitlines())


@pytest.mark.parametrize("kind", ["markdown", "markdown layers", "html"])
def test_no_markup_is_made_by_a_name(hostile, kind):
    assert "<script" not in RENDERERS[kind](hostile)


@pytest.mark.parametrize("kind", ["markdown", "markdown layers"])
def test_no_cell_is_made_by_a_name(hostile, kind):
    widths = []
    for line in RENDERERS[kind](hostile).splitlines():
        bars = re.findall(r"(?<!\\)(?:\\\\)*\|", line)
        widths.append(len(bars) if line.startswith("|") else None)
    tables = [width for width in widths if width is not None]
    assert tables
    for before, after in itertools.pairwise(widths):
        assert None in (before, after) or before == after


def test_no_formula_is_made_by_a_name(hostile):
    for row in read_csv(RENDERERS["csv"](hostile)):
        for key in ("tensor", "node", "op_type", "input", "through"):
            assert not row[key].startswith(("=", "+", "-", "@"))


def test_json_keeps_names_exactly(hostile):
    found = json.loads(RENDERERS["json"](hostile))
    assert found["inputs"][0]["name"] == models.HOSTILE_INPUT
    assert found["outputs"][0]["name"] == models.HOSTILE_OUTPUT
    assert found["receptive_fields"][1]["node"] == models.HOSTILE_NODE


# -- Markdown and HTML -----------------------------------------------------------------------------


def test_markdown_says_what_the_text_says():
    written = markdown.as_markdown(shown(analysed(FOLDER / "resnet50.onnx")))
    assert "| receptive field | 427 x 427 | what one unit reads |" in written
    assert "Global through avgpool" in written
    assert r"## layer4.2.relu\_out, 1 x 32 x 7 x 7" in written


@pytest.mark.parametrize("make", models.EVERY.values(), ids=models.EVERY)
def test_markdown_of_every_model_is_made(make):
    result = rfgraph.analyze(make())
    assert markdown.as_markdown(shown(result)).startswith("# ")
    assert layers_rows.as_markdown(shown(result)).startswith("# ")


def test_a_notebook_shows_a_field_with_its_numbers():
    result = analysed(FOLDER / "resnet50.onnx")
    field = result.receptive_field("layer4.2.relu_out")
    html = field._repr_html_()
    assert html in result._repr_html_()  # what comes before the global pooling
    cells = ["2", "local", "427", "32", "-213", "0", "213", "213", "11..427"]
    assert "".join(f"<td>{cell}</td>" for cell in cells) in html
    assert html.count("<tr>") == 5


def test_a_notebook_shows_units_and_distributions():
    result = analysed(FOLDER / "highres3dnet.onnx")
    html = path_histogram(result)._repr_html_()
    assert "512 routes from input to classifier" in html
    assert "<td>2</td><td>512</td><td>3..87</td><td>45</td><td>43</td><td>15.8745</td>" in html
    unit = rfgraph.unit(analysed(FOLDER / "alexnet.onnx"), "conv1", (0, None, 0, 54))
    # 11 wide, stride 4, no padding: 0..10 and 216..226
    assert "<td>2</td><td>local</td><td>0..10</td><td>0..10</td>" in unit._repr_html_()
    assert "<td>3</td><td>local</td><td>216..226</td><td>216..226</td>" in unit._repr_html_()


def test_operators_without_a_name_are_called_the_same_everywhere():
    build = Builder(18, 0)
    x = build.same_conv(build.input((1, 1, 6)), 1, 3)
    y = build.one("MatMul", [x, build.floats((6, 2))], (1, 1, 2))
    model = build.model(y)
    for node in model.graph.node:
        node.name = ""
    result = rfgraph.analyze(model)
    entry = result.receptive_field(y).to_dict()
    assert entry["node"] == "MatMul_1"
    assert entry["axes"][2]["through"] == [entry["node"]]
    # The table calls a layer by its tensor then, for that is a name of the file.
    assert [layer.label for layer in layers(shown(result), "x0")][-1] == y


def test_a_csv_cell_is_a_number_or_a_name_that_is_no_formula():
    values = [-3, Fraction(-1, 2), "-1/2", None, True, (0, -1), "=1+1", "-x", "a\tb"]
    written = csv_text(["n"] * len(values), [values])
    assert written.splitlines()[1] == "-3,-1/2,-1/2,,true,0 -1,'=1+1,'-x,a\\x09b"
