"""rfgraph paths and rfgraph plot as commands: what is written where, and what is refused."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

import fixtures
import rfgraph
from fixtures.expected import load
from reports import models
from test_distribution import BINOMIAL_9, HIGHRES, doubling

FOLDER = Path(fixtures.__file__).parent
HIGHRES3D = FOLDER / "highres3dnet.onnx"
SIAMESE = FOLDER / "siamese.onnx"
PAIRS = [[size, str(count)] for size, count in HIGHRES.items()]


@pytest.fixture
def answer(run):
    """The JSON of a command that succeeds."""

    def ask(*arguments):
        code, out, err = run(*arguments, "--format", "json")
        assert (code, err) == (0, "")
        return json.loads(out)

    return ask


def refused(outcome, *words):
    code, out, err = outcome
    assert (code, out) == (2, "")
    assert err.startswith("rfgraph: ")
    assert err.count("\n") == 1
    for word in words:
        assert word in err


# -- json ------------------------------------------------------------------------------------------


def test_the_report_is_that_of_the_contract(answer):
    found = answer("paths", HIGHRES3D)
    assert {key: found[key] for key in ("schema", "version", "count")} == {
        "schema": 1, "version": rfgraph.__version__, "count": "routes",
    }  # fmt: skip
    (entry,) = found["paths"]
    assert list(entry) == ["input", "tensor", "total", "listed", "axes", "depth"]
    assert (entry["total"], entry["listed"]) == ("512", True)
    assert entry["depth"] == [[depth, str(count)] for depth, count in BINOMIAL_9.items()]
    for axis, item in zip((2, 3, 4), entry["axes"], strict=True):
        assert item == {
            "axis": axis, "local": "512", "one_sided": "0", "global": "0", "unknown": "0",
            "histogram": PAIRS, "min": 3, "max": 87, "mean": 45.0, "median": 43,
            "std": 15.874507866387544, "covering": "0",
        }  # fmt: skip


@pytest.mark.parametrize(
    "name", ["resnet50", "aspp", "toy_unaligned", "unet_nearest", "wavenet_block", "wav2vec2"]
)
def test_the_numbers_are_the_expected_ones(answer, name):
    rows = [row for row in load() if row.model == name and row.key.startswith("paths.")]
    assert rows
    for row in rows:
        if row.input_shape is not None or row.key in ("paths.variance", "paths.distinct"):
            continue
        (entry,) = answer("paths", FOLDER / f"{name}.onnx", "--tensor", row.tensor)["paths"]
        axis = {item["axis"]: item for item in entry["axes"]}.get(row.axis, {})
        key = row.key.removeprefix("paths.")
        found = {**entry, **axis}[key]
        wanted = row.value
        if key == "mean" and isinstance(wanted, str):
            above, below = map(int, wanted.split("/"))
            wanted = above / below
        assert found == wanted, row


def test_the_report_of_a_model_holds_the_same_entries(answer):
    for file in (HIGHRES3D, SIAMESE, FOLDER / "resnet50.onnx"):
        assert answer(file)["paths"] == answer("paths", file)["paths"]


def test_an_output_without_local_paths_is_counted_before_it(answer):
    (entry,) = answer("paths", FOLDER / "resnet50.onnx")["paths"]
    assert entry["tensor"] == "layer4.2.relu_out"
    (entry,) = answer("paths", FOLDER / "resnet50.onnx", "--tensor", "fc_out")["paths"]
    assert entry["axes"][0]["global"] == entry["total"] == "65536"


def test_every_pair_has_an_entry(answer):
    found = answer("paths", SIAMESE)["paths"]
    assert [(item["input"], item["tensor"]) for item in found] == [
        ("left", "distance"), ("right", "distance"),
    ]  # fmt: skip
    (found,) = answer("paths", SIAMESE, "--input", "right")["paths"]
    assert (found["input"], found["total"]) == ("right", "1")


def test_paths_are_listed_in_order(answer):
    (entry,) = answer("paths", HIGHRES3D, "--list", 3)["paths"]
    assert [item["size"] for item in entry["list"]] == [[87] * 3] + [[83] * 3] * 2
    assert entry["list"][0]["nodes"][0] == "conv0"
    (entry,) = answer("paths", HIGHRES3D, "--list", 2, "--order", "smallest")["paths"]
    assert [item["size"] for item in entry["list"]] == [[3] * 3, [7] * 3]
    assert "list" not in answer("paths", HIGHRES3D)["paths"][0]
    assert answer("paths", HIGHRES3D, "--list", 0)["paths"][0]["list"] == []


def test_joint_through_avoiding_and_count(answer):
    (entry,) = answer("paths", HIGHRES3D, "--joint")["paths"]
    assert entry["joint"] == [[[size] * 3, count] for size, count in PAIRS]
    nodes = ["--through", "stage1.1.conv1", "--avoiding", "stage2.1.conv1"]
    (entry,) = answer("paths", HIGHRES3D, *nodes)["paths"]
    assert entry["total"] == "128"
    found = answer("paths", HIGHRES3D, "--count", "paths")
    assert (found["count"], found["paths"][0]["total"]) == ("paths", "512")


def test_the_bound_on_listing_and_full(answer, tmp_path):
    file = models.saved(doubling(14), tmp_path / "m.onnx")
    (entry,) = answer("paths", file)["paths"]
    assert (entry["listed"], entry["depth"], entry["axes"][0]["histogram"]) == (False, None, None)
    (entry,) = answer("paths", file, "--full")["paths"]
    assert len(entry["axes"][0]["histogram"]) == 2**14


# -- text, csv, markdown ---------------------------------------------------------------------------


def test_the_text_says_what_there_is_to_know(run):
    code, out, err = run("paths", HIGHRES3D)
    assert (code, err) == (0, "")
    for words in ("512 routes from input", "axes 2, 3, 4", "3 to 87, 22 different", "mean",
                  "45, standard deviation 15.8745", "median             43",
                  "none: its length is 96", "1 to 19 windows wider than 1, mean 10"):  # fmt: skip
        assert words in out
    assert "▄▄▇▇████▇▇▄▄" in out
    assert max(map(len, out.splitlines())) <= 80


def test_no_path_is_said_in_words(run):
    code, out, err = run("paths", SIAMESE, "--input", "left", "--tensor", "right.relu1")
    assert (code, err) == (0, "")
    assert "No path leads there from input left." in out
    code, out, err = run("paths", HIGHRES3D, "--avoiding", "conv0")
    assert (code, err) == (0, "")
    assert "No path leads there" in out


def test_a_model_without_inputs_has_no_paths(run, tmp_path):
    file = models.saved(models.constant(), tmp_path / "m.onnx")
    code, out, _ = run("paths", file)
    assert code == 0
    assert "no inputs" in out
    refused(run("plot", file, "-o", tmp_path / "m.png"), "no inputs")


def test_csv_has_a_row_for_each_size(run):
    code, out, _ = run("paths", HIGHRES3D, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    sizes = [
        (int(r["size"]), int(r["count"])) for r in rows if (r["axis"], r["kind"]) == ("3", "local")
    ]
    assert sizes == list(HIGHRES.items())
    depths = {int(r["size"]): int(r["count"]) for r in rows if r["kind"] == "depth"}
    assert depths == BINOMIAL_9


def test_counts_of_an_axis_add_up_in_csv(run):
    for name in ("aspp", "se_gate", "efficientnet_b0"):
        _, out, _ = run("paths", FOLDER / f"{name}.onnx", "--format", "csv")
        rows = list(csv.DictReader(io.StringIO(out)))
        total = sum(int(row["count"]) for row in rows if row["kind"] == "depth")
        for axis in ("2", "3"):
            assert sum(int(row["count"]) for row in rows if row["axis"] == axis) == total


def test_csv_lists_paths(run):
    _, out, _ = run("paths", HIGHRES3D, "--format", "csv", "--list", 2)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(row["number"], row["size"]) for row in rows] == [("1", "87 87 87"), ("2", "83 83 83")]


def test_markdown_has_the_histogram(run):
    code, out, _ = run("paths", HIGHRES3D, "--format", "markdown")
    assert code == 0
    assert "512 routes" in out
    for size, count in HIGHRES.items():
        assert f"| {size} | {count} |" in out


@pytest.mark.parametrize(
    ("encoding", "seen"), [("utf-8", "▄▄▇▇██"), ("ascii", "..####"), ("cp437", "..####")]
)
def test_blocks_only_where_the_terminal_has_them(encoding, seen):
    """The two lower rows of a chart of 22 columns, drawn twice each."""
    for arguments in (["paths", str(HIGHRES3D)], [str(HIGHRES3D)]):
        done = subprocess.run(
            [sys.executable, "-m", "rfgraph", *arguments], capture_output=True, check=True,
            cwd=FOLDER.parent, env={"PYTHONIOENCODING": encoding, "PATH": ""},
        )  # fmt: skip
        out = done.stdout.decode(encoding)
        if arguments[0] == "paths":
            assert seen in out
        assert ("█" in out) == (encoding == "utf-8")
        assert "\\u25" not in out


def test_the_summary_shows_the_histogram(run):
    code, out, _ = run(HIGHRES3D)
    assert code == 0
    assert "512 routes, mean size 45, none covers the input" in out
    eighths = [-(-8 * count // 48) for count in HIGHRES.values()]  # of the largest, rounded up
    drawn = "".join("▁▂▃▄▅▆▇█"[level - 1] * 2 for level in eighths)
    assert f"3 {drawn} 87\n" in out


def test_output_goes_to_the_file(run, tmp_path):
    assert run("paths", HIGHRES3D, "-o", tmp_path / "out.txt") == (0, "", "")
    assert "512 routes" in (tmp_path / "out.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("form", ["text", "json", "csv", "markdown"])
def test_a_second_run_is_the_same(run, form):
    arguments = ("paths", FOLDER / "inception_v3.onnx", "--format", form, "--list", 2, "--joint")
    assert run(*arguments) == run(*arguments)


@pytest.mark.parametrize("form", ["text", "json", "csv", "markdown"])
def test_names_of_a_file_act_on_nothing(run, tmp_path, form):
    file = models.saved(models.hostile(), tmp_path / "m.onnx")
    code, out, err = run(
        "paths", file, "--tensor", models.HOSTILE_TENSOR, "--list", 2, "--format", form
    )
    assert (code, err) == (0, "")
    assert not set(out) & set("\x1b\u202e")
    if form == "markdown":
        assert "<" not in out.replace("&lt;", "")
    if form == "csv":
        cells = [cell for row in csv.reader(io.StringIO(out)) for cell in row]
        assert not [cell for cell in cells if cell.startswith(tuple("=+-@"))]


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--list", "-1"], ["--list", "'-1'"]),
        (["--list", "many"], ["--list", "'many'"]),
        (["--list", "1.5"], ["--list"]),
        (["--list", "²"], ["--list"]),
        (["--list", "9" * 30], ["--list"]),
        (["--order", "longest"], ["--order", "longest"]),
        (["--count", "walks"], ["--count"]),
        (["--tensor", "clasifier"], ["'clasifier'", "'classifier'"]),
        (["--input", "image"], ["'image'", "'input'"]),
        (["--through", "stage1.1.conv9"], ["'stage1.1.conv9'", "'stage1.1.conv1'"]),
        (["--avoiding", ""], ["no node or tensor"]),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(run, arguments, words):
    refused(run("paths", HIGHRES3D, *arguments), *words)


def test_a_file_that_is_no_model_is_refused(run, tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"no model")
    refused(run("paths", tmp_path / "m.onnx"), "m.onnx")
    refused(run("plot", tmp_path / "m.onnx", "-o", tmp_path / "m.png"), "m.onnx")
    assert not (tmp_path / "m.png").exists()


# -- plot ------------------------------------------------------------------------------------------

SIGNATURES = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF", "PNG": b"\x89PNG"}


@pytest.mark.parametrize("extension", SIGNATURES)
def test_the_extension_says_what_is_drawn(run, tmp_path, extension):
    file = tmp_path / f"out.{extension}"
    assert run("plot", HIGHRES3D, "-o", file) == (0, "", "")
    assert file.read_bytes().startswith(SIGNATURES[extension])


@pytest.mark.parametrize("name", ["out.gif", "out", "png", "-", "out.png.txt"])
def test_an_extension_that_is_not_known_is_refused(run, tmp_path, name):
    refused(
        run("plot", HIGHRES3D, "-o", tmp_path / name if "." in name else name), ".png, .svg or .pdf"
    )


def test_a_picture_needs_a_file_and_one_that_can_be_written(run, tmp_path):
    refused(run("plot", HIGHRES3D), "-o")
    refused(run("plot", HIGHRES3D, "-o", tmp_path / "none" / "out.png"), "out.png")
    model = tmp_path / "m.png"
    model.write_bytes(HIGHRES3D.read_bytes())
    refused(run("plot", model, "-o", model), "the model itself")
    assert model.read_bytes() == HIGHRES3D.read_bytes()


def test_without_matplotlib_one_line_says_what_to_install(run, tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    outcome = run("plot", HIGHRES3D, "-o", tmp_path / "out.png")
    refused(outcome, "matplotlib", "pip install '.[plot]'")
    assert run("paths", HIGHRES3D)[0] == 0


def test_bad_options_of_a_plot_are_refused(run, tmp_path):
    file = tmp_path / "out.png"
    refused(run("plot", HIGHRES3D, "-o", file, "--log", "maybe"), "--log")
    refused(run("plot", HIGHRES3D, "-o", file, "--tensor", "clasifier"), "'classifier'")
    many = models.saved(models.many_outputs(30), tmp_path / "m.onnx")
    refused(run("plot", many, "-o", file), "at most 24", "found 60", "--tensor")
    assert not file.exists()
