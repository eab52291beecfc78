"""One table over many models: what it says of each is published, or what perturbation gives."""

from __future__ import annotations

import base64
import csv
import hashlib
import html
import io
import json
import re
import shutil

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import rfgraph
from reports import models
from reports.published import FOLDER
from rfgraph.cli import main
from rfgraph.reports.zoo.rows import HEADER, cells_of, rows_of

# Sizes as published (tests/test_published.py has the sources); lengths and names as in the file.
SIZES = {"alexnet": ["355", "355"], "resnet50": ["427", "427"], "vgg16": ["212", "212"]}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fleet")
    for name in (*SIZES, "tcn"):
        shutil.copy(FOLDER / f"{name}.onnx", folder)
    (folder / "broken.onnx").write_bytes(b"not a model")
    return folder


def records(capsys, *arguments):
    code = main(["zoo", *map(str, arguments), "--format", "csv"])
    captured = capsys.readouterr()
    return code, list(csv.DictReader(io.StringIO(captured.out))), captured.err


def test_each_model_is_a_row_and_a_broken_one_stops_no_other(fleet, capsys):
    code, rows, errors = records(capsys, fleet)
    assert code == 2
    assert errors.count("\n") == 1
    assert "broken.onnx" in errors
    by_name = {row["file"].rpartition("/")[2].removesuffix(".onnx"): row for row in rows}
    assert {name: by_name[name]["size"].split() for name in SIZES} == SIZES
    assert by_name["broken"]["error"]
    assert by_name["broken"]["size"] == ""


def test_a_row_says_what_the_commands_say_of_the_model(capsys):
    """A gate beside local paths: sizes are of these alone, and no tiles are exact."""
    gated, plain = str(FOLDER / "se_gate.onnx"), str(FOLDER / "unet_bilinear.onnx")
    _, (gate, net), _ = records(capsys, gated, plain)
    local = rfgraph.erf(gated, local=True)
    assert gate["effective"] == " ".join(str(axis.size) for axis in local.axes.values())
    assert gate["effective"] != " ".join(str(a.size) for a in rfgraph.erf(gated).axes.values())
    assert (gate["size"], gate["halo"], gate["lookahead"]) == ("5 5", "", "")
    assert net["halo"] == " ".join(
        f"{axis.halo[0]}+{axis.halo[1]}" for axis in rfgraph.tiles(plain).axes.values()
    )
    assert (
        net["findings"]
        == ""
        == "".join(finding.code for finding in rfgraph.check(plain, select="all", ignore="RF001"))
    )


def test_what_cannot_be_told_is_not_said_to_be_inexact(monkeypatch, capsys):
    def refuse(*_):
        raise rfgraph.BoundError("too large")

    monkeypatch.setattr("rfgraph.reports.zoo.rows.tiles", refuse)
    assert main(["zoo", str(FOLDER / "tcn.onnx"), "--format", "markdown"]) == 0
    assert "not exact" not in capsys.readouterr().out


