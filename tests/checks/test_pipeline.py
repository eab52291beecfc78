"""What a team puts into its pipeline: the pytest plugin, the GitHub Action, the pre-commit hook."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import textwrap
from functools import partial
from pathlib import Path

import pytest

import rfgraph
from checks import nets
from rfgraph import cli

# The fixture is imported for where the package, and with it its entry point, is not installed.
from rfgraph.pytest_plugin import assert_receptive_field, rfgraph_check  # noqa: F401

ROOT = nets.FOLDER.parent
ACTION = ROOT / "action.yml"
WORKFLOW = ROOT / ".github/workflows/rfgraph.yml"


# -- pytest ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "densenet201", "inception_v3"])
def test_the_region_of_the_classifiers_covers_their_input(rfgraph_check, name):  # noqa: F811
    rfgraph_check(nets.fixture(name), stat="union", select=["RF001", "RF002", "RF005"])


def test_the_message_of_the_failure_is_the_finding():
    with pytest.raises(AssertionError) as caught:
        assert_receptive_field(nets.fixture("resnet50"))
    expected = [f"RF001 error: {f.message}" for f in rfgraph.check(nets.fixture("resnet50"))]
    assert str(caught.value).splitlines() == expected
    with pytest.raises(rfgraph.ModelError):
        assert_receptive_field(b"not a model")


TEST = """
def test_net(rfgraph_check):
    rfgraph_check({model!r}, stat={stat!r})
"""


def pytest_run(folder, *options):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "rfgraph.pytest_plugin", "-q", *options, folder],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
    )


def test_a_project_gets_the_fixture_and_a_short_failure(tmp_path):
    for number, stat in enumerate(("union", "min")):
        text = TEST.format(model=nets.fixture("resnet50"), stat=stat)
        (tmp_path / f"test_{number}.py").write_text(text, encoding="utf-8")
    done = pytest_run(tmp_path)
    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout
    assert "RF001 error: tensor 'layer4.2.relu_out' on input 'input', axes 2, 3" in done.stdout
    assert "pytest_plugin.py" not in done.stdout


CONFIG = """
[tool.rfgraph]
stat = "union"
input-shape = [1, 2, 9]

[[tool.rfgraph.models]]
pattern = "nets/strict.onnx"
stat = "min"
select = "RF001,RF007"
baseline = "base.json"
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with settings, one net by the name that a pattern has, and the plugin's fixture."""
    model = nets.residual(length=9)
    (tmp_path / "nets").mkdir()
    for name in ("strict", "other"):
        (tmp_path / "nets" / f"{name}.onnx").write_bytes(model.SerializeToString())
    (tmp_path / "base.json").write_text(json.dumps(rfgraph.analyze(model).to_dict()), "utf-8")
    config = tmp_path / "pyproject.toml"
    config.write_text(CONFIG, "utf-8")
    monkeypatch.chdir(tmp_path)
    return partial(assert_receptive_field, config=config)


def test_the_fixture_takes_the_settings_of_the_project(project, tmp_path):
    # By hand: sizes 1, 5, 5, 9 on an input of 9: the region covers it, the smallest path does not.
    project("nets/other.onnx")
    with pytest.raises(AssertionError, match=r"required 9, found 1 \(min\)"):
        project("nets/strict.onnx")
    project("nets/strict.onnx", stat="union")
    with pytest.raises(AssertionError, match=r"required 9, found 5 \(median\)"):
        project(Path("nets/other.onnx"), stat="median")
    # Bytes have no name that a pattern could match; a model that is loaded is bound already.
    project(Path("nets/strict.onnx").read_bytes())
    project(rfgraph.load("nets/strict.onnx"))
    project(rfgraph.analyze("nets/strict.onnx"))
    with pytest.raises(rfgraph.UsageError, match="input_shapes is said when a model is loaded"):
        project(rfgraph.load("nets/strict.onnx"), input_shapes={"": (1, 2, 9)})
    (tmp_path / "nets" / "strict.onnx").unlink()
    with pytest.raises(rfgraph.UsageError, match="pattern 'nets/strict"):
        project("nets/other.onnx")


