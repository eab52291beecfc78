"""Recurrent networks: what came before (or, in reverse, what follows), and the initial state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rfgraph.ops.chain import Chain
from rfgraph.ops.node import Array, Link, OpNode, Outcome, RuleError
from rfgraph.ops.registry import rule
from rfgraph.ops.steps import is_unlistable, kept_steps, own_link, scalar_link, trim_outputs
from rfgraph.relations.axis_rules import Band, Shape, Shift, Whole, along_axis
from rfgraph.relations.how import RECURRENT
from rfgraph.relations.steps import Prefix, Reduce, Select

if TYPE_CHECKING:
    from collections.abc import Iterator


DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
X, W, R, B, LENGTHS, INITIAL_H, INITIAL_C, P = range(8)
Y, Y_H, Y_C = range(3)


@dataclass(frozen=True, slots=True)
class Sequence:
    """The geometry of a recurrent node.

    `directions` says of each whether it runs in reverse. `lengths` are the known lengths of the
    sequences: one per element of the batch or, where all agree, one; None where there are none.
    """

    time: int
    batch: int
    features: int
    hidden: int
    directions: tuple[bool, ...]
    batch_first: bool
    lengths: Array | None

    def shape(self, output: int) -> Shape:
        """Return the shape of an output."""
        count = len(self.directions)
        time = (self.time,) if output == Y else ()
        if self.batch_first:
            return (self.batch, *time, count, self.hidden)
        return (*time, count, self.batch, self.hidden)

    def axis(self, output: int, what: str) -> int:
        """Return the axis of an output along which the batch or the directions lie."""
        batch, direction = (0, -2) if self.batch_first else (-2, -3)
        return (batch if what == "batch" else direction) % len(self.shape(output))

    def steps(self, first: int = 0, reverse: bool = False) -> Array | None:
        """Return, by time and batch, where a step is taken; None if everywhere or not known.

        The first `first` steps of the direction are left out.
        """
        if (self.lengths is None and first == 0) or is_unlistable(self.time, self._known_lengths):
            return None
        ends = np.array([self.time]) if self.lengths is None else self.lengths
        at = np.arange(self.time).reshape(-1, 1)
        taken = at < ends - first if reverse else (at >= first) & (at < ends)
        return np.asarray(taken)

    @property
    def _known_lengths(self) -> int:
        return 1 if self.lengths is None else len(self.lengths)

    def time_first_chain(self) -> Chain:
        """Return a chain that starts at X and has put time first."""
        if not self.batch_first:
            return Chain((self.time, self.batch, self.features))
        return Chain((self.batch, self.time, self.features)).permute(1, 0, 2)

    def state(self, direction: int) -> Chain:
        """Return a chain from an initial state to one direction of it, (1, batch, hidden)."""
        chain = Chain(self.shape(Y_H))
        if self.batch_first:
            chain.permute(1, 0, 2)
        count = len(self.directions)
        if count > 1:
            chain.add(Select(((0, Shift(direction, 1, count, 1)),)))
        return chain

    def direction_link(self, chain: Chain, output: int, direction: int, slot: int) -> Link:
        """Return the link of a chain that has reached one direction, with time and batch first."""
        count, axis = len(self.directions), 1 if output == Y else 0
        if output == Y:
            chain.reshape((self.time, 1, self.batch, self.hidden))
        if count > 1:
            chain.add(Select(((axis, Shift(-direction, 1, 1, count, "absent")),)))
        if self.batch_first:
            chain.permute(*(2, 0, 1, 3) if output == Y else (1, 0, 2))
        return chain.link(slot, output)


def keep_where(chain: Chain, mask: Array | None) -> bool:
    """Leave of a chain with time and batch first only where `mask`; say whether anything is."""
    if mask is None:
        return True
    steps = kept_steps(mask.reshape(*mask.shape, *(1,) * (len(chain.shape) - 2)), chain.shape)
    chain.add(*(steps or ()))
    return steps is not None


def sequence(node: OpNode, gates: int) -> Sequence:
    """Return the geometry of a node whose weights hold `gates` gates."""
    shape = node.ranked(X, 3, 3)
    recurrence = node.ranked(R, 3, 3)
    directions = DIRECTIONS[node.choice("direction", "forward", list(DIRECTIONS))]
    hidden = node.int("hidden_size", recurrence[2])
    batch_first = node.int("layout", 0) != 0
    time, batch = (shape[1], shape[0]) if batch_first else shape[:2]
    count = len(directions)
    lengths = _lengths(node, time, batch)
    geometry = Sequence(time, batch, shape[2], hidden, directions, batch_first, lengths)
    wanted = {
        W: (count, gates * hidden, shape[2]),
        R: (count, gates * hidden, hidden),
        B: (count, 2 * gates * hidden),
        LENGTHS: (batch,),
        INITIAL_H: geometry.shape(Y_H),
        INITIAL_C: geometry.shape(Y_H),
        P: (count, 3 * hidden),
    }
    for slot, own in wanted.items():
        if node.has(slot):
            node.expect_shape(slot, own)
    return geometry


def _lengths(node: OpNode, time: int, batch: int) -> Array | None:
    """Return the lengths of the sequences where they are known and cut any of them short."""
    if not node.has(LENGTHS):
        return None
    data = node.value(LENGTHS).data
    if data is None or data.size == 0:
        return None
    if data.dtype.kind not in "iu" or bool(((data < 0) | (data > time)).any()):
        raise RuleError(f"input {LENGTHS} requires {batch} lengths in [0, {time}]")
    lengths = data.reshape(-1).astype(np.int64)
    same = lengths[:1] if bool((lengths == lengths[0]).all()) else lengths
    return None if len(same) == 1 and same[0] == time else same


def recurrent(node: OpNode, gates: int) -> Outcome:
    """Return the outcome of a recurrent node whose weights hold `gates` gates."""
    seq = sequence(node, gates)
    links: list[Link] = []
    for output in range(min(node.n_outputs, Y_C + 1)):
        for direction in range(len(seq.directions)):
            links.extend(_data_links(seq, output, direction))
            links.extend(_state_links(node, seq, output, direction))
        links.extend(_operand_links(node, seq, output))
    return trim_outputs(node, tuple(map(seq.shape, (Y, Y_H, Y_C))), links)


def _data_links(seq: Sequence, output: int, direction: int) -> Iterator[Link]:
    """Give the link from X: up to (in reverse: from) one's own time, or all of it."""
    reverse = seq.directions[direction]
    chain = seq.time_first_chain()
    steps = seq.steps()
    if (reverse or output != Y) and not keep_where(chain, steps):
        return
    mixed = (2, Whole(seq.features, seq.hidden))
    if output == Y:
        before, after = (0, None) if reverse else (None, 0)
        band = Band(before, after, seq.time, seq.time)
        chain.add(Prefix(((0, band),)), Reduce((mixed,), weighted=True))
        if not reverse and not keep_where(chain, steps):
            return
    else:
        chain.add(Reduce(((0, Whole(seq.time, 1)), mixed), weighted=True))
    yield seq.direction_link(chain, output, direction, X)