def test_what_should_not_happen_can_be_seen(monkeypatch):
    def broken(_):
        raise ZeroDivisionError

    monkeypatch.setattr("rfgraph.reports.zoo.rows.analyze", broken)
    (row,) = rows_of(str(FOLDER / "tcn.onnx"))
    assert "internal error: ZeroDivisionError" in row.error
    monkeypatch.setenv("RFGRAPH_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        rows_of(str(FOLDER / "tcn.onnx"))


def test_an_output_without_a_feature_map_stands_for_itself(tmp_path, capsys):
    """A dense layer on the input reads all of it: no local path, so no size, halo or effective."""
    dense = models.model(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        {"x": [1, 8]},
        {"y": None},
        {"w": models.weights(8, 4)},
    )
    file = models.saved(dense, tmp_path / "dense.onnx")
    _, (row,), _ = records(capsys, file)
    assert (row["tensors"], row["size"], row["covers_input"]) == ("y", "global", "true")
    assert (row["effective"], row["halo"]) == ("", "")
    assert rfgraph.analyze(file).outputs[0].before_global == ()
    (found,) = rfgraph.check(file)
    assert "tensor 'y' on input 'x', axis 1: required 8, found no local path (min)" in found.message
    assert rfgraph.erf(file).tensor == rfgraph.path_histogram(file).tensor == "y"
    assert rfgraph.path_histogram(file).axes[1].local == 0


def test_covers_is_open_only_where_a_length_is(tmp_path):
    def covers(shape, kind, domain=""):
        nodes = [helper.make_node(kind, ["x"], ["y"], domain=domain)]
        file = models.saved(models.model(nodes, {"x": shape}, {"y": shape}), tmp_path / "m.onnx")
        (row,) = rows_of(file)
        return cells_of(row)[HEADER.index("covers")]

    assert covers([1, 1, "L"], "Relu") == "open"
    assert covers([1, 1, 9], "Relu") == "no"
    assert covers([1, 1, 9], "Foo", "my") == "-"


def test_a_domain_that_the_file_does_not_import_is_no_obstacle(tmp_path, capsys):
    """The values before its node still have the width of the file: 2 values of 2 bytes."""
    nodes = [helper.make_node("Conv", ["x", "w"], ["a"]), helper.make_node("Foo", ["a"], ["y"])]
    nodes[1].domain = "my"
    made = models.model(nodes, {"x": [1, 1, 16]}, {"y": None})
    made.graph.initializer.append(numpy_helper.from_array(np.ones((1, 1, 3), np.float16), "w"))
    made.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT16
    file = models.saved(made, tmp_path / "custom.onnx")
    code, (row,), _ = records(capsys, file)
    assert (code, row["tensors"], row["findings"]) == (0, "a", "RF005")
    (cache,) = rfgraph.stream(file, "a").caches
    assert (cache.values, cache.bytes) == (2, 4)


def test_what_is_said_of_a_model_of_one_axis_by_arithmetic(fleet, capsys):
    """Four pairs of causal windows of 3, dilated 1, 2, 4, 8: 61 positions, none of them ahead."""
    _, (row,), _ = records(capsys, fleet / "tcn.onnx")
    assert row["size"] == str(1 + 2 * 2 * (1 + 2 + 4 + 8))
    assert (row["halo"], row["lookahead"]) == ("60+0", "0")
    assert row["covers_input"] == ""  # its length is open


@pytest.mark.parametrize(
    ("column", "names"),
    [
        ("size", ["tcn", "vgg16", "alexnet", "resnet50"]),
        ("model", ["alexnet", "resnet50", "tcn", "vgg16"]),
    ],
)
@pytest.mark.parametrize("reverse", [False, True])
def test_it_is_ordered_by_a_column_with_what_was_not_read_last(
    fleet, capsys, column, names, reverse
):
    _, rows, _ = records(capsys, fleet, "--sort", column, *["--reverse"] * reverse)
    order = [row["file"].rpartition("/")[2].removesuffix(".onnx") for row in rows]
    assert order == [*(reversed(names) if reverse else names), "broken"]


def test_workers_give_the_same(fleet, capsys):
    assert records(capsys, fleet) == records(capsys, fleet, "--jobs", "2")


def test_outputs_that_are_alike_are_one_row(capsys):
    _, rows, _ = records(capsys, FOLDER / "rpn_vgg16.onnx")
    assert [row["tensors"] for row in rows] == ["rpn_cls_score rpn_bbox_pred"]


@pytest.mark.parametrize("form", ["text", "json", "csv", "markdown", "html"])
def test_names_act_in_no_format(tmp_path, capsys, form):
    path = tmp_path / "hostile.onnx"
    path.write_bytes(models.hostile().SerializeToString())
    assert main(["zoo", str(path), "--format", form]) == 0
    text = capsys.readouterr().out
    assert not re.search(
        r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202e]", text.replace("\r\n", "")
    )
    if form in ("markdown", "html"):
        assert "<script>alert" not in text
    if form == "json":
        assert json.loads(text)["models"][0]["input"] == models.HOSTILE_INPUT


def test_the_page_holds_every_cell_and_the_order_of_each_column(fleet, capsys):
    main(["zoo", str(fleet), "--format", "html"])
    page = capsys.readouterr().out
    rows = re.findall(r"<tr>(<td.*?)</tr>", page)
    cells = [re.findall(r'<td data-order="(\d+)">(.*?)</td>', row) for row in rows]
    assert len(cells) == 5
    for column in zip(*cells, strict=True):
        assert sorted(int(place) for place, _ in column) == list(range(5))
    sizes = {html.unescape(row[3][1]): int(row[3][0]) for row in cells}
    assert sizes["61"] < sizes["212 x 212"] < sizes["355 x 355"] < sizes["427 x 427"]
    assert not re.search(r"(src|href)=", page)
    for tag in ("style", "script"):
        (source,) = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in page


def test_a_folder_without_models_is_told(tmp_path, capsys):
    assert main(["zoo", str(tmp_path)]) == 2
    assert "a folder without an .onnx file" in capsys.readouterr().err
