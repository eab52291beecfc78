"""onnxruntime's causal convolutions with a state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.ops.causal_convolutions import Causal, causal_convolution
from rfgraph.ops.chain import Chain
from rfgraph.ops.contrib.operands import rule, vector_links
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError
from rfgraph.ops.steps import own_link, trim_outputs, unknown_links
from rfgraph.relations.axis_rules import Shape, Whole
from rfgraph.relations.steps import Everything, Reduce, Taps

if TYPE_CHECKING:
    from collections.abc import Iterator


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
    return causal_convolution(node)


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
    links.extend(unknown_links(node, (0, 2, 4, 5), (state, updates), 1))
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
