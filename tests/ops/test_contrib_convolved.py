"""onnxruntime's windows over sequences, against onnxruntime unit by unit."""

from __future__ import annotations

import numpy as np
import pytest

from ops.evaluate import Case, Data, mismatches, outcome, reads, relations
from ops.probes import Steps
from rfgraph.errors import BoundError
from rfgraph.ops.node import RuleError

TWO = (True, True)
PRIMES = np.array([101, 103, 107, 109], np.int32)


def node(op, inputs, attributes=None, **rest):
    return Case(op, inputs, attributes or {}, 1, domain="com.microsoft", **rest)


def tokens(*shape):
    return Data(shape, "int32", (0, 4))


NGRAMS = {"max_ngram_size": 3, "n_head_per_ngram": 2, "pad_id": 0}
EXACT = [
    node("CausalConvWithState", [(1, 2, 5), np.ones((2, 1, 3), np.float32), (2,)], outputs=TWO),
    node("CausalConvWithState", [(1, 2, 5), (2, 1, 3), None, (1, 2, 2)], outputs=TWO),
    node("CausalConvWithState", [(1, 2, 1), (2, 1, 3), None, (1, 2, 2)], outputs=TWO),
    node(
        "CausalConvWithState", [(1, 1, 5), (1, 1, 3), None, (1, 1, 4)], {"dilation": 2}, outputs=TWO
    ),
    node(
        "CausalConvWithState", [(1, 1, 3), (1, 1, 3), None, (1, 1, 4)], {"dilation": 2}, outputs=TWO
    ),
    node(
        "CausalConvWithState",
        [(2, 3, 2, 2), (4, 1, 2), (4,), (2, 1, 2, 2)],
        {"channels_last": 1, "activation": "silu"},
        outputs=TWO,
    ),
    node(
        "NGramHashMapping",
        [tokens(2, 4), np.array([1, 5, 9], np.int32), PRIMES],
        NGRAMS,
        outputs=TWO,
    ),
    node(
        "NGramHashMapping",
        [tokens(1, 3), np.array([1, 5, 9], np.int32), PRIMES, tokens(1, 2), tokens(4)],
        NGRAMS,
        outputs=TWO,
    ),
    node(
        "NGramHashMapping",
        [tokens(1, 1), np.array([1, 5, 9], np.int32), PRIMES, tokens(1, 2)],
        NGRAMS,
        outputs=TWO,
    ),
]


@pytest.mark.parametrize("case", EXACT, ids=str)
def test_a_unit_reads_what_onnxruntime_shows(case):
    assert mismatches(case, probe=Steps(case)) == []


BOUNDED = [
    (
        node(
            "VarlenNGramHashMapping",
            [tokens(4), np.array([1, 5, 9], np.int32), PRIMES, np.array([0, 1, 4], np.int32)],
            NGRAMS,
            outputs=TWO,
        ),
        (0,),
    ),
    (
        node(
            "NGramHashMapping",
            [
                tokens(1, 4),
                Data((3,), "int32", (1, 9)),
                PRIMES,
                None,
                None,
                Data((), "int32", (0, 4)),
                tokens(1, 4),
            ],
            {**NGRAMS, "reset_on_eos": 1},
        ),
        (0, 1, 5, 6),
    ),
    (
        node(
            "VarlenNGramHashMapping",
            [
                *(tokens(5), np.array([1, 5, 9], np.int32), PRIMES),
                *(np.array([0, 2, 5], np.int32), tokens(2, 2), tokens(4)),
                *(Data((), "int32", (0, 4)), tokens(5)),
            ],
            {**NGRAMS, "reset_on_eos": 1},
            outputs=TWO,
        ),
        (0, 4, 6, 7),
    ),
]


@pytest.mark.parametrize(("case", "slots"), BOUNDED, ids=str)
def test_a_unit_reads_nothing_beyond_an_upper_bound(case, slots):
    assert mismatches(case, within=slots, probe=Steps(case)) == []


