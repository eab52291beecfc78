"""The command line and hostile files: one line and an exit code, or a harmless report."""

import csv
import io
import itertools
import json
import xml.etree.ElementTree as ET

import pytest

from hostile import corpus, names
from hostile.commands import commands, problems, run
from hostile.make import conv_chain

EVERY = 90  # so many of the corpus in the default suite: one of this many


@pytest.fixture
def ask(tmp_path):
    """Ask everything of some bytes, and return what is wrong with any of the answers."""

    def ask_it(data):
        path = tmp_path / "model.onnx"
        path.write_bytes(data)
        found = {}
        for line in commands(str(path), str(tmp_path / "plot.svg")):
            wrong = problems(line, *run(line))
            if wrong:
                found[" ".join(line)] = wrong
        return found

    return ask_it


def test_a_sample_of_the_corpus(ask):
    for case in itertools.islice(corpus.quick(), 0, None, EVERY):
        assert ask(case.make()) == {}, case.id


@pytest.mark.slow
def test_the_whole_corpus(ask):
    for case in corpus.quick():
        assert ask(case.make()) == {}, case.id


@pytest.mark.parametrize("label", ["escape", "newlines"])
def test_names_that_act(ask, label):
    name = names.NAMES[label]
    assert ask(names.everywhere(name).SerializeToString()) == {}
    assert ask(names.wrong(name).SerializeToString()) == {}


@pytest.mark.slow
@pytest.mark.parametrize("label", names.NAMES)
def test_every_name_that_acts(ask, label):
    name = names.NAMES[label]
    assert ask(names.everywhere(name).SerializeToString()) == {}
    assert ask(names.wrong(name).SerializeToString()) == {}


@pytest.mark.parametrize("label", ["github late", "xml", "formula", "null", "quotes", "long"])
def test_machines_can_read_what_names_are_in(tmp_path, label):
    path = tmp_path / "m.onnx"
    path.write_bytes(names.everywhere(names.NAMES[label]).SerializeToString())
    model = str(path)
    for line in ([model, "--format", "json"], ["paths", model, "--format", "json"]):
        json.loads(run(line)[1])
    for form in ("json", "sarif"):
        json.loads(run(["check", model, "--select", "all", "--format", form])[1])
    ET.fromstring(run(["check", model, "--select", "all", "--format", "junit"])[1])
    rows = list(csv.reader(io.StringIO(run([model, "--format", "csv"])[1])))
    assert len({len(row) for row in rows}) == 1
    assert not any(cell[:1] in set("=+@") for row in rows for cell in row)
    for line in run(["check", model, "--select", "all", "--format", "github"])[1].splitlines():
        assert line.startswith(("::error ", "::warning ", "::notice ")) or "::" not in line


def test_what_could_not_be_analysed_fails_the_check(tmp_path):
    path = tmp_path / "m.onnx"
    # Before the operator that nobody knows, the field covers the input.
    proto = conv_chain(41, length=8)
    proto.graph.node[40].op_type = "Unheard"
    path.write_bytes(proto.SerializeToString())
    for form in ("text", "json", "sarif", "junit", "github"):
        code, out, _ = run(["check", str(path), "--format", form])
        assert code == 1
        assert "unknown" in out
    for form in ("text", "json", "csv", "markdown"):
        code, out, _ = run([str(path), "--format", form])
        assert code == 0
        assert "unknown" in out


def test_an_unreadable_file_beside_a_readable_one(tmp_path):
    good, bad = tmp_path / "good.onnx", tmp_path / "bad.onnx"
    good.write_bytes(conv_chain(40, length=8).SerializeToString())
    bad.write_bytes(b"\xff" * 100)
    for form in ("text", "json", "sarif", "junit", "github"):
        code, out, err = run(["check", str(bad), str(good), "--format", form])
        assert code == 2
        assert "bad.onnx" in out + err


@pytest.mark.parametrize(
    ("line", "outcome", "word"),
    [
        (["m"], (1, "", ""), "exit code 1"),
        (["check", "m"], (139, "", ""), "exit code 139"),
        (["m"], (2, "", ""), "exit code 2 with ''"),
        (["m"], (0, "", "warning\n"), "exit code 0 with"),
        (["m"], (2, "half", "e\n"), "an error and a report"),
        (["m"], (2, "", "e" * 301 + "\n"), "not one line"),
        (["m"], (2, "", "a\nb\n"), "not one line"),
        (["m"], (2, "", "Traceback (most recent call last):\n"), "Traceback"),
        (["m"], (0, "\x1b[31m", ""), "characters that act"),
        (["m"], (0, "\u202e", ""), "characters that act"),
        (["m"], (0, "x" * (1 << 23), ""), "characters of output"),
    ],
)
def test_another_end_is_a_problem(line, outcome, word):
    assert any(word in text for text in problems(line, *outcome))
