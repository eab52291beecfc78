"""onnxruntime's causal convolutions with a state."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rfgraph.ops.chain import Chain
from rfgraph.ops.contrib.operands import rule, vector_links
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError
from rfgraph.ops.steps import everything_links, own_link, trim_outputs
from rfgraph.relations.axis_rules import Shape, Shift, Whole, Window
from rfgraph.relations.steps import Everything, Reduce, Taps

if TYPE_CHECKING:
    from collections.abc import Iterator


# The largest number of states, or of first positions, that are kept.
MAX_UPDATES = 8


@dataclass(frozen=True, slots=True)
class Causal:
    """A causal convolution: the axis of time in the data, the kernel, what is kept.

    A state holds `history` positions; `turned` says that its last two axes lie the other way round
    than those of the data.
    """

    shape: Shape
    axis: int
    kernel: int
    dilation: int
    kept: int = 0
    history: int = 0
    turned: bool = False

    @property
    def length(self) -> int:
        """The number of positions of the data."""
        return self.shape[self.axis]

    @property
    def reach(self) -> int:
        """The number of positions before its own that an output reads."""
        return (self.kernel - 1) * self.dilation

    @property
    def state_length(self) -> int:
        """The number of positions that a state holds."""
        return self.history or self.reach

    @property
    def upright(self) -> Shape:
        """The shape of one state as the data lies: that of the data with the state's length."""
        return (*self.shape[: self.axis], self.state_length, *self.shape[self.axis + 1 :])

    @property
    def state(self) -> Shape:
        """The shape of one state."""
        shape = self.upright
        return (*shape[:-2], shape[-1], shape[-2]) if self.turned else shape

    def turn(self, chain: Chain) -> Chain:
        """Add that a state is laid as the data lies, or back."""
        return chain.permute(0, 2, 1) if self.turned else chain

    def window(self, pad: int, length: int) -> Window:
        """Return the window over `length` positions, of which `pad` are missing at the start."""
        return Window(self.kernel, 1, self.dilation, pad, length, self.length)


@rule("CausalConvWithState", ignores="activation")
def causal_conv_with_state(node: OpNode) -> Outcome:
    """An output reads the current and earlier positions of its own channel, a kernel's length back.

    Output t reads t - k*dilation for k below the kernel's length, before the start from the state;
    weights and bias are those of its channel. The new state holds the last positions, or with
    state_window those after each of the last steps. With input_channels the data's channels are
    those from input_channel_offset on; state_length and state_channels_last tell how states lie;
    state_update holds the first positions.

    Exact for one spatial axis; onnxruntime has no CPU kernel with state_window, nor one that
    chooses channels or lays states otherwise, to compare with. At the start, without a state, the
    weights that fall before it count as read: an upper bound. Unknown: other spatial axes, whose
    padding is not said, and with them the state.
    Versions: all (1).
    """
    count, last = node.int("ndim", 1), node.int("channels_last", 0) != 0
    shape = _spread(node, count, last)
    kernel = node.ranked(1, 2 + count, 2 + count)
    channels = math.prod(shape[2:]) if last else shape[1]
    if kernel[:2] != (channels, 1) or min(kernel[2:]) < 1:
        raise RuleError(f"input 1 requires {channels} kernels of depth 1, found {list(kernel)}")
    conv = _causal(node, shape, kernel[-1], last)
    links = [*_weights(node, conv, last)]
    if count > 1:
        return _unknown_padding_outcome(node, conv, links)
    taps = Taps(((conv.axis, conv.window(conv.reach, conv.length)),))
    links.append(_chosen(node, shape).add(taps).link(0, spatial=(conv.axis,)))
    states = (conv.kept, *conv.state) if conv.kept else conv.state
    if node.has(3):
        node.expect_shape(3, states)
        before = _last_state(conv, states)
        shift = Shift(conv.state_length - conv.reach, 1, conv.state_length, conv.reach)
        before.select([(conv.axis, shift)])
        before.taps(conv.axis, conv.window(0, conv.reach))
        time = conv.axis + (conv.kept > 0) if not conv.turned else 3 - conv.axis
        links.append(before.link(3, spatial=(time,)))
    update, first = _first_positions(node, conv, last)
    return trim_outputs(
        node, (shape, states, update), (*links, *_states(node, conv, states), *first)
    )