def test_the_fixture_is_given_the_settings_that_the_command_finds(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.rfgraph]\nstat = 'union'\n", "utf-8")
    (tmp_path / "tests").mkdir()
    for stat in ("None", "'min'"):
        call = f"rfgraph_check({nets.fixture('resnet50')!r}, stat={stat})"
        text = f"def test_net(rfgraph_check):\n    {call}\n"
        (tmp_path / "tests" / f"test_{stat.strip(chr(39))}.py").write_text(text, "utf-8")
    done = pytest_run(tmp_path)
    assert "1 failed, 1 passed" in done.stdout, done.stdout


def test_an_unknown_setting_of_the_fixture_is_named():
    with pytest.raises(TypeError, match=r"check\(\) got .* Did you mean 'stat'"):
        assert_receptive_field(nets.fixture("resnet50"), stta="union")


def test_the_plugin_imports_nothing_heavy_until_it_is_used(tmp_path):
    text = """
        import sys

        def test_light(rfgraph_check):
            assert not {"onnx", "numpy", "networkx", "rich"} & set(sys.modules)
    """
    (tmp_path / "test_light.py").write_text(textwrap.dedent(text), encoding="utf-8")
    done = pytest_run(tmp_path)
    assert "1 passed" in done.stdout, done.stdout


# -- GitHub Actions --------------------------------------------------------------------------------


def blocks(text, key):
    """The values of a key in a YAML file: the rest of the line, or the indented lines after `|`."""
    pattern = rf"^( *)(?:- )?{key}: *(.*)\n((?:\1 +.*\n|\n)*)"
    return [
        textwrap.dedent(match[3]) if match[2] == "|" else match[2]
        for match in re.finditer(pattern, text, re.M)
    ]


def test_the_workflow_checks_the_fixtures_and_they_pass(monkeypatch, capsys):
    text = WORKFLOW.read_text(encoding="utf-8")
    steps = text.split("- uses: ./")[1:]
    assert len(steps) == 2
    monkeypatch.chdir(ROOT)
    for step in steps:
        (models,) = blocks(step, "models")
        arguments = shlex.split("".join(blocks(step, "arguments")))
        assert cli.main(["check", *arguments, "--", *models.split()]) == 0
        assert ": every rule holds (RF001" in capsys.readouterr().out


def installed(folder):
    """Put the program where the action's first step installs it."""
    program = folder / "rfgraph" / "bin" / "rfgraph"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m rfgraph "$@"\n', encoding="utf-8")
    program.chmod(0o755)


@pytest.fixture
def action(tmp_path):
    """Run the step of the action that checks, with inputs as the runner gives them."""
    script = blocks(ACTION.read_text(encoding="utf-8"), "run")[1]
    installed(tmp_path)

    def run_it(models, arguments=""):
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            check=False,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=os.environ
            | {
                "PYTHONPATH": str(ROOT),
                "RUNNER_TEMP": str(tmp_path),
                "RFGRAPH_MODELS": models,
                "RFGRAPH_ARGUMENTS": arguments,
            },
        )

    return run_it


def test_the_action_ends_with_the_code_of_the_check(action):
    resnet = nets.fixture("resnet50")
    done = action(f"\n  {resnet}\n\n  {nets.fixture('alexnet')}\n", "--stat union")
    assert (done.returncode, done.stdout) == (0, "2 models: every rule holds (RF001)\n")
    done = action(resnet)
    assert done.returncode == 1
    assert done.stdout.count("::error file=") == 1
    assert action("missing.onnx").returncode == 2
    assert action("").returncode == 2


def test_no_line_of_the_arguments_is_left_out(action):
    done = action(nets.fixture("resnet50"), "--stat union\n\n--select RF001,RF004\n  --quiet\n")
    assert (done.returncode, done.stdout) == (0, "1 model: every rule holds (RF001, RF004)\n")
    assert action(nets.fixture("resnet50"), "--stat union\n--min-rf 428").returncode == 1


