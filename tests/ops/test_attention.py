"""Attention against onnxruntime, and against the definition where onnxruntime has no kernel."""

import numpy as np
import pytest

from ops.evaluate import Case, Data, claims, mismatches, outcome, reads, relations
from ops.probes import Steps, expanded
from rfgraph.ops.node import RuleError, UnresolvedError
from rfgraph.relations.axis_rules import Band
from rfgraph.relations.steps import Prefix, Reduce
from rfgraph.wording.names import quote

HUGE = 2**62
ALL = (True, True, True, True)


def apart(queries=3, keys=4, heads=2, groups=1, size=2, value_size=3, batch=1):
    """Return the shapes of queries, keys and values with the heads on an axis of their own."""
    return [
        (batch, heads, queries, size),
        (batch, groups, keys, size),
        (batch, groups, keys, value_size),
    ]


def packed(queries=3, keys=4, heads=2, groups=1, size=2, value_size=3, batch=1):
    return [
        (batch, queries, heads * size),
        (batch, keys, groups * size),
        (batch, keys, groups * value_size),
    ]


def past(length, groups=1, size=2, value_size=3, batch=1):
    return [(batch, groups, length, size), (batch, groups, length, value_size)]


def ints(*values):
    return np.array(values, np.int64)


def attention(inputs, version=23, outputs=(True,), **attributes):
    return Case("Attention", inputs, attributes, version, outputs)


MASKED = {"is_causal": 1}
HEADS = {"q_num_heads": 2, "kv_num_heads": 1}
PLAIN = [
    attention(apart()),
    attention(apart(heads=4, groups=2, keys=2, batch=2), version=24),
    attention(apart(3, 3, groups=2, size=1), **MASKED),
    attention(apart(2, 4), **MASKED),
    attention(apart(4, 2), 24, **MASKED),
    attention(packed(), **HEADS),
    attention(packed(batch=2), 24, is_causal=1, **HEADS),
    attention(packed(heads=4, groups=2, value_size=1), q_num_heads=4, kv_num_heads=2),
    *(
        attention([*apart(2, 3), None, *past(2)], 23, (True, True, True, False), is_causal=causal)
        for causal in (0, 1)
    ),
    attention([*packed(2, 1), None, *past(3)], 24, (True, True, True), is_causal=1, **HEADS),
    attention([*apart(), (3, 4)]),
    attention([*apart(batch=2), (2, 1, 3, 4)], **MASKED),
    attention([*packed(2, 1), (2, 4), *past(3)], 23, (True, True, True), is_causal=1, **HEADS),
    *(
        attention([*apart(3, 5), None, None, None, ints(count)], 24, is_causal=causal)
        for causal in (0, 1)
        for count in (0, 2, 4, 5)
    ),
    *(
        attention([*apart(2, 2), (2, 3), *past(1)], version, ALL, is_causal=causal, **mode)
        for version in (23, 24)
        for causal in (0, 1)
        for mode in ({"qk_matmul_output_mode": n, "softcap": 2.0} for n in range(4))
    ),
]


@pytest.mark.parametrize("case", PLAIN, ids=str)
def test_what_queries_attend_to(case):
    """A query of a single key weighs it with one, whatever its score: keys are then a bound."""
    alone = case.attributes.get("is_causal", 0) or min(case.inputs[1][-2:]) < 3
    scored = (0, 1, 3, 4) if alone else ()
    assert mismatches(case, within=scored, probe=Steps(case)) == []


@pytest.mark.parametrize(
    "case",
    [
        attention(apart(4, 6), 25, left_window_size=1, right_window_size=1),
        attention(apart(4, 6), 25, left_window_size=0),
        attention(apart(4, 3), 25, right_window_size=0),
        attention(apart(5, 2), 25, left_window_size=1),
        attention(apart(4, 6), 25, left_window_size=2, right_window_size=3, is_causal=1),
        attention([*packed(3, 2), None, *past(4)], 25, ALL[:3], left_window_size=2, **HEADS),
        attention([*apart(3, 2), (3, 5), *past(3)], 25, ALL, left_window_size=1, **MASKED),
        attention([*apart(3, 5), None, None, None, ints(2)], 25, left_window_size=1, **MASKED),
        attention([*apart(3, 5), (3, 2)], 24),
        attention([*apart(3, 5), (1, 2, 3, 1)], 25, **MASKED),
        attention([*apart(3, 5), (2, 3, 3)], 24, ALL, qk_matmul_output_mode=2),
        attention([*apart(3, 5), (2, 3, 3)], 24, ALL, qk_matmul_output_mode=3, is_causal=1),
        attention([*apart(3, 5), (3, 4), None, None, ints(3)], 24),
        attention([*apart(3, 5), (4,)], 25),
        attention([*apart(), (2, 1, 4)], 24),
        attention([*apart(), (1, 4)], 25, ALL, qk_matmul_output_mode=2),
    ],
    ids=str,
)
def test_windows_and_shorter_masks_by_the_definition(case):
    assert mismatches(case, within=(0, 1, 3, 4), probe=Steps(case, expanded(case))) == []


