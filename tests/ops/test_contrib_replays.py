"""onnxruntime's replayed and committed states, against their descriptions in numpy."""

from __future__ import annotations

import numpy as np
import pytest

from ops.evaluate import Case, Data, mismatches, outcome, read_at, relations
from ops.probes import Formula
from rfgraph.ops.node import RuleError

THREE = (True, True, True)


def node(op, inputs, attributes=None, **rest):
    return Case(op, inputs, attributes or {}, 1, domain="com.microsoft", **rest)


def replayed(source, capture, destination, metadata):
    """Write a history after `kept` more positions, of one channel and elements of 4 bytes."""
    start, to, first, _, _, width, _, kept = (int(word) for word in metadata)
    history = [*source[start // 4 :][:width], *capture[first // 4 :][:kept]]
    found = destination.copy()
    found[to // 4 :][:width] = history[kept:][:width]
    return [found]


WORDS = np.array([4, 8, 0, 1, 1, 2, 3, 1])


def test_a_replayed_history_leaves_open_what_it_reads():
    metadata = Data((8,), "int64", fixed=WORDS)
    case = node("ConvStateReplay", [(5,), (4,), (6,), metadata])
    probe = Formula(case, replayed)
    assert mismatches(case, within=(0, 1, 2), probe=probe) == []
    assert probe.elements("y0", "x0").any()
    assert probe.elements("y0", "x1").any()
    assert [relations(case)[slot][0].steps[0].unknown for slot in (0, 1)] == [True, True]
    assert read_at(case, 2, (3,)) == {(3,)}
    assert len(read_at(case, 3, (3,))) == 8


def recurred(source, capsule, destination, metadata):
    """Decay a state of one head and add the product of key and delta, for one kept transition."""
    start, to, decay, key, delta = (int(word) for word in metadata[:5])
    _, values, keys = (int(word) for word in metadata[5:8])
    state = source[start : start + values * keys].reshape(values, keys) * capsule[decay]
    state = state + np.outer(capsule[delta : delta + values], capsule[key : key + keys])
    found = destination.copy()
    found[to : to + values * keys] = state.reshape(-1)
    return [found]


def test_a_replayed_recurrence_leaves_open_what_it_reads():
    metadata = Data((11,), "int64", fixed=np.array([1, 2, 0, 1, 3, 1, 2, 2, 1, 1, 1]))
    case = node("GatedDeltaNetStateReplay", [(6,), (5,), (7,), metadata])
    probe = Formula(case, recurred)
    assert mismatches(case, within=(0, 1, 2), probe=probe) == []
    assert probe.elements("y0", "x1").any()
    assert relations(case)[1][0].steps[0].unknown


def committed(tokens, drafts, status, control, context, prefixes, ring, **attributes):
    """Accept the drafts that were predicted, request by request, and commit that prefix."""
    batch = control.size // 16
    tokens, drafts = (words.reshape(batch, -1) for words in (tokens, drafts))
    found, kept = control.reshape(batch, 16).copy(), context.reshape(batch, 2).copy()
    lengths = np.zeros(batch, np.int64)
    for at in range(batch):
        if found[at, 3] or ring[1] < 1:
            continue
        lengths[at] = found[at, 7]
        right = tokens[at, : drafts.shape[1] - 1] == drafts[at, 1:]
        count = int(np.cumprod(right).sum())
        found[at, 0], found[at, 6] = tokens[at, count], count
        found[at, 5] |= 4 * bool(status.any())
        kept[at] = prefixes.reshape(batch, -1, 2)[at, count]
    return [lengths, found.reshape(control.shape), kept.reshape(context.shape)]


def words(*shape, span=(0, 2)):
    return Data(shape, "int64", span)


COMMITTED = [
    [words(2, 3), words(2, 3), Data((2,), "int32"), words(2, 16), words(2, 2), words(2, 6)],
    [words(3), words(1, 3), Data((1,), "int32"), words(16), words(2), words(6)],
    [words(6), words(6), Data((1,), "int32"), words(32), words(4), words(12)],
]


@pytest.mark.parametrize("inputs", COMMITTED, ids=["requests", "one request", "flat"])
def test_a_commit_reads_its_own_request(inputs):
    case = node("SpeculativePrefixCommit", [*inputs, words(2)], {"head_rows": 3}, outputs=THREE)
    probe = Formula(case, committed)
    assert mismatches(case, within=tuple(range(7)), probe=probe) == []
    assert relations(case, 2)[5][0].steps[-3].rules[0][1].unknown


def test_requests_are_told_apart():
    case = node("SpeculativePrefixCommit", [*COMMITTED[0], words(2)], outputs=THREE)
    assert read_at(case, 0, (1, 5), 1) == {(1, at) for at in range(3)}
    assert {at[0] for at in read_at(case, 3, (1,))} == {1}
    assert read_at(case, 5, (1, 0), 2) == {(1, at) for at in range(6)}
    assert read_at(case, 5, (1, 0), 1) == set()
    assert read_at(case, 0, (1,)) == set()


INVALID = [
    (node("ConvStateReplay", [(5,), (4,), (2, 3), (8,)]), "input 2"),
    (node("SpeculativePrefixCommit", [*COMMITTED[0][:3], (2, 15), (2, 2)]), "16 and 2 words"),
    (node("SpeculativePrefixCommit", [*COMMITTED[0][:3], (2, 16), (2, 3)]), "16 and 2 words"),
    (
        node("SpeculativePrefixCommit", [(2, 3), (3, 3), *COMMITTED[0][2:]], outputs=THREE),
        "2 requests",
    ),
]


@pytest.mark.parametrize(("case", "message"), INVALID, ids=str)
def test_invalid_nodes(case, message):
    with pytest.raises(RuleError, match=message):
        outcome(case)
