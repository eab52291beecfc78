"""rfgraph check as a pipeline runs it: exit codes and streams, through the console script."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

import fixtures
from checks import nets
from rfgraph.cli import check as command

FOLDER = Path(fixtures.__file__).parent
ROOT = FOLDER.parent
ALEXNET, RESNET = str(FOLDER / "alexnet.onnx"), str(FOLDER / "resnet50.onnx")
OPEN = str(FOLDER / "dilated.onnx")
HOLDS = "1 model: every rule holds (RF001)\n"


def script():
    """The console script of this interpreter, or what it runs where there is none."""
    beside = Path(sys.executable).with_name("rfgraph")
    return [str(beside)] if beside.exists() else [sys.executable, "-m", "rfgraph"]


@pytest.fixture
def run(tmp_path):
    """Run the console script in an empty folder: exit code, stdout, stderr."""
    variables = os.environ | {"PYTHONPATH": str(ROOT)}

    def run_it(*arguments, cwd=tmp_path):
        done = subprocess.run(
            [*script(), "check", *map(str, arguments)],
            check=False,
            capture_output=True,
            text=True,
            cwd=cwd,
            env=variables,
        )
        return done.returncode, done.stdout, done.stderr

    return run_it


@pytest.fixture
def broken(tmp_path):
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    return path


# -- exit codes and streams, through the console script --------------------------------------------


def test_0_every_rule_holds(run):
    assert run(ALEXNET) == (0, HOLDS, "")
    assert run(RESNET, "--stat", "union") == (0, HOLDS, "")


def test_1_a_rule_fails(run):
    code, out, err = run(RESNET)
    assert (code, err) == (1, "")
    first, last = out.splitlines()
    assert first.startswith(
        f"{RESNET}: RF001 error: tensor 'layer4.2.relu_out' on input 'input', axes 2, 3: "
    )
    assert "required 224, found 11 (min); --stat union and max (427) would pass" in first
    assert last == "1 model: 1 fails (RF001)"


def test_2_a_broken_file_beside_good_ones(run, broken):
    code, out, err = run(RESNET, broken, ALEXNET)
    assert code == 2
    assert re.fullmatch(rf"rfgraph: {re.escape(str(broken))}: not an ONNX model.*\n", err)
    assert out.splitlines()[-1] == ("3 models: 1 fails (RF001), 1 could not be checked, 1 holds")
    assert out.count("RF001 error") == 1


def test_2_a_length_that_is_not_bound(run):
    code, out, err = run(OPEN)
    assert (code, out) == (2, "1 model: 1 could not be checked\n")
    assert err == (
        f"rfgraph: {OPEN}: input 'input': axis 2 ('height') has no length: "
        "bind it with --input-shape input=1,1,N,N, or --dim height=N\n"
    )
    assert run(OPEN, "--input-shape", "1,1,15,15") == (0, HOLDS, "")
    assert run(OPEN, "--input-shape", "input=1,1,16,15")[0] == 1


def test_2_a_bad_option_before_any_model_is_read(run):
    code, out, err = run("missing.onnx", "--stat", "average")
    assert (code, out) == (2, "")
    assert err == (
        "rfgraph: stat requires min, max, union, median, mean, p0 to p100 or erf1 to erf99, "
        "found 'average'\n"
    )


def test_2_a_bad_configuration_before_any_model_is_read(run, tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.rfgraph]\nstats = 'min'\n", encoding="utf-8")
    code, out, err = run(ALEXNET, "missing.onnx")
    assert (code, out) == (2, "")
    assert err.startswith(f"rfgraph: {tmp_path / 'pyproject.toml'}: tool.rfgraph: no key 'stats'; ")
    assert err.count("\n") == 1
    assert run(ALEXNET, cwd=FOLDER)[0] == 0


def test_exit_zero_is_for_findings_never_for_errors(run, broken):
    code, out, _ = run(RESNET, "--exit-zero")
    assert code == 0
    assert "RF001 error" in out
    assert run(RESNET, broken, "--exit-zero")[0] == 2


def test_processes_change_nothing_but_the_time(run, broken):
    arguments = (RESNET, ALEXNET, broken, FOLDER / "bagnet9.onnx", "--select", "all", "--format")
    assert run(*arguments, "json", "--jobs", "2") == run(*arguments, "json")


# -- the rest, in this process ---------------------------------------------------------------------


def test_the_configuration_holds_unless_the_command_line_says_otherwise(here, tmp_path):
    (tmp_path / "pyproject.toml").write_text(
        "[tool.rfgraph]\nstat = 'union'\nformat = 'json'\nexit-zero = true\n"
        "[[tool.rfgraph.models]]\npattern = 'open/**'\ninput-shape = [1, 1, 16, 15]\n",
        encoding="utf-8",
    )
    (tmp_path / "open").mkdir()
    shutil.copy(OPEN, tmp_path / "open" / "net.onnx")
    code, out, err = here(RESNET)
    assert (code, err) == (0, "")
    assert json.loads(out)["models"][0]["ok"] is True
    code, out, _ = here(RESNET, "--stat", "min", "--format", "text")
    assert code == 0
    assert "found 11 (min)" in out
    other = tmp_path / "other.toml"
    other.write_text("min-rf = 9\n", encoding="utf-8")
    assert here(RESNET, "--config", other) == (0, HOLDS, "")
    code, out, _ = here("open", "--format", "text")
    assert "axis 2 ('height'): required 16, found 15 (union)" in out
    assert here("open", "--format", "text", "--input-shape", "1,1,15,15") == (0, HOLDS, "")


def test_folders_and_patterns_stand_for_the_models_in_them(here, tmp_path):
    for name in ("b/two.onnx", "b/one.onnx", "b/deep/three.onnx", "a.onnx", "b/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(FOLDER / "alexnet.onnx", path)
    in_b = ["b/deep/three.onnx", "b/one.onnx", "b/two.onnx"]
    for given, expected in (
        (["b"], in_b),
        (["b/*.onnx"], ["b/one.onnx", "b/two.onnx"]),
        (["**/t*.onnx"], ["b/deep/three.onnx", "b/two.onnx"]),
        (["b/two.onnx", "a.onnx", "b"], ["b/two.onnx", "a.onnx", *in_b[:2]]),
        (["./b", "a.onnx", "a.onnx"], [*in_b, "a.onnx"]),
    ):
        code, out, err = here(*given, "--format", "json")
        assert (code, err) == (0, "")
        assert [model["file"] for model in json.loads(out)["models"]] == expected
    shutil.copy(FOLDER / "alexnet.onnx", tmp_path / "odd[1].onnx")
    assert here("odd[1].onnx")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["empty"], "empty: a folder without an .onnx file"),
        (["*.onnx"], "*.onnx: no file matches"),
        ([], "the following arguments are required: MODEL"),
        ([ALEXNET, "--jobs", "0"], "required 1 to 1024, found '0'"),
        ([ALEXNET, "--jobs", "x"], "required 1 to 1024, found 'x'"),
        ([ALEXNET, "--format", "xml"], "invalid choice: 'xml'"),
        ([ALEXNET, "--min-rf", "-1"], "min-rf requires input, N or N,N..."),
        ([ALEXNET, "--select", "RF1"], "select requires codes of RF001,"),
        ([ALEXNET, "--config", "missing.toml"], "missing.toml: No such file"),
        ([ALEXNET, "--baseline", "missing.json"], "baseline missing.json: No such file"),
        ([ALEXNET, RESNET, "--baseline", "b.json"], "--baseline is of one model, found 2"),
        ([ALEXNET, "--input-value", "x=@missing.npy"], "missing.npy': No such file"),
        ([ALEXNET, "-o", ALEXNET], "itself"),
    ],
)
def test_a_usage_error_is_one_line_and_code_2(here, tmp_path, arguments, words):
    (tmp_path / "empty").mkdir()
    (tmp_path / "b.json").write_text("{}", encoding="utf-8")
    code, out, err = here(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("rfgraph: ")
    assert err.count("\n") == 1
    assert words in err


def test_every_format_is_written_and_to_a_file_too(here, tmp_path, broken):
    for form in command.FORMATS:
        code, out, err = here(RESNET, ALEXNET, broken, "--format", form)
        assert code == 2
        assert err.count("\n") == 1
        target = tmp_path / "report"
        assert here(RESNET, ALEXNET, broken, "--format", form, "-o", target) == (2, "", err)
        assert target.read_text(encoding="utf-8") == out
        assert "RF001" in out
    assert ElementTree.fromstring(here(ALEXNET, "--format", "junit")[1]).tag == "testsuites"
    assert json.loads(here(ALEXNET, "--format", "sarif")[1])["version"] == "2.1.0"


def test_values_make_inputs_constants(here, tmp_path):
    net = nets.Net("scaled", "arithmetic only")
    x = net.input("x", [1, 2, 9])
    net.output(net.conv(x, "y", 2, 9, 1, 4), [1, 2, 9])
    (tmp_path / "net.onnx").write_bytes(net.model().SerializeToString())
    assert here("net.onnx") == (0, HOLDS, "")
    code, _, err = here("net.onnx", "--input-value", "rate=3")
    assert code == 2
    assert "no input 'rate'" in err


def test_colour_only_where_it_is_asked_for(here):
    assert "\x1b" not in here(RESNET)[1]
    assert "\x1b[31merror\x1b[0m" in here(RESNET, "--color", "always")[1]


def test_github_lines_on_stderr_command_nothing(here, tmp_path):
    (tmp_path / "##[error]x.onnx").write_bytes(b"no")
    _, _, err = here("##[error]x.onnx", "--format", "github")
    assert "##[" not in err
    assert "##[" in here("##[error]x.onnx")[2]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_progress_is_for_a_terminal_only(tmp_path):
    for number in range(12):
        shutil.copy(FOLDER / "densenet121.onnx", tmp_path / f"{number:02}.onnx")
    arguments = [*script(), "check", str(tmp_path), "--select", "RF005"]
    variables = os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm"}

    def on_a_terminal(*extra):
        mine, theirs = pty.openpty()
        with subprocess.Popen(
            [*arguments, *extra], stdout=subprocess.PIPE, stderr=theirs, env=variables
        ) as process:
            os.close(theirs)
            out = process.stdout.read()
        shown = b""
        try:
            while chunk := os.read(mine, 4096):
                shown += chunk
        except OSError:
            pass
        os.close(mine)
        return out, shown

    out, shown = on_a_terminal()
    assert out == b"12 models: every rule holds (RF005)\n"
    assert re.search(rb"\r\x1b\[K\d+ of 12 models", shown)
    assert shown.endswith(b"\r\x1b[K")
    assert on_a_terminal("--quiet") == (out, b"")


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("r.json", "json"),
        ("r.sarif", "sarif"),
        ("r.xml", "junit"),
        ("r.txt", "text"),
        ("r", "github"),
    ],
)
def test_the_ending_of_the_file_says_the_format(here, tmp_path, name, form):
    (tmp_path / "pyproject.toml").write_text("[tool.rfgraph]\nformat = 'github'\n", "utf-8")
    target = tmp_path / name
    assert here(RESNET, "-o", target) == (1, "", "")
    assert target.read_text(encoding="utf-8") == here(RESNET, "--format", form)[1]
