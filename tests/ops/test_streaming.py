"""Rotary embeddings against onnxruntime, linear attention against its definition."""

import numpy as np
import pytest

from ops.evaluate import Case, Data, claims, mismatches, outcome, reads, relations
from ops.probes import Steps, expanded
from rfgraph.ops.node import RuleError
from rfgraph.relations.axis_rules import Whole
from rfgraph.relations.steps import Pointwise, Reduce

HUGE = 2**62


def ints(*values):
    return np.array(values, np.int64)


def rotary(inputs, **attributes):
    return Case("RotaryEmbedding", inputs, attributes, 23)


POSITIONS = np.array([[2, 0, 1], [1, 1, 3]])
ROTATIONS = [
    rotary([(2, 2, 3, 4), (2, 3, 2), (2, 3, 2)]),
    rotary([(2, 2, 3, 4), (2, 3, 2), (2, 3, 2)], interleaved=1),
    rotary([(2, 3, 8), (2, 3, 2), (2, 3, 2)], num_heads=2),
    rotary([(1, 3, 12), (1, 3, 1), (1, 3, 1)], num_heads=2, rotary_embedding_dim=2, interleaved=1),
    rotary([(1, 1, 3, 6), (1, 3, 2), (1, 3, 2)], rotary_embedding_dim=4, num_heads=1),
    rotary([(2, 2, 3, 4), (4, 2), (4, 2), POSITIONS]),
    rotary([(2, 3, 4), (4, 1), (4, 1), POSITIONS], num_heads=2, interleaved=1),
]


@pytest.mark.parametrize("case", ROTATIONS, ids=str)
def test_what_a_rotation_reads(case):
    assert mismatches(case) == []


def test_computed_positions_make_the_row_of_a_computed_cache_unknown():
    case = rotary([(2, 1, 3, 6), (4, 2), (4, 2), Data((2, 3), "int64", (0, 4))])
    case = rotary(case.inputs, rotary_embedding_dim=4, num_heads=1)
    assert mismatches(case, within=(1, 2)) == []
    (cosines,) = relations(case)[1]
    assert cosines.steps[0] == Reduce(((0, Whole(4, 6, unknown=True)),))


def linear(inputs, rule, heads=2, groups=2, outputs=(True, True)):
    attributes = {"q_num_heads": heads, "kv_num_heads": groups, "update_rule": rule}
    return Case("LinearAttention", inputs, attributes, 27, outputs)


PAST = (1, 2, 2, 3)
PACKED = [(1, 3, 4), (1, 3, 4), (1, 3, 6)]
WIDE, HEADS, ONE = (1, 3, 4), (1, 3, 2), (1, 3, 1)
UPDATES = [
    linear([*PACKED, PAST], "linear"),
    linear([*PACKED, PAST, WIDE], "gated"),
    linear([*PACKED, PAST, HEADS, HEADS], "gated"),
    linear([*PACKED, PAST, None, HEADS], "delta"),
    linear([*PACKED, PAST, None, ONE], "delta"),
    linear([*PACKED, PAST, WIDE, HEADS], "gated_delta"),
    linear([*PACKED, PAST, HEADS, ONE], "gated_delta"),
    linear([(1, 3, 8), *PACKED[1:], PAST, HEADS, HEADS], "gated_delta", heads=4),
    linear([(1, 3, 8), *PACKED[1:], PAST, WIDE], "gated", heads=4),
    linear([(2, 2, 4), (2, 2, 1), (2, 2, 2), (2, 1, 1, 2), (2, 2, 1)], "gated", 4, 1),
]


@pytest.mark.parametrize("case", UPDATES, ids=str)
def test_what_linear_attention_reads_by_its_definition(case):
    assert mismatches(case, probe=Steps(case, expanded(case))) == []


@pytest.mark.parametrize("rule", ["linear", "gated", "delta", "gated_delta"])
def test_without_a_past_the_first_step_starts_from_zeros(rule):
    """Zeros are a value, not looked at: what is multiplied with them is a bound on what is seen."""
    case = linear([*PACKED, None, WIDE, HEADS], rule)
    assert mismatches(case, within=(1, 4), probe=Steps(case, expanded(case))) == []
    with_past = linear([*PACKED, PAST, WIDE, HEADS], rule)
    assert all(claims(case, slot) == claims(with_past, slot) for slot in (0, 1, 2))


