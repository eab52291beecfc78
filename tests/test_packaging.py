"""What is shipped, under which version, and by which commands it is verified."""

from __future__ import annotations

import ast
import email
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def source_version():
    """The literal assigned to __version__, read without running anything."""
    tree = ast.parse((ROOT / "rfgraph/version.py").read_text(encoding="utf-8"))
    (found,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        and [ast.unparse(target) for target in node.targets] == ["__version__"]
    )
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel as pip would build it: its file names and its metadata."""
    builder = pytest.importorskip("hatchling.builders.wheel")
    target = tmp_path_factory.mktemp("wheel")
    (path,) = builder.WheelBuilder(str(ROOT)).build(directory=str(target), versions=["standard"])
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def metadata(wheel):
    (name,) = (name for name in wheel if name.endswith(".dist-info/METADATA"))
    return email.message_from_bytes(wheel[name])


def test_readme_has_two_commands_and_ci_runs_exactly_those():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    commands = [line for line in lines if "venv .venv" in line]
    ran = subprocess.run(
        [str(ROOT / ".ci/run"), "commands"], capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines() == commands
    run, test = commands
    assert re.search(r"\.venv/bin/rfgraph fixtures/\S+\.onnx$", run)
    assert test.endswith(".venv/bin/python -m pytest")


def test_the_model_in_the_readme_is_there():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"fixtures/[\w./-]+\.onnx", text)
    assert named
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_workflows_run_ci_and_nothing_of_their_own():
    for workflow in (ROOT / ".github/workflows").glob("*.yml"):
        commands = re.findall(r"^ *-? *run: *(.*)$", workflow.read_text(encoding="utf-8"), re.M)
        ways = {f".ci/run {mode}" for mode in ("${{ matrix.mode }}", "package", "sweeps")}
        assert set(commands) <= ways, workflow.name


def test_actions_are_pinned_by_hash():
    files = [ROOT / "action.yml", *(ROOT / ".github/workflows").glob("*.yml")]
    for file in files:
        used = re.findall(r"uses: *(\S+)(.*)", file.read_text(encoding="utf-8"))
        for action, comment in used:
            pinned = re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action) and re.match(r" # v\d", comment)
            assert action == "./" or pinned, f"{file.name}: {action}"


def test_what_names_the_version_names_this_one():
    for name, pattern in (
        ("CITATION.cff", r"^version: (.*)$"),
        (".ci/conda/meta.yaml", r'set version = "(.*)"'),
        ("CHANGELOG.md", r"^## (\d[\d.]*)"),
    ):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert re.findall(pattern, text, re.M)[:1] == [source_version()], name


def test_the_recipe_needs_what_the_package_needs():
    recipe = (ROOT / ".ci/conda/meta.yaml").read_text(encoding="utf-8")
    needed = [item.partition(";")[0] for item in PYPROJECT["project"]["dependencies"]]
    run = recipe.partition("  run:")[2].partition("test:")[0]
    listed = {line.strip(" -").replace(" ", "") for line in run.splitlines() if line.strip()}
    assert set(needed) <= listed


def test_the_image_copies_what_there_is():
    for line in (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines():
        if line.startswith("COPY "):
            *sources, _ = line.split()[1:]
            assert [name for name in sources if not (ROOT / name).exists()] == []


def test_the_command_prints_the_one_version():
    assert "version" not in PYPROJECT["project"]
    printed = subprocess.run(
        [sys.executable, "-m", "rfgraph", "--version"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed.stdout == f"rfgraph {source_version()}\n"


def test_the_wheel_has_the_version_of_the_source(wheel):
    assert metadata(wheel)["Version"] == source_version()


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    package = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "rfgraph").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "rfgraph/py.typed" in package
    assert {name for name in wheel if ".dist-info/" not in name} == package


def test_the_wheel_carries_its_licence(wheel):
    (name,) = (name for name in wheel if name.endswith(".dist-info/licenses/LICENSE"))
    assert wheel[name] == (ROOT / "LICENSE").read_bytes()
    assert metadata(wheel)["License-Expression"] == "Apache-2.0"


def test_the_wheel_names_its_command_and_its_python(wheel):
    (name,) = (name for name in wheel if name.endswith(".dist-info/entry_points.txt"))
    assert "rfgraph = rfgraph.cli:main" in wheel[name].decode().splitlines()
    assert metadata(wheel)["Requires-Python"] == ">=3.10"


def test_every_dependency_has_a_lower_bound():
    project = PYPROJECT["project"]
    listed = [
        *PYPROJECT["build-system"]["requires"],
        *project["dependencies"],
        *(item for extra in project["optional-dependencies"].values() for item in extra),
        *(item for group in PYPROJECT["dependency-groups"].values() for item in group),
    ]
    outside = [item for item in listed if not item.startswith("rfgraph[")]
    assert [item for item in outside if not re.match(r"[\w-]+>=\d", item)] == []