def test_what_the_action_is_given_is_never_run(action, tmp_path):
    spaced = tmp_path / "my net.onnx"
    spaced.write_bytes(Path(nets.fixture("alexnet")).read_bytes())
    assert action("my net.onnx").returncode == 0
    done = action("$(touch forged)\n`touch forged`; touch forged", "--at $(touch forged)")
    assert done.returncode == 2
    assert action("--exit-zero").returncode == 2
    assert not (tmp_path / "forged").exists()


@pytest.fixture
def comparison(tmp_path, monkeypatch):
    """Run the step of the action that compares, in a repository with one changed model.

    Returns its code, the summary, and what it posts (by a `gh` that keeps what it is given).
    """
    script = blocks(ACTION.read_text(encoding="utf-8"), "run")[2]
    installed(tmp_path)
    posting = tmp_path / "tools" / "gh"
    posting.parent.mkdir()
    posting.write_text('#!/bin/sh\necho "$@" >"$RUNNER_TEMP/posted"\n', encoding="utf-8")
    posting.chmod(0o755)
    project = tmp_path / "my project"
    (project / "nets").mkdir(parents=True)
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for name in ("resnet50_v1", "resnet50"):
        (project / "nets" / "a net.onnx").write_bytes(Path(nets.fixture(name)).read_bytes())
        (project / "same.onnx").write_bytes(Path(nets.fixture("dilated")).read_bytes())
        for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", name]):
            subprocess.run(["git", *command], cwd=project, check=True)

    def run_it(base, fail_on="", token=""):
        summary = tmp_path / "summary.md"
        summary.write_text("", encoding="utf-8")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            check=False,
            capture_output=True,
            text=True,
            cwd=project,
            env=os.environ
            | {
                "PATH": f"{posting.parent}{os.pathsep}{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),
                "RUNNER_TEMP": str(tmp_path),
                "GITHUB_STEP_SUMMARY": str(summary),
                "GITHUB_REF": "refs/pull/7/merge",
                "GITHUB_REPOSITORY": "a/b",
                "RFGRAPH_MODELS": "nets\n*.onnx",
                "RFGRAPH_BASE": base,
                "RFGRAPH_FAIL_ON": fail_on,
                "GH_TOKEN": token,
            },
        )
        posted = tmp_path / "posted"
        return done.returncode, summary.read_text("utf-8"), posted.exists() and posted.read_text()

    return run_it


def test_the_action_compares_changed_models_with_a_revision(comparison, tmp_path):
    code, summary, posted = comparison("HEAD~1")
    assert (code, posted) == (0, False)
    assert summary.count("### Receptive field: ") == 1
    assert "| receptive field | 483 | 427 |" in summary
    code, summary, posted = comparison("HEAD~1", "smaller", "token")
    assert code == 1
    assert posted.startswith("pr comment 7 --repo a/b --body-file ")
    assert comparison("HEAD") == (0, "", posted)
    assert comparison("--output=forged")[0] != 0
    assert not list(tmp_path.rglob("forged"))


def test_the_action_interpolates_inputs_into_variables_only():
    text = ACTION.read_text(encoding="utf-8")
    for script in blocks(text, "run"):
        assert "${{" not in script
    used = set(re.findall(r"\$\{\{ inputs\.(\w+) \}\}", text))
    inputs = text.partition("inputs:\n")[2].partition("\nruns:")[0]
    assert used == set(re.findall(r"^  (\w+):$", inputs, re.M))


# -- pre-commit ------------------------------------------------------------------------------------


def test_the_hook_runs_the_command_on_models():
    text = (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    assert blocks(text, "entry") == ["rfgraph check"]
    (pattern,) = blocks(text, "files")
    assert re.search(pattern, "nets/deep.onnx")
    assert not re.search(pattern, "nets/deep.onnx.json")


def test_the_keywords_are_those_of_check():
    with pytest.raises(AssertionError, match="RF009"):
        assert_receptive_field(nets.fixture("wav2vec2"), select="RF009", max_lookahead=398)
    assert_receptive_field(nets.fixture("wav2vec2"), select="RF009", max_lookahead=399)
