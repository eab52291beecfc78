"""onnxruntime's matrix products, against onnxruntime unit by unit."""

from __future__ import annotations

import numpy as np
import pytest

from ops.evaluate import Case, Data, mismatches, outcome, read_at
from ops.probes import Formula
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


def packed_product(data, packed, scale=None, **attributes):
    """Multiply by a weight of two bytes, low and high, and scale."""
    weights = packed[:, 0::2] + packed[:, 1::2] / 16
    return [data @ weights.astype(np.float32).T * (1 if scale is None else scale)]


PACKED = [
    node("MatMulPacked", [(1, 2, 3), bytes_(4, 6)], {"K": 3, "N": 4, "packed_type": 1}),
    node("MatMulPacked", [(3,), bytes_(2, 6), ()], {"K": 3, "N": 2, "packed_type": 1}),
]


@pytest.mark.parametrize("case", PACKED, ids=str)
def test_a_packed_weight_belongs_to_its_column(case):
    assert mismatches(case, probe=Formula(case, packed_product)) == []


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


EMPTY = np.zeros((3, 0, 8), np.uint8)
NO_PRODUCT = [
    node("MatMulNBits", [(1, 2, 32), EMPTY, (3, 2), *rest], {"K": 32, "N": 3, "block_size": 16})
    for rest in ([], [None, None, (3,)])
]


@pytest.mark.parametrize("case", NO_PRODUCT, ids=str)
def test_weights_without_elements_stand_for_no_product(case):
    assert mismatches(case) == []


def lora(data, base, scales, down, down_scales, up, up_scales, **attributes):
    """Multiply by weights of 8 bits in blocks of 16, and by those of an adapter of low rank."""
    lengths = {"inner": attributes["K"], "block": 16}

    def projected(rows, packed, scale, inner, block):
        blocks = -(-inner // block)
        weights = packed.astype(np.float32).reshape(-1, blocks, block) - 128
        weights = weights * scale.reshape(-1, blocks, 1)
        return rows @ weights.reshape(len(weights), -1)[:, :inner].T

    found = projected(data, base, scales, **lengths)
    if up.size:
        rank = len(down_scales)
        low = (
            projected(data, down, down_scales, **lengths)
            if down.size
            else np.zeros((*data.shape[:-1], rank), np.float32)
        )
        found = found + projected(low, up, up_scales, rank, 16)
    return [found]


# The rank is 2; the 20 features are a block and a part of another, of which 12 bytes are padding.
ADAPTED = [
    bytes_(3, 2, 16, span=(1, 4)),
    (3, 2),
    bytes_(2, 2, 16, span=(1, 4)),
    (2, 2),
    bytes_(3, 1, 16, span=(1, 4)),
    (3, 1),
]
LORA = [
    node("MatMulNBitsQLoRA", [(1, 2, 20), *ADAPTED], {"K": 20, "N": 3, "bits": 8}),
    node(
        "MatMulNBitsQLoRA",
        [(2, 20), *ADAPTED[:4], np.zeros((3, 0, 16), np.uint8), (3, 1)],
        {"K": 20, "N": 3, "bits": 8},
    ),
    node(
        "MatMulNBitsQLoRA",
        [(20,), *ADAPTED[:2], np.zeros((0, 2, 16), np.uint8), *ADAPTED[3:]],
        {"K": 20, "N": 3, "bits": 8},
    ),
]


@pytest.mark.parametrize("case", LORA, ids=str)
def test_an_adapter_is_read_as_far_as_there_is_one(case):
    # Padding is part of its column; without a down projection the up projection gets zeros.
    assert mismatches(case, within=(1, 3, 5, 6), probe=Formula(case, lora)) == []
    adapted = case.inputs[5] is ADAPTED[4]
    *place, _ = (0,) * len(outcome(case).shapes[0])
    assert read_at(case, 1, (*place, 2)) == {(2, block, at) for block in (0, 1) for at in range(16)}
    up = {(2, 0, at) for at in range(16)} if adapted else set()
    assert read_at(case, 5, (*place, 2)) == up


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
    (node("MatMulPacked", [(2, 4), (2, 8)], {"K": 4, "N": 3}), "3 equal rows"),
    (node("MatMulPacked", [(2, 4), (3, 9), (2,)], {"K": 4, "N": 3}), "one element"),
]


@pytest.mark.parametrize(("case", "message"), INVALID, ids=str)
def test_invalid_nodes(case, message):
    with pytest.raises(RuleError, match=message):
        outcome(case)
