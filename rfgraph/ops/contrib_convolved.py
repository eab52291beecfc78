"""onnxruntime's windows over sequences: causal convolutions with a state, hashes of n-grams."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rfgraph.errors import BoundError
from rfgraph.ops.contrib_common import DOMAIN, required, vector
from rfgraph.ops.node import Chain, Link, OpNode, Outcome, RuleError
from rfgraph.ops.registry import rule
from rfgraph.ops.steps import reshaped, scalar, selected, trimmed, whole
from rfgraph.relations import (
    Everything,
    Pointwise,
    Reduce,
    Regroup,
    Shape,
    Shift,
    Taps,
    Whole,
    Window,
    product,
)

# The largest number of states that are kept, and of n-gram orders told apart.
MAX_STATES = 8
MAX_ORDERS = 64


@dataclass(frozen=True, slots=True)
class Causal:
    """A causal convolution: the axis of time in data and state, the kernel, what is kept."""

    shape: Shape
    axis: int
    kernel: int
    dilation: int
    kept: int

    @property
    def length(self) -> int:
        """The number of positions of the data."""
        return self.shape[self.axis]

    @property
    def state_length(self) -> int:
        """The number of positions before its own that an output reads."""
        return (self.kernel - 1) * self.dilation

    @property
    def state(self) -> Shape:
        """The shape of one state: the data with the state's length."""
        return (*self.shape[: self.axis], self.state_length, *self.shape[self.axis + 1 :])

    def window(self, pad: int, length: int) -> Window:
        """Return the window over `length` positions, of which `pad` are missing at the start."""
        return Window(self.kernel, 1, self.dilation, pad, length, self.length)


@rule("CausalConvWithState", domain=DOMAIN, ignores=("activation",))
def causal_conv_with_state(node: OpNode) -> Outcome:
    """An output reads the current and earlier positions of its own channel, a kernel's length back.

    Output t reads t - k*dilation for k below the kernel's length, before the start from the state;
    weights and bias are those of its channel. The new state holds the last positions, or with
    state_window those after each of the last steps.

    Exact for one spatial axis; onnxruntime has no CPU kernel with state_window to compare with. At
    the start, without a state, the weights that fall before it count as read: an upper bound.
    Unknown: other spatial axes, whose padding is not said, and with them the state.
    Versions: all (1).
    """
    shape, count = node.ranked(0, 3), node.int("ndim", 1)
    last = node.int("channels_last", 0) != 0
    if not 1 <= count <= 3 or (last and count > 1) or (not last and len(shape) != 2 + count):
        raise RuleError(f"attribute 'ndim' does not fit input 0 of shape {list(shape)}: {count}")
    kernel = node.ranked(1, 2 + count, 2 + count)
    channels = product(shape[2:]) if last else shape[1]
    if kernel[:2] != (channels, 1) or min(kernel[2:]) < 1:
        raise RuleError(f"input 1 requires {channels} kernels of depth 1, found {list(kernel)}")
    conv = Causal(shape, 1 if last else len(shape) - 1, kernel[-1], _dilation(node), _kept(node))
    links = [*_weights(node, conv, last)]
    if count > 1:
        return _unpadded(node, conv, links)
    taps = Taps(((conv.axis, conv.window(conv.state_length, conv.length)),))
    links.append(Link(0, (taps,), spatial=(conv.axis,)))
    states = (conv.kept, *conv.state) if conv.kept else conv.state
    if node.has(3):
        required(node, 3, states)
        before = _last_state(conv, states)
        before.add(Taps(((conv.axis, conv.window(0, conv.state_length)),)))
        links.append(before.link(3, spatial=(conv.axis + (conv.kept > 0),)))
    return trimmed(node, (shape, states), (*links, *_states(node, conv, states)))


def _dilation(node: OpNode) -> int:
    dilation = node.int("dilation", 1)
    if dilation < 1:
        raise RuleError(f"attribute 'dilation' requires at least 1, found {dilation}")
    return dilation


def _kept(node: OpNode) -> int:
    kept = node.int("state_window", 0)
    if not 0 <= kept <= MAX_STATES:
        raise RuleError(f"attribute 'state_window' requires 0 to {MAX_STATES}, found {kept}")
    return kept