def _state_links(node: OpNode, seq: Sequence, output: int, direction: int) -> Iterator[Link]:
    """Give the links from the initial states.

    The hidden state is read whole. Of the cell's, the first step reads its own index alone.
    """
    for slot, first in ((INITIAL_H, 0), (INITIAL_C, 1)):
        if not node.has(slot):
            continue
        parts = [(first, True)] if first == 0 else [(0, False), (first, True)]
        for left_out, mixed in parts:
            chain = seq.state(direction)
            if mixed:
                hidden = Whole(seq.hidden, seq.hidden)
                chain.add(Reduce(((2, hidden),), weighted=True))
            taken = seq.steps(left_out, seq.directions[direction])
            if output == Y:
                chain.broadcast((seq.time, seq.batch, seq.hidden))
            elif taken is not None:
                taken = np.any(taken, axis=0, keepdims=True)
            if keep_where(chain, taken):
                yield seq.direction_link(chain, output, direction, slot)


def _operand_links(node: OpNode, seq: Sequence, output: int) -> Iterator[Link]:
    """Give the links from lengths and weights that are computed."""
    shape = seq.shape(output)
    operands = [(LENGTHS, "batch"), *((slot, "direction") for slot in (W, R, B, P))]
    for slot, what in operands:
        if not node.has(slot) or node.value(slot).constant:
            continue
        own = node.shape(slot)
        chain = Chain(own).reduce(range(1, len(own)), weighted=slot != LENGTHS)
        target = along_axis(own[0], seq.axis(output, what), len(shape))
        yield chain.reshape(target).broadcast(shape).link(slot, output)


_IGNORED = "activation_alpha activation_beta activations clip output_sequence"


@rule("RNN GRU", ignores=f"{_IGNORED} linear_before_reset", how=RECURRENT)
def rnn(node: OpNode) -> Outcome:
    """An output reads all features up to its own time, in reverse from it on, of its sequence.

    Y keeps the directions apart. Y_h reads the whole sequence. Each reads all of its initial state,
    lengths that are computed, and weights that are computed: whole, by direction. Constant lengths
    end the sequences.

    Exact; an upper bound for computed lengths, for computed weights at the first step, and beyond
    2^20 steps for constant lengths. Versions: since 14 attribute layout 1 puts the batch first.
    """
    return recurrent(node, 3 if node.op_type == "GRU" else 1)


@rule("LSTM", ignores=f"{_IGNORED} input_forget", how=RECURRENT)
def lstm(node: OpNode) -> Outcome:
    """An output reads all features up to its own time, in reverse from it on, of its sequence.

    Y keeps the directions apart. Y_h and Y_c read the whole sequence. Each reads all of the initial
    hidden state and of the initial cell state, of the latter only its own index at the first step.
    Lengths that are computed are read by their sequence, weights that are computed whole, by
    direction. Constant lengths end the sequences.

    Exact; an upper bound for computed lengths, for computed weights at the first step, and beyond
    2^20 steps for constant lengths and the initial cell state. Versions: since 14 attribute layout
    1 puts the batch first.
    """
    return recurrent(node, 4)


@rule("GRUUnit", ignores="drop_states")
def gru_unit(node: OpNode) -> Outcome:
    """An output reads its own index of the previous state and of each of the three gates.

    It also reads its sequence's length and the time where these are computed.

    Upper bound: a step beyond the sequence's length passes on the state alone, and the reset gate
    has had its part before. Versions: an experiment of the first operator sets.
    """
    shape = node.ranked(0, 3, 3)
    one, batch, hidden = shape
    node.expect_shape(0, (1, batch, hidden))
    node.expect_shape(1, (1, batch, 3 * hidden))
    gates = Chain(node.shape(1)).reshape((one, batch, 3, hidden)).reduce([2]).reshape(shape)
    links = [own_link(shape), gates.link(1)]
    if node.has(2):
        node.expect_shape(2, (batch,))
        target = along_axis(batch, 1, 3)
        links.append(Chain((batch,)).reshape(target).broadcast(shape).link(2))
    if node.has(3):
        links.append(scalar_link(node, 3, shape))
    return Outcome((shape,), tuple(links))
