"""The command line: what is printed where, and what it ends with."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

import fixtures
from oracle.builder import Builder
from reports import models
from rfgraph import cli
from rfgraph.cli import main, parser
from rfgraph.cli.output import style_of

FOLDER = Path(fixtures.__file__).parent
ALEXNET = str(FOLDER / "alexnet.onnx")
RESNET = str(FOLDER / "resnet50.onnx")
ESC = "\x1b"


def refused(outcome, *words):
    """One line on stderr that holds the words, nothing on stdout, exit code 2."""
    code, out, err = outcome
    assert (code, out) == (2, "")
    assert err.startswith("rfgraph: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    assert len(err) <= 301
    for word in words:
        assert word in err
    return True


def process(*arguments, **options):
    """Run the program as users do."""
    command = [sys.executable, "-m", "rfgraph", *map(str, arguments)]
    options = {"capture_output": True, "cwd": FOLDER.parent} | options
    return subprocess.run(command, check=False, **options)


# -- answers ---------------------------------------------------------------------------------------


def test_a_model_is_summarised_on_stdout(run):
    code, out, err = run(RESNET)
    assert (code, err) == (0, "")
    assert "427 x 427" in out
    assert out == run(RESNET)[1]


@pytest.mark.parametrize("extra", [(), ("--layers",)])
@pytest.mark.parametrize("form", ["text", "json", "csv", "markdown"])
def test_every_format_is_written(run, tmp_path, form, extra):
    code, out, err = run(ALEXNET, "--format", form, *extra)
    assert (code, err) == (0, "")
    target = tmp_path / "report"
    assert run(ALEXNET, "--format", form, *extra, "-o", target) == (0, "", "")
    assert target.read_bytes().decode() == out
    assert run(ALEXNET, "--format", form, *extra, "-o", "-") == (0, out, "")


def test_layers_as_json_has_the_layers_only(run):
    _, out, _ = run(ALEXNET, "--layers", "--format", "json")
    tensors = [item["tensor"] for item in json.loads(out)["receptive_fields"]]
    assert "conv1" in tensors
    assert "relu1" not in tensors


def test_tensor_and_input_select(run):
    model = FOLDER / "siamese.onnx"
    _, out, _ = run(model, "--tensor", "distance", "--input", "right", "--format", "json")
    found = json.loads(out)["receptive_fields"]
    assert [(item["tensor"], item["input"]) for item in found] == [("distance", "right")]


def test_a_file_called_like_a_command(run, tmp_path, monkeypatch):
    (tmp_path / "unit").write_bytes(Path(ALEXNET).read_bytes())
    monkeypatch.chdir(tmp_path)
    assert run("./unit")[0] == 0
    assert run("--quiet", "unit")[0] == 0


def test_a_command_in_second_place_is_told(run):
    assert refused(run("--quiet", "ops"), "'ops' is a command and comes first")


def test_version_and_help(run):
    code, out, err = run("--version")
    assert (code, err) == (0, "")
    assert out.startswith("rfgraph ")
    for arguments in (["--help"], ["unit", "--help"], ["ops", "-h"], ["explain", "-h"]):
        code, out, err = run(*arguments)
        assert (code, err) == (0, "")
        assert "usage: rfgraph" in out
    for name, what in parser.COMMANDS.items():
        assert name in run("--help")[1]
        assert what in run("--help")[1]


# -- unit, ops, explain ----------------------------------------------------------------------------


def test_unit_reads_the_published_region(run):
    # ResNet-50 v1.5: size 427, stride 32, center 0, so that unit 3 reads 96 +- 213
    arguments = ("unit", RESNET, "--tensor", "layer4.2.relu_out", "--index", "0,*,3,3")
    code, out, _ = run(*arguments, "--format", "json")
    (region,) = json.loads(out)["regions"]
    assert code == 0
    assert region["clipped"] == [[0, 0], [0, 2], [0, 223], [0, 223]]
    assert region["unclipped"] == [None, None, [-117, 309], [-117, 309]]
    assert region["size"] == [1, 3, 427, 427]
    assert region["center"] == [0, 1, 96, 96]
    assert region["scopes"] == ["local", "global", "local", "local"]
    text = run(*arguments)[1]
    assert "    2      local  0..223  -117..309   427      96\n" in text


def test_unit_as_tables(run):
    # ResNet-50 v1.5: unit 0 reads 0 +- 213.
    arguments = ("unit", RESNET, "--tensor", "layer4.2.relu_out", "--index", "0,*,0,3")
    code, out, _ = run(*arguments, "--format", "csv")
    header, *rows = csv.reader(io.StringIO(out))
    assert code == 0
    assert ",".join(header) == "tensor,index,input,empty,axis,scope,clipped,unclipped,size,center"
    start = ["layer4.2.relu_out", "0 * 0 3", "input", "false"]
    assert rows[1:3] == [
        [*start, "1", "global", "0 2", "", "3", "1"],
        [*start, "2", "local", "0 213", "-213 213", "427", "0"],
    ]
    lines = run(*arguments, "--format", "markdown")[1].splitlines()
    assert lines[0].endswith("resnet50.onnx")
    assert "## layer4.2.relu\\_out at 0, \\*, 0, 3" in lines
    assert "| 2 | local | 0..213 | -213..213 | 427 | 0 |" in lines


def test_units_that_read_nothing_as_tables(run, tmp_path):
    # ConvTranspose with stride 3 and kernel 1: unit 1 reads nothing but the bias.
    build = Builder(18, 0)
    x = build.input((1, 1, 4))
    onnx.save(build.model(build.transposed(x, 1, [1], strides=[3])), tmp_path / "m.onnx")
    arguments = ("unit", tmp_path / "m.onnx", "--index", "0,0,1", "--format")
    out = run(*arguments, "csv")[1]
    assert ",true,2,local,,,," in out
    assert "Reads nothing of input" in run(*arguments, "markdown")[1]


def test_a_unit_that_reads_a_scalar(run, tmp_path):
    build = Builder(18, 0)
    x, scale = build.input((1, 3)), build.input(())
    onnx.save(build.model(build.one("Mul", [x, scale], (1, 3))), tmp_path / "m.onnx")
    arguments = ("unit", tmp_path / "m.onnx", "--index", "0,2", "--input", scale)
    assert f"  reads input {scale}, which has no axes\n" in run(*arguments)[1]
    assert ", which has no axes." in run(*arguments, "--format", "markdown")[1]


def test_unit_counts_from_the_end(run):
    arguments = ("unit", ALEXNET, "--tensor", "conv1", "--index", "-1,*,-1,0")
    _, out, _ = run(*arguments, "--format", "json")
    found = json.loads(out)
    assert found["index"] == [0, None, 54, 0]
    # 54 * 4 to 54 * 4 + 10
    assert found["regions"][0]["clipped"][2:] == [[216, 226], [0, 10]]


def test_unit_of_the_only_output(run):
    assert "unit fc7 [0, *, 0, 0]" in run("unit", ALEXNET, "--index", "0,*,0,0")[1]


@pytest.mark.parametrize(
    ("index", "word"),
    [
        ("0,*,3", "[1, 8, 1, 1]"),
        ("0,*,3,0", "[1, 8, 1, 1]"),
        ("0,*,x,0", "0,*,3,3"),
        ("0,,0,0", "0,*,3,3"),
        ("", "[1, 8, 1, 1]"),
        ("9" * 30, "0,*,3,3"),
    ],
)
def test_a_wrong_index_is_refused(run, index, word):
    assert refused(run("unit", ALEXNET, "--index", index), word)


def test_ops_lists_operators(run):
    code, out, _ = run("ops", "--format", "json")
    found = {item["operator"]: item for item in json.loads(out)["operators"]}
    assert code == 0
    assert found["Conv"]["modelled"] == "exact"
    assert run("ops")[1].splitlines()[0].split() == ["operator", "domain", "modelled", "versions"]
    assert run("ops", "--format", "csv")[1].startswith("operator,domain,modelled,versions\r\n")
    assert run("ops", "--format", "markdown")[1].startswith("| operator | domain |")


def test_explain_gives_the_docstring_of_a_rule(run):
    from rfgraph.ops.registry import find_rule

    doc = find_rule("", "Conv").doc
    code, out, _ = run("explain", "ai.onnx.Conv")
    assert code == 0
    assert out.split() == ["ai.onnx.Conv", *doc.split()]
    assert max(map(len, out.splitlines())) <= 80
    assert run("explain", "Conv")[1].startswith("ai.onnx.Conv")
    (found,) = json.loads(run("explain", "ai.onnx.Conv", "--format", "json")[1])["explanations"]
    assert found == {"title": "ai.onnx.Conv", "text": doc}


def test_explain_gives_a_name_in_every_domain(run):
    titles = run("explain", "Gelu")[1]
    assert "ai.onnx.Gelu" in titles
    assert "com.microsoft.Gelu" in titles


def test_explain_says_what_a_word_of_the_reports_means(run):
    code, out, _ = run("explain", "effective", "padding")
    assert code == 0
    assert "before the input" in out
    assert run("explain", "Tile")[1] != run("explain", "tile")[1]  # an operator, and a word


def test_explain_refuses_what_it_does_not_know(run):
    assert refused(run("explain", "strid"), "'stride'")
    assert refused(run("explain", "Cnv"), "'Conv'")
    assert refused(run("explain", "RF999"), "no finding 'RF999'")
    assert refused(run("explain", f"x{ESC}"), "\\x1b")


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ["MODEL", "rfgraph --help"]),
        ((ALEXNET, "--format", "xml"), ["--format", "'xml'"]),
        ((ALEXNET, "--lay"), ["--lay"]),
        ((ALEXNET, "--color", "blue"), ["--color", "'blue'"]),
        ((ALEXNET, "second.onnx"), ["second.onnx"]),
        ((ALEXNET, "--tensor", "conv9"), ["no tensor 'conv9'", "'conv5'"]),
        ((ALEXNET, "--input", "x"), ["no input 'x'", "'input'"]),
        ((ALEXNET, "--tensor", "a\nb"), ["a\\x0ab"]),
        (("unit", ALEXNET), ["--index", "rfgraph unit --help"]),
        (("nope.onnx",), ["nope.onnx", "no such file"]),
        ((f"no{ESC}[31m\n.onnx",), ["no\\x1b[31m\\x0a.onnx"]),
        ((str(FOLDER),), ["fixtures", "directory"]),
    ],
)
def test_one_line_says_what_is_wrong(run, arguments, words):
    assert refused(run(*arguments), *words)


def test_a_tensor_that_the_input_does_not_reach(run):
    model = FOLDER / "siamese.onnx"
    outcome = run(model, "--tensor", "left.conv1", "--input", "right")
    assert refused(outcome, "'left.conv1'", "'right'")


def test_a_file_that_is_no_model(run, tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(b"\x00" * 100)
    assert refused(run(path), "m.onnx: ")


def test_hostile_names_in_an_error_are_escaped(run, tmp_path):
    path = models.saved(models.hostile(), tmp_path / "m.onnx")
    outcome = run(path, "--tensor", "x")
    assert refused(outcome, "no tensor 'x'")
    assert ESC not in outcome[2]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), ["not enough memory"]),
        (RecursionError("x" * 1000), ["nested too deeply"]),
        (KeyError("k\ney"), ["internal error: KeyError", "please report"]),
        (OSError(5, "Input/output error", "some\nfile"), ["some\\x0afile: Input/output error"]),
    ],
)
def test_whatever_goes_wrong_is_one_line(run, monkeypatch, error, words):
    def fail(_options):
        raise error

    monkeypatch.setattr(cli, "parse", lambda _: (fail, type("Options", (), {"model": "m.onnx"})))
    assert refused(run("m.onnx"), "m.onnx: ", *words)


def test_a_traceback_only_where_asked(run, monkeypatch):
    monkeypatch.setattr(cli, "parse", lambda _: 1 // 0)
    assert "Traceback" not in run("m.onnx")[2]
    monkeypatch.setenv("RFGRAPH_DEBUG", "1")
    assert "Traceback" in run("m.onnx")[2]


def test_an_interrupt_is_130(run, monkeypatch):
    def interrupt(_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "parse", interrupt)
    assert run("m.onnx") == (130, "", "")


# -- output ----------------------------------------------------------------------------------------


def test_a_file_that_cannot_be_written(run, tmp_path):
    target = tmp_path / "no" / "report"
    assert refused(run(ALEXNET, "-o", target), "--output", "No such file")
    assert refused(run(ALEXNET, "-o", tmp_path), "--output")


def test_the_model_is_not_overwritten(run, tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(Path(ALEXNET).read_bytes())
    link = tmp_path / "link"
    link.symlink_to(path)
    assert refused(run(path, "-o", link), "the model itself")
    assert path.read_bytes() == Path(ALEXNET).read_bytes()


def test_nothing_is_written_for_a_bad_model(run, tmp_path):
    target = tmp_path / "report"
    assert refused(run("nope.onnx", "-o", target))
    assert not target.exists()


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("terminal", "color", "environment", "colored"),
    [
        (True, "auto", {}, True),
        (True, "auto", {"NO_COLOR": "1"}, False),
        (True, "auto", {"NO_COLOR": ""}, True),
        (True, "auto", {"TERM": "dumb"}, False),
        (True, "never", {}, False),
        (True, "always", {"NO_COLOR": "1"}, True),
        (False, "auto", {}, False),
        (False, "always", {}, True),
    ],
)
def test_colour(monkeypatch, terminal, color, environment, colored):
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    assert main([ALEXNET, "--color", color]) == 0
    assert (ESC in stream.getvalue()) is colored


def test_a_file_has_no_colour_and_80_columns_unless_asked(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm")
    options = type("Options", (), {"output": str(tmp_path / "r"), "color": "auto"})
    assert (style_of(options).color, style_of(options).width) == (False, 80)
    options.output = None
    assert (style_of(options).color, style_of(options).width) == (True, 120)
    monkeypatch.setenv("COLUMNS", "100")
    assert style_of(options).width == 100


def test_an_encoding_without_an_ellipsis(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    stream.isatty = lambda: True
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("COLUMNS", "80")
    assert main([str(FOLDER / "efficientnet_b0.onnx"), "--layers", "--color", "never"]) == 0
    table = stream.buffer.getvalue().decode("ascii").split("\n\n")[1].splitlines()
    assert any("~" in line for line in table[1:])
    assert len({len(line) for line in table[1:]}) == 1


def test_names_are_whole_where_no_terminal_reads_them(capsys):
    # The names of the file itself, each to be copied from the first column.
    path = FOLDER / "inception_v3.onnx"
    names = {node.name for node in onnx.load(path, load_external_data=False).graph.node}
    assert main([str(path), "--layers"]) == 0
    table = capsys.readouterr().out.split("\n\n")[1].splitlines()[2:]
    shown = {line.split()[0] for line in table if not line.startswith(" ")}
    assert len(shown) > 90
    assert shown <= {*names, "input"}
    assert max(map(len, shown)) > 20


@pytest.mark.parametrize("form", ["json", "csv", "markdown"])
def test_formats_for_machines_are_the_same_bytes_in_any_encoding(form, tmp_path):
    model = onnx.load(FOLDER / "toy_aligned.onnx")
    model.graph.node[0].name = "größe"
    onnx.save(model, tmp_path / "m.onnx")
    found = {
        subprocess.run(
            [sys.executable, "-m", "rfgraph", "m.onnx", "--format", form],
            cwd=tmp_path,
            env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(FOLDER.parent)},
            capture_output=True,
            check=True,
        ).stdout
        for encoding in ("utf-8", "ascii", "latin-1")
    }
    assert len(found) == 1


def test_a_reader_that_has_read_enough():
    with subprocess.Popen(
        [sys.executable, "-m", "rfgraph", str(FOLDER / "densenet121.onnx"), "--format", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=FOLDER.parent,
    ) as running:
        running.stdout.read(10)
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("argument", [ALEXNET, "--version"])
def test_a_full_device(argument):
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("wb") as full:
        done = process(
            argument, stdout=full, stderr=subprocess.PIPE, capture_output=False, env=environment
        )
    assert done.returncode == 2
    assert done.stderr.decode().count("\n") == 1
    assert "standard output: No space left" in done.stderr.decode()


@pytest.mark.skipif(os.name != "posix", reason="closes file descriptors as a shell does")
@pytest.mark.parametrize(("closed", "model", "code"), [(1, ALEXNET, 2), (2, "nope.onnx", 2)])
def test_a_closed_stream(closed, model, code):
    done = process(model, preexec_fn=lambda: os.close(closed))
    assert done.returncode == code
    assert done.stdout == b""
    assert (b"standard output is closed" in done.stderr) is (closed == 1)


def test_the_program_is_the_function(run):
    done = process(ALEXNET, "--layers")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == run(ALEXNET, "--layers")[1]


HEAVY = ("matplotlib", "rich", "onnx.reference", "onnxruntime", "scipy")


def test_a_json_report_imports_no_more_than_it_needs():
    script = (
        "import sys\n"
        "from rfgraph.cli import main\n"
        f"code = main([{ALEXNET!r}, '--format', 'json', '-o', '-'])\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], code, file=sys.stderr)"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, cwd=FOLDER.parent, check=True)
    assert done.stderr.decode() == "[] 0\n"


# -- what was meant --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("chekc", ALEXNET), "no command or file 'chekc': did you mean rfgraph check?"),
        (("path", ALEXNET), "no command or file 'path': did you mean rfgraph paths?"),
        (("chekc",), "no command or file 'chekc': did you mean rfgraph check?"),
        (("Check", ALEXNET), "no command or file 'Check': did you mean rfgraph check?"),
        (("chekc", ALEXNET, "--stat", "union"), "did you mean rfgraph check?"),
        ((ALEXNET, RESNET), "one model is asked at a time, found a second"),
        (("paths", ALEXNET, RESNET), "one model is asked at a time, found a second"),
        ((ALEXNET, "--layrs"), "no option '--layrs': did you mean --layers?"),
        (
            (ALEXNET, "--inputshape=1,3,9,9"),
            "no option '--inputshape': did you mean --input-shape?",
        ),
        (("check", ALEXNET, "--stta", "union"), "no option '--stta': did you mean --stat?"),
        (("check", ALEXNET, "--stta=union", "--jbos", "2"), "did you mean --stat?"),
        (("check", ALEXNET, "--zzz"), "no option '--zzz' (see rfgraph check --help)"),
        (("ops", ALEXNET), "unrecognized arguments"),
        (("--quiet", "check", ALEXNET), "'check' is a command and comes first: rfgraph check"),
        ((ALEXNET, "check"), "'check' is a command and comes first: rfgraph check"),
        (("nothing.onnx",), "nothing.onnx: no such file"),
    ],
)
def test_a_wrong_word_is_told_what_was_meant(run, arguments, words):
    assert refused(run(*arguments), words)


def test_a_file_of_a_name_like_a_command_is_a_model(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("path").write_bytes(Path(ALEXNET).read_bytes())
    assert run("path")[0] == 0


@pytest.mark.parametrize(
    ("ending", "form"),
    [(".json", "json"), (".csv", "csv"), (".md", "markdown"), (".JSON", "json"), (".txt", "text")],
)
def test_the_ending_of_the_file_says_the_format(run, tmp_path, ending, form):
    for command in ((), ("paths",), ("unit", "--index", "0,0,0,0")):
        arguments = (*command[:1], ALEXNET, *command[1:])
        target = tmp_path / f"report{ending}"
        assert run(*arguments, "-o", target) == (0, "", "")
        assert target.read_bytes().decode() == run(*arguments, "--format", form)[1]


def test_the_format_that_is_asked_for_comes_before_the_ending(run, tmp_path):
    target = tmp_path / "report.json"
    assert run(ALEXNET, "-o", target, "--format", "csv") == (0, "", "")
    assert target.read_bytes().decode() == run(ALEXNET, "--format", "csv")[1]
    # An ending that says nothing is text, one of another format is refused.
    for name in ("report", "report.log"):
        target = tmp_path / name
        assert run(ALEXNET, "-o", target) == (0, "", "")
        assert target.read_bytes().decode() == run(ALEXNET)[1]
    for name in ("a.sarif", "a.xyz"):
        for command in ((ALEXNET,), ("erf", ALEXNET)):
            assert refused(run(*command, "-o", tmp_path / name), "ends in .csv, .json, .md, .txt")
        assert not (tmp_path / name).exists()


def test_what_would_be_ignored_is_refused(run):
    assert refused(run("paths", ALEXNET, "--order", "smallest"), "--order says which paths")
    command = ("tiles", ALEXNET, "--for", "dask", "--format", "json")
    assert refused(run(*command), "--for prints lines to paste, and not json")


def test_where_nothing_is_read_it_is_said(run, tmp_path):
    shape = models.helper.make_node("Shape", ["x"], ["y"])
    made = models.model([shape], {"x": [1, 8, 8]}, {"y": [3]})
    file = models.saved(made, tmp_path / "constant.onnx")
    for command in ("tiles", "stream"):
        for form in ("text", "markdown"):
            assert "Nothing is read" in run(command, file, "--format", form)[1]
    picture = tmp_path / "picture.png"
    assert refused(run("plot", file, "-o", picture), "nothing is read")
    assert refused(run("erf", file), "nothing is read: no input 'x' reaches 'y'")
    scalar = models.saved(models.scalar(), tmp_path / "scalar.onnx")
    assert refused(run("erf", scalar, "--layers"), "nothing is read along an axis")
    assert not picture.exists()