def test_a_single_output_has_no_links_to_the_state():
    assert {
        link.output for link in outcome(linear([*PACKED], "linear", outputs=(True,))).links
    } == {0}


def test_a_state_is_handed_on_by_its_own_rows_or_by_all():
    (plain,) = relations(UPDATES[1], 1)[3]
    (mixed,) = relations(UPDATES[3], 1)[3]
    assert plain.steps == (Pointwise(PAST),)
    assert reads(mixed, (0, 1, 0, 2)) == {(0, 1, 0, 2), (0, 1, 1, 2)}


INVALID = [
    (rotary([(1, 2, 3, 5), (1, 3, 2), (1, 3, 2)]), "even number of at most 5"),
    (rotary([(1, 2, 3, 4), (1, 3, 2), (1, 3, 2)], rotary_embedding_dim=6), "at most 4"),
    (rotary([(1, 3, 4), (1, 3, 2), (1, 3, 2)]), "requires attribute 'num_heads'"),
    (rotary([(1, 3, 4), (1, 3, 2), (1, 3, 2)], num_heads=3), "requires a divisor of 4, found 3"),
    (rotary([(1, 2, 3, 4), (1, 3, 1), (1, 3, 2)]), "input 1 requires shape [1, 3, 2]"),
    (rotary([(1, 2, 3, 4), (5, 2), (5, 1), (1, 3)]), "input 2 requires shape [5, 2]"),
    (rotary([(1, 2, 3, 4), (5, 2), (5, 2), (3,)]), "input 3 requires shape [1, 3]"),
    (rotary([(1, 2, 1, 4), (5, 2), (5, 2), ints(5).reshape(1, 1)]), "position_ids requires"),
    (linear(PACKED, "nearly"), "'update_rule' requires one of linear, gated, delta, gated_delta"),
    (linear(PACKED, "linear", heads=3), "that of key heads, found 3 and 2"),
    (linear(PACKED, "linear", groups=0), "found 2 and 0"),
    (linear([(1, 3, 5), *PACKED[1:]], "linear"), "input 0 requires shape [1, 3, 4]"),
    (linear([PACKED[0], (1, 2, 4), PACKED[2]], "linear"), "input 1 requires shape [1, 3, 4]"),
    (linear([*PACKED[:2], (1, 3, 5)], "linear"), "input 2 requires shape [1, 3, 4]"),
    (linear([*PACKED, (1, 2, 3, 2)], "linear"), "input 3 requires shape [1, 2, 2, 3]"),
    (linear([*PACKED, None, (1, 3, 3)], "gated"), "shape [1, 3, 4] or [1, 3, 2], found [1, 3, 3]"),
    (linear(PACKED, "delta"), "requires input 5, which is missing"),
]


@pytest.mark.parametrize(("case", "text"), INVALID, ids=str)
def test_an_invalid_node_says_what_it_requires_and_found(case, text):
    with pytest.raises(RuleError) as error:
        outcome(case)
    assert text in str(error.value)


@pytest.mark.parametrize(
    ("case", "shape"),
    [
        (rotary([(1, HUGE, 3, 4), (1, 3, 2), (1, 3, 2)]), (1, HUGE, 3, 4)),
        (rotary([(1, 2, HUGE, 4), (HUGE, 2), (HUGE, 2), (1, HUGE)]), (1, 2, HUGE, 4)),
        (rotary([(1, 2, 3, 0), (1, 3, 0), (1, 3, 0)]), (1, 2, 3, 0)),
        (linear([(1, HUGE, 4), (1, HUGE, 4), (1, HUGE, 6)], "linear"), (1, HUGE, 6)),
    ],
    ids=str,
)
def test_a_huge_or_empty_length_costs_nothing(case, shape):
    assert outcome(case).shapes[0] == shape
