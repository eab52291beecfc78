"""onnxruntime's residual streams and embeddings, against onnxruntime unit by unit."""

from __future__ import annotations

import numpy as np
import pytest

from ops.evaluate import Case, Data, mismatches, outcome, read_at, relations
from ops.probes import Formula, Steps
from rfgraph.ops.node import RuleError, UnresolvedError

TWO, THREE = (True, True), (True, True, True)
RANDOM = np.random.default_rng(5)


def node(op, inputs, attributes=None, **rest):
    return Case(op, inputs, attributes or {}, 1, domain="com.microsoft", **rest)


def random(*shape):
    return RANDOM.uniform(0.1, 0.9, shape).astype(np.float32)


TOKENS = (1, 2, 2, 3)
GATED = [TOKENS, TOKENS, (1, 2, 3), (2, 3), (2, 3)]
EXACT = [
    node("EngramGate", GATED),
    # The normalisation cancels the gate but for epsilon, which is large here.
    node("EngramGate", [*GATED, (2, 3)], {"epsilon": 1.0}, outputs=TWO),
    node("HyperConnectionPreMix", [TOKENS, (1, 2, 2)]),
    node("HyperConnectionPreMix", [TOKENS, (1, 2, 2, 1)]),
    node("HyperConnectionPreMix", [TOKENS, TOKENS]),
    node("HyperConnectionPreMix", [(2, 6), (2, 6)], {"num_branches": 2}),
    node("HyperConnectionPreMix", [(2, 6), (2, 3)], {"num_branches": 3}),
    node("HyperConnectionPostMix", [TOKENS, (1, 2, 3), (1, 2, 2)]),
    node("HyperConnectionPostMix", [TOKENS, (1, 2, 3), TOKENS, (1, 2, 2, 2)]),
    node("HyperConnectionPostMix", [(2, 6), (2, 3), (2, 2, 1), (2, 2, 2)], {"num_branches": 2}),
    node("HyperConnectionPostMix", [(2, 6), (2, 3), (2, 2)], {"num_branches": 2}),
]


@pytest.mark.parametrize("case", EXACT, ids=str)
def test_a_unit_reads_what_onnxruntime_shows(case):
    assert mismatches(case, probe=Steps(case)) == []


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def low_rank_mix(
    streams, scale, down, up, third, block=None, gate=None, num_branches=1, epsilon=1e-5
):
    grouped = streams.reshape(*streams.shape[:-1], num_branches, -1).astype(np.float64)
    if block is not None:
        grouped = grouped + gate[..., None] * block[..., None, :]
    mean = np.mean(grouped**2, -1, keepdims=True)
    normal = grouped / np.sqrt(mean + epsilon) * scale.reshape(grouped.shape[-2:])
    flat = normal.reshape(streams.shape)
    low = flat @ down
    gates = sigmoid((low * sigmoid(low)) @ up).reshape(normal.shape)
    return [(normal * gates).sum(-2), sigmoid(flat @ third), grouped.reshape(streams.shape)]


# A larger epsilon keeps the normalization from cancelling what it divides.
RANKED = {"num_branches": 2, "epsilon": 1.0}
LOW_RANK = [
    node("HyperConnectionLowRankMix", inputs, RANKED, outputs=THREE)
    for inputs in [
        [(1, 2, 6), (6,), (6, 2), (2, 6), (6, 2)],
        [(1, 2, 6), (6,), (6, 2), (2, 6), (6, 2), (1, 2, 3), (1, 2, 2)],
        [(4,), (4,), (4, 1), (1, 4), (4, 2), (2,), (2,)],
    ]
]


@pytest.mark.parametrize("case", LOW_RANK, ids=str)
def test_streams_mixed_by_a_gate_of_low_rank(case):
    assert mismatches(case, probe=Formula(case, low_rank_mix)) == []


def test_a_single_stream_of_single_features():
    case = node(
        "HyperConnectionLowRankMix",
        [(2, 1), (1,), (1, 1), (1, 1), (1, 1)],
        {"num_branches": 1, "epsilon": 1.0},
        outputs=THREE,
    )
    assert mismatches(case, probe=Formula(case, low_rank_mix)) == []


WORDS = Data((2, 3), "int32", (0, 4))
SEGMENTS = Data((2, 3), "int32", (0, 2))
TABLES = [random(4, 4), random(5, 4), random(2, 4)]
PARAMETERS = [random(4), random(4)]


