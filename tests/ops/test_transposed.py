"""Transposed convolutions against onnxruntime, unit by unit and in every setting."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ops.evaluate import Case, claims, mismatches, outcome, relations, responses
from rfgraph.ops.node import RuleError
from rfgraph.relations.axis_rules import Transposed, Whole
from rfgraph.relations.steps import Reduce, Taps

MODES = ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")


def weights(*shape):
    return np.ones(shape, np.float32)


def case(length, kernel, version=22, **attributes):
    inputs = [(1, 1, length), weights(1, 1, kernel)]
    return Case("ConvTranspose", inputs, attributes, version)


EXACT = [
    Case("ConvTranspose", [(2, 3, 4), weights(3, 2, 3)], {"strides": [2], "pads": [1, 0]}),
    Case("ConvTranspose", [(1, 2, 5), weights(2, 3, 1)], {"strides": [3]}, 1),
    Case(
        "ConvTranspose",
        [(1, 4, 5), weights(4, 3, 3), (6,)],
        {"group": 2, "strides": [2], "output_padding": [1]},
        11,
    ),
    Case("ConvTranspose", [(1, 4, 3), weights(4, 1, 2)], {"group": 4, "kernel_shape": [2]}),
    Case(
        "ConvTranspose",
        [(1, 2, 3, 4), weights(2, 2, 2, 3)],
        {"strides": [3, 1], "dilations": [1, 2], "pads": [0, 1, 1, 2]},
    ),
    Case("ConvTranspose", [(1, 1, 2, 2, 2), weights(1, 1, 2, 1, 2)], {"strides": [2, 2, 1]}),
    Case(
        "ConvTranspose",
        [(1, 1, 3, 4), weights(1, 1, 3, 3)],
        {"strides": [2, 2], "output_shape": [6, 7], "auto_pad": "SAME_UPPER"},
    ),
]


@pytest.mark.parametrize("node", EXACT, ids=str)
def test_a_unit_reads_what_onnxruntime_shows(node):
    assert mismatches(node) == []


@pytest.mark.parametrize("group", [1, 2])
def test_a_unit_reads_at_most_the_weights_of_its_group(group):
    inputs = [(1, 4, 3), (4, 3 // group, 2), (3 // group * group,)]
    node = Case("ConvTranspose", inputs, {"group": group, "strides": [2]})
    assert mismatches(node, within=(1,)) == []
    (relation,) = relations(node, 0)[1]
    assert relation.out_shape == (1, 3 // group * group, 6)


def test_weights_of_a_group_are_read_by_its_maps_alone():
    node = Case("ConvTranspose", [(1, 4, 3), (4, 2, 2)], {"group": 2})
    # Maps 0 and 1 belong to input channels 0 and 1, maps 2 and 3 to 2 and 3.
    for output in range(4):
        first = output // 2 * 2
        expected = {(c, output % 2, k) for c in (first, first + 1) for k in range(2)}
        assert claims(node, 1)[0, output, 1] == expected


@settings(max_examples=300)
@given(data=st.data())
def test_transposed_windows_of_every_setting(data):
    length = data.draw(st.integers(1, 6), "length")
    kernel = data.draw(st.integers(1, 5), "kernel")
    stride, dilation = data.draw(st.integers(1, 4), "stride"), data.draw(st.integers(1, 3), "dil")
    added = data.draw(st.integers(0, stride - 1), "output_padding")
    mode = data.draw(st.sampled_from(MODES), "auto_pad")
    attributes = {"strides": [stride], "dilations": [dilation], "output_padding": [added]}
    full = stride * (length - 1) + added + (kernel - 1) * dilation + 1
    pads = (0, 0)
    if mode == "NOTSET":
        pads = data.draw(st.tuples(st.integers(0, 3), st.integers(0, 3)), "pads")
        attributes["pads"] = [*pads]
    else:
        attributes["auto_pad"] = mode
    if data.draw(st.booleans(), "explicit"):
        attributes["output_shape"] = [data.draw(st.integers(1, full), "output_shape")]
    assume(full > sum(pads))
    node = case(length, kernel, data.draw(st.sampled_from([1, 11, 22]), "version"), **attributes)
    assert claims(node) == responses(node)


def test_a_stride_above_the_kernel_leaves_outputs_that_read_nothing():
    node = case(3, 2, strides=[3])
    # Input i is written to outputs 3i and 3i + 1.
    by_hand = {0: {0}, 1: {0}, 2: set(), 3: {1}, 4: {1}, 5: set(), 6: {2}, 7: {2}}
    assert claims(node) == {(0, 0, o): {(0, 0, i) for i in found} for o, found in by_hand.items()}


def test_the_window_is_what_the_attributes_say():
    # A DCGAN layer: 4 wide, stride 2, padding 1 doubles: 2 * (4 - 1) + 4 - 2 = 8.
    attributes = {"strides": [2, 2], "pads": [1, 1, 1, 1]}
    node = Case("ConvTranspose", [(1, 100, 4, 4), weights(100, 50, 4, 4)], attributes)
    (relation,) = relations(node)[0]
    rule = Transposed(4, 2, 1, 1, 4, 8)
    assert relation.steps == (
        Taps(((2, rule), (3, rule))),
        Reduce(((1, Whole(100, 50)),), weighted=True),
    )
    assert relation.spatial == (2, 3)
    assert outcome(node).shapes == ((1, 50, 8, 8),)


def test_an_output_shape_may_name_batch_and_channel_too():
    short, full = case(3, 2, output_shape=[5]), case(3, 2, output_shape=[1, 1, 5])
    assert outcome(short) == outcome(full)


def test_a_length_that_the_input_cannot_fill_reads_nothing_at_the_end():
    # Four positions come from the input, two more are asked for.
    node = case(3, 2, output_shape=[6])
    assert [len(claims(node)[0, 0, o]) for o in range(6)] == [1, 2, 2, 1, 0, 0]


INVALID = [
    (Case("ConvTranspose", [(1, 1), weights(1, 1)]), "rank at least 3"),
    (Case("ConvTranspose", [(1, 1, 3), weights(1, 1)]), "input 1 requires rank 3"),
    (Case("ConvTranspose", [(1, 2, 3), weights(1, 1, 2)]), "require 1 channels, found 2"),
    (case(3, 2, group=2), "'group' requires a divisor of 1"),
    (case(3, 2, group=0), "'group' requires a divisor"),
    (case(3, 2, kernel_shape=[3]), "'kernel_shape' requires"),
    (case(3, 0), "'kernel_shape' requires the positive lengths"),
    (case(3, 2, strides=[0]), "'strides' requires 1 integers of at least 1, found [0]"),
    (case(3, 2, strides=[2, 2]), "'strides' requires 1 integers"),
    (case(3, 2, dilations=[-1]), "'dilations' requires"),
    (case(3, 2, output_padding=[-1]), "'output_padding' requires"),
    (case(3, 2, pads=[0]), "'pads' requires 2 integers"),
    (case(3, 2, pads=[2, 2]), "requires at least 1 position, pads leave 0"),
    (case(3, 2, output_shape=[1, 4]), "'output_shape' requires 1 positive integers"),
    (case(3, 2, output_shape=[0]), "'output_shape' requires 1 positive integers"),
    (case(3, 2, auto_pad="FULL"), "'auto_pad' requires one of"),
    (Case("ConvTranspose", [(1, 1, 3), weights(1, 1, 2), (2,)]), "found shape [2]"),
]


@pytest.mark.parametrize(("node", "text"), INVALID, ids=str)
def test_an_invalid_node_says_what_it_requires_and_found(node, text):
    with pytest.raises(RuleError) as error:
        outcome(node)
    assert text in str(error.value)


def test_a_huge_length_costs_nothing():
    node = Case("ConvTranspose", [(1, 1, 2**62), weights(1, 1, 2)], {"strides": [2**62]})
    assert outcome(node).shapes == ((1, 1, 2**62 * (2**62 - 1) + 2),)
