"""Convolutions, pools and what else reads windows, against onnxruntime unit by unit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.evaluate import (
    Case,
    Data,
    claims,
    mismatches,
    op_node,
    outcome,
    reads,
    relations,
    responses,
)
from rfgraph.errors import BoundError
from rfgraph.ops.contrib.operands import with_channels_last
from rfgraph.ops.convolutions import convolve
from rfgraph.ops.node import OpNode, RuleError, UnresolvedError, Value
from rfgraph.ops.registry import find_rule
from rfgraph.relations.axis_rules import Band, Whole, Window
from rfgraph.relations.relation import Relation
from rfgraph.relations.steps import Everything, Prefix, Reduce, Taps

ONE = np.array(1, np.float32)
EIGHT = np.array(8, np.float32)
ZERO = np.array(0, np.uint8)


def weights(*shape, dtype=np.float32):
    return np.ones(shape, dtype)


def ints(*values):
    return np.array(values, np.int64)


def scalar(value):
    return np.array(value, np.int64)


def bytes_(*shape, low=0, high=200):
    return Data(shape, "uint8", (low, high))


EXACT = [
    Case("Conv", [(2, 3, 6), weights(4, 3, 3)], {"pads": [1, 0], "strides": [2]}),
    Case("Conv", [(1, 2, 5), weights(3, 2, 1)], {}, 1),
    Case(
        "Conv",
        [(1, 4, 5, 6), weights(6, 2, 3, 2)],
        {"group": 2, "strides": [2, 1], "pads": [1, 0, 1, 1], "dilations": [1, 2]},
    ),
    Case("Conv", [(1, 4, 5), weights(8, 1, 3), (8,)], {"group": 4, "kernel_shape": [3]}, 11),
    Case("Conv", [(1, 2, 3, 3, 3), weights(2, 2, 2, 2, 1)], {"strides": [1, 2, 1]}),
    Case("Conv", [(1, 1, 2, 2, 3, 2), weights(2, 1, 1, 2, 2, 1)], {"group": 1}),
    Case("Conv", [(1, 1, 5, 4), weights(1, 1, 2, 3)], {"auto_pad": "SAME_LOWER"}, 11),
    Case("Conv", [(1, 1, 5, 4), weights(1, 1, 2, 3)], {"auto_pad": ""}),
    Case("ConvInteger", [bytes_(1, 2, 5, 4), weights(3, 2, 2, 2, dtype=np.uint8)]),
    Case(
        "QLinearConv",
        [
            bytes_(1, 2, 4, 3),
            ONE,
            ZERO,
            weights(2, 1, 2, 2, dtype=np.uint8),
            ONE,
            ZERO,
            EIGHT,
            ZERO,
        ],
        {"group": 2},
    ),
    Case("MaxPool", [(1, 2, 7, 6)], {"kernel_shape": [3, 2], "strides": [2, 2], "ceil_mode": 1}),
    Case("MaxPool", [(1, 1, 9)], {"kernel_shape": [2], "dilations": [3], "pads": [1, 0]}, 10),
    Case("MaxPool", [(1, 1, 3, 4, 3)], {"kernel_shape": [2, 2, 1]}, 8),
    Case("MaxPool", [(1, 1, 5)], {"kernel_shape": [2], "auto_pad": "SAME_UPPER"}, 1),
    Case("AveragePool", [(1, 2, 5, 5)], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}, 7),
    Case("AveragePool", [(1, 1, 7)], {"kernel_shape": [2], "dilations": [2]}, 19),
    Case("LpPool", [(1, 2, 5, 5)], {"kernel_shape": [2, 3], "strides": [1, 2], "p": 1}, 18),
    Case("GlobalAveragePool", [(2, 3, 4, 3)], {}, 1),
    Case("GlobalAveragePool", [(2, 2, 5)]),
    Case("GlobalMaxPool", [(1, 2, 2, 2, 3)]),
    Case("GlobalLpPool", [(2, 3, 4, 3)], {"p": 1}, 2),
    Case("STFT", [(2, 13, 1), scalar(3), None, scalar(4)], {}, 17),
    Case("STFT", [(1, 13, 2), scalar(3), None, scalar(4)], {"onesided": 0}, 17),
    Case("STFT", [(1, 11), scalar(2), weights(5)], {"onesided": 1}, 17),
    Case("STFT", [(1, 11, 1), scalar(2), (5,)], {"onesided": 0}, 17),
    Case("Col2Im", [(1, 8, 9), ints(4, 4), ints(2, 2)], {}, 18),
    Case("Col2Im", [(2, 3, 5), ints(7), ints(3)], {}, 18),
    Case(
        "Col2Im",
        [(1, 6, 6), ints(5, 6), ints(3, 1)],
        {"strides": [1, 2], "pads": [1, 0, 0, 0], "dilations": [2, 1]},
        18,
    ),
    Case("Col2Im", [(1, 8, 2), ints(2, 4, 2), ints(2, 2, 2)], {"strides": [1, 2, 1]}, 18),
    Case(
        "MaxUnpool",
        [(1, 2, 2, 2), ints(0, 3, 9, 6, 16, 18, 25, 31).reshape(1, 2, 2, 2)],
        {"kernel_shape": [2, 2], "strides": [2, 2]},
    ),
    Case(
        "MaxUnpool",
        [(1, 1, 2, 2), ints(6, 8, 16, 18).reshape(1, 1, 2, 2), ints(1, 1, 5, 5)],
        {"kernel_shape": [2, 2], "strides": [2, 2]},
        9,
    ),
    Case(
        "MaxUnpool",
        [(1, 1, 2, 2), ints(1, 2, 6, 9).reshape(1, 1, 2, 2)],
        {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 0, 1, 0]},
        11,
    ),
]


@pytest.mark.parametrize("case", EXACT, ids=str)
def test_a_unit_reads_what_onnxruntime_shows(case):
    assert mismatches(case) == []


# The slots after the case: what the rule says of them is an upper bound.
BOUNDED = [
    # Weights on padding, and what a saturated uint8 hides.
    (Case("Conv", [(1, 4, 6), (4, 1, 2), (4,)], {"group": 4, "pads": [1, 1]}), (1,)),
    (Case("Conv", [(1, 2, 4, 3), (3, 2, 2, 3)], {"pads": [0, 1, 1, 1]}), (1,)),
    (Case("ConvInteger", [bytes_(1, 1, 4), bytes_(2, 1, 2), bytes_(), bytes_()]), (1, 2, 3)),
    (
        Case(
            "QLinearConv",
            [
                *(bytes_(1, 2, 3, 3), (), bytes_(high=9)),
                *(bytes_(2, 2, 2, 2), (2,), bytes_(2, high=5)),
                *((), bytes_(high=9), Data((2,), "int32", (0, 5000))),
            ],
        ),
        range(9),
    ),
    # Which of the window is the largest decides the index.
    (
        Case("MaxPool", [(1, 1, 5, 4)], {"kernel_shape": [3, 2]}, outputs=(True, True)),
        (0,),
    ),
    (Case("MaxUnpool", [(1, 1, 4), Data((1, 1, 4), "int64", (0, 8))],
          {"kernel_shape": [2], "strides": [2]}), (0, 1)),
]  # fmt: skip


@pytest.mark.parametrize(("case", "slots"), BOUNDED, ids=str)
def test_a_unit_reads_at_most_what_the_rule_says(case, slots):
    assert mismatches(case, within=slots) == []


@settings(max_examples=300)
@given(data=st.data())
def test_windows_of_every_setting(data):
    op, version = data.draw(
        st.sampled_from(
            [(op, v) for op, versions in VERSIONS.items() for v in versions],
        ),
        label="operator",
    )
    kernel = data.draw(st.integers(1, 5), "kernel")
    attributes = {"kernel_shape": [kernel], "strides": [data.draw(st.integers(1, 4), "stride")]}
    if version >= DILATED.get(op, 1):
        attributes["dilations"] = [data.draw(st.integers(1, 3), "dilation")]
    if version >= CEILED.get(op, 99):
        attributes["ceil_mode"] = data.draw(st.integers(0, 1), "ceil")
    if data.draw(st.booleans(), "valid"):
        attributes["auto_pad"] = "VALID"
        pads = (0, 0)
    else:
        pads = data.draw(st.tuples(*[st.integers(0, kernel - 1)] * 2), "pads")
        attributes["pads"] = [*pads]
    extent = (kernel - 1) * attributes.get("dilations", [1])[0] + 1
    # Below that a runtime rounds a negative quotient up to one window.
    length = data.draw(st.integers(max(extent - sum(pads), 1), 14), "length")
    inputs = [(1, 1, length)] + [weights(1, 1, kernel)] * (op == "Conv")
    case = Case(op, inputs, attributes, version)
    assert claims(case) == responses(case)


VERSIONS = {
    "Conv": (1, 11, 22),
    "MaxPool": (1, 8, 10, 11, 12, 22),
    "AveragePool": (7, 10, 11, 19, 22),
    "LpPool": (2, 11, 18, 22),
}
DILATED = {"MaxPool": 10, "AveragePool": 19, "LpPool": 18}
CEILED = {"MaxPool": 10, "AveragePool": 10, "LpPool": 18}


@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize("op", ["Conv", "MaxPool", "AveragePool"])
def test_same_padding_follows_the_length(op, mode):
    for kernel in range(1, 5):
        for stride in range(1, kernel + 1):
            for length in range(1, 9):
                attributes = {"kernel_shape": [kernel], "strides": [stride], "auto_pad": mode}
                inputs = [(1, 1, length)] + [weights(1, 1, kernel)] * (op == "Conv")
                case = Case(op, inputs, attributes, 11)
                assert claims(case) == responses(case), str(case)


def test_ceil_mode_keeps_a_window_larger_than_the_input():
    case = Case("MaxPool", [(1, 1, 1)], {"kernel_shape": [2], "strides": [2], "ceil_mode": 1})
    assert claims(case) == responses(case) == {(0, 0, 0): {(0, 0, 0)}}


@pytest.mark.parametrize("size", [1, 3, 5, 9], ids="size {}".format)
def test_lrn_reads_a_band_of_channels(size):
    case = Case("LRN", [(1, 7, 1, 2)], {"size": size, "alpha": 1.0}, 13)
    half = size // 2
    by_hand = {
        (0, c, 0, w): {(0, i, 0, w) for i in range(7) if abs(i - c) <= half}
        for c in range(7)
        for w in range(2)
    }
    assert claims(case) == responses(case, base=1.0, tolerance=1e-5) == by_hand


def test_an_even_lrn_reads_one_channel_more_after():
    (relation,) = relations(Case("LRN", [(1, 7, 1, 2)], {"size": 4}))[0]
    assert relation.steps == (Prefix(((1, Band(1, 2, 7, 7)),)),)


def test_an_empty_list_counts_as_absent():
    empty = {"strides": [], "pads": [], "dilations": [], "kernel_shape": []}
    inputs = [(1, 1, 4), weights(1, 1, 2)]
    assert outcome(Case("Conv", inputs, empty)) == outcome(Case("Conv", inputs))


def test_a_weight_that_is_not_constant_is_read_by_its_own_output_channel():
    case = Case("Conv", [(1, 2, 4), (3, 2, 2)])
    assert claims(case, 1)[0, 1, 2] == {(1, c, k) for c in range(2) for k in range(2)}


def test_channels_may_come_last():
    node = op_node(Case("Conv", [(1, 5, 4), (6, 2, 3), (6,)], {"group": 2}))
    result = convolve(node, per_channel=(2,), channels_last=True)
    assert result.shapes == ((1, 3, 6),)
    data, weight, bias = (
        Relation(node.shape(link.input), link.steps, link.spatial) for link in result.links
    )
    assert data.spatial == (1,)
    assert reads(data, (0, 1, 4)) == {(0, i, c) for i in (1, 2, 3) for c in (2, 3)}
    assert reads(weight, (0, 1, 4)) == {(4, c, k) for c in range(2) for k in range(3)}
    assert reads(bias, (0, 1, 4)) == {(4,)}
    pooled = OpNode("MaxPool", [Value((1, 5, 4))], attributes={"kernel_shape": [2]})
    assert with_channels_last(pooled, "MaxPool", (0,)).shapes == ((1, 4, 4),)
    assert with_channels_last(pooled, "GlobalMaxPool", (0,)).shapes == ((1, 1, 4),)


def test_the_window_is_what_the_attributes_say():
    # AlexNet's first layer: 11 wide, stride 4, padding 2: (224 + 4 - 11) // 4 + 1 = 55.
    attributes = {"strides": [4, 4], "pads": [2, 2, 2, 2]}
    case = Case("Conv", [(1, 3, 224, 224), weights(64, 3, 11, 11)], attributes)
    (relation,) = relations(case)[0]
    window = Window(11, 4, 1, 2, 224, 55)
    assert relation.steps == (
        Taps(((2, window), (3, window))),
        Reduce(((1, Whole(3, 64)),), weighted=True),
    )
    assert relation.spatial == (2, 3)
    assert outcome(case).shapes == ((1, 64, 55, 55),)


def test_each_output_that_a_pool_has_reads_the_same():
    case = Case("MaxPool", [(1, 1, 4)], {"kernel_shape": [2]}, outputs=(True, True))
    assert relations(case, 0) == relations(case, 1)
    assert outcome(case).shapes == ((1, 1, 3), (1, 1, 3))


def test_indices_from_data_leave_an_unpooled_output_unknown():
    inputs = [(1, 1, 4), Data((1, 1, 4), "int64")]
    case = Case("MaxUnpool", inputs, {"kernel_shape": [2], "strides": [2]})
    for slot in (0, 1):
        (relation,) = relations(case)[slot]
        assert relation.steps == (Everything((1, 1, 8), unknown=True),)


POOL = {"kernel_shape": [2]}
INVALID = [
    (Case("Conv", [(1, 2), weights(1, 2)]), "rank at least 3"),
    (Case("Conv", [(1, 2, 4), weights(1, 2)]), "input 1 requires rank 3"),
    (Case("Conv", [(1, 2, 4), weights(1, 3, 2)]), "require 3 channels, found 2"),
    (Case("Conv", [(1, 2, 4), weights(1, 1, 2)], {"group": 0}), "'group' requires a divisor"),
    (Case("Conv", [(1, 3, 4), weights(2, 1, 2)], {"group": 2}), "'group' requires a divisor"),
    (Case("Conv", [(1, 2, 4), weights(3, 1, 2)], {"group": 2}), "'group' requires a divisor"),
    (Case("Conv", [(1, 1, 4), weights(1, 1, 0)]), "positive lengths"),
    (Case("Conv", [(1, 1, 4), weights(1, 1, 2)], {"kernel_shape": [3]}), "found [3]"),
    (Case("Conv", [(1, 1, 4), weights(1, 1, 2)], {"kernel_shape": [2, 2]}), "found [2, 2]"),
    (Case("Conv", [(1, 1, 4), weights(1, 1, 5)]), "window requires 5 positions, found 4"),
    (Case("Conv", [(1, 1, 4), weights(1, 1, 2)], {"auto_pad": "SAME"}), "found 'SAME'"),
    (Case("Conv", [(1, 1, 4), weights(1, 1, 2), (2,)]), "one value or 1, found shape [2]"),
    (Case("Conv", [(1, 1, 4), weights(1, 1, 2), (1, 1)]), "requires rank 0 to 1"),
    (Case("Conv", [(1, 1, 4)]), "requires input 1, which is missing"),
    (Case("MaxPool", [(1, 1, 4)]), "requires attribute 'kernel_shape', which is missing"),
    (Case("MaxPool", [(1, 1, 4)], {"kernel_shape": [0]}), "at least 1, found [0]"),
    (Case("MaxPool", [(1, 1, 4)], {"kernel_shape": 2}), "requires integers"),
    (Case("MaxPool", [(1, 1, 4)], {**POOL, "strides": [0]}), "'strides' requires 1 integers"),
    (Case("MaxPool", [(1, 1, 4)], {**POOL, "strides": [1, 1]}), "found [1, 1]"),
    (Case("MaxPool", [(1, 1, 4)], {**POOL, "dilations": [0]}), "'dilations' requires"),
    (Case("MaxPool", [(1, 1, 4)], {**POOL, "pads": [1]}), "'pads' requires 2 integers"),
    (Case("MaxPool", [(1, 1, 4)], {**POOL, "pads": [-1, 0]}), "at least 0, found [-1, 0]"),
    (Case("MaxPool", [(1, 1, 4)], {"kernel_shape": [2**62]}), "found 4 (length 4"),
    (Case("AveragePool", [(1, 1, 0)], POOL), "requires 2 positions, found 0"),
    (Case("GlobalAveragePool", [(1, 2)]), "rank at least 3"),
    (Case("LRN", [(1, 2, 3)]), "requires attribute 'size'"),
    (Case("LRN", [(1, 2, 3)], {"size": 0}), "at least 1, found 0"),
    (Case("STFT", [(1, 9, 3), scalar(1), None, scalar(2)]), "last axis of 1 or 2"),
    (Case("STFT", [(1, 9), scalar(0), None, scalar(2)]), "found 0 and 2"),
    (Case("STFT", [(1, 9), scalar(1), None, scalar(10)]), "in [1, 9], found 1 and 10"),
    (Case("STFT", [(1, 9), scalar(1), (4,), scalar(5)]), "window's length 4, found 5"),
    (Case("STFT", [(1, 9), scalar(1)]), "input 3 requires one integer"),
    (Case("Col2Im", [(1, 4, 3), ints(4), ints(2, 2)]), "as many of each"),
    (Case("Col2Im", [(1, 4, 3), ints(), ints()]), "as many of each"),
    (Case("Col2Im", [(1, 4, 3), ints(4), ints(0)]), "positive lengths"),
    (Case("Col2Im", [(1, 4, 9), ints(4), ints(2)]), "3 blocks of 2 entries do not fit"),
    (Case("Col2Im", [(1, 5, 3), ints(4), ints(2)]), "do not fit shape [1, 5, 3]"),
    (Case("MaxUnpool", [(1, 1, 2), ints(0, 1)], POOL), "input 1 requires shape [1, 1, 2]"),
    (Case("MaxUnpool", [(1, 1, 1), ints(9).reshape(1, 1, 1)], POOL), "in [0, 1], found 9"),
    (Case("MaxUnpool", [(1, 1, 1), ints(0).reshape(1, 1, 1)]), "'kernel_shape'"),
    (
        Case("MaxUnpool", [(1, 1, 1), ints(0).reshape(1, 1, 1), ints(1, 4)], POOL),
        "output of rank 3, found shape [1, 4]",
    ),
    (
        Case("MaxUnpool", [(1, 1, 1), (1, 1, 1)], {**POOL, "pads": [2, 2]}),
        "output of rank 3, found shape [1, 1, -2]",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("case", "text"), INVALID, ids=str)
def test_an_invalid_node_says_what_it_requires_and_found(case, text):
    with pytest.raises(RuleError) as error:
        outcome(case)
    assert text in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("case", "text"),
    [
        (Case("STFT", [(1, 9), Data((), "int64"), None, scalar(2)]), "input 1"),
        (Case("Col2Im", [(1, 4, 3), Data((1,), "int64"), ints(2)]), "input 1"),
        (
            Case("MaxUnpool", [(1, 1, 1), (1, 1, 1), Data((3,), "int64")], POOL),
            "input 2 is needed as a constant, but it is computed from data",
        ),
    ],
    ids=str,
)
def test_what_must_be_constant_is_unresolved_otherwise(case, text):
    with pytest.raises(UnresolvedError) as error:
        outcome(case)
    assert text in str(error.value)


def test_an_unknown_shape_is_unresolved():
    node = OpNode("Conv", [Value((1, 1, 4)), Value(None)])
    with pytest.raises(UnresolvedError):
        find_rule("", "Conv").function(node)


HUGE = 2**62


@pytest.mark.parametrize(
    ("case", "shape"),
    [
        (Case("Conv", [(HUGE, 1, HUGE), weights(1, 1, 3)]), (HUGE, 1, HUGE - 2)),
        (Case("MaxPool", [(1, HUGE, 4)], {**POOL, "pads": [HUGE, HUGE]}), (1, HUGE, 2 * HUGE + 3)),
        (Case("AveragePool", [(1, 1, 4)], {**POOL, "strides": [HUGE]}), (1, 1, 1)),
        (Case("GlobalMaxPool", [(1, HUGE, HUGE)]), (1, HUGE, 1)),
        (Case("LRN", [(1, HUGE, 2)], {"size": HUGE}), (1, HUGE, 2)),
        (Case("STFT", [(1, HUGE), scalar(1), None, scalar(2)]), (1, HUGE - 1, 2, 2)),
    ],
    ids=str,
)  # fmt: skip
def test_a_huge_length_costs_nothing(case, shape):
    assert outcome(case).shapes == (shape,)


@pytest.mark.parametrize(
    "case",
    [
        Case("Col2Im", [(1, 2, HUGE - 1), ints(HUGE), ints(2)]),
        Case(
            "MaxUnpool",
            [(1, 1, 1), ints(0).reshape(1, 1, 1), ints(1, 1, HUGE)],
            POOL,
        ),
    ],
    ids=str,
)
def test_an_index_list_without_end_is_refused_by_its_bound(case):
    with pytest.raises(BoundError, match="MAX_INDEX_ELEMENTS"):
        outcome(case)


def test_an_absent_optional_input_is_none():
    node = op_node(Case("Conv", [(1, 1, 4), weights(1, 1, 2), None]))
    assert len(find_rule("", "Conv").function(node).links) == 1
