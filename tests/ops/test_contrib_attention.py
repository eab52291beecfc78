"""onnxruntime's attention operators, against onnxruntime unit by unit."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from ops.evaluate import Case, Data, mismatches, one_node, outcome, read_at, relations
from ops.probes import Steps
from rfgraph.ops.node import RuleError
from rfgraph.relations.steps import Everything

ALL, SCORES = (True, True, True), (True, False, False, True)


def node(op, inputs, attributes=None, **rest):
    return Case(op, inputs, attributes or {}, 1, domain="com.microsoft", **rest)


def mha(inputs, outputs=(True,), **attributes):
    return node("MultiHeadAttention", inputs, {"num_heads": 2, **attributes}, outputs=outputs)


def mask(*shape):
    return np.ones(shape, np.int32)


QUERY, KEY, VALUE = (1, 2, 4), (1, 3, 4), (1, 3, 6)
CACHE = (1, 2, 2, 2)
EXACT = [
    mha([QUERY, KEY, VALUE]),
    mha([QUERY, (1, 2, 3, 2), (1, 2, 3, 2)]),
    mha([QUERY, KEY, KEY, None, None, (1, 2, 2, 3)]),
    mha([QUERY, KEY, KEY, None, None, (1, 1, 2, 3)]),
    mha([QUERY, QUERY, QUERY, None, None, None, CACHE, CACHE], ALL),
    mha([QUERY, QUERY, QUERY, None, None, None, CACHE, CACHE], ALL, unidirectional=1),
    mha([QUERY, KEY, KEY], ALL),
]


class Typed(Steps):
    """Small steps on a model whose outputs are declared, for those whose type is not inferred."""

    def __init__(self, case):
        model = one_node(case)
        for output in model.graph.output:
            output.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
        super().__init__(case, model)


@pytest.mark.parametrize("case", EXACT, ids=str)
def test_a_query_reads_what_onnxruntime_shows(case):
    assert mismatches(case, probe=Typed(case)) == []


BOUNDED = [
    (mha([QUERY, KEY, KEY, None, Data((1, 3), "int32")]), (4,)),
    (mha([(2, 2, 4), (2, 3, 4), (2, 3, 4), None, Data((2,), "int32", (1, 4))]), (0, 1, 2, 4)),
    (mha([QUERY, KEY, KEY, None, Data((1, 2, 3), "int32")]), (4,)),
    (mha([QUERY, QUERY, QUERY, None, None, (1, 2, 2, 2)], unidirectional=1), (5,)),
    # A single key has all the weight, whatever query and key are.
    (mha([(2, 2, 4), (2, 2, 4), (2, 2, 4)], unidirectional=1), ()),
    (mha([QUERY, KEY, VALUE], unidirectional=1), ()),
    (mha([QUERY, KEY, KEY], SCORES), ()),
    (mha([QUERY, KEY, KEY, None, Data((1, 3), "int32"), (1, 2, 2, 3)], SCORES), ()),
    # What is added to every key alike cancels.
    (mha([QUERY, KEY, VALUE, (14,)]), (3,)),
    (mha([QUERY, QUERY, QUERY, (12,), None, None, CACHE, CACHE], ALL, unidirectional=1), (3,)),
]


@pytest.mark.parametrize(("case", "slots"), BOUNDED, ids=str)
def test_a_mask_cuts_no_more_than_the_rule_says(case, slots):
    others = [slot for slot in case.data() if slot not in slots]
    assert mismatches(case, within=(*slots, *others), probe=Typed(case)) == []


def step(inputs, outputs=(True,), **attributes):
    flags = {"num_heads": 2, "scale": 0.05, **attributes}
    return node("DecoderMaskedMultiHeadAttention", inputs, flags, outputs=outputs)


ONE, LONG, AT = (1, 1, 4), (1, 2, 3, 2), np.array([2], np.int32)
SHARED = [ONE, ONE, ONE, None, None, LONG, LONG, AT]


def test_a_decoding_step_reads_what_onnxruntime_shows():
    case = step([ONE, LONG, LONG])
    assert mismatches(case, probe=Steps(case)) == []


@pytest.mark.parametrize(
    "case",
    [
        step([ONE, LONG, LONG, Data((1, 3), "int32")]),
        step([ONE, LONG, LONG], SCORES, output_qk=1),
        step(SHARED, ALL, past_present_share_buffer=1),
        step(
            [*SHARED[:4], (1, 2, 1, 3), *SHARED[5:], None, None, (12,)],
            ALL,
            past_present_share_buffer=1,
        ),
    ],
    ids=str,
)
def test_a_decoding_step_reads_no_more_than_the_rule_says(case):
    assert mismatches(case, within=tuple(case.data()), probe=Typed(case)) == []


def test_packed_operands_by_hand():
    case = mha([(1, 2, 2, 3, 2)])
    assert outcome(case).shapes == ((1, 2, 4),)
    head = {(0, t, 1, 1, d) for t in (0, 1) for d in (0, 1)} | {(0, 1, 1, 0, d) for d in (0, 1)}
    assert read_at(case, 0, (0, 1, 3)) == head | {(0, t, 1, 2, 1) for t in (0, 1)}
    case = mha([QUERY, (1, 3, 2, 2, 2)])
    assert read_at(case, 1, (0, 1, 3)) == {
        *((0, t, 1, 0, d) for t in range(3) for d in (0, 1)),
        *((0, t, 1, 1, 1) for t in range(3)),
    }


def test_a_decoding_step_with_all_in_one_and_several_beams():
    case = step(
        [(1, 1, 12), None, None, None, None, LONG, LONG, AT], ALL, past_present_share_buffer=1
    )
    assert outcome(case).shapes == ((1, 1, 4), LONG, LONG)
    assert read_at(case, 0, (0, 0, 3)) == {(0, 0, at) for at in (2, 3, 6, 7, 11)}
    beams = [*SHARED, Data((1,), "int32"), Data((1, 1, 3), "int32")]
    case = step(beams, (True, False, True), past_present_share_buffer=1)
    assert len(read_at(case, 5, (0, 0, 3))) == 12
    assert Everything((1, 1, 4), unknown=True) in [
        step for r in relations(case)[5] for step in r.steps
    ]


def test_a_mask_of_the_new_keys_alone():
    case = mha([QUERY, QUERY, QUERY, None, Data((1, 2), "int32"), None, CACHE, CACHE])
    assert read_at(case, 4, (0, 1, 3)) == {(0, 0), (0, 1)}


def attention(inputs, outputs=(True,), **attributes):
    # A small scale keeps every key's weight well above the rounding of floats.
    flags = {"num_heads": 2, "scale": 0.05, **attributes}
    return node("Attention", inputs, flags, outputs=outputs)


INPUT, WEIGHTS, BIAS, PAST = (2, 2, 3), (3, 12), (12,), (2, 2, 2, 2, 2)
TWO = (True, True)
FIXED = np.ones(12, np.float32)
PROJECTED = [
    attention([INPUT, WEIGHTS, FIXED]),
    attention([INPUT, WEIGHTS, FIXED, None, PAST], TWO),
    attention([INPUT, WEIGHTS, FIXED, None, PAST], TWO, unidirectional=1),
    attention([INPUT, (3, 14), np.ones(14, np.float32)], qkv_hidden_sizes=[4, 4, 6]),
    attention([INPUT, WEIGHTS, FIXED, None, None, (2, 2, 2, 2)]),
]


@pytest.mark.parametrize("case", PROJECTED, ids=str)
def test_a_projected_input_is_read_as_onnxruntime_shows(case):
    assert mismatches(case, probe=Steps(case)) == []


PROJECTED_BOUNDS = [
    # What is added to every key alike cancels, and a single key has all the weight.
    attention([INPUT, WEIGHTS, BIAS, None, PAST], TWO, unidirectional=1),
    attention([INPUT, WEIGHTS, BIAS], unidirectional=1),
    *(
        attention([INPUT, WEIGHTS, BIAS, Data(shape, "int32", span)])
        for shape, span in [((2, 2), (0, 2)), ((2,), (1, 3)), ((4,), (0, 2)), ((2, 2, 2), (0, 2))]
    ),
    node(
        "QAttention",
        [
            *(Data((1, 2, 4), "uint8", (0, 200)), Data((4, 12), "uint8", (100, 156)), (12,)),
            *(np.array(0.02, np.float32), np.array(0.05, np.float32), None),
            *(np.array(128, np.uint8), np.array(128, np.uint8)),
        ],
        {"num_heads": 2, "unidirectional": 1},
    ),
    node(
        "QAttention",
        [
            *(Data((1, 1, 4), "uint8", (0, 200)), Data((4, 12), "uint8", (100, 156)), (12,)),
            *(np.array(0.02, np.float32), np.array(0.05, np.float32), Data((1, 3), "int32")),
            *(np.array(128, np.uint8), np.array(128, np.uint8), (2, 1, 2, 2, 2)),
        ],
        {"num_heads": 2},
        outputs=TWO,
    ),
]


@pytest.mark.parametrize("case", PROJECTED_BOUNDS, ids=str)
def test_a_projected_input_is_read_within_what_the_rule_says(case):
    assert mismatches(case, within=tuple(case.data()), probe=Steps(case)) == []


def test_projections_without_a_kernel_by_hand():
    weights = [(3, 4)] * 3
    inputs = [INPUT, *[()] * 4, *weights, *[()] * 3, *[(4,)] * 3, None, None, ()]
    case = node("QOrderedAttention", inputs, {"num_heads": 2, "unidirectional": 1})
    assert outcome(case).shapes == ((2, 2, 4),)
    assert read_at(case, 0, (1, 0, 3)) == {(1, 0, k) for k in range(3)}
    assert read_at(case, 5, (1, 0, 3)) == {(k, at) for k in range(3) for at in (2, 3)}
    assert read_at(case, 7, (1, 0, 3)) == {(k, 3) for k in range(3)}
    assert read_at(case, 13, (1, 0, 3)) == {(3,)}
    case = node(
        "PackedAttention",
        [(5, 3), WEIGHTS, BIAS, Data((2, 3), "int32"), Data((3,), "int32")],
        {"num_heads": 2},
    )
    assert outcome(case).shapes == ((5, 4),)
    assert len(read_at(case, 0, (4, 1))) == 15
    assert read_at(case, 2, (4, 1)) == {(0,), (1,), (4,), (5,), (9,)}
    shared = node(
        "DecoderMaskedSelfAttention",
        [(1, 1, 3), WEIGHTS, BIAS, None, (2, 1, 2, 5, 2), None, Data((1,), "int32")],
        {"num_heads": 2, "past_present_share_buffer": 1},
        outputs=TWO,
    )
    assert outcome(shared).shapes == ((1, 1, 4), (2, 1, 2, 5, 2))
    assert len(read_at(shared, 4, (0, 0, 3))) == 5 * 2 + 5
    assert relations(shared, 1)[0][0].steps[-1].unknown


def test_longformer_and_decoder_attention_by_hand():
    inputs = [(1, 6, 4), (4, 12), (12,), (1, 6), (4, 12), (12,)]
    flags = {"window": 1, "num_heads": 2}
    case = node("LongformerAttention", [*inputs, np.zeros((1, 6), np.int32)], flags)
    assert read_at(case, 0, (0, 3, 1)) == {(0, t, k) for t in (2, 3, 4) for k in range(4)}
    case = node("LongformerAttention", [*inputs, Data((1, 6), "int32")], flags)
    assert len(read_at(case, 0, (0, 3, 1))) == 24
    inputs = [(2, 3, 4), (5, 3, 4), (4, 4), (4, 8), (12,), Data((3, 5), "bool"), None, None]
    case = node("DecoderAttention", [*inputs, *[Data((1,), "bool")] * 4], {"num_heads": 2})
    assert outcome(case).shapes == ((2, 3, 4),)
    assert read_at(case, 1, (1, 2, 0)) == {(t, 2, k) for t in range(5) for k in range(4)}
    assert read_at(case, 5, (1, 2, 0)) == {(2, t) for t in range(5)}


INVALID = [
    (mha([QUERY, KEY, VALUE], num_heads=3), "divisor"),
    (mha([QUERY, KEY, VALUE], num_heads=0), "at least 1"),
    (mha([QUERY, (1, 3, 6), KEY]), "for each position"),
    (mha([(1, 2, 2, 2, 2)]), "axis 3"),
    (mha([(1, 2, 4)]), "in one"),
    (mha([QUERY, KEY, KEY, (11,)]), "input 3"),
    (mha([QUERY, KEY, KEY, None, None, None, CACHE, (1, 2, 3, 2)]), "input 7"),
    (mha([QUERY, KEY, KEY, None, Data((1, 4), "int32")]), "input 4"),
    (mha([QUERY, KEY, KEY, None, None, (1, 2, 3, 3)]), "input 5"),
    (attention([INPUT, (3, 11)]), "num_heads"),
    (attention([INPUT, WEIGHTS, (11,)]), "input 2"),
    (attention([INPUT, WEIGHTS, BIAS, None, (2, 2, 2, 2, 3)]), "input 4"),
    (attention([INPUT, WEIGHTS], qkv_hidden_sizes=[4, 4]), "widths"),
    (node("LongformerAttention", [(1, 6, 4)], {"window": 0, "num_heads": 2}), "window"),
    (node("DecoderAttention", [(2, 3, 4), (5, 2, 4)], {"num_heads": 2}), "keys like"),
    (
        node("DecoderAttention", [(2, 3, 4), (5, 3, 4), *[None] * 3, (2, 5)], {"num_heads": 2}),
        "batch of 3",
    ),
]


@pytest.mark.parametrize(("case", "message"), INVALID, ids=str)
def test_invalid_nodes(case, message):
    with pytest.raises(RuleError, match=message):
        outcome(case)
