"""The effective field as text, JSON, CSV, Markdown, pictures and files, on the command line."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import numpy as np
import onnx
import pytest
from onnx import helper

import rfgraph
from effective.nets import Net, stack
from fixtures.make import build
from reports import models
from rfgraph.cli import main


@pytest.fixture
def file(tmp_path):
    def stored(model, name="net.onnx"):
        path = tmp_path / name
        path.write_bytes(model.SerializeToString())
        return str(path)

    return stored


@pytest.fixture
def run(capsys):
    def ran(*arguments, code=0):
        assert main([*map(str, arguments)]) == code
        found = capsys.readouterr()
        return found.out if code == 0 else found.err

    return ran


SEED = stack(5, [(1, 1)] * 2, channels=1, relu=False, data=1)


def test_the_first_screen_says_what_a_person_wants_to_know(file, run):
    path = file(build("resnet18"))
    text = run("erf", path)
    lines = [line.strip() for line in text.splitlines()]
    assert "theoretical field       435 x 435" in lines
    assert "effective field 95 %    189 x 189 inside the input; 246 x 246 without borders," in lines
    assert "57 % of the theoretical" in lines
    assert "spread (sigma)          51.0 x 51.0; 62.6 x 62.6 without borders" in lines
    assert any("within 119 x 119 (28 % of the input); 20 %: 69" in line for line in lines)
    assert "no weights read" in text
    assert "trained ResNets" in text
    assert "Approximate, at MaxPool" in text
    assert sum("█" in line for line in lines) >= 2


def test_the_weights_of_the_file_are_said_to_be_read(file, run):
    path = file(build("resnet18"))
    text = " ".join(run("erf", path, "--map", "stored").split())
    assert "by the file's own weights" in text
    assert "signs of the weights count as random" in text
    assert "no weights read" not in text
    assert "trained ResNets" not in text
    entry = json.loads(run("erf", path, "--map", "stored", "--format", "json"))
    assert entry == rfgraph.erf(path, map="stored").to_dict()
    assert (entry["map"], entry["assumed"]) == ("stored", [])
    model = stack(5, [(1, 1)] * 2)
    for tensor in model.graph.initializer:
        tensor.float_data[:] = [0.0] * len(tensor.float_data)
        tensor.raw_data = bytes(len(tensor.raw_data))
    assert "lets nothing through" in run("erf", file(model), "--map", "stored")
    for tensor in model.graph.initializer:
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="w.bin")
    text = " ".join(run("erf", file(model), "--map", "stored").split())
    assert "for want of numbers in the file or of a rule: Conv." in text


def test_paths_of_two_windows(file, run):
    path = file(SEED)
    entry = json.loads(run("erf", path, "--map", "paths", "--format", "json"))
    assert entry["map"] == "paths"
    assert entry["axes"][0]["interval"] == [0, 4]
    assert entry == rfgraph.erf(path, map="paths").to_dict()
    assert "█" in run("erf", path, "--map", "paths")


def test_the_share_the_unit_and_the_tensor_are_those_asked_for(file, run):
    path = file(stack(21, [(1, 1)] * 4))
    asked = ("erf", path, "--tensor", "t0", "--unit", "0,*,0,20", "--share", "0.5")
    entry = json.loads(run(*asked, "--format", "json"))
    assert entry["tensor"] == "t0"
    assert entry["index"] == [0, None, 0, 20]
    # At a corner two of the three taps are there, which count alike.
    assert [axis["interval"] for axis in entry["axes"]] == [[0, 0], [19, 19]]
    assert entry["axes"][0]["share"] == 0.5


def test_csv_and_markdown_hold_the_same_numbers(file, run):
    path = file(build("resnet18"))
    rows = run("erf", path, "--format", "csv").splitlines()
    assert rows[0].startswith("tensor,index,input,map,axis,theoretical,share,size,interval")
    assert rows[1].startswith('layer4.1.relu_out,"[*, *, 3, 3]",input,random,2,435,0.95,189,2 190')
    text = run("erf", path, "--format", "markdown")
    assert "| 2 | 435 | 189 | 51.007 | 246 | 0.565517 |" in text


def test_several_outputs_are_reported_each(file, run):
    net = Net((1, 1, 8, 8))
    first = net.conv("x", 1)
    second = net.conv(first, 1)
    model = net.model(second)
    model.graph.output.append(model.graph.output[0])
    model.graph.output[1].name = first
    path = file(model)
    document = json.loads(run("erf", path, "--format", "json"))
    assert [entry["tensor"] for entry in document["results"]] == [second, first]
    said = run("erf", path, "-o", "never.png", code=2)
    assert "a map is of one tensor, found 2" in said


def test_what_is_not_known_is_said(file, run):
    net = Net((1, 4, 16, 16))
    x = net.conv("x", 4)
    gate = net.node("Sigmoid", net.conv(net.node("GlobalAveragePool", x), 4, k=1))
    gated = net.node("Mul", x, gate)
    path = file(net.model(net.node("LpPool", gated, kernel_shape=[2, 2])))
    text = run("erf", path)
    assert "theoretical field       global x global" in text
    assert "over global paths" in text
    assert "Approximate, at Mul" in text
    assert "Assumed to share evenly, for want of a rule: LpPool." in text
    assert "over global paths" not in run("erf", path, "--local")
    assert json.loads(run("erf", path, "--format", "json"))["assumed"] == ["LpPool"]


@pytest.mark.parametrize("kind", ["random", "stored"])
def test_what_is_left_out_is_not_said_to_be_nothing(file, run, kind):
    nodes = [
        helper.make_node("Unheard", ["x"], ["a"], domain="of.nobody"),
        helper.make_node("Relu", ["a"], ["y"]),
    ]
    path = file(models.model(nodes, {"x": [1, 1, 8]}, {"y": [1, 1, 8]}))
    for form in ("text", "markdown"):
        text = run("erf", path, "--map", kind, "--format", form)
        assert "hat it reads is not known" in text
        assert "nothing" not in text
    said = run("erf", path, "--map", kind, "-o", "never.png", code=2)
    assert "'y': what it reads is not known, so there is no map to draw" in said


def test_an_empty_field_is_said_to_be(file, run):
    net = Net((1, 1, 6, 6))
    path = file(net.model(net.conv("x", 1, k=1, s=3, pad=0, kind="ConvTranspose")))
    assert "reads nothing" in run("erf", path, "--unit", "0,0,1,1")
    said = run("erf", path, "--unit", "0,0,1,1", "-o", "never.png", code=2)
    assert "reads nothing, so there is no map to draw" in said
    assert "Reads nothing." in run("erf", path, "--unit", "0,0,1,1", "--format", "markdown")
    entry = json.loads(run("erf", path, "--unit", "0,0,1,1", "--format", "json"))
    assert entry["area_ratio"] == []
    assert run("erf", path, "--unit", "0,0,1,1", "--format", "csv").count("\n") == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--share", "0"), "required a number above 0 and at most 1, found '0'"),
        (("--share", "half"), "required a number above 0 and at most 1, found 'half'"),
        (("--map", "gauss"), "invalid choice"),
        (("--unit", "0,0"), "the index requires 4 entries, found 2"),
        (("--tensor", "x9"), "no tensor 'x9'"),
        (("--input", "y"), "no input 'y'"),
    ],
)
def test_errors_are_one_line_that_says_what_is_required(arguments, said, file, run):
    text = run("erf", file(SEED), *arguments, code=2)
    assert said in text
    assert text.count("\n") == 1


# -- files -----------------------------------------------------------------------------------------


def test_the_map_is_written_as_numpy_reads_it(file, run, tmp_path):
    path, out = file(stack(9, [(1, 1)] * 2)), tmp_path / "map.npy"
    entry = json.loads(run("erf", path, "-o", out, "--format", "json"))
    assert entry["map_file"] == str(out)
    np.testing.assert_array_equal(np.load(out), rfgraph.erf(path).map)


def test_counts_are_written_exactly(file, run, tmp_path):
    out = tmp_path / "map.csv"
    run("erf", file(SEED), "--map", "paths", "-o", out)
    lines = out.read_text().splitlines()
    assert lines[0] == "axis 2,axis 3,value"
    assert [line for line in lines if line.startswith("2,2")] == ["2,2,9"]
    assert len(lines) == 26


def test_a_report_as_csv_goes_to_its_file(file, run, tmp_path):
    out = tmp_path / "report.csv"
    assert run("erf", file(SEED), "--format", "csv", "-o", out) == ""
    assert out.read_text().startswith("tensor,index")


@pytest.mark.parametrize("name", ["net.onnx", "<i>&\x1b[31m.onnx"])
def test_pictures_are_the_same_bytes_and_hold_no_markup(name, file, run, tmp_path):
    pytest.importorskip("matplotlib")
    path = file(stack(15, [(1, 1)] * 3), "plain.onnx")
    out = tmp_path / "map.svg"
    found = []
    for _ in range(2):
        run("erf", path, "-o", out)
        found.append(out.read_bytes())
    assert found[0] == found[1]
    root = ET.fromstring(found[0])
    texts = [item.text for item in root.iter("{http://www.w3.org/2000/svg}text")]
    assert any("expected at initialisation" in text for text in texts)
    assert {"axis 2", "axis 3"} <= set(texts)
    picture = tmp_path / "titled.svg"
    run("plot", path, "--erf", "-o", picture, "--title", name)
    assert b"<i>" not in picture.read_bytes()


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_plot_draws_the_map_and_the_growth(form, file, run, tmp_path):
    pytest.importorskip("matplotlib")
    path, out = file(build("tcn")), tmp_path / f"picture.{form}"
    run("plot", path, "--erf", "-o", out)
    first = out.read_bytes()
    run("plot", path, "--erf", "--layers", "-o", out, "--title", "growth")
    assert first
    assert out.read_bytes() != first


def test_what_plot_cannot_draw_is_said(file, run, tmp_path):
    pytest.importorskip("matplotlib")
    path, out = file(SEED), tmp_path / "picture.png"
    assert "with --erf only" in run("plot", path, "--layers", "-o", out, code=2)
    two = ("--tensor", "t0", "--tensor", "t1")
    assert "a map is of one tensor" in run("plot", path, "--erf", *two, "-o", out, code=2)
    net = Net((1, 1, 4, 4))
    flat = file(net.model(net.node("GlobalAveragePool", "x")))
    said = run("plot", flat, "--erf", "--layers", "--tensor", "t0", "-o", out, code=2)
    assert "no layer with a window has a size" in said


# -- layers ----------------------------------------------------------------------------------------


def test_layers_show_how_the_field_grows(file, run):
    path = file(build("resnet18"))
    lines = [line.split() for line in run("erf", path, "--layers").splitlines()]
    assert ["conv1", "2,3", "7", "2.0", "7", "1.00"] in lines
    assert ["avgpool", "2,3", "-", "-", "-", "-"] in lines
    entries = json.loads(run("erf", path, "--layers", "--format", "json"))["layers"]
    last = next(entry for entry in entries if entry["layer"] == "layer4.1.add")
    assert (last["theoretical"], last["effective"]) == (435, 246)
    rows = run("erf", path, "--layers", "--format", "csv").splitlines()
    (first, _) = (row for row in rows if row.startswith("conv1,"))
    assert first.endswith(",input,2,7,2.0,7")
    assert "| conv1 | 2,3 | 7 | 2.0 | 7 | 1.00 |" in run(
        "erf", path, "--layers", "--format", "markdown"
    )


# -- in a notebook, and explained ------------------------------------------------------------------


def test_a_notebook_shows_a_table():
    html = rfgraph.erf(SEED)._repr_html_()
    assert "<table" in html
    assert "effective 0.95" in html


def test_explain_says_what_it_is_and_is_not(run):
    text = run("explain", "erf")
    assert "Luo" in text
    assert "What training does is not known." in text


def test_colours_are_shades_of_grey(file, run):
    text = run("erf", file(SEED), "--color", "always")
    assert "\x1b[48;5;255m" in text
    assert "█" not in text
