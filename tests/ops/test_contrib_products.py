"""onnxruntime's matrix products, against onnxruntime unit by unit."""

from __future__ import annotations

import numpy as np
import pytest

from ops.evaluate import Case, Data, mismatches, outcome, reads, relations
from ops.probes import Steps
from rfgraph.ops.node import RuleError

ONE = np.array(1, np.float32)
ZERO = np.array(0, np.uint8)
SIGNED = np.array(0, np.int8)


def node(op, inputs, attributes=None, **rest):
    return Case(op, inputs, attributes or {}, 1, domain="com.microsoft", **rest)


def bytes_(*shape, dtype="uint8", span=(1, 9)):
    return Data(shape, dtype, span)


def filled(*shape, value=1, dtype=np.float32):
    return np.full(shape, value, dtype)


EXACT = [
    node("FusedMatMul", [(2, 1, 2, 3), (2, 4, 3)], {"transB": 1, "alpha": 2.0}),
    node("FusedMatMul", [(3, 2), (3, 4)], {"transA": 1}),
    node("FusedMatMul", [(3,), (3, 4)]),
    node("FusedMatMul", [(2, 3, 2), (3, 2, 4)], {"transBatchA": 1}),
    node("FusedMatMul", [(3, 2, 4), (4, 3, 2)], {"transBatchB": 1, "transA": 0, "transB": 0}),
    node(
        "FusedMatMul",
        [(3, 2, 4), (5, 2, 3)],
        {"transA": 1, "transBatchA": 1, "transBatchB": 1, "transB": 1},
    ),
    node("FusedMatMul", [(2, 1, 3, 4), (1, 3, 4, 2)], {"transBatchA": 1}),
    node("TransposeMatMul", [(3, 2), (4, 3)], {"transA": 1, "transB": 1}),
    node("MatMulInteger16", [bytes_(2, 3, dtype="int16"), bytes_(3, 2, dtype="int16")]),
    node(
        "MatMulIntegerToFloat",
        [bytes_(2, 2, 3), bytes_(3, 2), (), (2,), None, None, (2,)],
    ),
    node("MatMulIntegerToFloat", [bytes_(2, 3), bytes_(3, 2), (), (1,), bytes_(span=(0, 9))]),
    node("DynamicQuantizeMatMul", [(2, 2, 3), bytes_(3, 2), (2,), None, (2,)]),
    node("FusedGemm", [(3, 2), (4, 3), (4,)], {"transA": 1, "transB": 1, "activation": "Relu"}),
    node(
        "QGemm",
        [
            *(bytes_(3, 2, dtype="int8"), ONE, SIGNED, bytes_(4, 3, dtype="int8")),
            *((4,), filled(4, value=0, dtype=np.int8), Data((4,), "int32", (0, 9))),
        ],
        {"transA": 1, "transB": 1},
    ),
    node("CDist", [(2, 3), (4, 3)], {"metric": "sqeuclidean"}),
    node(
        "MatMulNBits",
        [(1, 2, 32), filled(3, 2, 8, value=0x99, dtype=np.uint8), filled(3, 2), None, None, (3,)],
        {"K": 32, "N": 3, "bits": 4, "block_size": 16},
    ),
    node(
        "MatMulBnb4",
        [(2, 32), filled(48, value=0x77, dtype=np.uint8), filled(6)],
        {"K": 32, "N": 3, "block_size": 16, "quant_type": 1},
    ),
]


@pytest.mark.parametrize("case", EXACT, ids=str)
def test_a_unit_reads_what_onnxruntime_shows(case):
    assert mismatches(case) == []


def test_an_element_of_an_inverse_reads_its_matrix():
    case = node("Inverse", [Data((2, 3, 3))])
    assert mismatches(case) == []


def test_a_token_reads_itself_and_its_routing():
    weights = [
        np.random.default_rng(0).random(shape).astype(np.float32)
        for shape in ((2, 6, 4), (2, 4, 6))
    ]
    for shape in [(3, 4), (1, 3, 4)]:
        inputs = [shape, (3, 2), weights[0], None, weights[1]]
        case = node("MoE", inputs, {"k": 2, "activation_type": "identity"})
        assert mismatches(case) == []


def test_a_token_reads_itself_and_its_routing_under_quantized_experts():
    random = np.random.default_rng(0)
    packed = [
        random.integers(0, 255, shape, dtype=np.uint8) for shape in ((2, 32, 16), (2, 32, 16))
    ]
    scales = filled(2, 32, value=0.1)
    inputs = [(2, 32), (2, 2), packed[0], scales, None, packed[1], scales]
    case = node("QMoE", inputs, {"k": 2, "expert_weight_bits": 4, "activation_type": "identity"})
    # A probability that is not a number would spoil the choice of experts for every token.
    assert mismatches(case, probe=Steps(case)) == []


def read_at(case, slot, index, output=0):
    found = relations(case, output).get(slot, [])
    return set().union(*(reads(relation, index) for relation in found))


