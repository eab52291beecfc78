"""onnxruntime's convolutions and pools, against onnxruntime unit by unit."""

from __future__ import annotations

import numpy as np
import pytest

from ops.evaluate import (
    Case,
    Data,
    claims,
    indices,
    mismatches,
    op_node,
    outcome,
    reads,
    relations,
    responses,
)
from rfgraph.ops.contrib.operands import apply_standard, first_shape
from rfgraph.ops.node import Outcome, RuleError, UnresolvedError
from rfgraph.relations.steps import Everything

ONE = np.array(1, np.float32)
EIGHT = np.array(8, np.float32)
ZERO = np.array(0, np.uint8)
QUANTIZED = (ONE, ZERO, EIGHT, ZERO)


def node(op, inputs, attributes=None, **rest):
    return Case(op, inputs, attributes or {}, 1, domain="com.microsoft", **rest)


def weights(*shape, dtype=np.float32):
    return np.ones(shape, dtype)


def ints(*values):
    return np.array(values, np.int64)


def bytes_(*shape, low=0, high=200):
    return Data(shape, "uint8", (low, high))


EXACT = [
    node("FusedConv", [(1, 2, 5), weights(3, 2, 3)], {"pads": [1, 0], "strides": [2]}),
    node(
        "FusedConv",
        [(1, 4, 4, 3), weights(4, 2, 2, 2), (4,), (1, 4, 3, 2)],
        {"group": 2, "activation": "Relu"},
    ),
    node("FusedConv", [(1, 1, 5), (2, 1, 2), None, (1, 2, 4)]),
    *(
        node(
            "QLinearConv",
            [
                bytes_(*shape),
                *(ONE, ZERO),
                weights(2, 1, 2, 2, dtype=np.uint8),
                *QUANTIZED,
            ],
            {"group": 2, "channels_last": last},
        )
        for last, shape in [(0, (1, 2, 4, 3)), (1, (1, 4, 3, 2))]
    ),
    node(
        "ConvTransposeWithDynamicPads",
        [(1, 2, 3, 4), weights(2, 3, 3, 2), ints(1, 0, 0, 1), (3,)],
        {"strides": [2, 3], "output_padding": [1, 0]},
    ),
    node("ConvTransposeWithDynamicPads", [(1, 2, 3, 2), weights(2, 1, 2, 2), ints(0, 0, 0, 0)]),
    *(
        node(
            "QLinearAveragePool",
            [bytes_(*shape, high=24), ONE, ZERO, np.array(0.125, np.float32), ZERO],
            {
                "kernel_shape": [3, 2],
                "strides": [2, 1],
                "pads": [1, 0, 1, 0],
                "ceil_mode": 1,
                "channels_last": last,
            },
        )
        for last, shape in [(0, (1, 2, 6, 5)), (1, (1, 6, 5, 2))]
    ),
    *(
        node(
            "QLinearGlobalAveragePool",
            [bytes_(2, 3, 4, 2, high=14), ONE, ZERO, np.array(0.0625, np.float32), ZERO],
            {"channels_last": last},
        )
        for last in (0, 1)
    ),
]


@pytest.mark.parametrize("case", EXACT, ids=str)
def test_a_unit_reads_what_onnxruntime_shows(case):
    assert mismatches(case) == []


POOLS = [
    node(
        "NhwcMaxPool",
        [Data((1, 5, 6, 2), "uint8")],
        {"kernel_shape": [2, 3], "strides": [2, 2], "ceil_mode": 1, "pads": [0, 1, 0, 0]},
    ),
    node("NhwcMaxPool", [Data((1, 7, 3), "int8")], {"kernel_shape": [2], "dilations": [2]}),
]


@pytest.mark.parametrize("case", POOLS, ids=str)
def test_a_unit_of_a_pool_of_integers_rises_with_what_it_reads(case):
    assert claims(case) == responses(case)


MASKS = [
    ((2, 3, 5, 4), (1, 1, 5, 4), {"kernel_shape": [2, 2], "strides": [2, 1]}),
    ((1, 2, 7), (1, 1, 7), {"kernel_shape": [3], "pads": [1, 1]}),
    ((1, 2, 3, 3, 2), (1, 1, 3, 3, 2), {"kernel_shape": [2, 2, 1]}),
    ((1, 2, 5), (1, 2, 5), {"kernel_shape": [2]}),
]


@pytest.mark.parametrize(("data", "mask", "attributes"), MASKS, ids=str)
def test_a_masked_pool_reads_its_windows_of_data_and_mask(data, mask, attributes):
    case = node("MaxpoolWithMask", [data, Data(mask, "int32", (0, 2))], attributes)
    assert mismatches(case, within=(0, 1)) == []
    everything = [isinstance(step, Everything) for r in relations(case)[1] for step in r.steps]
    assert any(everything) == (mask[:2] != (1, 1))
    ones = node("MaxpoolWithMask", [data, np.ones(mask, np.int32)], attributes)
    assert mismatches(ones) == []


def test_convolutions_with_the_channels_last_are_those_with_the_channels_first_turned():
    attributes = {"strides": [2, 1], "pads": [1, 0, 1, 0], "group": 2}
    last = node(
        "NhwcFusedConv", [(1, 5, 4, 4), weights(6, 2, 3, 2), (6,), (1, 3, 3, 6)], attributes
    )
    first = node("FusedConv", [(1, 4, 5, 4), weights(6, 2, 3, 2), (6,), (1, 6, 3, 3)], attributes)
    turned = (0, 2, 3, 1)
    assert outcome(last).shapes == (tuple(outcome(first).shapes[0][axis] for axis in turned),)
    for slot, back in ((0, True), (2, False), (3, True)):
        (one,), (other,) = relations(last)[slot], relations(first)[slot]
        for index in indices(one.out_shape):
            source = tuple(index[axis] for axis in (0, 3, 1, 2))
            seen = reads(other, source)
            assert reads(one, index) == {
                tuple(at[axis] for axis in turned) if back else at for at in seen
            }


INVALID = [
    (node("FusedConv", [(1, 2, 5), weights(3, 2, 3), None, (1, 2, 3)]), "broadcasts"),
    (node("NhwcConv", [(1, 5, 2), weights(3, 3, 3)]), "channels"),
    (node("NhwcMaxPool", [(1, 5, 2)], {"kernel_shape": [7]}), "window"),
    (node("MaxpoolWithMask", [(1, 1, 5), (1, 1, 4)], {"kernel_shape": [2]}), "spatial lengths"),
    (node("QLinearGlobalAveragePool", [(1, 2)]), "rank"),
    (
        node("QLinearGlobalAveragePool", [(1, 2, 3), (2,)]),
        "one element",
    ),
]


@pytest.mark.parametrize(("case", "message"), INVALID, ids=str)
def test_invalid_nodes(case, message):
    with pytest.raises(RuleError, match=message):
        outcome(case)


def test_standard_operators_that_are_not_there():
    case = op_node(node("FusedConv", [(1, 2, 5)]))
    with pytest.raises(UnresolvedError, match="'Nothing' has no rule"):
        apply_standard(case, "Nothing", (0,))
    with pytest.raises(UnresolvedError, match="shape of the output"):
        first_shape(Outcome((None,)))


def test_pads_that_depend_on_data_are_unresolved():
    case = node("ConvTransposeWithDynamicPads", [(1, 2, 3), (2, 1, 2), Data((2,), "int64")])
    with pytest.raises(UnresolvedError, match="computed from data"):
        outcome(case)
