"""onnxruntime's normalisations, against onnxruntime unit by unit."""

from __future__ import annotations

import pytest

from ops.evaluate import Case, indices, mismatches, outcome, read_at, relations
from ops.probes import Steps
from rfgraph.ops.node import RuleError


def node(op, inputs, attributes=None, **rest):
    return Case(op, inputs, attributes or {}, 1, domain="com.microsoft", **rest)


SUM = (True, False, False, True)
EXACT = [
    node("SkipLayerNormalization", [(1, 2, 4), (1, 2, 4), (4,), (4,), (4,)], outputs=SUM),
    node("SkipLayerNormalization", [(2, 2, 4), (1, 2, 4), (4,)]),
    node("SkipLayerNormalization", [(2, 2, 4), (2, 4), (4,), None, (4,)], outputs=SUM),
    node("SkipSimplifiedLayerNormalization", [(2, 2, 4), (2, 2, 4), (4,), (4,)], outputs=SUM),
    node("SkipSimplifiedLayerNormalization", [(2, 4), (2, 4), (4,)]),
    node("GatedRMSNorm", [(1, 2, 6), (3,), (1, 2, 6)], {"activation": "sigmoid"}),
    node("GatedRMSNorm", [(2, 3), (3,), (2, 3)]),
    node("BranchwiseRMSNorm", [(1, 2, 2, 3), (2, 3)]),
    node("BranchwiseRMSNorm", [(1, 2, 2, 3), (6,)]),
    node("BranchwiseRMSNorm", [(2, 2, 3), (3,)]),
    node("BranchwiseRMSNorm", [(2, 6), (3,)], {"num_branches": 2}),
    node("BranchwiseRMSNorm", [(2, 6), (2, 3)], {"num_branches": 2}),
    node("BranchwiseRMSNorm", [(2, 6)], {"num_branches": 3}),
]


@pytest.mark.parametrize("case", EXACT, ids=str)
def test_a_unit_reads_what_onnxruntime_shows(case):
    assert mismatches(case, probe=Steps(case)) == []


def test_statistics_that_no_cpu_gives_out():
    case = node("SkipLayerNormalization", [(2, 2, 3), (2, 3), (3,)], outputs=(True, True, True))
    assert outcome(case).shapes == ((2, 2, 3), (2, 2, 1), (2, 2, 1))
    assert read_at(case, 0, (1, 0, 0), 1) == {(1, 0, k) for k in range(3)}
    assert read_at(case, 1, (1, 0, 0), 2) == {(0, k) for k in range(3)}
    assert read_at(case, 2, (1, 0, 0), 2) == set()


def test_a_group_norm_by_hand():
    for last, shape in [(1, (2, 2, 3, 4)), (0, (2, 4, 2, 3))]:
        case = node("GroupNorm", [shape, (4,), (4,)], {"groups": 2, "channels_last": last})
        axis = 3 if last else 1
        for index in indices(shape):
            own = {
                at
                for at in indices(shape)
                if at[0] == index[0] and at[axis] // 2 == index[axis] // 2
            }
            assert read_at(case, 0, index) == own
            assert read_at(case, 1, index) == {(index[axis],)}
    assert len(relations(case)[0]) == 2


@pytest.mark.parametrize("skip", [(2, 2, 3, 4), (2, 1, 1, 4), (2, 4)], ids=str)
def test_a_residual_is_normalized_with_its_group(skip):
    shape = (2, 2, 3, 4)
    case = node(
        "SkipGroupNorm", [shape, (4,), (4,), skip, (4,)], {"groups": 2}, outputs=(True, True)
    )
    assert outcome(case).shapes == (shape, shape)
    for index in indices(shape):
        batch, *_, channel = index
        group = [channel // 2 * 2, channel // 2 * 2 + 1]
        assert read_at(case, 4, index) == {(at,) for at in group}
        assert {at[-1] for at in read_at(case, 3, index)} == set(group)
        assert {at[0] for at in read_at(case, 3, index)} == {batch}
        assert len(read_at(case, 3, index)) == 2 * (6 if skip == shape else 1)
        assert {at[-1] for at in read_at(case, 3, index, output=1)} == {channel}
        assert len(read_at(case, 3, index, output=1)) == 1
        assert read_at(case, 0, index, output=1) == {index}


def test_a_residual_without_a_bias():
    shape = (1, 2, 2, 4)
    case = node("SkipGroupNorm", [shape, (4,), (4,), shape], {"groups": 2})
    assert outcome(case).shapes == (shape,)
    assert len(read_at(case, 3, (0, 1, 1, 3))) == 8


def test_other_normalisations_without_a_kernel_by_hand():
    case = node("BiasSoftmax", [(2, 3, 4), (2, 1, 4)], {"axis": 2, "is_inner_broadcast": 1})
    assert read_at(case, 0, (1, 2, 0)) == {(1, 2, k) for k in range(4)}
    assert read_at(case, 1, (1, 2, 0)) == {(1, 0, k) for k in range(4)}
    case = node("BiasSoftmax", [(2, 3, 4), (3, 4)], {"axis": 1, "is_inner_broadcast": 0})
    assert read_at(case, 1, (1, 2, 0)) == set(indices((3, 4)))
    case = node("QOrderedLayerNormalization", [(2, 3), (), (3,), (3,), ()])
    assert [read_at(case, slot, (1, 2)) for slot in range(5)] == [
        *({(1, k) for k in range(3)}, {()}, {(2,)}, {(2,)}, {()}),
    ]


INVALID = [
    (node("SkipLayerNormalization", [(2, 2, 3), (2, 4), (3,)]), "broadcasts"),
    (node("SkipLayerNormalization", [(2, 2, 3), (2, 3), (4,)]), "3 elements"),
    (node("GroupNorm", [(2, 2, 4), (4,), (4,)], {"groups": 3}), "divisor"),
    (node("GroupNorm", [(2, 2, 4), (4,), (4,)], {"groups": 0}), "divisor"),
    (node("SkipGroupNorm", [(2, 2, 4), (4,), (4,), (2, 3)], {"groups": 2}), "input 3"),
    (node("SkipGroupNorm", [(2, 2, 4), (4,), (4,), (2, 4), (3,)], {"groups": 2}), "input 4"),
    (node("GatedRMSNorm", [(2, 3), (2,), (2, 3)]), "divides"),
    (node("BranchwiseRMSNorm", [(2, 3)], {"num_branches": 2}), "blocks"),
    (node("BranchwiseRMSNorm", [(2, 4), (3,)], {"num_branches": 2}), "features"),
    (node("BiasSoftmax", [(2, 3), (2, 2)], {"is_inner_broadcast": 1}), "broadcasts"),
]


@pytest.mark.parametrize(("case", "message"), INVALID, ids=str)
def test_invalid_nodes(case, message):
    with pytest.raises(RuleError, match=message):
        outcome(case)
