"""onnxruntime's recurrent networks, against onnxruntime unit by unit."""

from __future__ import annotations

import numpy as np
import pytest

from ops.evaluate import Case, Data, mismatches, outcome, read_at
from ops.probes import Steps
from rfgraph.ops.node import RuleError

TWO, THREE = (True, True), (True, True, True)
RANDOM = np.random.default_rng(3)


def node(op, inputs, attributes=None, **rest):
    return Case(op, inputs, attributes or {}, 1, domain="com.microsoft", **rest)


def random(*shape):
    return RANDOM.uniform(0.1, 0.9, shape).astype(np.float32)


def linear(update, heads, inputs):
    attributes = {"update_rule": update, "q_num_heads": heads[0], "kv_num_heads": heads[1]}
    return node("LinearAttention", inputs, attributes, outputs=TWO)


KEY, VALUE = (1, 3, 4), (1, 3, 6)
STATE = (1, 2, 2, 3)
LINEAR = [
    linear("linear", (2, 2), [KEY, KEY, VALUE]),
    linear("linear", (2, 2), [KEY, KEY, VALUE, STATE]),
    linear("gated", (2, 2), [KEY, KEY, VALUE, STATE, (1, 3, 2)]),
    linear("gated", (2, 2), [KEY, KEY, VALUE, STATE, (1, 3, 4)]),
    linear("delta", (2, 2), [KEY, KEY, VALUE, STATE, None, (1, 3, 2)]),
    linear("delta", (2, 2), [KEY, KEY, VALUE, STATE, None, (1, 3, 1)]),
    linear("gated_delta", (2, 2), [KEY, KEY, VALUE, STATE, (1, 3, 4), (1, 3, 2)]),
    linear("gated_delta", (2, 2), [KEY, KEY, VALUE, STATE, (1, 3, 2), (1, 3, 2)]),
    linear("linear", (4, 2), [(1, 2, 8), (1, 2, 4), (1, 2, 4), (1, 2, 2, 2)]),
]


@pytest.mark.parametrize("case", LINEAR, ids=str)
def test_linear_attention_reads_what_onnxruntime_shows(case):
    assert mismatches(case, probe=Steps(case)) == []


def test_more_heads_of_keys_than_of_queries_by_hand():
    case = linear("linear", (1, 2), [(1, 2, 2), (1, 2, 4), (1, 2, 6)])
    assert outcome(case).shapes == ((1, 2, 6), (1, 2, 2, 3))
    assert read_at(case, 0, (0, 1, 5)) == {(0, 1, 0), (0, 1, 1)}
    assert read_at(case, 1, (0, 1, 5)) == {(0, t, k) for t in (0, 1) for k in (2, 3)}
    assert read_at(case, 2, (0, 0, 5)) == {(0, 0, 5)}


def test_the_last_of_several_states_is_read():
    inputs = [KEY, KEY, VALUE, (2, *STATE)]
    attributes = {"update_rule": "linear", "q_num_heads": 2, "kv_num_heads": 2, "state_window": 2}
    case = node("LinearAttention", inputs, attributes, outputs=TWO)
    assert outcome(case).shapes == ((1, 3, 6), (2, *STATE))
    assert {at[0] for at in read_at(case, 3, (0, 1, 2))} == {1}
    assert read_at(case, 3, (0, 0, 1, 1, 2), 1) == {(1, 0, 1, 1, 2)}
    assert len(read_at(case, 2, (1, 0, 1, 1, 2), 1)) == 3


def test_a_gated_delta_net_by_hand():
    out, state = (4, 2, 3), (2, 2, 3, 2)
    case = node(
        "GatedDeltaNet",
        [(4, 1, 2), (4, 1, 2), (4, 2, 3), None, (4, 2), (4, 2), state],
        {"state_update_capacity": 2},
        outputs=THREE,
    )
    assert outcome(case).shapes == (out, state, (2, 2 * (2 + 2 + 6)))
    assert {at[0] for at in read_at(case, 1, (2, 1, 1))} == {0, 1, 2}
    assert len(read_at(case, 6, (2, 1, 1))) == 24
    assert len(read_at(case, 2, (0, 0, 0, 0), 1)) == 24
    packed = node(
        "GatedDeltaNet",
        [(1, 4, 10), *[None] * 5, (1, 2, 3, 2)],
        {"state_update_capacity": 1},
        outputs=THREE,
    )
    assert outcome(packed).shapes == ((1, 4, 2, 3), (1, 2, 3, 2), (1, 2 + 2 + 6))
    assert {at[1] for at in read_at(packed, 0, (0, 2, 1, 1))} == {0, 1, 2}
    captured = node(
        "GatedDeltaNet",
        [*case.inputs, None, None, Data((2,), "int32")],
        {"state_update_capacity": 2},
        outputs=THREE,
    )
    assert read_at(captured, 9, (2, 1, 1)) == set()
    assert read_at(captured, 9, (0, 0), 2) == {(0,), (1,)}
    ragged = node("GatedDeltaNet", [(4, 1, 2), (4, 1, 2), (4, 1, 3), Data((3,), "int32")])
    assert outcome(ragged).shapes == ((4, 1, 3),)