def test_of_a_shorter_mask_as_much_is_read_as_there_are_keys():
    for case in (
        attention([*apart(3, 5), (3, 4), None, None, ints(3)], 24),
        attention([*apart(3, 5), (3, 3)], 25, right_window_size=1),
    ):
        assert mismatches(case, probe=Steps(case, expanded(case))) == []
    case = attention([*apart(2, 3), (2, 1)], **MASKED)
    assert claims(case, 3)[0, 0, 1, 0] == {(1, 0)}


def test_a_key_is_read_by_every_query_that_may_attend_to_it():
    """What a softmax over one key hides from the steps, NaN shows: no probability of zero here."""
    assert mismatches(attention(apart())) == []
    assert mismatches(attention(apart(2, 1))) == []
    assert mismatches(attention([*apart(2, 1), (2, 1)])) == []
    case = attention(apart(3, 3), **MASKED)
    values = claims(case, 2)
    for index, found in claims(case, 1).items():
        assert {at[2] for at in found} == {at[2] for at in values[index]} == {*range(index[2] + 1)}
        assert {at[3] for at in found} == {0, 1}


def test_computed_numbers_of_valid_keys_leave_the_last_bound():
    computed = Data((2,), "int64", (1, 6))
    inputs = [*apart(3, 5, batch=2), None, None, None, computed]
    assert (
        mismatches(attention(inputs, 24), within=(0, 1, 2), probe=Steps(attention(inputs, 24)))
        == []
    )
    causal = attention(inputs, 24, **MASKED)
    assert mismatches(causal, within=(0, 1, 2), probe=Steps(causal)) == []
    assert {at[2] for at in claims(causal, 2)[0, 0, 1, 0]} == {0, 1, 2, 3}
    scored = attention(inputs, 24, ALL, qk_matmul_output_mode=3)
    scored = Case("Attention", scored.inputs, scored.attributes, 24, (True, False, False, True))
    assert mismatches(scored, within=(0, 1, 2), probe=Steps(scored)) == []
    assert claims_of(scored, 6, 3)[1, 0, 0, 0] == {(1,)}
    windowed = attention(inputs, 25, left_window_size=1, **MASKED)
    assert claims(windowed, 2) == claims(causal, 2)


def test_numbers_of_valid_keys_that_differ_give_their_union():
    inputs = [*apart(2, 5, batch=2), None, None, None, ints(2, 4)]
    case = attention(inputs, 24, **MASKED)
    assert mismatches(case, within=(0, 1, 2), probe=Steps(case)) == []
    assert {at[2] for at in claims(case, 2)[0, 0, 0, 0]} == {0, 1, 2}


def test_the_reach_of_a_causal_mask_is_kept():
    """Past keys are all read, however many there are; of the new ones, those up to the query."""
    case = attention([*apart(2, 2), None, *past(3)], **MASKED)
    (new,), (before,) = relations(case)[2], relations(case)[5]
    assert Prefix(((2, Band(None, 0, 2, 2)),)) in new.steps
    assert isinstance(before.steps[0], Reduce)
    case = attention([*apart(2, 2), None, *past(3)], 25, left_window_size=1)
    assert Prefix(((2, Band(1, None, 2, 2)),)) in relations(case)[2][0].steps
    assert Prefix(((2, Band(-2, None, 3, 2)),)) in relations(case)[5][0].steps