def _spread(node: OpNode, count: int, last: bool) -> Shape:
    """Return the shape of the data, with those channels alone that are chosen."""
    shape = node.ranked(0, 3)
    if not 1 <= count <= 3 or (last and count > 1) or (not last and len(shape) != 2 + count):
        raise RuleError(f"attribute 'ndim' does not fit input 0 of shape {list(shape)}: {count}")
    start, chosen = node.int("input_channel_offset", 0), node.int("input_channels", 0)
    if not start and not chosen:
        return shape
    if not last or len(shape) != 3 or chosen < 1 or start < 0 or start + chosen > shape[2]:
        raise RuleError(
            f"requires channels on the last of 3 axes, from input_channel_offset on, found "
            f"{chosen} from {start} on of shape {list(shape)}"
        )
    return (*shape[:2], chosen)


def _chosen(node: OpNode, shape: Shape) -> Chain:
    """Return a chain from the data to those of its channels that are chosen."""
    found, start = node.shape(0), node.int("input_channel_offset", 0)
    last = len(found) - 1
    if found[last] == shape[last]:
        return Chain(found)
    return Chain(found).take(last, start, shape[last])


def _causal(node: OpNode, shape: Shape, kernel: int, last: bool) -> Causal:
    """Return the convolution, with how its states lie."""
    axis = 1 if last else len(shape) - 1
    history, layout = node.int("state_length", 0), node.int("state_channels_last", -1)
    conv = Causal(shape, axis, kernel, node.int("dilation", 1, least=1), _kept_slots(node), history)
    extended = history or layout != -1 or node.int("input_channels", 0)
    if layout not in (-1, 0, 1) or (history and history < conv.reach):
        raise RuleError(
            f"requires state_channels_last -1, 0 or 1 and a state_length of at least {conv.reach}, "
            f"found {layout} and {history}"
        )
    if extended and (len(shape) != 3 or conv.kept):
        raise RuleError(
            f"requires 3 axes and state_window 0 for states that lie otherwise, found shape "
            f"{list(shape)} and {conv.kept}"
        )
    return replace(conv, turned=layout != -1 and (layout == 1) != last)


def _first_positions(
    node: OpNode, conv: Causal, last: bool
) -> tuple[Shape | None, tuple[Link, ...]]:
    """Return the shape of the first positions that are kept apart, if they are, and their link."""
    room = node.int("state_update_capacity", 0)
    if not 0 <= room <= MAX_UPDATES or (room and (not last or len(conv.shape) != 3 or conv.kept)):
        raise RuleError(
            f"attribute 'state_update_capacity' requires 0 to {MAX_UPDATES}, and channels on the "
            f"last of 3 axes, found {room} and shape {list(conv.shape)}"
        )
    if not room:
        return None, ()
    shift = Shift(0, 1, conv.length, room, "absent")
    chain = _chosen(node, conv.shape).select([(1, shift)])
    return chain.shape, (chain.link(0, 2),)


def _kept_slots(node: OpNode) -> int:
    kept = node.int("state_window", 0)
    if not 0 <= kept <= MAX_UPDATES:
        raise RuleError(f"attribute 'state_window' requires 0 to {MAX_UPDATES}, found {kept}")
    return kept


def _weights(node: OpNode, conv: Causal, last: bool) -> Iterator[Link]:
    """Yield the links of weights and bias, which belong to a channel."""
    shape, kernel = conv.shape, node.shape(1)
    under = shape[2:] if last else (shape[1], *(1,) * (len(shape) - 2))
    chain = Chain(kernel).reduce(range(1, len(kernel)), weighted=True)
    yield chain.reshape(under).broadcast(shape).link(1)
    if node.has(2):
        node.expect_shape(2, kernel[:1])
        yield Chain(kernel[:1]).reshape(under).broadcast(shape).link(2)


def _unknown_padding_outcome(node: OpNode, conv: Causal, links: list[Link]) -> Outcome:
    """Return the outcome where the padding of the axes before the causal one is not known."""
    shape = conv.shape
    taps = Taps(((conv.axis, conv.window(conv.reach, conv.length)),))
    others = tuple((a, Whole(shape[a], shape[a], unknown=True)) for a in range(2, conv.axis))
    spatial = tuple(range(2, len(shape)))
    links.append(Link(0, (taps, Reduce(others)), spatial=spatial))
    for output, to in enumerate((shape, ())):
        slots = (3,) if output == 0 else (0, 3)
        links.extend(everything_links(node, slots, to, output, unknown=True))
    return trim_outputs(node, (shape, None), links)


