"""What the shells complete, asked of the shells themselves."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from rfgraph.cli import main

BASH = """
source {script}
COMP_WORDS=({words}) COMP_CWORD={last}
_rfgraph
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
ZSH = "autoload -Uz compinit && compinit -u -d {script}.dump\n" + BASH.replace(
    "COMP_WORDS=({words}) COMP_CWORD={last}\n_rfgraph\n",
    "setopt ksharrays shwordsplit\nCOMP_WORDS=({words}) COMP_CWORD={last}\n_rfgraph\n",
)
FISH = "source {script}; complete -C {line}"

ASKED = [
    ("rfgraph ti", {"tiles"}, {"paths"}),
    ("rfgraph model.onnx --lay", {"--layers"}, {"--min-rf"}),
    ("rfgraph check --min", {"--min-rf", "--min-covering"}, {"--layers"}),
    ("rfgraph check m.onnx --format s", {"sarif"}, {"csv"}),
    ("rfgraph model.onnx --format c", {"csv"}, {"sarif"}),
    ("rfgraph tiles mod", {"model.onnx"}, {"paths"}),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("completion")
    (made / "model.onnx").touch()
    (made / "a net.onnx").touch()
    return made


def script_of(shell, folder, capsys):
    assert main(["completion", shell]) == 0
    path = folder / f"rfgraph.{shell}"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    return path


def completed(shell, line, folder, capsys):
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    template = {"bash": BASH, "zsh": ZSH, "fish": FISH}[shell]
    words = line.split(" ")
    text = template.format(
        script=script_of(shell, folder, capsys),
        words=" ".join(f"'{word}'" for word in words),
        last=len(words) - 1,
        line=f"'{line}'",
    )
    ran = subprocess.run(
        [shell, "-c", text], cwd=folder, capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stderr == ""
    return {given.split("\t")[0] for given in ran.stdout.splitlines()}


@pytest.mark.parametrize(("line", "there", "absent"), ASKED)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes(shell, line, there, absent, folder, capsys):
    words = completed(shell, line, folder, capsys)
    assert there <= words
    assert not absent & words


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_name_with_a_space_is_one(shell, folder, capsys):
    assert "a net.onnx" in completed(shell, "rfgraph tiles a", folder, capsys)


def test_the_shell_must_be_known(capsys):
    assert main(["completion", "cmd"]) == 2
    assert "bash" in capsys.readouterr().err