def test_scores_after_softmax_read_a_row_and_their_own_key():
    case = attention(apart(), outputs=ALL, qk_matmul_output_mode=3)
    own, row = relations(case, 3)[1]
    assert {at[2] for at in reads(own, (0, 0, 1, 2))} == {2}
    assert {at[2] for at in reads(row, (0, 0, 1, 2))} == {0, 1, 2, 3}


def test_a_query_without_keys_reads_nothing():
    case = attention([*apart(4, 3), None, None, None, ints(2)], 24, **MASKED)
    assert claims(case, 0)[0, 0, 1, 0] == set()
    assert {at[2] for at in claims(case, 0)[0, 0, 2, 0]} == {2}
    masked = [*apart(4, 3), (4, 3), None, None, ints(0)]
    empty = attention(masked, 24, ALL, qk_matmul_output_mode=3, is_causal=1)
    assert not any(claims(empty, slot)[0, 0, 3, 0] for slot in range(4))
    assert not any(relations(empty, 3).get(slot) for slot in range(4))


def claims_of(case, slot, output):
    found = relations(case, output)[slot]
    shape = found[0].out_shape
    return {
        index: set().union(*(reads(relation, index) for relation in found))
        for index in np.ndindex(*shape)
    }


def flex(inputs, **attributes):
    return Case("FlexAttention", inputs, attributes, 1, domain="ai.onnx.preview")


def test_flex_attention_reads_every_key():
    for inputs in (apart(), apart(heads=4, groups=2)):
        case = flex(inputs)
        assert mismatches(case, probe=Steps(case, expanded(case))) == []


@pytest.mark.parametrize("name", ["score_mod", "prob_mod"])
def test_flex_attention_with_a_graph_is_unknown(name):
    with pytest.raises(UnresolvedError, match=quote(name)):
        outcome(flex(apart(), **{name: object()}))


INVALID = [
    (attention([(1, 2, 3, 2), (1, 2, 4, 3), (1, 2, 4, 2)]), "requires queries, keys and values"),
    (attention([(1, 2, 3, 2), (1, 2, 4, 2), (1, 2, 5, 2)]), "found [1, 2, 3, 2], [1, 2, 4, 2]"),
    (attention(packed(), q_num_heads=3, kv_num_heads=1), "that fit with 3 and 1 heads"),
    (attention(packed()), "requires attribute 'q_num_heads', which is missing"),
    (attention(packed(), q_num_heads=0, kv_num_heads=1), "of at least 1, found 0 and 1"),
    (attention(apart(heads=3, groups=2)), "requires a multiple of 2 heads"),
    (attention(apart(heads=3, groups=0)), "requires a multiple of 0 heads"),
    (attention([*apart(), None, past(2)[0]]), "requires past_key and past_value together"),
    (attention([*apart(), None, *past(2), ints(1)], 24), "without nonpad_kv_seqlen"),
    (attention([*apart(), None, *past(2, size=3)]), "input 4 requires shape [1, 1, 2, 2]"),
    (attention([*apart(), None, None, None, ints(1, 1)], 24), "input 6 requires shape [1]"),
    (attention([*apart(), None, None, None, ints(5)], 24), "values in [0, 4], found 5 to 5"),
    (attention([*apart(), (3, 3)]), "broadcasts to [1, 2, 3, 4], found [3, 3]"),
    (attention([*apart(), (3, 5)], 24), "found [3, 5]"),
    (attention(apart(), qk_matmul_output_mode=4), "requires a value in [0, 3], found 4"),
    (attention([(3, 2), (3, 2), (3, 2)]), "requires rank 3 to 4"),
]


@pytest.mark.parametrize(("case", "text"), INVALID, ids=str)
def test_an_invalid_node_says_what_it_requires_and_found(case, text):
    with pytest.raises(RuleError) as error:
        outcome(case)
    assert text in str(error.value)


def test_a_huge_length_costs_nothing_and_gives_an_upper_bound():
    case = attention([*apart(HUGE, HUGE), (HUGE, HUGE)], outputs=ALL, is_causal=1)
    assert outcome(case).shapes == (
        (1, 2, HUGE, 3),
        (1, 1, HUGE, 2),
        (1, 1, HUGE, 3),
        (1, 2, HUGE, HUGE),
    )
    wide = attention(apart(), 25, left_window_size=HUGE, right_window_size=HUGE)
    assert relations(wide)[2][0].steps[0] == Prefix(((2, Band(HUGE, HUGE, 4, 3)),))
