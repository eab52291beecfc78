"""README and docs, executed: every command and its output, every Python line, every table."""

import doctest
import importlib
import importlib.util
import json
import re
import shlex
import shutil
from pathlib import Path
from typing import get_args

import numpy as np
import onnx
import pytest
from onnx import helper

import rfgraph
from analysis.stitched import image_of, network
from benchmarks.peers import table
from effective import luo
from hostile import bounds
from oracle.local_models import whole_numbers
from reports import models
from rfgraph.cli import main
from rfgraph.cli.parser import COMMANDS, parse
from rfgraph.pytest_plugin import assert_receptive_field

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")])
}
README = PAGES["README.md"]


def blocks(language, *pages):
    """The blocks of code in a language, on these pages or on all."""
    return [
        block
        for page in pages or PAGES
        for block in re.findall(
            rf"^```{language}\n(.*?)^```$", PAGES[page], re.DOTALL | re.MULTILINE
        )
    ]


def marked(name, page):
    """What a page has between the marks of a table."""
    found = re.search(rf"<!-- {name} -->\n(.*?)\n<!-- end -->", PAGES[page], re.DOTALL)
    assert found is not None, page
    return found[1]


def runs():
    seen = set()
    for page in PAGES:
        for block in blocks("console", page):
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, output = part.partition("\n")
                if (command, output) not in seen:
                    seen.add((command, output))
                    yield pytest.param(command, output, id=f"{page}:{command[:50]}")


