"""onnxruntime's mixtures of experts and their routers, against onnxruntime unit by unit."""

from __future__ import annotations

import numpy as np
import pytest

from ops.evaluate import Case, Data, mismatches, outcome
from ops.probes import Formula, Steps
from rfgraph.ops.node import RuleError


def node(op, inputs, attributes=None, **rest):
    return Case(op, inputs, attributes or {}, 1, domain="com.microsoft", **rest)


def filled(*shape, value=1):
    return np.full(shape, value, np.float32)


def test_a_token_reads_itself_and_its_routing():
    weights = [
        np.random.default_rng(0).random(shape).astype(np.float32)
        for shape in ((2, 6, 4), (2, 4, 6))
    ]
    for shape in [(3, 4), (1, 3, 4)]:
        inputs = [shape, (3, 2), weights[0], None, weights[1]]
        case = node("MoE", inputs, {"k": 2, "activation_type": "identity"})
        assert mismatches(case) == []


def test_a_token_reads_itself_and_its_routing_under_quantized_experts():
    random = np.random.default_rng(0)
    packed = [
        random.integers(0, 255, shape, dtype=np.uint8) for shape in ((2, 32, 16), (2, 32, 16))
    ]
    scales = filled(2, 32, value=0.1)
    inputs = [(2, 32), (2, 2), packed[0], scales, None, packed[1], scales]
    case = node("QMoE", inputs, {"k": 2, "expert_weight_bits": 4, "activation_type": "identity"})
    # A probability that is not a number would spoil the choice of experts for every token.
    assert mismatches(case, probe=Steps(case)) == []


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def chosen_experts(data, scores, gate, up, down, weights=None, k=1, **attributes):
    """Mix the `k` experts of the best scores, whose weights are one byte each."""
    rows = data.reshape(-1, data.shape[-1])
    found = np.zeros_like(rows)
    mixing = np.exp(scores) if weights is None else weights
    for at, row in enumerate(rows):
        best = np.argsort(-scores[at])[:k]
        for expert in best:
            hidden = sigmoid(gate[expert] @ row) * (up[expert] @ row)
            found[at] += mixing[at, expert] / mixing[at, best].sum() * (down[expert] @ hidden)
    return [found.reshape(data.shape)]


def packed_experts(rows, *more, k=2):
    blobs = [Data(shape, "uint8", (1, 4)) for shape in ((2, 3, 4), (2, 3, 4), (2, 4, 3))]
    flags = {"gate_type": 16, "up_type": 16, "down_type": 16, "k": k}
    return node("MoEPacked", [rows, (2, 2), *blobs, *more], flags)


MIXED = [packed_experts((2, 4)), packed_experts((1, 2, 4)), packed_experts((2, 4), (2, 2))]


@pytest.mark.parametrize("case", MIXED, ids=str)
def test_packed_experts_read_a_token_and_its_routing(case):
    probe = Formula(case, chosen_experts)
    # With weights the scores only choose, and of two experts both are chosen.
    scores = (1,) if len(case.inputs) > 5 else ()
    # Of an expert a feature reads its own row of the last weights.
    assert mismatches(case, within=(4, *scores), probe=probe) == []


def test_scores_choose_where_not_all_experts_are_chosen():
    case = packed_experts((2, 4), (2, 2), k=1)
    # Normalized, the weight of a single expert is 1.
    assert mismatches(case, within=(4, 5), probe=Formula(case, chosen_experts, starts=6)) == []


SCORES = (False, True, True)
ROUTED = [
    node("MoEGroupRouter", [(2, 3), filled(3, value=0)], {"top_k": 1}),
    node("MoEGroupRouter", [filled(2, 3), (3,)], {"top_k": 2}),
    node(
        "MoEGroupRouter",
        [(1, 2, 4), filled(4, value=0)],
        {"top_k": 1, "n_group": 2, "topk_group": 1, "group_topk": 1},
    ),
    node("MoEGroupRouter", [(2, 3), (3,)], {"top_k": 1}, outputs=SCORES),
]


@pytest.mark.parametrize("case", ROUTED, ids=str)
def test_a_router_reads_the_logits_of_a_token(case):
    assert mismatches(case, probe=Steps(case, starts=20)) == []


def test_a_router_that_chooses_all_reads_no_more_than_it_says():
    case = node("MoEGroupRouter", [(2, 3), (3,)], {"top_k": 3})
    assert mismatches(case, within=(0, 1), probe=Steps(case)) == []


def projected_scores(data, bias, weights, **attributes):
    scores = sigmoid(data @ weights.T)
    return [None, scores + bias, scores]


def test_logits_that_are_projected_first():
    inputs = [(2, 3), (4,), (4, 3)]
    case = node("MoEGroupRouter", inputs, {"top_k": 1}, outputs=SCORES)
    assert mismatches(case, probe=Formula(case, projected_scores)) == []


def gated_projection(data, weights, router_size, **attributes):
    found = data @ weights
    gate, up = np.split(found[..., router_size:], 2, -1)
    return [found[..., :router_size], gate * sigmoid(gate) * up]


GATED = [
    node("RouterGateUpProj", [shape, (3, 6)], {"router_size": 2}, outputs=(True, True))
    for shape in ((1, 2, 3), (2, 3), (3,))
]


@pytest.mark.parametrize("case", GATED, ids=str)
def test_logits_and_gates_of_one_product(case):
    assert mismatches(case, probe=Formula(case, gated_projection)) == []


INVALID = [
    (node("MoE", [(2, 4), (3, 2)]), "2 tokens"),
    (packed_experts((3, 4)), "3 tokens"),
    (node("MoEGroupRouter", [(2, 3), (4,)], {"top_k": 1}), "4 logits"),
    (node("MoEGroupRouter", [(2, 3), (4,), (4, 2)], {"top_k": 1}), "input 2"),
    (node("RouterGateUpProj", [(2, 3), (3, 6)], {"router_size": 3}), "two equal halves"),
    (node("RouterGateUpProj", [(2, 3), (3, 6)], {"router_size": 8}), "two equal halves"),
]


@pytest.mark.parametrize(("case", "message"), INVALID, ids=str)
def test_invalid_nodes(case, message):
    with pytest.raises(RuleError, match=message):
        outcome(case)
