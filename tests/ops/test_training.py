"""Optimizers against onnx's reference, which follows the equations; onnxruntime has none."""

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

from ops.evaluate import Case, mismatches, one_node, outcome
from ops.probes import Steps
from rfgraph.ops.node import RuleError
from rfgraph.relations.steps import Everything

TRAINING = "ai.onnx.preview.training"
SHAPES = [(2, 1), (3,)]


class Reference(Steps):
    """Small steps under onnx's reference."""

    def __init__(self, case):
        self.evaluator = ReferenceEvaluator(one_node(case))
        self.case, self.outputs = case, self.evaluator.output_names
        self.starts = [self._start(np.random.default_rng(seed)) for seed in range(2)]
        self.before = [self._run(feeds) for feeds in self.starts]

    def _run(self, feeds):
        return dict(zip(self.outputs, self.evaluator.run(None, feeds), strict=True))


def optimizer(op, kinds, states, count=2, **attributes):
    shapes = [shape for _ in range(kinds) for shape in SHAPES[:count]]
    return Case(op, [(), (), *shapes], attributes, 1, (True,) * count * (states + 1), TRAINING)


MOMENTUM = {"alpha": 0.9, "beta": 0.8, "norm_coefficient": 0.1}


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    ("op", "kinds", "states", "attributes"),
    [
        ("Adagrad", 3, 1, {"norm_coefficient": 0.1, "decay_factor": 0.2, "epsilon": 1e-3}),
        ("Adam", 4, 2, {"norm_coefficient": 0.1, "norm_coefficient_post": 0.1}),
        ("Momentum", 3, 1, {"mode": "standard", **MOMENTUM}),
        ("Momentum", 3, 1, {"mode": "nesterov", **MOMENTUM}),
    ],
)
def test_an_optimizer_reads_the_same_index_of_its_own_tensors(op, kinds, states, attributes, count):
    """The count of updates is a number of steps, which the definition compares with zero."""
    case = optimizer(op, kinds, states, count, **attributes)
    assert mismatches(case, within=(1,), probe=Reference(case)) == []


def test_a_gradient_is_unknown():
    case = Case(
        "Gradient", [(2,), (3,)], {"xs": ["a"], "zs": ["b"], "y": "c"}, 1, (True,), TRAINING
    )
    assert outcome(case).shapes == ((2,),)
    assert [link.steps for link in outcome(case).links] == [(Everything((2,), unknown=True),)] * 2


INVALID = [
    (Case("Adam", [(), (), (2,)], {}, 1, (True,), TRAINING), "4 inputs for each tensor, found 3"),
    (Case("Adagrad", [(), ()], {}, 1, (True,), TRAINING), "3 inputs for each tensor, found 2"),
    (
        Case("Adagrad", [(), (), (2,), (3,), (2,)], {}, 1, (True,), TRAINING),
        "input 3 requires shape [2], found [3]",
    ),
    (
        Case("Adagrad", [(2,), (), (2,), (2,), (2,)], {}, 1, (True,), TRAINING),
        "input 0 requires one element",
    ),
    (Case("Gradient", [(2,)], {}, 1, (True,), TRAINING), "requires 1 to 1 names, found 0"),
]


@pytest.mark.parametrize(("case", "text"), INVALID, ids=str)
def test_an_invalid_node_says_what_it_requires_and_found(case, text):
    with pytest.raises(RuleError) as error:
        outcome(case)
    assert text in str(error.value)


def test_outputs_beyond_the_definition_have_no_links():
    case = optimizer("Adagrad", 3, 2, 1)
    assert {link.output for link in outcome(case).links} == {0, 1}