def _last_state(conv: Causal, states: Shape) -> Chain:
    """Return a chain from the states that came in to the last of them, which alone is read."""
    chain = Chain(states)
    if conv.kept:
        chain.take(0, conv.kept - 1, 1)
        chain.regroup(conv.state)
    return conv.turn(chain)


def _states(node: OpNode, conv: Causal, states: Shape) -> Iterator[Link]:
    """Yield the links of the new states: the last positions of the old state and the data."""
    size, length, count = conv.state_length, conv.length, max(conv.kept, 1)
    for slot in range(max(count - length, 0), count):
        seen = length - count + slot + 1
        for source, start, in_len in ((0, seen - size, length), (3, seen, size)):
            if not node.has(source):
                continue
            chain = _chosen(node, conv.shape) if source == 0 else _last_state(conv, states)
            # The data ends after `seen` positions, those of the state come before it.
            shift = Shift(start, 1, in_len, size, "absent")
            conv.turn(chain.select([(conv.axis, shift)]))
            if conv.kept:
                chain.regroup((1, *conv.state))
                chain.put(0, slot, conv.kept)
            yield chain.link(source, 1)


@rule("VarlenCausalConvWithState", ignores="activation")
def varlen_causal_conv(node: OpNode) -> Outcome:
    """An output reads the current and earlier tokens of its own channel, a kernel's length back.

    The sequences are packed one after the other; before the start of its own a token reads the
    state. With kernel_delta it reads its own two deltas of its group of channels, and its mask.

    Upper bound: a window that begins in the sequence before counts as read there, since data says
    where sequences begin. Unknown: which state, and which tokens the new states read. onnxruntime
    has no CPU kernel with kernel_delta to compare with. Versions: all (1).
    """
    tokens, channels = node.ranked(0, 2, 2)
    kernel = node.ranked(1, 3, 3)
    (bounds,) = node.ranked(2, 1, 1)
    if kernel[:2] != (channels, 1) or kernel[2] < 1 or bounds < 1:
        raise RuleError(
            f"requires {channels} kernels of depth 1 and the bounds of the sequences, "
            f"found shapes {list(kernel)} and [{bounds}]"
        )
    shape = (tokens, channels)
    conv = Causal(shape, 0, kernel[2], node.int("dilation", 1, least=1))
    state = node.expect_shape(4, (bounds - 1, channels, conv.reach))
    taps = Taps(((0, conv.window(conv.reach, tokens)),))
    rules = (0, Whole(state[0], 1, unknown=True)), (2, Whole(state[2], 1))
    start = Chain(state).add(Reduce(rules))
    links = [
        Link(0, (taps,), spatial=(0,)),
        Chain(kernel).reduce((1, 2)).reshape((channels,)).broadcast(shape).link(1),
        Link(2, (Everything(shape),)),
        *vector_links(node, 3, shape),
        start.regroup((1, channels)).broadcast(shape).link(4),
        *_delta_links(node, shape),
    ]
    updates = (state[0], max(node.int("state_update_capacity", 0), 0), channels)
    for output, to in ((1, state), (2, updates)):
        links.extend(everything_links(node, (0, 2, 4, 5), to, output, unknown=True))
    return trim_outputs(node, (shape, state, updates), links)


def _delta_links(node: OpNode, shape: Shape) -> Iterator[Link]:
    """Yield the links of what is added to a kernel of two taps, by token and group of channels."""
    if not node.has(6) and not node.has(7):
        return
    first, size = node.int("delta_offset", 0), node.int("group_size", 1)
    tokens, taps, groups = node.ranked(6, 3, 3)
    if size < 1 or (tokens, groups * size) != shape or not 0 <= first <= taps - 2:
        raise RuleError(
            f"input 6 requires two taps from delta_offset {first} on, for {shape[0]} tokens and "
            f"{shape[1]} channels in groups of {size}, found shape {[tokens, taps, groups]}"
        )
    chain = Chain((tokens, taps, groups)).take(1, first, 2).reduce([1])
    chain.regroup((tokens, groups, 1)).broadcast((tokens, groups, size)).regroup(shape)
    yield chain.link(6)
    node.expect_shape(7, (tokens, 1))
    yield own_link(shape, 7)