def read_at(case, slot, index, output=0):
    found = relations(case, output).get(slot, [])
    return set().union(*(reads(relation, index) for relation in found))


def test_states_after_each_of_the_last_steps():
    shape, kept = (1, 1, 4), 3
    inputs = [shape, (1, 1, 3), None, (kept, 1, 1, 2)]
    case = node("CausalConvWithState", inputs, {"state_window": kept}, outputs=TWO)
    assert outcome(case).shapes == (shape, (kept, 1, 1, 2))
    for slot in range(kept):
        for at in range(2):
            place = 4 - kept + slot + 1 - 2 + at
            assert read_at(case, 0, (slot, 0, 0, at), 1) == {(0, 0, place)}
            assert read_at(case, 3, (slot, 0, 0, at), 1) == set()
    assert read_at(case, 3, (0, 0, 0)) == {(2, 0, 0, 0), (2, 0, 0, 1)}
    short = node("CausalConvWithState", [(1, 1, 1), *inputs[1:]], {"state_window": 3}, outputs=TWO)
    assert read_at(short, 0, (2, 0, 0, 1), 1) == {(0, 0, 0)}
    assert read_at(short, 3, (2, 0, 0, 0), 1) == {(2, 0, 0, 1)}
    assert read_at(short, 3, (1, 0, 0, 0), 1) == set()


def test_the_padding_of_other_axes_is_unknown():
    case = node("CausalConvWithState", [(1, 1, 3, 4), (1, 1, 2, 2)], {"ndim": 2}, outputs=TWO)
    assert outcome(case).shapes == ((1, 1, 3, 4), None)
    assert read_at(case, 0, (0, 0, 1, 2)) == {(0, 0, row, at) for row in range(3) for at in (1, 2)}


def test_packed_sequences_by_hand():
    inputs = [(5, 2), (2, 1, 2), Data((3,), "int32"), (2,), (2, 2, 1)]
    case = node("VarlenCausalConvWithState", inputs, outputs=TWO)
    assert outcome(case).shapes == ((5, 2), (2, 2, 1))
    assert read_at(case, 0, (3, 1)) == {(2, 1), (3, 1)}
    assert read_at(case, 1, (3, 1)) == {(1, 0, 0), (1, 0, 1)}
    assert read_at(case, 3, (3, 1)) == {(1,)}
    assert read_at(case, 4, (3, 1)) == {(0, 1, 0), (1, 1, 0)}
    assert len(read_at(case, 0, (1, 0, 0), 1)) == 10


INVALID = [
    (node("CausalConvWithState", [(1, 2, 5), (3, 1, 3)]), "2 kernels"),
    (node("CausalConvWithState", [(1, 2, 5), (2, 1, 3)], {"dilation": 0}), "dilation"),
    (node("CausalConvWithState", [(1, 2, 5), (2, 1, 3)], {"state_window": 9}), "state_window"),
    (node("CausalConvWithState", [(1, 2, 5), (2, 1, 3)], {"ndim": 2}), "ndim"),
    (node("CausalConvWithState", [(1, 2, 5), (2, 1, 3), None, (1, 2, 3)]), "input 3"),
    (node("VarlenCausalConvWithState", [(5, 2), (2, 1, 2), (3,), None, (2, 2, 2)]), "input 4"),
    (node("NGramHashMapping", [(1, 3), (3,), (4,)], {**NGRAMS, "max_ngram_size": 1}), "at least 2"),
    (node("NGramHashMapping", [(1, 3), (3,), (3,)], NGRAMS), "4 elements"),
]


@pytest.mark.parametrize(("case", "message"), INVALID, ids=str)
def test_invalid_nodes(case, message):
    with pytest.raises(RuleError, match=message):
        outcome(case)


def test_the_orders_are_bounded():
    attributes = {**NGRAMS, "max_ngram_size": 1 << 40}
    with pytest.raises(BoundError, match="max_ngram_size"):
        outcome(node("NGramHashMapping", [(1, 3), (3,), (4,)], attributes))
