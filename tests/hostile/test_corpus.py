"""Every file of the corpus ends as it must: refused by name, or answered, and never otherwise."""

from collections import defaultdict

import pytest

from hostile import apart, corpus
from hostile.cases import answered, either, refused
from hostile.make import model, node
from hostile.probe import probe
from rfgraph import errors

SECONDS = 20.0  # for each question, of this process's own time
SAMPLE = ["a field of 10^12", "1,000 outputs"]
CLASSES = ["graph", "lengths", "names", "plain", "recursion", "truncation", "types", "wire"]
RELU = model([node("Relu", "x", "y", "r")])
LOST = model([node("Add", "x gone", "y", "dangles")])


def wrong(cases):
    """What is not as it must be, by case."""
    return {
        case.id: found
        for case in cases
        if (found := corpus.problems(case, probe(case.make(), SECONDS)))
    }


@pytest.fixture(scope="module")
def quick():
    found = defaultdict(list)
    for case in corpus.quick():
        found[case.group].append(case)
    return found


@pytest.mark.parametrize("group", CLASSES)
def test_every_file_of_a_class_ends_as_it_must(quick, group):
    assert wrong(quick[group]) == {}


def test_each_case_has_a_name_of_its_own(quick):
    assert sorted(quick) == CLASSES
    every = [case.id for group in quick.values() for case in group] + corpus.large_names()
    assert len(set(every)) == len(every)
    assert len(every) > 1300


def test_operators_with_one_extreme_value():
    assert wrong(corpus.values(corpus.SHARE)) == {}


@pytest.mark.slow
def test_operators_with_every_extreme_value():
    assert wrong(corpus.values()) == {}


def large(name):
    return next(case for case in corpus.large() if case.id == name)


@pytest.mark.slow
def test_the_names_of_the_large_ones():
    assert sorted(case.id for case in corpus.large()) == sorted(corpus.large_names())


@pytest.mark.parametrize("name", [f"scale: {name}" for name in SAMPLE])
def test_a_large_graph(name):
    case = large(name)
    found = apart.apart(case, memory=2 << 30)
    assert corpus.problems(case, found) == []
    assert found.loaded


@pytest.mark.slow
@pytest.mark.parametrize("name", corpus.large_names())
def test_every_large_graph(name):
    case = large(name)
    assert corpus.problems(case, apart.apart(case)) == []


# -- the corpus itself -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "word"),
    [
        (refused("g", "valid", RELU), "answered"),
        (refused("g", "by another name", LOST, "elsewhere"), "elsewhere"),
        (either("g", "by no name", LOST, "nowhere", "elsewhere"), "elsewhere"),
        (answered("g", "invalid", LOST), "refused"),
    ],
)
def test_another_end_is_a_problem(case, word):
    (text,) = corpus.problems(case, probe(case.make()))
    assert word in text


def test_an_expected_end_is_none():
    for case in (answered("g", "valid", RELU), refused("g", "lost", LOST, "dangles", "'gone'")):
        assert corpus.problems(case, probe(case.make())) == []


@pytest.mark.parametrize("error", [ValueError("a"), MemoryError(), RecursionError("b")])
def test_an_error_of_another_kind_is_a_problem(monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr("rfgraph.onnxfile.builder.Builder.walk", fail)
    found = probe(RELU.SerializeToString())
    assert corpus.problems(either("g", "n", RELU), found) == [f"load: {error!r} escaped"]


def test_an_error_that_acts_on_a_terminal_is_a_problem(monkeypatch):
    def fail(*_):
        raise errors.ModelError("one\ntwo")

    monkeypatch.setattr("rfgraph.onnxfile.builder.Builder.walk", fail)
    (text,) = corpus.problems(either("g", "n", RELU), probe(RELU.SerializeToString()))
    assert "not one clean line" in text


def test_what_takes_too_long_is_a_problem(monkeypatch):
    def hang(*_):
        while True:
            pass

    monkeypatch.setattr("rfgraph.onnxfile.builder.Builder.walk", hang)
    (text,) = corpus.problems(either("g", "n", RELU), probe(RELU.SerializeToString(), 0.2))
    assert "TookTooLong" in text


def test_a_process_without_memory_is_a_problem():
    found = apart.apart(large(f"scale: {SAMPLE[1]}"), memory=1 << 20)
    assert any("MemoryError" in text or "ended with" in text for text in found.escaped.values())


def test_a_process_that_dies_is_a_problem():
    found = apart.apart(either("scale", "no such case", b""), memory=-1)
    assert "ended with 1" in found.escaped["process"]


def test_the_table_counts(capsys, monkeypatch):
    some = [
        answered("a", "valid", RELU),
        refused("a", "lost", LOST, "dangles"),
        refused("b", "valid", RELU),
    ]
    monkeypatch.setitem(corpus.PARTS, "quick", lambda: iter(some))
    monkeypatch.setattr("sys.argv", ["corpus", "quick"])
    assert corpus.main() == 1
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "b: valid: answered, not refused".split()
    assert lines[2] == ["a", "2", "100.0%", "1", "1", "100.0%"]
    assert lines[-1] == ["all", "3", "100.0%", "1", "1", "100.0%"]
