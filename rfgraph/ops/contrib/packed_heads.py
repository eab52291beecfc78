"""Attention over packed heads: what a query reads of keys, values, caches, masks and biases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rfgraph.ops.chain import Chain
from rfgraph.ops.heads import Lengths, add_band
from rfgraph.ops.masked_scores import taken_steps
from rfgraph.ops.node import Array, Link, OpNode, RuleError
from rfgraph.ops.steps import broadcasts
from rfgraph.relations.axis_rules import Blocks, Shape
from rfgraph.relations.steps import Everything, Reduce

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class PackedHeads(Lengths):
    """The lengths of an attention whose operands lie as (batch, length, heads * size).

    A causal query reads the keys up to its own position, which comes after the `past` ones; with
    `window` no more than so many.
    """

    causal: bool = False
    window: int | None = None

    @property
    def shape(self) -> Shape:
        """The shape of the result."""
        return (self.batch, self.queries, self.heads * self.value_size)

    @property
    def apart(self) -> Shape:
        """The shape of the result with the heads on an axis of their own."""
        return (self.batch, self.queries, self.heads, self.value_size)

    def reach_queries(self, chain: Chain, start: int) -> Chain:
        """Lead keys that begin at position `start`, on axis 1, to the queries that read them."""
        length, ahead = chain.shape[1], self.past - start
        before = None if self.window is None else self.window - 1 - ahead
        after = None if not self.causal or ahead >= length else ahead
        return add_band(chain, 1, before, after, self.queries)

    def lead_query(self, chain: Chain) -> Chain:
        """Lead queries to the result: all features of the own head."""
        return self._features(chain, self.heads)

    def lead_keys(self, chain: Chain, start: int) -> Chain:
        """Lead keys to the result: those within reach, all features of the own head."""
        return self._features(self.reach_queries(chain, start), self.groups)

    def _features(self, chain: Chain, heads: int) -> Chain:
        rule = Blocks(heads, chain.shape[2], self.shape[2])
        return chain.add(Reduce(((2, rule),), weighted=True))

    def lead_values(self, chain: Chain, start: int) -> Chain:
        """Lead values to the result: those within reach, the own feature of the own head."""
        self.reach_queries(chain, start)
        if self.groups == self.heads:
            return chain
        split = (self.batch, self.queries, self.groups, self.value_size)
        chain.reshape(split)
        chain.add(Reduce(((2, Blocks(self.groups, self.groups, self.heads)),)))
        return chain.reshape(self.shape)

    def lead(self, chain: Chain, number: int, start: int) -> Chain:
        """Lead a query (0), a key (1) or a value (2) to the result."""
        if number == 0:
            return self.lead_query(chain)
        return (self.lead_keys if number == 1 else self.lead_values)(chain, start)

    def lead_kept(self, chain: Chain, kept: Array) -> Chain:
        """Lead keys or values to the queries to which `kept` (batch, heads, ...) leaves them."""
        batch, length, width = chain.shape
        chain.regroup((batch, length, self.heads, width // self.heads)).permute(0, 2, 1, 3)
        chain.add(*taken_steps(kept, chain.shape))
        chain.broadcast((*chain.shape[:2], self.queries, chain.shape[3]))
        return chain.permute(0, 2, 1, 3).regroup((batch, self.queries, width))

    def lead_mask(self, chain: Chain) -> Chain:
        """Lead one number per key, (batch, total), to the queries within whose reach it lies."""
        chain.reshape((*chain.shape, 1))
        return self.reach_queries(chain, 0).broadcast(self.shape)

    def lead_bias(self, chain: Chain) -> Chain:
        """Lead numbers per head, query and key, some of them shared, to their queries."""
        chain.reduce([3]).permute(0, 2, 1, 3).broadcast(self.apart)
        return chain.reshape(self.shape)

    def lead_per_head(self, chain: Chain) -> Chain:
        """Lead one number per head to the result."""
        chain.reshape((1, 1, self.heads, 1)).broadcast(self.apart)
        return chain.reshape(self.shape)

    def score_link(self, link: Link, shape: Shape, scores: Shape, output: int = 3) -> Link:
        """Return the link of the products behind a weighted sum: by head, along all keys.

        `link` leads to the result, from an input of `shape` that takes part in the products.
        """
        chain = Chain(shape).add(*link.steps).reshape(self.apart)
        chain.reduce([3]).permute(0, 2, 1, 3).broadcast(scores)
        return chain.link(link.input, output)


def from_cache(chain: Chain) -> Chain:
    """Lead a cache (batch, heads, length, size) to (batch, length, heads * size)."""
    batch, heads, length, size = chain.shape
    chain.permute(0, 2, 1, 3)
    return chain.reshape((batch, length, heads * size))


def to_cache(chain: Chain, heads: int, start: int, total: int) -> Chain:
    """Lead (batch, length, heads * size) into a cache of length `total`, from `start` on."""
    batch, length, width = chain.shape
    chain.reshape((batch, length, heads, width // heads))
    chain.permute(0, 2, 1, 3)
    return chain.put(2, start, total)


def mask_links(node: OpNode, slot: int, heads: PackedHeads) -> Iterator[Link]:
    """Yield the link of an optional mask, whose shape tells what it means.

    One number per key, one per query and key, the lengths of the sequences, or where they begin.
    """
    if not node.has(slot):
        return
    mask = node.ranked(slot, 1, 4)
    chain = Chain(mask)
    if len(mask) == 2 and mask[0] in (1, heads.batch) and mask[1] in (heads.keys, heads.total):
        if mask[1] == heads.total:
            yield heads.lead_mask(chain).link(slot)
            return
        chain.reduce([1]).regroup((mask[0], 1, 1)).broadcast(heads.shape)
    elif len(mask) == 3 and mask[:2] == (heads.batch, heads.queries):
        chain.reduce([2]).broadcast(heads.shape)
    elif mask == (heads.batch,):
        chain.reshape((heads.batch, 1, 1)).broadcast(heads.shape)
    elif len(mask) in (1, 4):
        chain.add(Everything(heads.shape))
    else:
        raise RuleError(
            f"input {slot} requires a mask for {heads.batch} sequences of {heads.total} keys, "
            f"found shape {list(mask)}"
        )
    yield chain.link(slot)


def bias_links(node: OpNode, slot: int, heads: PackedHeads) -> Iterator[Link]:
    """Yield the link of an optional bias that is added per head, query and key."""
    if not node.has(slot):
        return
    bias = node.ranked(slot, 4, 4)
    if not broadcasts(bias[:3], (heads.batch, heads.heads, heads.queries)):
        raise RuleError(
            f"input {slot} requires a shape that broadcasts to "
            f"{[heads.batch, heads.heads, heads.queries, heads.total]}, found {list(bias)}"
        )
    yield heads.lead_bias(Chain(bias)).link(slot)


def past_links(
    node: OpNode, slots: tuple[int, int], heads: PackedHeads, length: int
) -> Iterator[Link]:
    """Yield the links of the optional caches of keys and values, which hold `length` positions."""
    for number, slot in enumerate(slots):
        if node.has(slot):
            size = (heads.size, heads.value_size)[number]
            cache = node.expect_shape(slot, (heads.batch, heads.groups, length, size))
            chain = from_cache(Chain(cache))
            yield (heads.lead_values if number else heads.lead_keys)(chain, 0).link(slot)
