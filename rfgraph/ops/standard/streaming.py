"""Operators of sequence models beside attention: rotation by position, linear attention."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rfgraph.ops.chain import Chain
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError
from rfgraph.ops.registry import rule
from rfgraph.ops.steps import (
    normal_indices,
    pick_steps,
    repeat_rule,
    trim_outputs,
)
from rfgraph.relations.axis_rules import (
    Blocks,
    Repeat,
    Shape,
    Shift,
    Whole,
)
from rfgraph.relations.steps import Permute, Pointwise, Reduce, Regroup, Select, Step

if TYPE_CHECKING:
    from collections.abc import Iterator


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

QUERY, KEY, VALUE, PAST, DECAY, BETA = range(6)
UPDATES = {"linear": (), "gated": (DECAY,), "delta": (BETA,), "gated_delta": (DECAY, BETA)}


@dataclass(frozen=True, slots=True)
class Recurrence:
    """The lengths of a linear attention; `mixed` where an update reads the whole state."""

    batch: int
    length: int
    heads: int
    groups: int
    size: int
    value_size: int
    mixed: bool

    @property
    def output(self) -> Shape:
        """The shape of the output with the heads on an axis of their own."""
        return (self.batch, self.length, self.heads, self.value_size)

    @property
    def state(self) -> Shape:
        """The shape of the state."""
        return (self.batch, self.groups, self.size, self.value_size)

    def tokens(self, own: Shape) -> Chain:
        """Return a chain to (batch, length, groups, width); the groups are one where shared."""
        groups = 1 if own[2] == 1 else self.groups
        return Chain(own).regroup((*own[:2], groups, own[2] // groups))

    def spread_groups(self, chain: Chain) -> Chain:
        """Return a chain over groups of heads, on axis 2, spread to the heads that share them."""
        if chain.shape[2] in (1, self.heads):
            return chain
        return chain.taps(2, repeat_rule(self.heads, self.groups))

    def out(self, chain: Chain, slot: int) -> Link:
        """Return the link to the output of a chain that broadcasts to it."""
        flat = (self.batch, self.length, self.heads * self.value_size)
        return self.spread_groups(chain).broadcast(self.output).regroup(flat).link(slot)


def _recurrence(node: OpNode) -> Recurrence:
    update = node.choice("update_rule", "gated_delta", list(UPDATES))
    heads, groups = node.int("q_num_heads"), node.int("kv_num_heads")
    if groups < 1 or heads < 1 or heads % groups:
        raise RuleError(
            f"requires a number of query heads that is a multiple of that of key heads, found "
            f"{heads} and {groups}"
        )
    batch, length, hidden = node.ranked(QUERY, 3, 3)
    size = hidden // heads
    node.expect_shape(QUERY, (batch, length, heads * size))
    node.expect_shape(KEY, (batch, length, groups * size))
    value_size = node.ranked(VALUE, 3, 3)[2] // groups
    node.expect_shape(VALUE, (batch, length, groups * value_size))
    mixed = BETA in UPDATES[update]
    lengths = Recurrence(batch, length, heads, groups, size, value_size, mixed)
    if node.has(PAST):
        node.expect_shape(PAST, lengths.state)
    for slot, widths in ((DECAY, (groups * size, groups)), (BETA, (groups, 1))):
        if slot in UPDATES[update]:
            _gate(node, slot, (batch, length), widths)
    return lengths


def _gate(node: OpNode, slot: int, place: Shape, widths: tuple[int, int]) -> None:
    own = node.shape(slot)
    if own not in [(*place, width) for width in widths]:
        wanted = " or ".join(str([*place, width]) for width in widths)
        raise RuleError(f"input {slot} requires shape {wanted}, found {list(own)}")


@rule("LinearAttention", ignores="chunk_size scale")
def linear_attention(node: OpNode) -> Outcome:
    """An output reads its query, whole, and keys, decay and beta of its head up to its position.

    Of the values up to its own position and of the past state it reads its own column. The state
    handed on reads the whole sequence: of keys, decay and past state its own row, or all rows where
    the update rule is a delta rule. Query heads share those of keys and values in groups.

    Exact. Versions: all.
    """
    seq = _recurrence(node)
    gates = UPDATES[node.str("update_rule", "gated_delta")]
    links = [*_output_links(node, seq, gates), *_state_links(node, seq, gates)]
    flat = (seq.batch, seq.length, seq.heads * seq.value_size)
    return trim_outputs(node, (flat, seq.state), links)


def _output_links(node: OpNode, seq: Recurrence, gates: tuple[int, ...]) -> Iterator[Link]:
    query = Chain(node.shape(QUERY)).regroup((*seq.output[:3], seq.size))
    yield seq.out(query.reduce([3], weighted=True), QUERY)
    for slot in (KEY, VALUE, *gates):
        chain = seq.tokens(node.shape(slot))
        chain.band(1, None, 0)
        if slot != VALUE:
            chain.reduce([3], weighted=True)
        yield seq.out(chain, slot)
    if node.has(PAST):
        yield seq.out(Chain(seq.state).reduce([2], weighted=True).permute(0, 2, 1, 3), PAST)


def _state_links(node: OpNode, seq: Recurrence, gates: tuple[int, ...]) -> Iterator[Link]:
    """Give the links of the state that is handed on, (batch, groups, key rows, value columns)."""
    rows = (Reduce(((2, Whole(seq.size, seq.size)),), weighted=True),) if seq.mixed else ()
    for slot in (KEY, VALUE, *gates):
        chain = seq.tokens(node.shape(slot))
        chain.reduce([1], weighted=True)
        chain.permute(*(0, 2, 1, 3) if slot == VALUE else (0, 2, 3, 1))
        if chain.shape[2] == seq.size:
            chain.add(*rows)
        yield chain.broadcast(seq.state).link(slot, 1)
    if node.has(PAST):
        yield Chain(seq.state).add(*(rows or (Pointwise(seq.state),))).link(PAST, 1)