def test_products_without_a_kernel_by_hand():
    row = {(1, k) for k in range(3)}
    case = node("FusedMatMulActivation", [(2, 3), (3, 4)], {"activation": "Relu"})
    assert read_at(case, 0, (1, 2)) == row
    assert read_at(case, 1, (1, 2)) == {(k, 2) for k in range(3)}
    case = node("GemmFastGelu", [(2, 3), (3, 4), (4,)])
    assert read_at(case, 2, (1, 2)) == {(2,)}
    case = node("GemmFloat8", [(2, 3), (4, 3), None, (), (1,)], {"transB": 1})
    assert [read_at(case, slot, (1, 2)) for slot in (3, 4)] == [{()}, {(0,)}]
    assert read_at(case, 1, (1, 2)) == {(2, k) for k in range(3)}
    case = node(
        "QOrderedMatMul",
        [(1, 2, 3), (), (3, 4), (4,), (), None, (2, 4)],
        {"order_A": 1, "order_B": 0, "order_Y": 1},
    )
    assert read_at(case, 3, (0, 1, 2)) == {(2,)}
    assert read_at(case, 6, (0, 1, 2)) == {(1, 2)}


def test_weights_of_few_bits_belong_to_their_columns():
    inputs = [(2, 32), Data((3, 2, 8), "uint8"), (6,), Data((3, 1), "uint8")]
    case = node("MatMulNBits", inputs, {"K": 32, "N": 3, "block_size": 16})
    assert read_at(case, 1, (0, 2)) == {(2, block, at) for block in range(2) for at in range(8)}
    assert read_at(case, 2, (0, 2)) == {(4,), (5,)}
    assert read_at(case, 3, (0, 2)) == {(2, 0)}
    case = node("MatMulBlockQuantizedFp8Weight", [(2, 4), (3, 4), (3, 1), (), (3,)])
    assert read_at(case, 0, (1, 2)) == {(1, k) for k in range(4)}
    assert [read_at(case, slot, (1, 2)) for slot in (2, 3, 4)] == [{(2, 0)}, {()}, {(2,)}]
    case = node("MatMulBlockQuantizedFp4Weight", [(2, 4), (3, 2), (3, 1), (), None, (3,)])
    assert outcome(case).shapes == ((2, 3),)
    assert read_at(case, 1, (1, 2)) == {(2, 0), (2, 1)}
    case = node("MatMulFpQ4", [(2, 4), Data((9,), "uint8"), np.array([4, 3])])
    assert outcome(case).shapes == ((2, 3),)
    assert read_at(case, 1, (1, 2)) == {(at,) for at in range(9)}
    case = node("MatMulBnb4", [(2, 3), (6,), (1,)], {"K": 4, "N": 3, "transB": 0})
    assert outcome(case).shapes == ((2, 4),)


def test_fused_projections_by_hand():
    inputs = [(1, 2, 4), (1, 2, 4), (4,), (3, 1, 2), (3,), (3,), (3, 1, 2), (3,)]
    case = node("MatMulNBitsMlp", inputs, {"K": 4, "N": 3}, outputs=(True, True))
    assert outcome(case).shapes == ((1, 2, 3), (1, 2, 4))
    assert read_at(case, 1, (0, 1, 2)) == {(0, 1, k) for k in range(4)}
    assert read_at(case, 2, (0, 1, 2)) == {(k,) for k in range(4)}
    assert read_at(case, 7, (0, 1, 2)) == {(2,)}
    assert read_at(case, 1, (0, 1, 2), output=1) == {(0, 1, 2)}
    inputs = [(1, 2, 4), None, (4,), (3, 1, 2), (3,), None, (2, 1, 2), (2,), None, (2, 1, 2), (2,)]
    case = node("MatMulNBitsQkv", inputs, {"K": 4, "Nq": 3, "Nkv": 2}, outputs=(True, True, True))
    assert outcome(case).shapes == ((1, 2, 3), (1, 2, 2), (1, 2, 2))
    assert read_at(case, 9, (0, 1, 1), output=2) == {(1, 0, 0), (1, 0, 1)}
    assert read_at(case, 6, (0, 1, 1), output=2) == set()


def test_a_sparse_factor_counts_as_dense():
    case = node("SparseToDenseMatMul", [(3, 2), (3, 4)], {"transA": 1})
    assert read_at(case, 0, (1, 2)) == {(k, 1) for k in range(3)}


INVALID = [
    (node("FusedMatMul", [(2, 3), (2, 3)]), "multiply"),
    (node("MatMulIntegerToFloat", [(2, 3), (3, 2), (2,), ()]), "one element"),
    (node("MatMulIntegerToFloat", [(2, 3), (3, 2), (), (3,)]), "2 elements"),
    (node("Inverse", [(2, 3)]), "square"),
    (node("MatMulNBits", [(2, 3)], {"K": 4, "N": 3}), "last axis of 4"),
    (node("MatMulNBits", [(2, 4), (4, 1)], {"K": 4, "N": 0}), "for 0 outputs"),
    (node("MatMulNBits", [(2, 4), (4, 1)], {"K": 4, "N": 3}), "3 equal rows"),
    (node("MatMulFpQ4", [(2, 4), (9,), np.array([4])]), "2 integers"),
    (node("MoE", [(2, 4), (3, 2)]), "2 tokens"),
]


@pytest.mark.parametrize(("case", "message"), INVALID, ids=str)
def test_invalid_nodes(case, message):
    with pytest.raises(RuleError, match=message):
        outcome(case)
