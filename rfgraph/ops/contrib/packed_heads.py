"""Attention over packed heads: what a query reads of keys, values, caches, masks and biases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rfgraph.ops.contrib.operands import required
from rfgraph.ops.masks import taken_steps
from rfgraph.ops.node import Array, Chain, Link, OpNode, RuleError
from rfgraph.ops.steps import broadcasts, reshaped, selected, whole
from rfgraph.relations.axis_rules import Band, Blocks, Shape, Shift, Whole
from rfgraph.relations.steps import Everything, Permute, Pointwise, Prefix, Reduce, Regroup

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, slots=True)
class Heads:
    """The lengths of an attention: `groups` of heads share keys and values.

    Operands lie as (batch, length, heads * size). A causal query reads the keys up to its own
    position, which comes after the `past` ones; with `window` no more than so many.
    """

    batch: int
    queries: int
    keys: int
    past: int
    heads: int
    groups: int
    size: int
    value_size: int
    causal: bool = False
    window: int | None = None

    @property
    def total(self) -> int:
        """The number of keys, old and new."""
        return self.past + self.keys

    @property
    def shape(self) -> Shape:
        """The shape of the result."""
        return (self.batch, self.queries, self.heads * self.value_size)

    @property
    def apart(self) -> Shape:
        """The shape of the result with the heads on an axis of their own."""
        return (self.batch, self.queries, self.heads, self.value_size)

    def reach(self, chain: Chain, start: int) -> Chain:
        """Lead keys that begin at position `start`, on axis 1, to the queries that read them."""
        length, ahead = chain.shape[1], self.past - start
        before = None if self.window is None else self.window - 1 - ahead
        after = None if not self.causal or ahead >= length else ahead
        if before is None and after is None:
            return chain.add(Reduce(((1, Whole(length, self.queries)),), weighted=True))
        return chain.add(Prefix(((1, Band(before, after, length, self.queries)),)))

    def asked(self, chain: Chain) -> Chain:
        """Lead queries to the result: all features of the own head."""
        return self._features(chain, self.heads)

    def keyed(self, chain: Chain, start: int) -> Chain:
        """Lead keys to the result: those within reach, all features of the own head."""
        return self._features(self.reach(chain, start), self.groups)

    def _features(self, chain: Chain, heads: int) -> Chain:
        rule = Blocks(heads, chain.shape[2], self.shape[2])
        return chain.add(Reduce(((2, rule),), weighted=True))

    def valued(self, chain: Chain, start: int) -> Chain:
        """Lead values to the result: those within reach, the own feature of the own head."""
        self.reach(chain, start)
        if self.groups == self.heads:
            return chain
        split = (self.batch, self.queries, self.groups, self.value_size)
        chain.add(*reshaped(chain.shape, split))
        chain.add(Reduce(((2, Blocks(self.groups, self.groups, self.heads)),)))
        return chain.add(*reshaped(chain.shape, self.shape))

    def led(self, chain: Chain, number: int, start: int) -> Chain:
        """Lead a query (0), a key (1) or a value (2) to the result."""
        if number == 0:
            return self.asked(chain)
        return (self.keyed if number == 1 else self.valued)(chain, start)

    def seen(self, chain: Chain, kept: Array) -> Chain:
        """Lead keys or values to the queries to which `kept` (batch, heads, ...) leaves them."""
        batch, length, width = chain.shape
        chain.add(Regroup((batch, length, self.heads, width // self.heads)), Permute((0, 2, 1, 3)))
        chain.add(*taken_steps(kept, chain.shape, weighted=True))
        chain.add(Pointwise((*chain.shape[:2], self.queries, chain.shape[3])))
        return chain.add(Permute((0, 2, 1, 3)), Regroup((batch, self.queries, width)))

    def masked(self, chain: Chain) -> Chain:
        """Lead one number per key, (batch, total), to the queries within whose reach it lies."""
        chain.add(*reshaped(chain.shape, (*chain.shape, 1)))
        return self.reach(chain, 0).add(Pointwise(self.shape))

    def biased(self, chain: Chain) -> Chain:
        """Lead numbers per head, query and key, some of them shared, to their queries."""
        chain.add(*whole(chain.shape, [3]), Permute((0, 2, 1, 3)), Pointwise(self.apart))
        return chain.add(*reshaped(self.apart, self.shape))

    def per_head(self, chain: Chain) -> Chain:
        """Lead one number per head to the result."""
        chain.add(*reshaped(chain.shape, (1, 1, self.heads, 1)), Pointwise(self.apart))
        return chain.add(*reshaped(self.apart, self.shape))

    def scored(self, link: Link, shape: Shape, scores: Shape, output: int = 3) -> Link:
        """Return the link of the products behind a weighted sum: by head, along all keys.

        `link` leads to the result, from an input of `shape` that takes part in the products.
        """
        chain = Chain(shape).add(*link.steps).add(*reshaped(self.shape, self.apart))
        chain.add(*whole(self.apart, [3]), Permute((0, 2, 1, 3)), Pointwise(scores))
        return chain.link(link.input, output)


def cached(chain: Chain) -> Chain:
    """Lead a cache (batch, heads, length, size) to (batch, length, heads * size)."""
    batch, heads, length, size = chain.shape
    chain.add(Permute((0, 2, 1, 3)))
    return chain.add(*reshaped(chain.shape, (batch, length, heads * size)))


def stored(chain: Chain, heads: int, start: int, total: int) -> Chain:
    """Lead (batch, length, heads * size) into a cache of length `total`, from `start` on."""
    batch, length, width = chain.shape
    chain.add(*reshaped(chain.shape, (batch, length, heads, width // heads)))
    chain.add(Permute((0, 2, 1, 3)))
    return into(chain, start, total)


def into(chain: Chain, start: int, total: int) -> Chain:
    """Lead a cache into a longer one, from `start` on."""
    shift = Shift(-start, 1, chain.shape[2], total, "absent")
    return chain.add(*selected(chain.shape, [(2, shift)]))


def part(chain: Chain, axis: int, start: int, length: int) -> Chain:
    """Add that `length` positions of an axis are taken, from `start` on."""
    shift = Shift(start, 1, chain.shape[axis], length)
    return chain.add(*selected(chain.shape, [(axis, shift)]))


def mask_links(node: OpNode, slot: int, heads: Heads) -> Iterator[Link]:
    """Yield the link of an optional mask, whose shape tells what it means.

    One number per key, one per query and key, the lengths of the sequences, or where they begin.
    """
    if not node.has(slot):
        return
    found = node.ranked(slot, 1, 4)
    chain = Chain(found)
    if len(found) == 2 and found[0] in (1, heads.batch) and found[1] in (heads.keys, heads.total):
        if found[1] == heads.total:
            yield heads.masked(chain).link(slot)
            return
        chain.add(*whole(found, [1]), Regroup((found[0], 1, 1)), Pointwise(heads.shape))
    elif len(found) == 3 and found[:2] == (heads.batch, heads.queries):
        chain.add(*whole(found, [2]), Pointwise(heads.shape))
    elif found == (heads.batch,):
        chain.add(*reshaped(found, (heads.batch, 1, 1)), Pointwise(heads.shape))
    elif len(found) in (1, 4):
        chain.add(Everything(heads.shape))
    else:
        raise RuleError(
            f"input {slot} requires a mask for {heads.batch} sequences of {heads.total} keys, "
            f"found shape {list(found)}"
        )
    yield chain.link(slot)


def bias_links(node: OpNode, slot: int, heads: Heads) -> Iterator[Link]:
    """Yield the link of an optional bias that is added per head, query and key."""
    if not node.has(slot):
        return
    found = node.ranked(slot, 4, 4)
    if not broadcasts(found[:3], (heads.batch, heads.heads, heads.queries)):
        raise RuleError(
            f"input {slot} requires a shape that broadcasts to "
            f"{[heads.batch, heads.heads, heads.queries, heads.total]}, found {list(found)}"
        )
    yield heads.biased(Chain(found)).link(slot)


def past_links(node: OpNode, slots: tuple[int, int], heads: Heads, length: int) -> Iterator[Link]:
    """Yield the links of the optional caches of keys and values, which hold `length` positions."""
    for number, slot in enumerate(slots):
        if node.has(slot):
            size = (heads.size, heads.value_size)[number]
            cache = required(node, slot, (heads.batch, heads.groups, length, size))
            chain = cached(Chain(cache))
            yield (heads.valued if number else heads.keyed)(chain, 0).link(slot)


def anything(
    node: OpNode, slots: Iterable[int], shape: Shape, output: int = 0, unknown: bool = False
) -> Iterator[Link]:
    """Yield links by which an output reads all of the given inputs."""
    for slot in slots:
        if node.has(slot):
            yield Link(slot, (Everything(shape, unknown),), output)
