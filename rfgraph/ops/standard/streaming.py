"""Operators of sequence models beside attention: rotation by position, linear attention."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rfgraph.ops.chain import Chain
from rfgraph.ops.linear_attention import UPDATES
from rfgraph.ops.linear_attention import linear_attention as recurrence
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError
from rfgraph.ops.registry import rule
from rfgraph.ops.steps import (
    normal_indices,
    pick_steps,
    repeat_rule,
)
from rfgraph.relations.axis_rules import (
    Blocks,
    Repeat,
    Shape,
    Shift,
    Whole,
)
from rfgraph.relations.steps import Permute, Reduce, Regroup, Select, Step

# -- rotary embedding ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rotation:
    """The lengths of a rotary embedding: of each head's `size`, `turned` are turned in pairs."""

    shape: Shape
    batch: int
    length: int
    heads: int
    size: int
    turned: int
    interleaved: bool

    @property
    def tokens(self) -> Shape:
        """The shape with the heads on an axis of their own, after the positions."""
        return (self.batch, self.length, self.heads, self.size)

    def token_chain(self) -> Chain:
        """Return a chain from X to tokens."""
        chain = Chain(self.shape)
        packed = len(self.shape) == 3
        return chain.add(Regroup(self.tokens) if packed else Permute((0, 2, 1, 3)))

    def part_link(self, chain: Chain, start: int, slot: int) -> Link:
        """Return the link of a chain that has reached a part of each head, which begins there."""
        if chain.shape[3] != self.size:
            chain.put(3, start, self.size)
        packed = len(self.shape) == 3
        return chain.add(Regroup(self.shape) if packed else Permute((0, 2, 1, 3))).link(slot)


def _rotation(node: OpNode) -> Rotation:
    shape = node.ranked(0, 3, 4)
    if len(shape) == 3:
        batch, length, hidden = shape
        heads = node.int("num_heads")
        if heads < 1 or hidden % heads:
            raise RuleError(f"attribute 'num_heads' requires a divisor of {hidden}, found {heads}")
        size = hidden // heads
    else:
        batch, heads, length, size = shape
    turned = node.int("rotary_embedding_dim", 0) or size
    if turned % 2 or not 0 <= turned <= size:
        raise RuleError(f"requires an even number of at most {size} to be turned, found {turned}")
    interleaved = node.int("interleaved", 0) != 0
    return Rotation(shape, batch, length, heads, size, turned, interleaved)


@rule("RotaryEmbedding")
def rotary_embedding(node: OpNode) -> Outcome:
    """An output reads its own index of the input and the other one of its pair, of the same head.

    The pair lies half of the turned part away or, with attribute interleaved, beside. What is not
    turned reads its own index alone. Caches that are computed are read at the position and pair.

    Exact; unknown along the rows of a computed cache where position_ids are computed, which are
    read at their own position. Versions: all.
    """
    turn = _rotation(node)
    links = []
    if turn.turned:
        chain = turn.token_chain()
        if turn.turned != turn.size:
            chain.take(3, 0, turn.turned)
        links.append(turn.part_link(chain.add(*_pairs(turn)), 0, 0))
        links.extend(_cache_link(node, turn, slot) for slot in (1, 2))
        if node.has(3):
            own = node.expect_shape(3, (turn.batch, turn.length))
            ids = Chain(own).regroup((*own, 1, 1))
            links.append(turn.part_link(ids.broadcast((*turn.tokens[:3], turn.turned)), 0, 3))
    if turn.turned < turn.size or not turn.size:
        rest = Shift(turn.turned, 1, turn.size, turn.size - turn.turned)
        chain = turn.token_chain()
        links.append(turn.part_link(chain.select([(3, rest)]), turn.turned, 0))
    return Outcome((turn.shape,), tuple(links))


def _pairs(turn: Rotation) -> tuple[Step, ...]:
    """Return the steps by which each of the turned reads both of its pair."""
    pairs = turn.turned // 2
    if turn.interleaved:
        return (Reduce(((3, Blocks(pairs, turn.turned, turn.turned)),), weighted=True),)
    halves = (*turn.tokens[:3], 2, pairs)
    both = Reduce(((3, Whole(2, 2)),), weighted=True)
    return Regroup(halves), both, Regroup((*turn.tokens[:3], turn.turned))


def _cache_link(node: OpNode, turn: Rotation, slot: int) -> Link:
    """Return the link of a cache of sines or cosines: by position and pair, whatever the head."""
    pairs, place = turn.turned // 2, (turn.batch, turn.length)
    if node.has(3):
        rows = node.ranked(slot, 2, 2)[0]
        chain = Chain(node.expect_shape(slot, (rows, pairs)))
        ids = node.value(3).data
        if ids is None:
            chain.reduce([0], to=math.prod(place), unknown=True)
        else:
            chain.add(*pick_steps(normal_indices(ids, rows, "position_ids").reshape(-1), 0, rows))
    else:
        chain = Chain(node.expect_shape(slot, (*place, pairs)))
    chain.regroup((*place, 1, pairs))
    if turn.interleaved:
        chain.taps(3, repeat_rule(turn.turned, pairs))
    else:
        chain.add(Select(((3, Repeat(pairs, turn.turned)),)))
    return turn.part_link(chain.broadcast((*turn.tokens[:3], turn.turned)), 0, slot)


# -- linear attention ------------------------------------------------------------------------------


@rule("LinearAttention", ignores="chunk_size scale")
def linear_attention(node: OpNode) -> Outcome:
    """An output reads its query, whole, and keys, decay and beta of its head up to its position.

    Of the values up to its own position and of the past state it reads its own column. The state
    handed on reads the whole sequence: of keys, decay and past state its own row, or all rows where
    the update rule is a delta rule. Query heads share those of keys and values in groups.

    Exact. Versions: all.
    """
    heads, groups = node.int("q_num_heads"), node.int("kv_num_heads")
    if groups < 1 or heads < 1 or heads % groups:
        raise RuleError(
            f"requires a number of query heads that is a multiple of that of key heads, found "
            f"{heads} and {groups}"
        )
    for slot in UPDATES[node.choice("update_rule", "gated_delta", list(UPDATES))]:
        node.value(slot)
    return recurrence(node)
