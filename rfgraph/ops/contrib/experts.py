"""onnxruntime's mixtures of experts: what routes a token, and what the experts make of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rfgraph.ops.chain import Chain
from rfgraph.ops.contrib.operands import rule
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError
from rfgraph.ops.steps import everything_links, trim_outputs
from rfgraph.relations.axis_rules import Shape, Whole
from rfgraph.relations.steps import Reduce

if TYPE_CHECKING:
    from collections.abc import Iterator


@rule(
    "MoE QMoE",
    ignores="""accuracy_level activation_alpha activation_beta activation_type block_size
    expert_weight_bits fc1_expert_weight_bits fc2_expert_weight_bits
    fc3_expert_weight_bits k normalize_routing_weights quant_type swiglu_fusion
    swiglu_limit swiglu_limit_after_activation use_sparse_mixer weights_prepacked""",
)
def mixture_of_experts(node: OpNode) -> Outcome:
    """An output reads all features of its own token, and all routing probabilities of that token.

    Exact. Upper bound: weights of experts that are computed count as read whole. Versions: all (1).
    """
    return _mix_outcome(node, node.ranked(0, 2, 3), (1, 14) if node.op_type == "QMoE" else (1,))


@rule(
    "MoEPacked",
    ignores="""activation_type down_type gate_type k normalize_routing_weights routed_scaling_factor
    routing_epsilon up_type""",
)
def packed_mixture_of_experts(node: OpNode) -> Outcome:
    """An output reads all features of its own token, and all scores and weights that route it.

    Exact by its definition; onnxruntime has no CPU kernel to compare with. Upper bound: weights of
    experts that are computed count as read whole. Versions: all (1).
    """
    return _mix_outcome(node, node.ranked(0, 1), (1, 5))


def _mix_outcome(node: OpNode, shape: Shape, routing: tuple[int, ...]) -> Outcome:
    last = len(shape) - 1
    links = [Link(0, (Reduce(((last, Whole(shape[-1], shape[-1])),), weighted=True),))]
    links.extend(_routing_link(node, slot, shape) for slot in routing if node.has(slot))
    weights = (slot for slot in node.data_inputs() if slot not in (0, *routing))
    return Outcome((shape,), (*links, *everything_links(node, weights, shape)))


def _routing_link(node: OpNode, slot: int, shape: Shape) -> Link:
    tokens, experts = node.ranked(slot, 2, 2)
    if tokens != math.prod(shape[:-1]):
        raise RuleError(f"input {slot} requires {math.prod(shape[:-1])} tokens, found {tokens}")
    chain = Chain((tokens, experts)).reduce([1])
    return chain.reshape((*shape[:-1], 1)).broadcast(shape).link(slot)


# -- routers ---------------------------------------------------------------------------------------


@rule("MoEGroupRouter", ignores="group_topk n_group router_sentinel top_k topk_group")
def group_router(node: OpNode) -> Outcome:
    """A routing score reads its own expert's logit and bias and, as a second part, all of them.

    Those are the logits of its token. The full scores and weights read their own expert alone, the
    weights no bias; with projection weights all features of their token and their expert's weights.

    Exact. Upper bound: routing scores where there is nothing to choose. Versions: all (1).
    """
    (experts,) = node.ranked(1, 1, 1)
    tokens = node.ranked(0, 1)
    shape = (math.prod(tokens[:-1]), experts)
    if not node.has(2) and tokens[-1] != experts:
        raise RuleError(f"input 0 requires {experts} logits, found shape {list(tokens)}")
    links: list[Link] = []
    for output in range(3):
        scores = [_logits(node, tokens, shape)]
        scores.extend([(2, _projection(node, experts, tokens[-1]))] if node.has(2) else [])
        scores.extend([(1, Chain((experts,)))] if output < 2 else [])
        for slot, chain in scores:
            links.append(chain.copy().broadcast(shape).link(slot, output))
            if output == 0:
                every = chain.reduce([len(chain.shape) - 1])
                links.append(every.broadcast(shape).link(slot))
    return trim_outputs(node, (shape, shape, shape), links)


def _logits(node: OpNode, found: Shape, shape: Shape) -> tuple[int, Chain]:
    """Return the input and a chain from it to its tokens' logits, or to what all of them read."""
    chain = Chain(found).reshape((shape[0], found[-1]))
    return 0, chain.reduce([1] if node.has(2) else [], weighted=True)


def _projection(node: OpNode, experts: int, width: int) -> Chain:
    """Return a chain from projection weights to the experts that they belong to."""
    shape = node.expect_shape(2, (experts, width))
    return Chain(shape).reduce([1], weighted=True).reshape((experts,))


@rule("RouterGateUpProj", ignores="activation activation_alpha activation_beta limit")
def router_gate_up_projection(node: OpNode) -> Outcome:
    """A router logit reads all features of its token, and its column of the weights.

    An activated value reads all features of its token, and the columns of its gate and its linear
    half, which follow those of the logits.

    Exact by its definition; onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    shape, (inner, columns) = node.ranked(0, 1), node.ranked(1, 2, 2)
    logits = node.int("router_size")
    half, rest = divmod(columns - logits, 2)
    if inner != shape[-1] or min(logits, half) < 0 or rest:
        raise RuleError(
            f"requires weights for {shape[-1]} features, {logits} logits and two equal halves, "
            f"found shape {[inner, columns]}"
        )
    outs = ((*shape[:-1], logits), (*shape[:-1], half))
    links = [*_column_links(node, outs, ((0, 0), (1, logits), (1, logits + half)))]
    for output, to in enumerate(outs):
        row = Chain(shape).reduce([len(shape) - 1], weighted=True)
        links.append(row.broadcast(to).link(0, output))
    return trim_outputs(node, outs, links)


def _column_links(
    node: OpNode, outs: tuple[Shape, Shape], starts: tuple[tuple[int, int], ...]
) -> Iterator[Link]:
    """Yield the links of an output's columns of the weights, from the given ones on."""
    for output, start in starts:
        count = outs[output][-1]
        chain = Chain(node.shape(1)).take(1, start, count)
        chain.reduce([0], weighted=True).reshape((count,))
        yield chain.broadcast(outs[output]).link(1, output)