@pytest.mark.parametrize(("command", "output"), list(runs()))
def test_a_command_prints_what_is_shown(command, output, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    program, *arguments = shlex.split(command)
    assert program == "rfgraph"
    assert main(arguments) in (0, 1)
    found = capsys.readouterr().out
    shown, cut, _ = output.partition("...\n")
    if cut:
        assert found.startswith(shown)
        assert len(found) > len(shown)
    else:
        assert found.rstrip("\n") == shown.rstrip("\n")


def test_there_are_commands():
    assert len(list(runs())) >= 20


@pytest.mark.parametrize(
    "command", re.findall(r"^(?:\S*/)?rfgraph .*$", "".join(blocks("sh")), re.M)
)
def test_a_command_that_is_named_can_be_given(command):
    words = shlex.split(command, comments=True)[1:]
    parse(words)


def test_every_command_in_a_line_exists():
    named = {word for text in PAGES.values() for word in re.findall(r"`rfgraph ([a-z]+)[ `]", text)}
    assert named <= set(COMMANDS)
    assert set(COMMANDS) - named <= {"completion"}


def test_the_python_session(monkeypatch):
    monkeypatch.chdir(ROOT)
    sessions = [block for block in blocks("python") if ">>>" in block]
    assert len(sessions) == 2
    for session in sessions:
        test = doctest.DocTestParser().get_doctest(session, {}, "session", None, 0)
        runner = doctest.DocTestRunner()
        runner.run(test)
        assert runner.summarize(verbose=False) == (0, len(test.examples))


def test_the_loop_over_tiles_puts_the_whole_together(monkeypatch):
    monkeypatch.chdir(ROOT)
    loop, again = [block for block in blocks("python") if "for tile in plan" in block]
    assert again.endswith(loop)
    loop = loop.replace("1600", "640").replace("1040", "400")
    model = whole_numbers(onnx.load("fixtures/unet_nearest.onnx"), 0)
    net, image = network(model), image_of((1, 1, 640, 640))
    names = {"rfgraph": rfgraph, "np": np, "net": net, "image": image}
    exec(loop, names)
    np.testing.assert_array_equal(names["out"], net(image))
    assert len(names["plan"]) > 1


def test_what_if_in_python(monkeypatch):
    """The last of three convolutions of 3 at stride 16, twice as wide: 2 * 16 positions more."""
    monkeypatch.chdir(ROOT)
    (example,) = [block for block in blocks("python") if "what_if(" in block]
    *lines, last = example.splitlines()
    names = {"rfgraph": rfgraph}
    exec("\n".join(lines), names)
    assert eval(last, names) == 212 + 2 * 16


def labels(svg):
    return re.findall(r"<text[^>]*>([^<]*)", svg)


def test_the_picture_says_what_the_command_draws(tmp_path):
    drawn = tmp_path / "resnet18.svg"
    assert main(["plot", str(ROOT / "fixtures/resnet18.onnx"), "-o", str(drawn)]) == 0
    shown = (ROOT / "docs/resnet18.svg").read_text(encoding="utf-8")
    assert labels(shown) == labels(drawn.read_text(encoding="utf-8"))
    assert "docs/resnet18.svg" in README


def test_an_example_runs():
    """The site runs all of them; here the one that takes no time, as a notebook's cells."""
    cells = json.loads((ROOT / "docs/examples/skip-connection.ipynb").read_text("utf-8"))["cells"]
    names = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    assert names["histogram"].total == 2**10


def test_the_pytest_example(monkeypatch):
    monkeypatch.chdir(ROOT)
    (example,) = [block for block in blocks("python") if "rfgraph_check" in block]
    namespace = {}
    exec(example, namespace)
    namespace["test_the_net_sees_its_input"](assert_receptive_field)


def test_the_configuration_is_one(tmp_path, monkeypatch, capsys):
    (example,) = blocks("toml")
    file = tmp_path / "pyproject.toml"
    file.write_text(example, encoding="utf-8")
    (tmp_path / "fixtures").mkdir()
    for name in ("highres3dnet", "resnet18"):
        shutil.copy(ROOT / "fixtures" / f"{name}.onnx", tmp_path / "fixtures")
    monkeypatch.chdir(tmp_path)
    assert main(["check", "fixtures"]) == 0
    assert capsys.readouterr().out == "2 models: every rule holds (RF001, RF002)\n"
    file.write_text(example.replace("min-rf = 87", "min-rf = 88"), encoding="utf-8")
    assert main(["check", "fixtures"]) == 1
    assert "required 88, found 87 (union)" in capsys.readouterr().out


def test_the_own_rule(monkeypatch, tmp_path):
    (example,) = [block for block in blocks("python") if "rules=" in block]
    nodes = [
        helper.make_node("Blur", ["x"], ["a"], domain="my.ops", width=5),
        helper.make_node("Conv", ["a", "w"], ["y"]),
    ]
    net = models.model(nodes, {"x": [1, 1, 40]}, {"y": None}, {"w": models.weights(1, 1, 3)})
    net.opset_import.append(helper.make_opsetid("my.ops", 1))
    models.saved(net, tmp_path / "blurred.onnx")
    monkeypatch.chdir(tmp_path)
    namespace = {}
    exec(example, namespace)
    axis = namespace["result"].receptive_field().axes[2]
    assert (axis.scope, axis.size, axis.start) == ("local", 1 + (5 - 1) + (3 - 1), -2)
    assert namespace["result"].findings == ()


def test_the_table_of_steps_is_whole():
    shown = marked("steps", "docs/recipes/own-operators.md")
    rows = [row.split("|")[1:3] for row in shown.splitlines()[2:]]
    table = {step.strip(" `"): set(re.findall(r"\w+", rules)) for step, rules in rows}
    assert set(table) == {step.__name__ for step in get_args(rfgraph.Step)}
    along = set().union(*table.values())
    assert along == {rule.__name__ for rule in get_args(rfgraph.AxisRule)}


def operators_table(rows):
    """Return the README's table of how exactly the operators of each domain are modelled."""
    kinds = ("exact", "upper bound", "unknown")
    lines = ["| domain | operators | exact | upper bound | unknown |", "|---|---|---|---|---|"]
    for domain in sorted({row["domain"] for row in rows}):
        own = [row["modelled"] for row in rows if row["domain"] == domain]
        counts = " | ".join(str(own.count(kind)) for kind in kinds)
        lines.append(f"| {domain or 'ai.onnx'} | {len(own)} | {counts} |")
    return "\n".join(lines)


def test_the_table_of_operators_is_fresh(capsys):
    assert main(["ops", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)["operators"]
    shown = marked("operators", "docs/exact.md")
    assert shown == operators_table(rows)


def test_every_option_named_exists(capsys):
    with pytest.raises(SystemExit):
        raise SystemExit(main(["check", "--help"]))
    usage = capsys.readouterr().out
    named = "--stat --min-rf --at --min-covering --select --baseline --fail-on --format -o"
    for option in named.split():
        assert option in usage
        assert any(option in page for page in PAGES.values())


def test_the_table_of_bounds_is_fresh():
    shown = marked("bounds", "docs/untrusted.md")
    assert shown == bounds.table()


def test_the_table_of_what_luo_et_al_varied_is_fresh():
    shown = marked("luo", "docs/ideas/effective-field.md")
    assert shown == luo.table()


def test_every_bound_that_an_error_names_is_in_the_table():
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "rfgraph").rglob("*.py"))
    named = set(re.findall(r"than (MAX_[A-Z]+) \(", code))
    assert len(named) >= 8
    assert named <= {name for _, name, _ in bounds.BOUNDS}


@pytest.mark.parametrize("module", ["corpus", "fuzz"])
def test_the_programs_for_hostile_files_run(module, monkeypatch, capsys):
    command = f"python -m hostile.{module} "
    (line,) = [line for block in blocks("sh") for line in block.splitlines() if command in line]
    monkeypatch.setattr("sys.argv", [module, "--help"])
    with pytest.raises(SystemExit, match="0"):
        importlib.import_module(f"hostile.{module}").main()
    usage = capsys.readouterr().out
    for word in shlex.split(line.partition(command)[2], comments=True):
        assert word in usage or word.isdigit()


def test_the_comparison_is_what_was_measured():
    measured = ROOT / "tests" / "benchmarks" / "peers" / "measured.json"
    shown = marked("peers", "docs/others.md")
    assert shown == table.readme(json.loads(measured.read_text(encoding="utf-8")))


def test_every_program_named_exists():
    named = set(re.findall(r"python -m ([\w.]+)", "".join(blocks("sh")))) - {
        "venv",
        "pytest",
        "mkdocs",
    }
    assert {"benchmarks", "hostile.corpus", "ops.backend", "packaged"} <= named
    for name in named:
        assert importlib.util.find_spec(name) is not None, name
