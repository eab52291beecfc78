"""onnxruntime's hashes of n-grams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rfgraph.errors import BoundError
from rfgraph.ops.chain import Chain
from rfgraph.ops.contrib.operands import rule, vector_links
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError
from rfgraph.ops.steps import everything_links, scalar_link, trim_outputs
from rfgraph.relations.axis_rules import Shape, Shift, Window
from rfgraph.relations.steps import Everything

if TYPE_CHECKING:
    from collections.abc import Iterator


# The largest number of orders told apart.
MAX_ORDERS = 64


@dataclass(frozen=True, slots=True)
class Orders:
    """The n-gram orders from 2 on and the number of hashes of each; tokens lie on `axis`."""

    shape: Shape
    axis: int
    largest: int
    hashes: int

    @property
    def out(self) -> Shape:
        """The shape of the hashes."""
        return (*self.shape, (self.largest - 1) * self.hashes)

    def window_links(self, slot: int, found: Shape, shift: int) -> Iterator[Link]:
        """Yield the links of tokens: position o of order n reads the n tokens up to o + shift."""
        for order in range(2, self.largest + 1):
            window = Window(order, 1, 1, order - 1 - shift, found[self.axis], self.shape[self.axis])
            chain = Chain(found).taps(self.axis, window)
            yield self.lead_to_order(chain, order).link(slot, spatial=(self.axis,))

    def lead_to_order(self, chain: Chain, order: int) -> Chain:
        """Return the chain led on to the hashes of one order."""
        last, total = len(self.shape), self.out[-1]
        chain.regroup((*chain.shape, 1)).broadcast((*self.shape, self.hashes))
        shift = Shift(-(order - 2) * self.hashes, 1, self.hashes, total, "absent")
        return chain.select([(last, shift)])


def _orders(node: OpNode, shape: Shape, axis: int) -> Orders:
    largest, hashes = node.int("max_ngram_size"), node.int("n_head_per_ngram")
    if largest < 2 or hashes < 1:
        raise RuleError(
            f"requires a max_ngram_size of at least 2 and a n_head_per_ngram of at least 1, "
            f"found {largest} and {hashes}"
        )
    if largest > MAX_ORDERS:
        raise BoundError(f"max_ngram_size {largest} exceeds MAX_ORDERS ({MAX_ORDERS})")
    return Orders(shape, axis, largest, hashes)


def _table_links(
    node: OpNode, orders: Orders, slots: tuple[int, ...], multipliers: int
) -> list[Link]:
    """Return the links of vocabularies and offsets, one per hash, and of the multipliers."""
    out = orders.out
    links = [link for slot in slots for link in vector_links(node, slot, out)]
    (count,) = node.ranked(multipliers, 1, 1)
    for order in range(2, orders.largest + 1):
        chain = Chain((count,)).take(0, 0, min(order, count)).reduce([0]).broadcast(out[:-1])
        links.append(orders.lead_to_order(chain, order).link(multipliers))
    return links


@rule("NGramHashMapping", ignores="pad_id reset_on_eos")
def ngram_hash_mapping(node: OpNode) -> Outcome:
    """A hash of order n reads its token and the n - 1 before it, and as many multipliers.

    Before the start it reads the past tokens; vocabulary size and offset are its own. The new past
    tokens are the last ones.

    Exact; an upper bound for eos_token_id and segment_ids, which count as read by every window.
    Versions: all (1).
    """
    shape = node.ranked(0, 2, 2)
    batch, length = shape
    orders = _orders(node, shape, 1)
    size = orders.largest - 1
    links = [*orders.window_links(0, shape, 0), *_table_links(node, orders, (2, 4), 1)]
    shifts = [(0, length - size)]
    if node.has(3):
        links.extend(orders.window_links(3, node.expect_shape(3, (batch, size)), size))
        shifts.append((3, length))
    if node.has(5):
        links.append(scalar_link(node, 5, orders.out))
    if node.has(6):
        links.extend(orders.window_links(6, node.expect_shape(6, shape), 0))
    for slot, start in shifts:
        links.append(Chain(node.shape(slot)).put(1, -start, size).link(slot, 1))
    return trim_outputs(node, (orders.out, (batch, size)), links)


@rule("VarlenNGramHashMapping", ignores="pad_id reset_on_eos")
def varlen_ngram_hash_mapping(node: OpNode) -> Outcome:
    """A hash of order n reads its token and the n - 1 before it, and as many multipliers.

    The requests are packed one after the other; before the start of its own a token reads the past
    tokens.

    Upper bound: a window that begins in the request before counts as read there, since data says
    where requests begin; so do eos_token_id and segment_ids. Unknown: which past tokens are read,
    and which tokens the new states read. Versions: all (1).
    """
    shape = node.ranked(0, 1, 1)
    orders = _orders(node, shape, 0)
    out, batch = orders.out, max(node.ranked(3, 1, 1)[0] - 1, 0)
    links = [*orders.window_links(0, shape, 0), *_table_links(node, orders, (2, 5), 1)]
    links.append(Link(3, (Everything(out),)))
    if node.has(6):
        links.append(scalar_link(node, 6, out))
    if node.has(7):
        links.extend(orders.window_links(7, node.expect_shape(7, shape), 0))
    links.extend(everything_links(node, (4, 8), out, unknown=True))
    size, capacity = orders.largest - 1, max(node.int("state_update_capacity", 0), 0)
    states = ((batch, size), (batch, size), (batch, capacity, size))
    for output, state in enumerate(states, 1):
        sources = (7, 8, 3) if output == 2 else (0, 3, 4, 9)
        links.extend(everything_links(node, sources, state, output, unknown=True))
    return trim_outputs(node, (out, *states), links)