def delta_net(inputs, **attributes):
    """Return a node on two requests of two tokens, with heads of values that share a key."""
    outputs = THREE if attributes.get("state_update_capacity") else TWO
    return node("GatedDeltaNet", inputs, attributes, outputs=outputs)


TOKENS = [(4, 1, 2), (4, 1, 2), (4, 2, 2)]
COUNT = np.array([2, 2], np.int32)
DELTAS = [
    delta_net([*TOKENS, None, (4, 2), (4, 2), (2, 2, 2, 2)]),
    delta_net([*TOKENS, np.array([0, 1, 4], np.int32), (4, 2, 2), (4, 2), (2, 2, 2, 2)]),
    delta_net(
        [*TOKENS, None, (4, 2), (4, 2), (2, 2, 2, 2), (2,), (2,)],
        gate_activation="sigmoid",
        gate_lower_bound=-2.0,
        beta_activation="sigmoid",
        qk_l2_norm=1,
    ),
    delta_net([(4, 8), None, None, None, (4, 2), (4, 2), (2, 2, 2, 2)]),
    delta_net(
        [*TOKENS, None, (4, 2), (4, 2), (2, 2, 2, 2), None, None, COUNT], state_update_capacity=2
    ),
    delta_net(
        [*TOKENS, None, (4, 2, 2), (4, 2), (2, 2, 2, 2), None, None, COUNT],
        state_update_capacity=2,
    ),
]


@pytest.mark.parametrize("case", DELTAS, ids=str)
def test_a_gated_delta_net_reads_no_more_than_an_upper_bound(case):
    assert mismatches(case, within=tuple(range(9)), probe=Steps(case)) == []


def packed_weights(*shape):
    return RANDOM.integers(100, 156, shape).astype(np.uint8)


@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_a_dynamically_quantized_lstm_reads_all_of_its_input(direction):
    count = 2 if direction == "bidirectional" else 1
    scale, zero = np.full(count, 0.02, np.float32), np.full(count, 128, np.uint8)
    weights = [packed_weights(count, 2, 12), packed_weights(count, 3, 12)]
    case = node(
        "DynamicQuantizeLSTM",
        [(2, 1, 2), *weights, None, None, (count, 1, 3), None, None, scale, zero, scale, zero],
        {"hidden_size": 3, "direction": direction},
        outputs=THREE,
    )
    # Small changes of the range vanish in the rounding to bytes.
    assert mismatches(case, within=(0, 5), probe=Steps(case)) == []
    assert mismatches(case, within=(5,)) == []


@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_an_lstm_with_attention_reads_the_memory_of_its_sequence(direction):
    hidden, size, context = 2, 2, 2
    case = node(
        "AttnLSTM",
        [
            *((3, 2, 2), random(1, 4 * hidden, 2 + context), random(1, 4 * hidden, hidden), None),
            *(None, (1, 2, hidden), (1, 2, hidden), None),
            *(random(1, hidden, size), random(1, 3, size), random(1, size), (2, 2, 3)),
            *(np.array([2, 2], np.int32), random(1, 3 + hidden, context)),
        ],
        {"hidden_size": hidden, "direction": direction},
        outputs=THREE,
    )
    probe = Steps(case)
    assert mismatches(case, within=(11,), probe=probe) == []
    found = probe.elements("y0", "x11")[:, 0, :, 0].any(-1)
    first = 0 if direction == "forward" else 2
    for step, batch in np.ndindex(3, 2):
        seen = {tuple(map(int, at[:1])) for at in np.argwhere(found[step, batch])}
        assert seen == (set() if step == first else {(batch,)})


NETS = {"q_num_heads": 2, "kv_num_heads": 2}
CELLS = [(3, 2, 2), random(1, 8, 4), random(1, 8, 2)]
INVALID = [
    (node("LinearAttention", [KEY, KEY, VALUE], {**NETS, "state_window": 9}), "state_window"),
    (node("AttnLSTM", [*CELLS, *[None] * 8, (3, 2, 3)], {"hidden_size": 2}), "batch of 2"),
    (linear("linear", (3, 2), [KEY, KEY, VALUE]), "divides"),
    (linear("linear", (3, 3), [KEY, KEY, VALUE]), "input 0 requires shape"),
    (linear("none", (2, 2), [KEY, KEY, VALUE]), "update_rule"),
    (linear("linear", (2, 2), [KEY, (1, 3, 6), VALUE]), "input 1 requires shape"),
    (linear("gated", (2, 2), [KEY, KEY, VALUE, None, (1, 3, 3)]), "input 4"),
    (linear("linear", (2, 2), [KEY, KEY, VALUE, (1, 2, 2, 2)]), "input 3"),
    (node("GatedDeltaNet", [(4, 1, 2), (3, 1, 2), (4, 1, 3), (2,)]), "input 1"),
    (
        node("AttnLSTM", [(3, 2, 5), random(1, 8, 4), random(1, 8, 2)], {"hidden_size": 2}),
        "input 1",
    ),
]


@pytest.mark.parametrize(("case", "message"), INVALID, ids=str)
def test_invalid_nodes(case, message):
    with pytest.raises(RuleError, match=message):
        outcome(case)
