"""onnxruntime's selective state space, against its description in numpy."""

from __future__ import annotations

import numpy as np
import pytest

from ops.evaluate import Case, Data, mismatches, outcome, read_at, relations
from ops.probes import Formula
from rfgraph.ops.node import RuleError

LENGTHS = {"heads": 2, "n_groups": 1, "head_dim": 1, "d_state": 2}
INNER, CHANNELS = 2, 6
ALL = (True,) * 5


def silu(x):
    return x / (1 + np.exp(-x))


def mixed(tokens, history, states, kernel, bias, steps, decay, skip, norm, row, **attributes):
    """Convolve, recur and normalize token by token, and keep a snapshot after each of the last."""
    heads, groups, size, width = (attributes[name] for name in LENGTHS)
    slots, inner = len(history), heads * size
    past, state = history[row[0]].astype(np.float64), states[row[0]].astype(np.float64)
    kept, snapshots = history.astype(np.float64), states.astype(np.float64)
    rows = []
    for at, token in enumerate(tokens.astype(np.float64)):
        gate, raw, times = np.split(token, [inner, len(token) - heads])
        window = np.concatenate([past, raw[:, None]], 1)
        convolved = silu((window * kernel.reshape(len(raw), 4)).sum(1) + bias)
        past = window[:, 1:]
        x, keys, queries = np.split(convolved, [inner, inner + groups * width])
        read = np.zeros((heads, size))
        for head in range(heads):
            group = slice(
                head // (heads // groups) * width, (head // (heads // groups) + 1) * width
            )
            time = np.log1p(np.exp(times[head] + steps[head]))
            own = x[head * size : (head + 1) * size]
            state[head] = np.exp(decay[head] * time) * state[head]
            state[head] += np.outer(keys[group], time * own)
            read[head] = skip[head] * own + queries[group] @ state[head]
        gated = (read.reshape(-1) * silu(gate)).reshape(groups, -1)
        gated = gated / np.sqrt(np.mean(gated**2, -1, keepdims=True) + 1)
        rows.append((gated.reshape(-1) * norm, convolved, read.reshape(-1)))
        slot = at if len(tokens) <= slots else at - (len(tokens) - slots)
        if slot >= 0:
            kept[slot], snapshots[slot] = past, state
    result, convolved, read = (np.array(part) for part in zip(*rows, strict=True))
    return [result, kept, snapshots, convolved, read]


def node(inputs, attributes=LENGTHS):
    return Case("Mamba2Verify", inputs, attributes, 1, ALL, "com.microsoft")


def verify(tokens, slots, kernel=(CHANNELS, 4)):
    width = INNER + CHANNELS + 2
    states = [(slots, CHANNELS, 3), (slots, 2, 2, 1)]
    row = Data((1,), "int32", (0, slots))
    weights = [kernel, (CHANNELS,), (2,), (2,), (2,), (INNER,)]
    return node([(tokens, width), *states, *weights, row])


@pytest.mark.parametrize(
    "case", [verify(2, 3), verify(3, 2), verify(6, 1, (CHANNELS, 1, 4))], ids=str
)
def test_a_token_reads_no_more_than_those_up_to_it(case):
    probe = Formula(case, mixed, starts=1)
    assert mismatches(case, within=tuple(range(10)), probe=probe) == []


def test_tokens_are_told_apart_exactly():
    case = verify(6, 1)
    seen = Formula(case, mixed).elements("y0", "x0")
    convolved = Formula(case, mixed).elements("y3", "x0")
    history = Formula(case, mixed).elements("y3", "x1")
    for token in range(6):
        found = {int(at) for at in np.flatnonzero(seen[token].any((0, 2)))}
        assert {at[0] for at in read_at(case, 0, (token, 1))} == found == set(range(token + 1))
        taps = {tuple(map(int, at)) for at in np.argwhere(convolved[token, 4])}
        assert read_at(case, 0, (token, 4), 3) == taps
        before = {tuple(map(int, at)) for at in np.argwhere(history[token, 4])}
        assert read_at(case, 1, (token, 4), 3) == before
    assert read_at(case, 3, (5, 4), 3) == {(4, at) for at in range(4)}
    assert read_at(case, 8, (5, 1)) == {(1,)}
    assert read_at(case, 8, (5, 1), 4) == set()


def test_which_snapshots_are_read_is_unknown():
    case = verify(2, 3)
    assert all(relations(case, output)[1][0].steps[0].unknown for output in (0, 1, 2, 4))
    assert relations(case, 3)[1][0].steps[0].rules[0][1].unknown


INVALID = [
    (node(verify(2, 3).inputs, {**LENGTHS, "n_groups": 3}), "n_groups 3"),
    (node(verify(2, 3).inputs, {**LENGTHS, "head_dim": 2}), "input 0"),
    (node([(2, 10), (3, 6, 2)]), "input 1"),
    (node([(2, 10), (3, 6, 3), (3, 2, 2, 2)]), "input 2"),
    (verify(2, 3, (CHANNELS, 3)), "input 3"),
]


@pytest.mark.parametrize(("case", "message"), INVALID, ids=str)
def test_invalid_nodes(case, message):
    with pytest.raises(RuleError, match=message):
        outcome(case)
