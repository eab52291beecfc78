"""Reductions, norms and products against onnxruntime, and by hand where it has no kernel."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from ops.evaluate import Case, Data, mismatches, outcome, read_at, relations
from rfgraph.ops.node import RuleError, UnresolvedError
from rfgraph.relations.axis_rules import Whole
from rfgraph.relations.steps import Everything, Reduce

I64 = np.int64
BOTH = (True, True)
THREE = (True, True, True)


def ints(*values):
    return np.array(values, dtype=I64)


REDUCTIONS = [
    Case("ReduceMean", [(2, 3, 4)], {"axes": [1, 2]}, version=11),
    Case("ReduceSum", [(2, 3, 4), ints(-1)], {"keepdims": 0}, version=13),
    Case("ReduceSum", [(2, 3)], {"axes": [0]}, version=11),
    Case("ReduceSum", [(2, 3), ints()], {"noop_with_empty_axes": 1}, version=13),
    Case("ReduceSum", [(2, 3)], {"noop_with_empty_axes": 1}, version=13),
    Case("ReduceSum", [(2, 3), ints()], version=13),
    Case("ReduceSum", [(2, 3), ints(1, -1)], version=13),
    Case("ReduceSum", [()], version=13),
    Case("ReduceMax", [(2, 3)], {"keepdims": 0}, version=12),
    Case("ReduceMin", [(2, 3), ints(0)], version=20),
    Case("ReduceL1", [(2, 3), ints(1)], version=18),
    Case("ReduceL2", [(2, 3)], version=13),
    Case("ReduceLogSum", [(2, 3)], {"axes": [-1]}, version=11),
    Case("ReduceLogSumExp", [(2, 3), ints(0)], version=18),
    Case("ReduceProd", [(2, 3)], {"axes": [1]}, version=13),
    Case("ReduceSumSquare", [(2, 3)], version=13),
    Case("Softmax", [(2, 3, 2)], version=11),
    Case("Softmax", [(2, 3, 2)], {"axis": 2}, version=1),
    Case("Softmax", [(2, 3, 2)], {"axis": -2}, version=11),
    Case("Softmax", [(2, 3, 2)], version=13),
    Case("Softmax", [(2, 3, 2)], {"axis": 1}, version=13),
    Case("LogSoftmax", [(2, 3, 2)], version=11),
    Case("LogSoftmax", [(2, 3, 2)], {"axis": 0}, version=13),
    Case("LpNormalization", [(2, 3)], {"axis": 0, "p": 1}, version=1),
    Case("LpNormalization", [(2, 3)], version=22),
    Case("CumSum", [(2, 4), ints(1)], version=11),
    Case("CumSum", [(2, 4), np.array(-1)], {"exclusive": 1}, version=14),
    Case("CumSum", [(4, 2), np.array(0)], {"reverse": 1}, version=14),
    Case("CumSum", [(4, 2), np.array(0)], {"reverse": 1, "exclusive": 1}, version=14),
    Case("Det", [(2, 3, 3)], version=11),
    Case("DFT", [(2, 5, 1)], version=17),
    Case("DFT", [(2, 5, 2), np.array(3)], {"axis": 1}, version=17),
    Case("DFT", [(2, 4, 1), np.array(7)], {"onesided": 1}, version=20),
    Case("DFT", [(2, 3, 2)], {"onesided": 1, "inverse": 1}, version=20),
    Case("DFT", [(3, 4, 2), None, np.array(0)], {"inverse": 1}, version=20),
]

NORMS = [
    Case("BatchNormalization", [(2, 3, 2), (3,), (3,), (3,), (3,)], version=9),
    Case("BatchNormalization", [(2, 3), (3,), (3,), (3,), (3,)], version=15),
    Case("BatchNormalization", [(2, 3, 2), (3,), (3,), (3,), (3,)], {"spatial": 1}, version=7),
    Case(
        "BatchNormalization",
        [(2, 2, 3), (2,), (2,), (2,), (2,)],
        {"training_mode": 1},
        version=15,
        outputs=THREE,
    ),
    Case("InstanceNormalization", [(2, 3, 4), (3,), (3,)], version=6),
    Case("InstanceNormalization", [(1, 2, 2, 3), (2,), (2,)], version=22),
    Case("GroupNormalization", [(1, 4, 3), (4,), (4,)], {"num_groups": 2}, version=21),
    Case("GroupNormalization", [(1, 4, 3), (2,), (2,)], {"num_groups": 2}, version=18),
    Case("LayerNormalization", [(2, 3, 4), (4,), (4,)], version=17, outputs=THREE),
    Case("LayerNormalization", [(2, 3, 4), (3, 4), None], {"axis": 1}, version=17),
    Case("RMSNormalization", [(2, 3, 4), (4,)], version=23),
    Case("SimplifiedLayerNormalization", [(2, 3, 4), (4,)], version=1, outputs=BOTH),
    Case("MeanVarianceNormalization", [(2, 2, 2, 2)], version=9),
    Case("MeanVarianceNormalization", [(2, 2, 3)], {"axes": [1, -1]}, version=13),
    Case("MeanVarianceNormalization", [(2, 2, 3)], version=13),
    Case("GroupNormalization", [(2, 4), (4,), (4,)], {"num_groups": 2}, version=21),
]

PRODUCTS = [
    Case("MatMul", [(2, 3), (3, 4)], version=1),
    Case("MatMul", [(3,), (3, 4)], version=9),
    Case("MatMul", [(2, 3), (3,)], version=13),
    Case("MatMul", [(3,), (3,)], version=13),
    Case("MatMul", [(2, 1, 2, 3), (3, 3, 2)], version=13),
    Case("MatMul", [(3,), (2, 3, 2)], version=13),
    Case("MatMul", [(2, 2, 3), (3,)], version=13),
    Case("MatMul", [(2, 0), (0, 3)], version=13),
    Case("Gemm", [(2, 3), (3, 4), (4,)], version=7),
    Case("Gemm", [(3, 2), (4, 3)], {"transA": 1, "transB": 1}, version=11),
    Case("Gemm", [(2, 3), (3, 4), (2, 1)], version=13),
    Case("Gemm", [(2, 3), (3, 4), ()], {"alpha": 0.5}, version=9),
    Case("Einsum", [(2, 3), (3, 4)], {"equation": "ij,jk->ik"}, version=12),
    Case("Einsum", [(2, 3), (3, 4)], {"equation": "ij , jk"}, version=12),
    Case("Einsum", [(2, 3), (4, 3)], {"equation": "bz,az"}, version=12),
    Case("Einsum", [(2, 3)], {"equation": "ij->ji"}, version=12),
    Case("Einsum", [(2, 3)], {"equation": "ij->i"}, version=12),
    Case("Einsum", [(2, 3)], {"equation": "ij->"}, version=12),
    Case("Einsum", [(3, 3)], {"equation": "ii->i"}, version=12),
    Case("Einsum", [(3, 2, 3)], {"equation": "iji->j"}, version=12),
    Case("Einsum", [(3, 3)], {"equation": "ii"}, version=12),
    Case("Einsum", [(2, 3), (2,)], {"equation": "ij,i->ij"}, version=12),
    Case("Einsum", [(2, 1, 2, 3), (1, 3, 3, 2)], {"equation": "...ij,...jk->...ik"}, version=12),
    Case("Einsum", [(2, 2, 3)], {"equation": "...ij->...ji"}, version=12),
    Case("Einsum", [(2, 2, 3)], {"equation": "...j"}, version=12),
    Case("Einsum", [(2, 2), (2, 2), (2, 2)], {"equation": "ab,bc,cd->ad"}, version=12),
    Case("Einsum", [(2, 3), (1,)], {"equation": "ij,j->ij"}, version=12),
    Case("Einsum", [(2, 3), ()], {"equation": "ij,->j"}, version=12),
    Case("Einsum", [(2, 2, 2)], {"equation": "iii->i"}, version=12),
    Case("Einsum", [(1, 2, 3), (1, 3, 2)], {"equation": "bij,bjk->bik"}, version=12),
    Case("MatMulInteger", [Data((2, 3), "uint8", (1, 9)), Data((3, 2), "uint8", (1, 9))]),
]


@pytest.mark.parametrize("case", REDUCTIONS + NORMS + PRODUCTS, ids=str)
def test_against_onnxruntime(case):
    assert mismatches(case) == []


# Values hide part of what is read (one element wins, rounding absorbs a step, the target names one
# class): here nothing may be read beyond what the rule says.
HIDDEN = [
    (Case("ArgMax", [(2, 3, 4)], {"axis": 1}, version=11), (0,)),
    (Case("ArgMin", [(2, 3)], {"axis": -1, "keepdims": 0}, version=13), (0,)),
    (Case("Hardmax", [(2, 3, 2)], version=11), (0,)),
    (Case("Hardmax", [(2, 3, 2)], {"axis": 1}, version=13), (0,)),
    (Case("TopK", [(2, 4), ints(2)], version=11, outputs=BOTH), (0,)),
    (Case("TopK", [(4, 2), ints(3)], {"axis": 0}, version=10, outputs=BOTH), (0,)),
    (Case("DynamicQuantizeLinear", [(2, 3)], version=11, outputs=THREE), (0,)),
    (
        Case(
            "QLinearMatMul",
            [
                Data((2, 3), "uint8", (1, 200)),
                (),
                np.array(1, np.uint8),
                Data((3, 2), "uint8", (1, 200)),
                (2,),
                np.array([1, 2], np.uint8),
                (),
                np.array(1, np.uint8),
            ],
            version=10,
        ),
        (0, 1, 3, 4, 6),
    ),
    (Case("DFT", [(2, 4, 1)], {"onesided": 1}, version=17), (0,)),
    (Case("NegativeLogLikelihoodLoss", [(2, 3), Data((2,), "int64", (0, 3))]), (0, 1)),
    (
        Case(
            "NegativeLogLikelihoodLoss",
            [(2, 3, 2), Data((2, 2), "int64", (0, 3)), (3,)],
            {"reduction": "none"},
            version=13,
        ),
        (0, 1, 2),
    ),
    (
        Case(
            "SoftmaxCrossEntropyLoss",
            [(2, 3), Data((2,), "int64", (0, 3)), (3,)],
            version=12,
            outputs=BOTH,
        ),
        (0, 1, 2),
    ),
    (
        Case(
            "SoftmaxCrossEntropyLoss",
            [(2, 3, 2), Data((2, 2), "int64", (0, 3))],
            {"reduction": "none"},
            version=13,
        ),
        (1,),
    ),
]


@pytest.mark.parametrize(("case", "within"), HIDDEN, ids=str)
def test_nothing_more_against_onnxruntime(case, within):
    assert mismatches(case, within=within) == []
    assert set(case.data()) <= set(relations(case))


# --- by hand: what onnxruntime does not run, or runs at random --------------------------------


def every(*ranges):
    return set(itertools.product(*(r if isinstance(r, range) else [r] for r in ranges)))


def norm(version, outputs=1, parameters=(3,), **attributes):
    """A BatchNormalization of shape (2, 3, 4)."""
    inputs = [(2, 3, 4), *[parameters] * 4]
    return Case("BatchNormalization", inputs, attributes, version, (True,) * outputs)


ALL_OF_CHANNEL = every(range(2), 1, range(4))


@pytest.mark.parametrize(
    "case",
    [
        norm(1, is_test=1),
        norm(6, is_test=1, outputs=5),
        norm(6),
        norm(7),
        norm(9),
        norm(14),
        norm(15, training_mode=0),
    ],
    ids=str,
)
def test_batch_norm_at_inference_reads_its_own_index(case):
    assert read_at(case, 0, (1, 1, 2)) == {(1, 1, 2)}
    assert [read_at(case, slot, (1, 1, 2)) for slot in (1, 2, 3, 4)] == [{(1,)}] * 4


@pytest.mark.parametrize(
    "case",
    [norm(1, 5), norm(6, 5), norm(7, 5), norm(9, 5), norm(14, 3, training_mode=1)],
    ids=str,
)
def test_batch_norm_in_training_reads_its_channel(case):
    count = len(case.outputs)
    assert outcome(case).shapes == ((2, 3, 4), *[(3,)] * (count - 1))
    assert read_at(case, 0, (1, 1, 2)) == ALL_OF_CHANNEL
    assert read_at(case, 3, (1, 1, 2)) == set()
    assert [read_at(case, 0, (1,), output) for output in range(1, count)] == [ALL_OF_CHANNEL] * (
        count - 1
    )
    assert read_at(case, 3, (1,), output=1) == read_at(case, 4, (1,), output=2) == {(1,)}
    assert read_at(case, 4, (1,), output=1) == set()


def test_batch_norm_per_activation():
    case = norm(7, parameters=(3, 4), spatial=0)
    assert read_at(case, 0, (1, 1, 2)) == {(1, 1, 2)}
    assert read_at(case, 3, (1, 1, 2)) == {(1, 2)}
    case = norm(6, 5, parameters=(3, 4), spatial=0)
    assert outcome(case).shapes[1] == (3, 4)
    assert read_at(case, 0, (1, 1, 2)) == every(range(2), 1, 2)
    assert read_at(case, 0, (1, 2), output=3) == every(range(2), 1, 2)


def test_batch_norm_of_a_vector_has_one_channel():
    case = Case("BatchNormalization", [(5,), *[(1,)] * 4], version=15)
    assert read_at(case, 0, (3,)) == {(3,)}
    assert read_at(case, 1, (3,)) == {(0,)}


def test_own_index_and_statistics_are_two_parts():
    """So that the local field outlives a norm."""
    for case in [
        Case("Softmax", [(2, 3)]),
        Case("InstanceNormalization", [(2, 3, 4), (3,), (3,)]),
        Case("GroupNormalization", [(2, 4, 3), (4,), (4,)], {"num_groups": 2}),
        Case("LayerNormalization", [(2, 3), (3,)], version=17),
        Case("DynamicQuantizeLinear", [(2, 3)], version=11),
    ]:
        own, statistics = relations(case)[0]
        assert own.is_identity
        assert statistics.reduced


def test_products_are_weighted_and_means_are_not():
    (row,) = relations(Case("MatMul", [(2, 3), (3, 4)]))[0]
    assert row.reduced is None
    (mean,) = relations(Case("ReduceMean", [(2, 3)], version=13))[0]
    assert mean.reduced == {0, 1}
    (summed,) = relations(Case("Einsum", [(2, 3)], {"equation": "ij->i"}))[0]
    assert summed.steps[0].weighted is False


def test_cumulative_product():
    case = Case("CumProd", [(4,), ints(0)], {"exclusive": 1}, version=26)
    assert [read_at(case, 0, (o,)) for o in range(4)] == [every(range(o)) for o in range(4)]


def test_an_axis_that_depends_on_data_is_unknown():
    case = Case("CumSum", [(2, 3), Data((), "int64")], version=14)
    (relation,) = relations(case)[0]
    assert relation.steps == (Everything((2, 3), unknown=True),)
    assert read_at(case, 1, (1, 2)) == {()}


def test_samples_read_their_row():
    case = Case("Multinomial", [(2, 3)], {"sample_size": 4}, version=7)
    assert outcome(case).shapes == ((2, 4),)
    assert read_at(case, 0, (1, 3)) == every(1, range(3))


def test_zero_points_per_row_and_column():
    case = Case(
        "MatMulInteger", [(2, 3), (3, 4), Data((2,), "uint8"), Data((4,), "uint8")], version=10
    )
    assert read_at(case, 2, (1, 3)) == {(1,)}
    assert read_at(case, 3, (1, 3)) == {(3,)}
    scales = [(5, 2, 3), (5, 2, 1), (), (5, 3, 4), (5, 1, 4), (), (2,), ()]
    case = Case("QLinearMatMul", scales, version=21)
    assert outcome(case).shapes == ((5, 2, 4),)
    assert read_at(case, 1, (4, 1, 3)) == {(4, 1, 0)}
    assert read_at(case, 4, (4, 1, 3)) == {(4, 0, 3)}
    assert read_at(case, 6, (4, 1, 3)) == {(1,)}


def test_first_versions_of_top_k():
    case = Case("TopK", [(2, 4)], {"axis": 0, "k": 1}, version=1, outputs=BOTH)
    assert outcome(case).shapes == ((1, 4), (1, 4))
    assert read_at(case, 0, (0, 3), output=1) == every(range(2), 3)


def test_which_class_a_loss_reads_is_unknown():
    case = Case("NegativeLogLikelihoodLoss", [(2, 3, 4), (2, 4)], {"reduction": "none"})
    (relation,) = relations(case)[0]
    assert relation.steps[0] == Reduce(((1, Whole(3, 1, unknown=True)),))
    assert read_at(case, 1, (1, 3)) == {(1, 3)}


def test_huge_lengths_cost_nothing():
    long = 1 << 62
    assert outcome(Case("ReduceSum", [(2, long)], version=13)).shapes == ((1, 1),)
    assert outcome(Case("MatMul", [(long, 3), (3, long)])).shapes == ((long, long),)
    assert outcome(Case("Einsum", [(long, long)], {"equation": "ii->i"})).shapes == ((long,),)


INVALID = [
    (Case("ReduceMean", [(2, 3)], {"axes": [2]}, version=13), "axis"),
    (Case("ReduceMean", [(2, 3)], {"axes": 1}, version=13), "integers"),
    (Case("Softmax", [()]), "axis"),
    (Case("Softmax", [(3,)], version=11), "axis"),
    (Case("TopK", [(3,), ints(4)]), "\\[0, 3\\]"),
    (Case("TopK", [(3,), ints(1, 1)]), "one integer"),
    (Case("CumSum", [(3,), ints(2)]), "axis"),
    (Case("CumSum", [(3,), ints()]), "one integer"),
    (Case("Multinomial", [(2, 3)], {"sample_size": 0}), "at least 1"),
    (Case("Det", [(2, 3)]), "square"),
    (Case("DFT", [(2, 5, 3)], version=20), "length 1 or 2"),
    (Case("DFT", [(2, 5, 1), None, ints(-1)], version=20), "last axis"),
    (Case("DFT", [(2, 5, 2)], {"onesided": 1}, version=20), "onesided"),
    (Case("DFT", [(2, 5, 2), ints(0)], version=20), "at least 1"),
    (Case("DFT", [(2, 5, 2), ints(1, 2)], version=20), "one integer"),
    (Case("NegativeLogLikelihoodLoss", [(2, 3), (3,)]), "shape \\[2\\]"),
    (Case("NegativeLogLikelihoodLoss", [(2, 3), (2,)], {"reduction": "max"}), "one of"),
    (norm(9, parameters=(2,)), "shape \\[3\\]"),
    (Case("InstanceNormalization", [(2, 3), (3,), (3,)]), "rank"),
    (Case("InstanceNormalization", [(2, 3, 4), (2,), (3,)]), "3 elements"),
    (Case("GroupNormalization", [(2, 4, 3), (4,), (4,)], {"num_groups": 3}), "divisor"),
    (Case("GroupNormalization", [(2, 4, 3), (4,), (4,)], {"num_groups": 0}), "divisor"),
    (Case("InstanceNormalization", [(2, 3, 4), (3,)]), "input 2"),
    (Case("LayerNormalization", [(2, 3)], version=17), "input 1"),
    (Case("LayerNormalization", [(2, 3), (4,)], version=17), "broadcasts to"),
    (Case("LayerNormalization", [(2, 3), (5, 2, 3)], version=17), "broadcasts to"),
    (Case("MatMul", [(), (2,)]), "multiply"),
    (Case("MatMul", [(2, 3), (2, 3)]), "multiply"),
    (Case("MatMul", [(4, 2, 3), (3, 3, 2)]), "broadcast"),
    (Case("MatMulInteger", [(2, 3), (3, 4), (3,)]), "one per row"),
    (Case("MatMulInteger", [(2, 3), (3, 4), None, (2, 3, 4)]), "one per column"),
    (Case("Gemm", [(2, 3), (4, 5)]), "share an axis"),
    (Case("Gemm", [(2, 3, 1), (3, 4)]), "rank 2"),
    (Case("Gemm", [(2, 3), (3, 4), (1, 2, 4)]), "broadcasts to"),
    (Case("Einsum", [(2, 3), (4,)], {"equation": "ij,j"}), "one length"),
    (Case("Einsum", [(2, 3)], {"equation": "i,j"}), "2 inputs"),
    (Case("Einsum", [(1,) * 1100], {"equation": "..."}), "rank 1024"),
    (Case("Einsum", [(2, 3)], {"equation": "ij->ii"}), "different"),
    (Case("Einsum", [(2, 3)], {"equation": "ij->k"}), "known"),
    (Case("Einsum", [(2, 3)], {"equation": "i...->i"}), "ellipsis"),
    (Case("Einsum", [(2, 3)], {"equation": "i"}), "rank 2"),
    (Case("Einsum", [(2, 3)], {"equation": "i1"}), "letters"),
    (Case("Einsum", [(2, 3)]), "rank 2"),
    (Case("Einsum", [(2, 3)], {"equation": "ii"}), "one length"),
    (Case("Einsum", [(3, 1)], {"equation": "ii"}), "within an operand"),
]


@pytest.mark.parametrize(("case", "message"), INVALID, ids=str)
def test_invalid_nodes(case, message):
    with pytest.raises(RuleError, match=message):
        outcome(case)


def test_axes_that_depend_on_data_are_unresolved():
    with pytest.raises(UnresolvedError, match="computed from data"):
        outcome(Case("ReduceMean", [(2, 3), Data((1,), "int64")], version=18))