def _weights(node: OpNode, conv: Causal, last: bool) -> Iterator[Link]:
    """Yield the links of weights and bias, which belong to a channel."""
    shape, kernel = conv.shape, node.shape(1)
    under = shape[2:] if last else (shape[1], *(1,) * (len(shape) - 2))
    chain = Chain(kernel).add(*whole(kernel, range(1, len(kernel)), weighted=True))
    yield chain.add(*reshaped(chain.shape, under), Pointwise(shape)).link(1)
    if node.has(2):
        required(node, 2, kernel[:1])
        yield Chain(kernel[:1]).add(*reshaped(kernel[:1], under), Pointwise(shape)).link(2)


def _unpadded(node: OpNode, conv: Causal, links: list[Link]) -> Outcome:
    """Return the outcome where the padding of the axes before the causal one is not known."""
    shape = conv.shape
    taps = Taps(((conv.axis, conv.window(conv.state_length, conv.length)),))
    others = tuple((a, Whole(shape[a], shape[a], unknown=True)) for a in range(2, conv.axis))
    spatial = tuple(range(2, len(shape)))
    links.append(Link(0, (taps, Reduce(others)), spatial=spatial))
    for output, to in enumerate((shape, ())):
        slots = (3,) if output == 0 else (0, 3)
        anything = (Everything(to, unknown=True),)
        links.extend(Link(slot, anything, output) for slot in slots if node.has(slot))
    return trimmed(node, (shape, None), links)


def _last_state(conv: Causal, states: Shape) -> Chain:
    """Return a chain from the states that came in to the last of them, which alone is read."""
    chain = Chain(states)
    if conv.kept:
        chain.add(*selected(states, [(0, Shift(conv.kept - 1, 1, conv.kept, 1))]))
        chain.add(Regroup(conv.state))
    return chain


def _states(node: OpNode, conv: Causal, states: Shape) -> Iterator[Link]:
    """Yield the links of the new states: the last positions of the old state and the data."""
    size, length, count = conv.state_length, conv.length, max(conv.kept, 1)
    for slot in range(max(count - length, 0), count):
        seen = length - count + slot + 1
        for source, start, in_len in ((0, seen - size, length), (3, seen, size)):
            if not node.has(source):
                continue
            chain = Chain(conv.shape) if source == 0 else _last_state(conv, states)
            # The data ends after `seen` positions, those of the state come before it.
            shift = Shift(start, 1, in_len, size, "absent")
            chain.add(*selected(chain.shape, [(conv.axis, shift)]))
            if conv.kept:
                chain.add(Regroup((1, *conv.state)))
                chain.add(*selected(chain.shape, [(0, Shift(-slot, 1, 1, conv.kept, "absent"))]))
            yield chain.link(source, 1)


@rule("VarlenCausalConvWithState", domain=DOMAIN, ignores=("activation",))
def varlen_causal_conv(node: OpNode) -> Outcome:
    """An output reads the current and earlier tokens of its own channel, a kernel's length back.

    The sequences are packed one after the other; before the start of its own a token reads the
    state.

    Upper bound: a window that begins in the sequence before counts as read there, since data says
    where sequences begin. Unknown: which state, and which tokens the new states read. onnxruntime
    has no CPU kernel to compare with. Versions: all (1).
    """
    tokens, channels = node.ranked(0, 2, 2)
    kernel = node.ranked(1, 3, 3)
    (bounds,) = node.ranked(2, 1, 1)
    if kernel[:2] != (channels, 1) or kernel[2] < 1 or bounds < 1:
        raise RuleError(
            f"requires {channels} kernels of depth 1 and the bounds of the sequences, "
            f"found shapes {list(kernel)} and [{bounds}]"
        )
    shape, state = (tokens, channels), (bounds - 1, channels, (kernel[2] - 1) * _dilation(node))
    required(node, 4, state)
    conv = Causal(shape, 0, kernel[2], _dilation(node), 0)
    taps = Taps(((0, conv.window(conv.state_length, tokens)),))
    start = Chain(state).add(
        Reduce(((0, Whole(state[0], 1, unknown=True)), (2, Whole(state[2], 1))))
    )
    links = [
        Link(0, (taps,), spatial=(0,)),
        Chain(kernel)
        .add(*whole(kernel, (1, 2)), *reshaped((channels, 1, 1), (channels,)))
        .add(Pointwise(shape))
        .link(1),
        Link(2, (Everything(shape),)),
        *vector(node, 3, shape),
        start.add(Regroup((1, channels)), Pointwise(shape)).link(4),
    ]
    updates = (state[0], max(node.int("state_update_capacity", 0), 0), channels)
    for output, to in ((1, state), (2, updates)):
        anything = (Everything(to, unknown=True),)
        links.extend(Link(slot, anything, output) for slot in (0, 2, 4, 5) if node.has(slot))
    return trimmed(node, (shape, state, updates), links)


