"""onnx's own node tests as the judge: what sampled units are seen to read, rfgraph says they read.

By default a sample. `python -m pytest tests/ops/test_backend.py -m slow -s` judges all of them and
prints what ran, what was skipped and why; `python -m ops.backend` in tests/ does it without pytest.
"""

from __future__ import annotations

import random

import pytest

from ops.backend import sweep
from ops.backend.cases import Runtime, collected, modules, trial
from ops.backend.exceptions import Exempt
from ops.backend.judge import Unit, Verdict, judge, readings
from rfgraph.ops.registry import find_rule

# Their cases take seconds each to run or to import.
LONG = frozenset("ai_onnx_ml attention averagepool linear_attention lppool maxpool".split())


def sample(seed=6, count=24):
    """A few cases of a few modules, always the same ones."""
    drawn = random.Random(seed)
    wanted = drawn.sample([name for name in modules() if name not in LONG], count)
    cases = {case.name: case for case in collected(sorted(wanted))}
    return [cases[name] for name in drawn.sample(sorted(cases), min(60, len(cases)))]


def case(module, name):
    return next(case for case in collected([module]) if case.name == name)


def test_a_sample_of_the_node_tests_is_sound_and_exact():
    outcomes = list(sweep.run(sample()))
    assert sum(bool(outcome.verdicts) for outcome in outcomes) > 40
    assert sweep.wrong(outcomes) == []
    assert sweep.unlisted(outcomes) == []


@pytest.fixture(scope="module")
def everything():
    outcomes = list(sweep.run(collected()))
    print("", *sweep.report(outcomes), sep="\n")
    return outcomes


@pytest.mark.slow
def test_every_dependence_seen_lies_in_the_region(everything):
    assert sweep.wrong(everything) == []


@pytest.mark.slow
def test_operators_marked_exact_read_just_that_but_for_what_is_listed(everything):
    assert sweep.unlisted(everything) == []


@pytest.mark.slow
def test_no_listed_exception_is_stale(everything):
    assert sweep.stale(everything) == []


@pytest.mark.slow
def test_nearly_all_node_tests_run(everything):
    assert sum(bool(outcome.verdicts) for outcome in everything) >= 0.95 * len(everything)


# -- the judge is judged ---------------------------------------------------------------------------


def judged(module, name, other, key):
    """Judge a case with the rule of another operator in place of its own."""
    tried = trial(case(module, name))
    run = Runtime(tried)
    right = judge(tried, run)
    assert not right.wrong
    assert not right.inexact
    return judge(tried, run, (), {("", key): find_rule("", other).function})


def test_a_rule_that_leaves_out_an_axis_is_caught():
    found = judged("softmax", "test_softmax_axis_1", "Relu", "Softmax")
    assert found.wrong
    assert not found.shapes


def test_a_rule_that_reads_too_much_is_caught():
    found = judged("tanh", "test_tanh", "Softmax", "Tanh")
    assert not found.wrong
    assert found.inexact


def test_a_rule_with_another_shape_is_caught():
    found = judged("transpose", "test_transpose_default", "Relu", "Transpose")
    assert found.shapes


def test_steering_inputs_are_read_as_data_and_as_constants():
    tried = trial(case("slice", "test_slice"))
    assert readings(tried) == [(), ("starts", "ends", "axes", "steps")]
    run = Runtime(tried)
    data, constant = (judge(tried, run, names) for names in readings(tried))
    assert data.unknown
    assert (constant.units, constant.unknown, constant.inexact) == (constant.equal, 0, [])


def test_an_exception_covers_what_it_names_and_is_stale_without_it():
    unit = Unit("y", (0,), "W", ((0, 2),), ((0, 0),))
    verdict = Verdict("test_conv_1", exact=True, inexact=[unit])
    outcomes = [sweep.Outcome("test_conv_1", verdicts=[verdict])]
    fitting, other = Exempt("test_conv_*", "W B", "why"), Exempt("test_conv_*", "X", "why")
    assert sweep.unlisted(outcomes, [fitting]) == []
    assert len(sweep.unlisted(outcomes, [other])) == 1
    assert sweep.stale(outcomes, [fitting, other]) == [other]
    constant = Exempt("test_conv_*", "W", "why", constants=True)
    assert len(sweep.unlisted(outcomes, [constant])) == 1
