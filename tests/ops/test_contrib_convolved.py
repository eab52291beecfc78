"""onnxruntime's windows over sequences, against onnxruntime unit by unit."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from ops.evaluate import Case, Data, mismatches, outcome, read_at
from ops.probes import Formula, Steps
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


def causal(data, kernel, bias=None, past=None, **attributes):
    """Convolve channels that may be some of the data's, with states that may lie otherwise."""
    last, layout = attributes.get("channels_last", 0), attributes.get("state_channels_last", -1)
    turned = last if layout == -1 else layout
    start, count = attributes.get("input_channel_offset", 0), attributes.get("input_channels", 0)
    if last:
        data = np.moveaxis(data[..., start : start + count] if count else data, -1, 1)
    taps, dilation = kernel.shape[-1], attributes.get("dilation", 1)
    reach = (taps - 1) * dilation
    history = attributes.get("state_length", 0) or reach
    if past is None:
        past = np.zeros((*data.shape[:2], history), np.float32)
    elif turned:
        past = np.moveaxis(past, 1, -1)
    joined = np.concatenate([past, data], -1)
    length, first = data.shape[-1], history - reach
    found = np.zeros_like(data)
    for tap in range(taps):
        at = first + tap * dilation
        found += joined[..., at : at + length] * kernel[None, :, :, tap]
    state = joined[..., length:]
    room = attributes.get("state_update_capacity", 0)
    update = np.zeros((len(data), room, data.shape[1]), np.float32)
    update[:, : min(room, length)] = np.moveaxis(data, 1, -1)[:, :room]
    outputs = [found, state, update]
    if last:
        outputs[0] = np.moveaxis(found, 1, -1)
    if turned:
        outputs[1] = np.moveaxis(state, 1, -1)
    return outputs if room else outputs[:2]


THREE = (True, True, True)
LAST = {"channels_last": 1}
EXTENDED = [
    node(
        "CausalConvWithState",
        [(1, 3, 5), (2, 1, 2), None, (1, 4, 2)],
        {**LAST, "input_channel_offset": 2, "input_channels": 2, "state_length": 4},
        outputs=TWO,
    ),
    node(
        "CausalConvWithState",
        [(2, 4, 3), (2, 1, 3), None, (2, 2, 3)],
        {**LAST, "input_channels": 2, "state_length": 3, "state_channels_last": 0},
        outputs=TWO,
    ),
    node(
        "CausalConvWithState",
        [(1, 2, 4), (2, 1, 2), None, (1, 3, 2)],
        {"dilation": 2, "state_length": 3, "state_channels_last": 1},
        outputs=TWO,
    ),
    node(
        "CausalConvWithState",
        [(1, 4, 2), (2, 1, 2), None, (1, 1, 2)],
        {**LAST, "state_update_capacity": 3, "state_channels_last": 1},
        outputs=THREE,
    ),
    node(
        "CausalConvWithState",
        [(1, 2, 3), (1, 1, 2)],
        {**LAST, "state_update_capacity": 4, "input_channels": 1, "input_channel_offset": 1},
        outputs=THREE,
    ),
]


@pytest.mark.parametrize("case", EXTENDED, ids=str)
def test_chosen_channels_and_states_that_lie_otherwise(case):
    # Without a state, the weights that fall before the start count as read.
    within = () if len(case.inputs) > 3 else (1,)
    assert mismatches(case, within=within, probe=Formula(case, causal)) == []


def test_the_definition_agrees_with_the_kernel():
    inputs = [(1, 4, 2), (2, 1, 3), None, (1, 4, 2)]
    case = node("CausalConvWithState", inputs, {**LAST, "dilation": 2}, outputs=TWO)
    kernel, formula = Steps(case), Formula(case, causal)
    for shown, told in zip(kernel.before, formula.before, strict=True):
        assert all(np.allclose(shown[name], told[name], atol=1e-6) for name in ("y0", "y1"))


BOUNDS = np.array([0, 2, 5], np.int32)
VARIED = [
    node("VarlenCausalConvWithState", inputs, attributes, outputs=outputs)
    for inputs, attributes, outputs in [
        ([(5, 2), (2, 1, 3), BOUNDS, None, (2, 2, 2)], {}, TWO),
        ([(5, 1), (1, 1, 2), BOUNDS, (1,), (2, 1, 2)], {"dilation": 2}, TWO),
        (
            [(5, 1), (1, 1, 2), BOUNDS, None, (2, 1, 1), np.array([2, 1], np.int32)],
            {"state_update_capacity": 2},
            THREE,
        ),
    ]
]


@pytest.mark.parametrize("case", VARIED, ids=str)
def test_packed_sequences_read_no_more_than_an_upper_bound(case):
    assert mismatches(case, within=(0, 1, 4), probe=Steps(case)) == []


def dynamic(data, kernel, bounds, bias, past, count, delta, mask, **attributes):
    """Convolve two taps whose weights a token adds to, group by group of channels."""
    first, size = attributes.get("delta_offset", 0), attributes.get("group_size", 1)
    deltas = np.repeat(delta, size, 2)
    before = np.zeros_like(data)
    for at, (start, end) in enumerate(itertools.pairwise(bounds)):
        before[start:end] = np.concatenate([past[at, :, 0][None], data[start : end - 1]])
    now = (kernel[:, 0, 1] + deltas[:, first]) * data
    return [now + (kernel[:, 0, 0] + deltas[:, first + 1]) * before * mask]


MOVED = {"delta_offset": 1, "group_size": 2}
DYNAMIC = [(5, 4), (4, 1, 2), BOUNDS, None, (2, 4, 1), None, (5, 4, 2), (5, 1)]


def test_a_kernel_that_tokens_add_to():
    case = node("VarlenCausalConvWithState", DYNAMIC, MOVED)
    assert mismatches(case, within=(0, 4), probe=Formula(case, dynamic)) == []
    assert read_at(case, 6, (3, 2)) == {(3, 1, 1), (3, 2, 1)}
    assert read_at(case, 7, (3, 2)) == {(3, 0)}


INVALID = [
    (node("VarlenCausalConvWithState", DYNAMIC, {**MOVED, "group_size": 3}), "input 6"),
    (node("VarlenCausalConvWithState", DYNAMIC, {**MOVED, "delta_offset": 3}), "delta_offset 3"),
    (node("VarlenCausalConvWithState", DYNAMIC[:7], MOVED), "input 7"),
    (
        node("CausalConvWithState", [(1, 2, 5), (2, 1, 3)], {**LAST, "input_channel_offset": 4}),
        "0 from 4 on",
    ),
    (node("CausalConvWithState", [(1, 2, 5), (2, 1, 3)], {"input_channels": 2}), "2 from 0 on"),
    (
        node("CausalConvWithState", [(1, 2, 5), (2, 1, 3)], {"state_length": 1}),
        "state_length of at least 2",
    ),
    (
        node("CausalConvWithState", [(1, 2, 5), (2, 1, 3)], {"state_channels_last": 2}),
        "state_channels_last",
    ),
    (
        node(
            "CausalConvWithState",
            [(1, 2, 5), (2, 1, 3)],
            {"state_channels_last": 1, "state_window": 2},
        ),
        "state_window 0",
    ),
    (
        node("CausalConvWithState", [(1, 2, 5), (2, 1, 3)], {"state_update_capacity": 2}),
        "state_update_capacity",
    ),
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