# -- n-grams ---------------------------------------------------------------------------------------


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

    def windows(self, slot: int, found: Shape, shift: int) -> Iterator[Link]:
        """Yield the links of tokens: position o of order n reads the n tokens up to o + shift."""
        for order in range(2, self.largest + 1):
            window = Window(order, 1, 1, order - 1 - shift, found[self.axis], self.shape[self.axis])
            chain = Chain(found).add(Taps(((self.axis, window),)))
            yield self.placed(chain, order).link(slot, spatial=(self.axis,))

    def placed(self, chain: Chain, order: int) -> Chain:
        """Return the chain led on to the hashes of one order."""
        last, total = len(self.shape), self.out[-1]
        chain.add(Regroup((*chain.shape, 1)), Pointwise((*self.shape, self.hashes)))
        shift = Shift(-(order - 2) * self.hashes, 1, self.hashes, total, "absent")
        return chain.add(*selected(chain.shape, [(last, shift)]))


def _orders(node: OpNode, shape: Shape, axis: int) -> Orders:
    largest, hashes = node.int("max_ngram_size"), node.int("n_head_per_ngram")
    if largest < 2 or hashes < 1:
        raise RuleError(
            f"requires a max_ngram_size of at least 2 and a n_head_per_ngram of at least 1, "
            f"found {largest} and {hashes}"
        )
    if largest > MAX_ORDERS:
        raise BoundError(f"max_ngram_size {largest} exceeds the bound of {MAX_ORDERS}")
    return Orders(shape, axis, largest, hashes)


def _tables(node: OpNode, orders: Orders, slots: tuple[int, ...], multipliers: int) -> list[Link]:
    """Return the links of vocabularies and offsets, one per hash, and of the multipliers."""
    out = orders.out
    links = [link for slot in slots for link in vector(node, slot, out)]
    (count,) = node.ranked(multipliers, 1, 1)
    for order in range(2, orders.largest + 1):
        chain = Chain((count,)).add(
            *selected((count,), [(0, Shift(0, 1, count, min(order, count)))])
        )
        chain.add(*whole(chain.shape, [0]), Pointwise(out[:-1]))
        links.append(orders.placed(chain, order).link(multipliers))
    return links


@rule("NGramHashMapping", domain=DOMAIN, ignores=("pad_id", "reset_on_eos"))
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
    links = [*orders.windows(0, shape, 0), *_tables(node, orders, (2, 4), 1)]
    shifts = [(0, length - size, length)]
    if node.has(3):
        links.extend(orders.windows(3, required(node, 3, (batch, size)), size))
        shifts.append((3, length, size))
    if node.has(5):
        links.append(scalar(node, 5, orders.out))
    if node.has(6):
        links.extend(orders.windows(6, required(node, 6, shape), 0))
    for slot, start, in_len in shifts:
        chain = Chain(node.shape(slot))
        chain.add(*selected(chain.shape, [(1, Shift(start, 1, in_len, size, "absent"))]))
        links.append(chain.link(slot, 1))
    return trimmed(node, (orders.out, (batch, size)), links)


@rule("VarlenNGramHashMapping", domain=DOMAIN, ignores=("pad_id", "reset_on_eos"))
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
    links = [*orders.windows(0, shape, 0), *_tables(node, orders, (2, 5), 1)]
    links.append(Link(3, (Everything(out),)))
    if node.has(6):
        links.append(scalar(node, 6, out))
    if node.has(7):
        links.extend(orders.windows(7, required(node, 7, shape), 0))
    past = (Everything(out, unknown=True),)
    links.extend(Link(slot, past) for slot in (4, 8) if node.has(slot))
    size, capacity = orders.largest - 1, max(node.int("state_update_capacity", 0), 0)
    states = ((batch, size), (batch, size), (batch, capacity, size))
    for output, state in enumerate(states, 1):
        sources = (7, 8, 3) if output == 2 else (0, 3, 4, 9)
        anything = (Everything(state, unknown=True),)
        links.extend(Link(slot, anything, output) for slot in sources if node.has(slot))
    return trimmed(node, (out, *states), links)
