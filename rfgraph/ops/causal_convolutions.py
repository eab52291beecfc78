"""Causal convolutions with a state: what the positions before the first were."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rfgraph.ops.chain import Chain
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError
from rfgraph.ops.steps import everything_links, trim_outputs
from rfgraph.relations.axis_rules import Shape, Whole, Window
from rfgraph.relations.steps import Reduce, Taps

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


def causal_convolution(node: OpNode) -> Outcome:
    """Return the outcome of a convolution that ends at its own position.

    With several spatial axes the padding of all but the last is not known.
    """
    count, last = node.int("ndim", 1), node.int("channels_last", 0) != 0
    shape = _spread(node, count, last)
    kernel = node.ranked(1, 2 + count, 2 + count)
    channels = math.prod(shape[2:]) if last else shape[1]
    if kernel[:2] != (channels, 1) or min(kernel[2:]) < 1:
        raise RuleError(f"input 1 requires {channels} kernels of depth 1, found {list(kernel)}")
    conv = _causal(node, shape, kernel[-1], last)
    links = [*_weight_links(node, conv, last)]
    if count > 1:
        return _unknown_padding_outcome(node, conv, links)
    states = (conv.kept, *conv.state) if conv.kept else conv.state
    data, before = _choose(node, shape), conv.reach
    if node.has(3):
        node.expect_shape(3, states)
        total, before = conv.reach + conv.length, 0
        data.put(conv.axis, conv.reach, total)
        past = _last_state(conv, states)
        past.take(conv.axis, conv.state_length - conv.reach, conv.reach).put(conv.axis, 0, total)
        time = conv.axis + (conv.kept > 0) if not conv.turned else 3 - conv.axis
        links.append(past.taps(conv.axis, conv.window(0, total)).link(3, spatial=(time,)))
    data.taps(conv.axis, conv.window(before, data.shape[conv.axis]))
    links.append(data.link(0, spatial=(conv.axis,)))
    update, first = _first_positions(node, conv, last)
    return trim_outputs(
        node, (shape, states, update), (*links, *_state_links(node, conv, states), *first)
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


def _choose(node: OpNode, shape: Shape) -> Chain:
    """Return a chain from the data to those of its channels that are chosen."""
    whole, start = node.shape(0), node.int("input_channel_offset", 0)
    last = len(whole) - 1
    if whole[last] == shape[last]:
        return Chain(whole)
    return Chain(whole).take(last, start, shape[last])


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
    chain = _choose(node, conv.shape).put(1, 0, room)
    return chain.shape, (chain.link(0, 2),)


def _kept_slots(node: OpNode) -> int:
    kept = node.int("state_window", 0)
    if not 0 <= kept <= MAX_UPDATES:
        raise RuleError(f"attribute 'state_window' requires 0 to {MAX_UPDATES}, found {kept}")
    return kept


def _weight_links(node: OpNode, conv: Causal, last: bool) -> Iterator[Link]:
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
    return conv.turn(chain.take(0, conv.kept - 1, 1).regroup(conv.state) if conv.kept else chain)


def _state_links(node: OpNode, conv: Causal, states: Shape) -> Iterator[Link]:
    """Yield the links of the new states: the last positions of the old state and the data."""
    size, length, count = conv.state_length, conv.length, max(conv.kept, 1)
    for slot in range(max(count - length, 0), count):
        seen = length - count + slot + 1
        for source, start in ((0, size - seen), (3, -seen)):
            if not node.has(source):
                continue
            chain = _choose(node, conv.shape) if source == 0 else _last_state(conv, states)
            # The data ends after `seen` positions, those of the state come before it.
            conv.turn(chain.put(conv.axis, start, size))
            if conv.kept:
                chain.regroup((1, *conv.state))
                chain.put(0, slot, conv.kept)
            yield chain.link(source, 1)