@pytest.mark.parametrize(
    "inputs",
    [
        [WORDS, SEGMENTS, *TABLES, *PARAMETERS, Data((2, 3), "int32")],
        [WORDS, None, *TABLES[:2], None, *PARAMETERS],
        [WORDS, None, *TABLES[:2], None, *PARAMETERS, None, Data((1, 3), "int32", (0, 5))],
        [WORDS, None, *TABLES[:2], None, (4,), (4,), None, Data((2, 3), "int32", (0, 5))],
        [WORDS, None, TABLES[0], (5, 4), None, *PARAMETERS],
    ],
    ids=lambda inputs: str([getattr(entry, "shape", entry) for entry in inputs]),
)
def test_an_embedding_reads_its_own_place(inputs):
    case = node("EmbedLayerNormalization", inputs, outputs=THREE)
    assert mismatches(case, probe=Steps(case)) == []


def test_the_row_of_a_computed_table_is_unknown():
    inputs = [WORDS, None, (4, 4), TABLES[1], None, *PARAMETERS]
    case = node("EmbedLayerNormalization", inputs, outputs=TWO)
    assert mismatches(case, within=(2,), probe=Steps(case)) == []
    (own, every) = relations(case)[2]
    assert own.steps[0].rules[0][1].unknown
    assert every.steps[0].rules[0][1].unknown


def test_a_quantized_embedding_reads_its_own_place():
    bytes_ = [(table * 200).astype(np.uint8) for table in (*TABLES, *PARAMETERS)]
    scale, zero = np.array(0.01, np.float32), np.array(128, np.uint8)
    case = node(
        "QEmbedLayerNormalization",
        [WORDS, SEGMENTS, *bytes_, None, *[scale] * 4, (), *[zero] * 5],
        outputs=TWO,
    )
    assert mismatches(case, probe=Steps(case)) == []


def test_position_biases_by_hand():
    lengths = [np.array([3]), np.array([3])]
    case = node("RelativePositionBias", [(8, 2), *lengths], {"max_distance": 4})
    assert outcome(case).shapes == ((1, 2, 3, 3),)
    assert read_at(case, 0, (0, 1, 2, 0)) == {(bucket, 1) for bucket in range(8)}
    inputs = [(2, 3, 4), (4,), (1, 2, 3, 3), (2, 8), (8,), (1, 2, 1, 1)]
    case = node("GatedRelativePositionBias", inputs, {"num_heads": 2})
    assert outcome(case).shapes == ((2, 2, 3, 3),)
    assert read_at(case, 0, (1, 1, 2, 0)) == {(1, 2, 2), (1, 2, 3)}
    assert read_at(case, 1, (1, 1, 2, 0)) == {(2,), (3,)}
    assert read_at(case, 2, (1, 1, 2, 0)) == {(0, 1, 2, 0)}
    assert read_at(case, 5, (1, 1, 2, 0)) == {(0, 1, 0, 0)}
    packed = node(
        "GatedRelativePositionBias", [(5, 4), *inputs[1:], Data((2, 3), "int32")], {"num_heads": 2}
    )
    assert outcome(packed).shapes == ((2, 2, 3, 3),)
    assert read_at(packed, 0, (1, 1, 2, 0)) == {(at, k) for at in range(5) for k in (2, 3)}


INVALID = [
    (node("EngramGate", [TOKENS, TOKENS, (1, 2, 4), (2, 3), (2, 3)]), "input 2"),
    (node("HyperConnectionPreMix", [(2, 6), (2, 2)], {"num_branches": 4}), "num_branches"),
    (node("HyperConnectionPreMix", [TOKENS, (1, 2, 3)]), "gates"),
    (node("HyperConnectionPostMix", [TOKENS, (1, 2, 4), (1, 2, 2)]), "input 1"),
    (node("EmbedLayerNormalization", [WORDS, None, (4, 4), (2, 4)]), "3 positions"),
    (node("HyperConnectionLowRankMix", [(2, 6)], {"num_branches": 0}), "at least 1"),
    (node("HyperConnectionLowRankMix", [*LOW_RANK[0].inputs, (1, 2, 3)], RANKED), "input 6"),
    (node("HyperConnectionLowRankMix", [(1, 2, 6), (5,), (6, 2)], RANKED), "input 1"),
    (node("EmbedLayerNormalization", [WORDS, (2, 4), (4, 4), (5, 4), (2, 4)]), "input 1"),
    (
        node("GatedRelativePositionBias", [(2, 3, 4), (4,), (1, 2, 3, 3)], {"num_heads": 3}),
        "3 heads",
    ),
]


@pytest.mark.parametrize(("case", "message"), INVALID, ids=str)
def test_invalid_nodes(case, message):
    with pytest.raises(RuleError, match=message):
        outcome(case)


def test_lengths_that_depend_on_data_are_unresolved():
    case = node(
        "RelativePositionBias", [(8, 2), Data((1,), "int64"), np.array([3])], {"max_distance": 4}
    )
    with pytest.raises(UnresolvedError):
        outcome(case)
