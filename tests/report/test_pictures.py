"""Pictures beside the histogram: what they say is what is known, in any size, for any eye."""

from __future__ import annotations

import io
import itertools
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import onnx
import pytest

import rfgraph
from effective.nets import Net, stack
from fixtures.make import build
from hostile import names
from hostile.make import model, node
from rfgraph.analysis.view import view
from rfgraph.cli import main
from rfgraph.report.formats.picture import COLOURS, COLUMNS, DPI
from rfgraph.report.pictures.growth import growth

pytest.importorskip("matplotlib")

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
WHAT = ("histogram", "growth", "effective", "field", "graph", "joint")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two small models of two axes and one of one axis, by name."""
    folder = tmp_path_factory.mktemp("models")
    made = {
        "plain": stack(31, [(1, 1), (2, 1), (1, 2)]),
        "other": stack(31, [(1, 1), (1, 1)]),
        "near": stack(15, [(1, 1), (2, 1), (1, 2)]),
        "tcn": build("tcn"),
    }
    for name, proto in made.items():
        onnx.save(proto, folder / f"{name}.onnx")
    return {name: str(folder / f"{name}.onnx") for name in made}


@pytest.fixture
def drawn(tmp_path):
    """Draw, and return the bytes."""

    def draw(*words, form="svg", code=0):
        path = tmp_path / f"picture.{form}"
        path.unlink(missing_ok=True)
        assert main(["plot", *words, "-o", str(path)]) == code
        return path.read_bytes() if path.exists() else b""

    return draw


def texts(svg):
    return [item.text for item in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def inches(svg):
    wide, tall = (float(re.search(rf'{side}="([\d.]+)pt"', svg.decode())[1]) for side in SIDES)
    return wide / 72, tall / 72


SIDES = ("width", "height")


@pytest.mark.parametrize("what", WHAT)
def test_pictures_fit_a_column_and_are_the_same_bytes_each_time(what, files, drawn):
    asked = (files["plain"], "--what", what, "--columns")
    one = drawn(*asked, "1")
    assert inches(one)[0] == pytest.approx(COLUMNS[1])
    assert drawn(*asked, "1") == one


@pytest.mark.parametrize("what", WHAT)
def test_two_models_stand_in_one_picture(what, files, drawn):
    wide = drawn(files["plain"], files["other"], "--what", what, "--columns", "2")
    assert inches(wide)[0] == pytest.approx(COLUMNS[2])
    joined = "\n".join(texts(wide))
    assert "plain" in joined
    assert "other" in joined
    labelled = drawn(
        *(files["plain"], files["other"], "--what", what),
        *("--label", "Deep", "--label", "Shallow", "--title", "Both"),
    )
    assert "Deep" in (joined := "\n".join(texts(labelled)))
    assert ("Shallow" in joined, "Both" in joined, "plain" in joined) == (True, True, False)


@pytest.mark.parametrize("what", ["histogram", "effective", "field", "joint"])
def test_a_title_takes_the_place_of_a_tensors_name(what, files, drawn):
    tensor = onnx.load(files["plain"]).graph.output[0].name
    named = re.compile(rf"\b{tensor}\b")
    assert any(named.search(text) for text in texts(drawn(files["plain"], "--what", what)))
    titled = texts(drawn(files["plain"], "--what", what, "--title", "My network"))
    assert any("My network" in text for text in titled)
    assert not any(named.search(text) for text in titled)


def test_other_forms_are_written(files, drawn):
    from matplotlib.image import imread

    png = drawn(files["tcn"], "--what", "field", "--columns", "1", form="png")
    assert imread(io.BytesIO(png)).shape[1] == pytest.approx(COLUMNS[1] * DPI, abs=1)
    assert drawn(files["tcn"], "--what", "growth", form="pdf").startswith(b"%PDF")


def test_the_older_ways_to_ask_mean_the_same(files, drawn):
    assert drawn(files["tcn"], "--erf") == drawn(files["tcn"], "--what", "effective")
    assert drawn(files["tcn"], "--erf", "--layers") == drawn(files["tcn"], "--what", "growth")


# -- what is said ----------------------------------------------------------------------------------


def test_growth_is_that_of_each_depth():
    # 3 x 3 windows: 3, then 2 * 2 and 2 more; what counts is less, and never more than all.
    result = rfgraph.analyze(stack(31, [(1, 1), (2, 1), (1, 2)]))
    found = growth(view(result, None, None), "n")
    assert [(level.depth, level.size) for level in found.levels] == [(0, 1), (1, 3), (2, 7), (3, 9)]
    assert [level.longest for level in found.levels] == [1, 3, 7, 9]
    assert all(level.effective <= level.size for level in found.levels)
    assert found.length == 31
    spread = growth(view(result, None, ("t2",)), "n", "uniform")
    assert [level.depth for level in spread.levels] == [0, 1, 2]
    # 3 x 3 shares of one 3 x 3 window after another with gaps: all nine positions count alike.
    assert [level.effective for level in spread.levels][:2] == [1, 3]


def test_growth_says_the_length_of_the_input_where_it_is_near(files, drawn):
    assert "input 15" in texts(drawn(files["near"], "--what", "growth"))
    shown = texts(drawn(files["plain"], files["other"], "--what", "growth"))
    assert {"plain: theoretical", "other: effective 95 %"} <= set(shown)


def test_a_field_says_what_the_unit_reads(files, drawn):
    result = rfgraph.analyze(files["plain"])
    (tensor,) = result.model.outputs
    index = (0, 0, 1, 15)
    unit = rfgraph.unit(result, tensor, index).regions[0]
    shown = texts(drawn(files["plain"], "--what", "field", "--unit", "0,0,1,15"))
    lengths = [end - start + 1 for start, end in unit.unclipped[2:]]
    assert f"reads {lengths[0]} x {lengths[1]}" in shown
    assert "input 31 x 31" in shown
    assert any("[0, 0, 1, 15]" in text for text in shown)
    assert any("counts" in text for text in texts(drawn(files["tcn"], "--what", "field")))


def test_a_graph_shows_a_block_and_what_is_around_it(drawn):
    file = str(FIXTURES / "resnet18.onnx")
    whole = texts(drawn(file, "--what", "graph"))
    assert {"layer1.0", "layer4.1", "435", "fc", "no size"} <= set(whole)
    block = texts(drawn(file, "--what", "graph", "--block", "layer2.0"))
    assert {"layer2.0", "conv1", "downsample", "add", "layer1.1.relu", "layer2.1.conv1"} <= {*block}
    assert "layer2.0.conv1" not in block


def test_a_joint_distribution_has_a_mark_for_each_pair(drawn):
    picture = drawn(str(FIXTURES / "inception_v3.onnx"), "--what", "joint").decode()
    total = rfgraph.path_histogram(FIXTURES / "inception_v3.onnx", tensor="Mixed_7c", joint=True)
    pairs = {(sizes[0], sizes[-1]) for sizes in total.joint}
    assert f"{len(pairs)} pairs of sizes" in picture
    assert picture.count("stroke-width: 0.3") == len(pairs)


def linear(colour):
    return [
        v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4
        for v in (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    ]


def lightness(red, green, blue):
    return 116 * (0.2126 * red + 0.7152 * green + 0.0722 * blue) ** (1 / 3) - 16


# What is left of linear red, green and blue without red or green cones (Viénot et al. 1999).
BLIND = {
    "none": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.11238, 0.88762, 0), (0.11238, 0.88762, 0), (0.00401, -0.00401, 1)),
    "deuteranopia": ((0.29275, 0.70725, 0), (0.29275, 0.70725, 0), (-0.02234, 0.02234, 1)),
}


@pytest.mark.parametrize("eye", BLIND)
def test_the_first_three_colours_are_told_apart_by_their_greys(eye):
    seen = []
    for colour in COLOURS[:3]:
        light = linear(colour)
        left = [max(sum(a * b for a, b in zip(row, light, strict=True)), 0) for row in BLIND[eye]]
        seen.append(lightness(*left))
    seen.sort()
    assert min(b - a for a, b in itertools.pairwise(seen)) > 15


# -- what cannot be drawn --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plain", "--label", "a", "--label", "b"], "--label is required once for each model, 1"),
        (["plain"] * 5, "at most 4 models, found 5"),
        (["plain", "--what", "joint", "--erf"], "ask for two pictures"),
        (["tcn", "--what", "joint"], "fewer than two spatial axes"),
        (["plain", "--what", "graph", "--block", "nothing"], "no block 'nothing'"),
        (["plain", "gone"], "gone.onnx: "),
        (["plain", "other", "--tensor", "t9"], "no tensor 't9'"),
        (["plain", "--what", "pie"], "invalid choice"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_one_line(words, said, files, drawn, capsys):
    given = [files.get(word, f"{word}.onnx" if word == "gone" else word) for word in words]
    assert drawn(*given, code=2) == b""
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_an_empty_field_and_too_many_sizes_are_said(tmp_path, drawn, capsys):
    net = Net((1, 1, 8, 8))
    flat = net.model(net.node("GlobalAveragePool", "x"))
    onnx.save(flat, tmp_path / "flat.onnx")
    assert drawn(str(tmp_path / "flat.onnx"), "--what", "joint", "--tensor", "t0", code=2) == b""
    assert "none is local" in capsys.readouterr().err
    onnx.save(model([node("Constant", "", "y", value_int=1)], [], ()), tmp_path / "none.onnx")
    for what, said in {"graph": "the graph is empty", "joint": "nothing to draw"}.items():
        assert drawn(str(tmp_path / "none.onnx"), "--what", what, code=2) == b""
        assert said in capsys.readouterr().err
    nearest = str(FIXTURES / "resnet18.onnx")
    assert drawn(nearest, "--what", "graph", "--block", "layer2", code=2) == b""
    assert "did you mean" in capsys.readouterr().err


def test_no_model_is_written_over(files, capsys):
    before = Path(files["other"]).read_bytes()
    link = Path(files["other"]).with_suffix(".svg")
    link.symlink_to(files["other"])
    assert main(["plot", files["plain"], files["other"], "-o", str(link)]) == 2
    assert "the model itself" in capsys.readouterr().err
    assert Path(files["other"]).read_bytes() == before
    link.unlink()


@pytest.mark.parametrize("what", WHAT)
def test_names_that_act_are_drawn_as_text(what, tmp_path, drawn):
    name = names.NAMES["html"] + names.NAMES["escape"] + names.NAMES["mathtext"]
    net = Net((1, 1, 16, 16))
    proto = net.model(net.conv(net.conv("x", 1), 1))
    for item in proto.graph.node:
        item.name = name + item.name
    renamed = {"x": f"{name}x", **{n.output[0]: f"{name}{n.output[0]}" for n in proto.graph.node}}
    for item in proto.graph.node:
        item.input[0] = renamed[item.input[0]]
        item.output[0] = renamed[item.output[0]]
    proto.graph.input[0].name = renamed["x"]
    proto.graph.output[0].name = renamed[proto.graph.output[0].name]
    onnx.save(proto, tmp_path / "m.onnx")
    picture = drawn(str(tmp_path / "m.onnx"), "--what", what)
    assert b"<script" not in picture
    assert b"\x1b" not in picture
    ET.fromstring(picture)
