"""Caches against onnxruntime, the convolution with state against its definition."""

import numpy as np
import pytest

from ops.evaluate import Case, Data, mismatches, outcome, relations
from ops.probes import Steps, expanded
from rfgraph.ops.node import RuleError
from rfgraph.relations.axis_rules import Whole
from rfgraph.relations.steps import Reduce

HUGE = 2**62


def weights(*shape):
    return np.random.default_rng(0).uniform(0.5, 1, shape).astype(np.float32)


def ints(*values):
    return np.array(values, np.int64)


def causal(length, kernel, past, bias=False, channels=2, **attributes):
    inputs = [
        (2, channels, length),
        weights(channels, 1, kernel),
        weights(channels) if bias else None,
        (2, channels, kernel - 1) if past else None,
    ]
    return Case("CausalConvWithState", inputs, attributes, 27, (True, True))


@pytest.mark.parametrize("past", [False, True])
@pytest.mark.parametrize(("length", "kernel"), [(5, 3), (4, 2), (2, 4), (3, 1), (1, 3)])
def test_what_a_causal_convolution_reads_by_its_definition(length, kernel, past):
    case = causal(length, kernel, past, bias=past, activation="silu" if past else "none")
    assert mismatches(case, probe=Steps(case, expanded(case))) == []


def test_weights_and_bias_that_are_computed_are_read_by_their_channel():
    case = convolved((1, 2, 4), (2, 1, 2), (2,))
    assert mismatches(case, within=(1,), probe=Steps(case, expanded(case))) == []
    assert {link.spatial for link in outcome(case).links if link.input == 0} == {(2,)}


def convolved(*inputs):
    return Case("CausalConvWithState", inputs, {}, 27)


def scatter(shape, count, starts=None, axis=-2, mode="linear"):
    update = list(shape)
    update[axis] = count
    inputs = [shape, tuple(update)] if starts is None else [shape, tuple(update), starts]
    return Case("TensorScatter", inputs, {"axis": axis, "mode": mode}, 24)


UPDATES = [
    scatter((2, 2, 5, 2), 2),
    scatter((2, 5), 5, axis=1),
    scatter((2, 5, 1), 0),
    scatter((2, 5, 2), 2, ints(1, 1)),
    scatter((2, 5, 2), 2, ints(3, 0)),
    scatter((2, 2, 5, 1), 3, ints(4, 1), mode="circular"),
    scatter((2, 5, 2), 3, ints(8, 8), mode="circular"),
    scatter((2, 2, 4), 2, ints(2, 0), axis=-1),
    scatter((2, 3, 1), 3, ints(0, 0)),
]


@pytest.mark.parametrize("case", UPDATES, ids=str)
def test_what_a_written_cache_reads(case):
    assert mismatches(case) == []


def test_computed_starts_leave_the_place_of_the_update_unknown():
    case = scatter((2, 3, 2), 2, Data((2,), "int64", (0, 2)))
    assert mismatches(case, within=(0, 1)) == []
    (update,) = relations(case)[1]
    assert update.steps == (Reduce(((1, Whole(2, 3, unknown=True)),)),)


INVALID = [
    (convolved((1, 2, 4), weights(2, 2, 3)), "requires 2 kernels of depth 1, found [2, 2, 3]"),
    (convolved((1, 2, 4), (2, 1, 0)), "found [2, 1, 0]"),
    (convolved((1, 2, 4), weights(2, 1, 3), None, (1, 2, 3)), "input 3 requires shape [1, 2, 2]"),
    (convolved((1, 2, 4), weights(2, 1, 3), (3,)), "requires shape [2]"),
    (scatter((2, 4, 1), 2, axis=0), "other than 0"),
    (scatter((2, 4, 1), 5), "requires at most 4 positions, found 5"),
    (scatter((2, 4, 1), 2, ints(3, 0)), "write indices in [0, 2]"),
    (scatter((2, 4, 1), 2, np.zeros(2, np.float32)), "requires integers, found float32"),
    (scatter((2, 4, 1), 2, ints(3)), "input 2 requires shape [2], found [1]"),
    (scatter((2, 4, 1), 2, mode="round"), "'mode' requires one of linear, circular"),
    (Case("TensorScatter", [(2, 4, 1), (2, 2, 2)], {}, 24), "input 1 requires shape [2, 2, 1]"),
    (Case("TensorScatter", [(2, 4, 1), (2,)], {}, 24), "input 1 requires shape [2, 0, 1]"),
]


@pytest.mark.parametrize(("case", "text"), INVALID, ids=str)
def test_an_invalid_node_says_what_it_requires_and_found(case, text):
    with pytest.raises(RuleError) as error:
        outcome(case)
    assert text in str(error.value)


@pytest.mark.parametrize(
    ("case", "shape"),
    [
        (convolved((1, 2, HUGE), (2, 1, HUGE)), (1, 2, HUGE)),
        (scatter((2, HUGE, 1), HUGE), (2, HUGE, 1)),
        (scatter((2, HUGE, 1), 2, ints(1, 1)), (2, HUGE, 1)),
    ],
    ids=str,
)
def test_a_huge_length_costs_nothing(case, shape):
    assert outcome(case).shapes[0] == shape
