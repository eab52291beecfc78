"""Linear attention: a state that every step updates, and that the queries read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rfgraph.ops.chain import Chain
from rfgraph.ops.node import OpNode, Outcome, RuleError
from rfgraph.ops.steps import trim_outputs
from rfgraph.relations.axis_rules import Blocks
from rfgraph.relations.steps import Reduce

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.ops.node import Link
    from rfgraph.relations.axis_rules import Shape


QUERY, KEY, VALUE, PAST, DECAY, BETA = range(6)
# The gates that take part in an update.
UPDATES = {"linear": (), "gated": (DECAY,), "delta": (BETA,), "gated_delta": (DECAY, BETA)}
MAX_KEPT = 8


@dataclass(frozen=True, slots=True)
class Recurrence:
    """The lengths of a linear attention, its gates, and how many states are kept (0: the last).

    The smaller number of heads serves equal groups of the larger. `mixed`: an update reads the
    whole state.
    """

    batch: int
    length: int
    queries: int
    keys: int
    size: int
    value_size: int
    gates: tuple[int, ...]
    mixed: bool
    kept: int

    @property
    def heads(self) -> int:
        """The number of heads of the output."""
        return max(self.queries, self.keys)

    @property
    def out(self) -> Shape:
        """The shape of the output."""
        return (self.batch, self.length, self.heads * self.value_size)

    @property
    def state(self) -> Shape:
        """The shape of one state."""
        return (self.batch, self.keys, self.size, self.value_size)

    @property
    def states(self) -> Shape:
        """The shape of the states that are kept."""
        return (self.kept, *self.state) if self.kept else self.state

    def per_head(self, chain: Chain, heads: int) -> Chain:
        """Add that all features of the head that belongs to the output's are read."""
        rule = Blocks(heads, chain.shape[2], self.out[2])
        return chain.add(Reduce(((2, rule),), weighted=True))

    def own_feature(self, chain: Chain) -> Chain:
        """Add that a value's own feature is read, in the head that belongs to the output's."""
        if self.keys == self.heads:
            return chain
        chain.regroup((*chain.shape[:2], self.keys, self.value_size))
        chain.add(Reduce(((2, Blocks(self.keys, self.keys, self.heads)),)))
        return chain.regroup((*chain.shape[:2], self.out[2]))

    def past(self) -> Chain:
        """Return a chain from the states that came in to the last of them, which alone is read."""
        chain = Chain(self.states)
        return chain.take(0, self.kept - 1, 1).regroup(self.state) if self.kept else chain


def _recurrence(node: OpNode) -> Recurrence:
    update = node.choice("update_rule", "gated_delta", list(UPDATES))
    queries, keys = node.int("q_num_heads"), node.int("kv_num_heads")
    if min(queries, keys) < 1 or max(queries, keys) % min(queries, keys):
        raise RuleError(
            f"attributes 'q_num_heads' and 'kv_num_heads' require positive numbers of which one "
            f"divides the other, found {queries} and {keys}"
        )
    kept = node.int("state_window", 0)
    if not 0 <= kept <= MAX_KEPT:
        raise RuleError(f"attribute 'state_window' requires 0 to {MAX_KEPT}, found {kept}")
    batch, length, hidden = node.ranked(QUERY, 3, 3)
    size, value_size = hidden // queries, node.ranked(VALUE, 3, 3)[2] // keys
    for slot, width in ((QUERY, queries * size), (KEY, keys * size), (VALUE, keys * value_size)):
        node.expect_shape(slot, (batch, length, width))
    gates = tuple(slot for slot in UPDATES[update] if node.has(slot))
    mixed = update.endswith("delta")
    recurrence = Recurrence(batch, length, queries, keys, size, value_size, gates, mixed, kept)
    if node.has(PAST):
        node.expect_shape(PAST, recurrence.states)
    for slot in gates:
        widths = (keys * size, keys) if slot == DECAY else (keys, 1)
        wanted = [[batch, length, width] for width in widths]
        if list(node.shape(slot)) not in wanted:
            either = " or ".join(map(str, wanted))
            raise RuleError(f"input {slot} requires shape {either}, found {list(node.shape(slot))}")
    return recurrence


def linear_attention(node: OpNode) -> Outcome:
    """Return the outcome of a linear attention, whose gates may be left out."""
    net = _recurrence(node)
    links = [*_output_links(node, net), *_state_links(node, net)]
    return trim_outputs(node, (net.out, net.states), links)


def _output_links(node: OpNode, net: Recurrence) -> Iterator[Link]:
    yield net.per_head(Chain(node.shape(QUERY)), net.queries).link(QUERY)
    for slot in (KEY, VALUE, *net.gates):
        chain = Chain(node.shape(slot)).band(1, None, 0)
        if slot == VALUE:
            net.own_feature(chain)
        elif chain.shape[2] > 1:
            net.per_head(chain, net.keys)
        yield chain.broadcast(net.out).link(slot)
    if node.has(PAST):
        past = net.past().reduce([2], weighted=True)
        past.regroup((net.batch, 1, net.keys * net.value_size))
        yield net.own_feature(past).broadcast(net.out).link(PAST)


def _state_links(node: OpNode, net: Recurrence) -> Iterator[Link]:
    """Yield the links of the new state: all steps of keys, values and gates, and the old state."""
    for slot in (KEY, VALUE, *net.gates):
        chain = Chain(node.shape(slot)).reduce([1], weighted=True)
        heads = 1 if chain.shape[2] == 1 else net.keys
        own = chain.shape[2] // heads
        chain.regroup((net.batch, heads, *((1, own) if slot == VALUE else (own, 1))))
        if slot != VALUE and net.mixed and own > 1:
            chain.reduce([2], weighted=True)
        yield chain.broadcast(net.states).link(slot, 1)
    if node.has(PAST):
        chain = net.past().reduce([2] if net.mixed else [], weighted=True)
        yield chain.broadcast(net.states).link(PAST, 1)
