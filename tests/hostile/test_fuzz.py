"""The mutation fuzzer finds nothing, and would find something if there were something."""

import pytest

from hostile import fuzz
from hostile.mutate import mutated
from rfgraph.analysis.result import analyze

# Those that follow are a step of .ci/run.
SEEDS = range(150)


def test_nothing_escapes_from_the_first_mutants():
    tally = fuzz.fuzz(SEEDS)
    assert tally.escapes == {}, str(tally)
    assert tally.count == len(SEEDS)
    # Mutants that are all refused, or all harmless, would try nothing.
    assert min(tally.loaded, tally.refused) > len(SEEDS) // 5


def test_a_mutant_is_the_same_for_the_same_seed():
    data = fuzz.sources()[0]
    made = {mutated(data, seed) for seed in range(100)}
    assert made == {mutated(data, seed) for seed in range(100)}
    assert len(made) > 80
    assert fuzz.mutant(7) == fuzz.mutant(7)


def broken(monkeypatch):
    """Make the analysis fall over whatever has a tensor with an axis of length 8."""
    real = analyze

    def fails(model, **options):
        if any(8 in (shape or ()) for _, shape in model.graph.nodes(data="shape")):
            raise KeyError("broken on purpose")
        return real(model, **options)

    monkeypatch.setattr("rfgraph.analyze", fails)


def test_a_broken_analysis_is_caught(monkeypatch):
    broken(monkeypatch)
    tally = fuzz.fuzz(range(100_000, 100_020))
    ((where, seeds),) = tally.escapes.items()
    assert "KeyError" in where
    assert "in analyze" in where
    assert len(seeds) > 1
    assert f"{len(seeds)} x {where}" in str(tally)


def test_a_hang_is_caught(monkeypatch):
    def hang(_model):
        while True:
            pass

    monkeypatch.setattr("rfgraph.analyze", hang)
    seed = next(seed for seed in range(100) if fuzz.fuzz(range(seed, seed + 1), 0.3).loaded)
    tally = fuzz.fuzz(range(seed, seed + 1), 0.3)
    assert [where.split()[0] for where in tally.escapes] == ["TookTooLong"]


def test_an_escape_can_be_shown(monkeypatch, capsys):
    broken(monkeypatch)
    (seeds,) = fuzz.fuzz(range(100_000, 100_020)).escapes.values()
    assert fuzz.show(seeds[0]) == 1
    printed = capsys.readouterr().out
    assert "Traceback" in printed
    assert "broken on purpose" in printed


@pytest.mark.parametrize(("fails", "code"), [(False, 0), (True, 1)])
def test_the_program_says_so_by_its_exit_code(monkeypatch, capsys, fails, code):
    if fails:
        broken(monkeypatch)
    # Processes of their own would not be broken.
    monkeypatch.setattr(fuzz, "parallel", lambda seeds, _: fuzz.fuzz(seeds))
    monkeypatch.setattr("sys.argv", ["fuzz", "--seed", "100000", "--count", "20"])
    assert fuzz.main() == code
    assert "20 mutations" in capsys.readouterr().out


def test_processes_of_their_own_count_alike():
    apart, here = fuzz.parallel(range(5), 1), fuzz.fuzz(range(5))
    assert (apart.count, apart.loaded, apart.refused) == (here.count, here.loaded, here.refused)
