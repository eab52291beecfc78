"""What several families share: window arithmetic, convolutions, pools, per-channel operands."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rfgraph.ops.chain import Chain
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError
from rfgraph.ops.steps import how_of_sum
from rfgraph.relations.axis_rules import Blocks, Shape, Whole, Window
from rfgraph.relations.how import PRODUCT, WEIGHTED, How, Kernel
from rfgraph.relations.steps import Permute, Pointwise, Reduce, Taps
from rfgraph.wording.names import quote

if TYPE_CHECKING:
    from collections.abc import Sequence


AUTO_PADS = ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")


def auto_pad(node: OpNode) -> str:
    """Return the attribute `auto_pad`; empty counts as NOTSET."""
    return "NOTSET" if node.str("auto_pad", "") == "" else node.choice("auto_pad", "", AUTO_PADS)


def layout(rank: int, channels_last: bool) -> tuple[int, tuple[int, ...]]:
    """Return the channel axis and the spatial axes of a tensor of `rank`."""
    return (rank - 1, tuple(range(1, rank - 1))) if channels_last else (1, tuple(range(2, rank)))


def windows(
    node: OpNode, kernel: Sequence[int], lengths: Sequence[int], ceil: bool = False
) -> tuple[Window, ...]:
    """Return the window along each spatial axis, from strides, dilations, pads and auto_pad.

    With `ceil`, a partial last window that would start in the padding at the end is dropped, as
    runtimes do at every operator version.
    """
    count = len(lengths)
    strides = node.int_list("strides", count, 1)
    dilations = node.int_list("dilations", count, 1)
    pads = node.int_list("pads", 2 * count, 0, least=0)
    mode = auto_pad(node)
    rules = []
    for a, length in enumerate(lengths):
        extent, stride = (kernel[a] - 1) * dilations[a] + 1, strides[a]
        begin, end = (0, 0) if mode == "VALID" else (pads[a], pads[a + count])
        if mode.startswith("SAME"):
            out_len = -(-length // stride)
            total = max((out_len - 1) * stride + extent - length, 0)
            begin = total // 2 if mode == "SAME_UPPER" else total - total // 2
        else:
            out_len = _padded_length(length, (begin, end), extent, stride, ceil)
        rules.append(Window(kernel[a], stride, dilations[a], begin, length, out_len))
    return tuple(rules)


def _padded_length(length: int, pads: tuple[int, int], extent: int, stride: int, ceil: bool) -> int:
    """Return how many windows fit an axis with its pads."""
    begin, end = pads
    room = length + begin + end - extent
    out_len = (-(-room // stride) if ceil else room // stride) + 1
    if out_len < 1:
        raise RuleError(
            f"the window requires {extent} positions, found {length + begin + end} "
            f"(length {length}, pads {begin} and {end})"
        )
    if ceil and (out_len - 1) * stride >= length + begin:
        out_len -= 1
    return out_len


def kernel_lengths(node: OpNode, weights: Shape) -> list[int]:
    """Return the kernel's lengths: the weights' axes after two, with which kernel_shape agrees."""
    kernel = [*weights[2:]]
    given = node.ints("kernel_shape") or kernel
    if given != kernel or min(kernel, default=0) < 1:
        raise RuleError(
            f"attribute 'kernel_shape' requires the positive lengths of weights of shape "
            f"{list(weights)}, found {given[:8]}"
        )
    return kernel


def replace_lengths(shape: Shape, lengths: dict[int, int]) -> Shape:
    """Return `shape` with the lengths of some axes replaced."""
    return tuple(lengths.get(axis, length) for axis, length in enumerate(shape))


def groups(node: OpNode, channels: int, maps: int, name: str = "group") -> int:
    """Return the number of groups, which must divide input channels and output channels."""
    group = node.int(name, 1)
    if group < 1 or channels % group or maps % group:
        raise RuleError(
            f"attribute {quote(name)} requires a divisor of {channels} and {maps} channels, "
            f"found {group}"
        )
    return group


def channel_rule(group: int, channels: int, maps: int) -> Whole | Blocks:
    """Return what an output channel reads of the input's channels: its own group."""
    return Whole(channels, maps) if group == 1 else Blocks(group, channels, maps)


class Convolution(NamedTuple):
    """A convolution's geometry: axes of data and result, windows, groups, the result's shape."""

    channel: int
    spatial: tuple[int, ...]
    windows: tuple[Window, ...]
    group: int
    in_shape: Shape
    shape: Shape

    def data_link(self, slot: int, how: How = WEIGHTED) -> Link:
        """Return the link from the data: windows along space, then the channels of the group."""
        taps = Taps(tuple(zip(self.spatial, self.windows, strict=True)))
        channels = channel_rule(self.group, self.in_shape[self.channel], self.shape[self.channel])
        reduce = Reduce(((self.channel, channels),), weighted=True)
        return Link(slot, (taps, reduce), spatial=self.spatial, how=how)

    def kernel(self, slot: int, weight: Shape) -> Kernel:
        """Return how stored weights (maps, channels of a group, kernel...) lie."""
        shape = (self.group, weight[0] // self.group, *weight[1:])
        return Kernel(slot, shape, self.channel, self.channel)

    def weight_link(self, slot: int, weight: Shape) -> Link:
        """Return the link from weights (maps, channels, kernel...): a map reads its own, whole."""
        rank = len(weight)
        reduce = Reduce(tuple((a, Whole(weight[a], 1)) for a in range(1, rank)), weighted=True)
        if self.channel == 1:
            place = Permute((1, 0, *range(2, rank)))
        else:
            place = Permute((*range(1, rank), 0))
        return Link(slot, (reduce, place, Pointwise(self.shape)), how=PRODUCT)


def convolution(
    node: OpNode, data: int = 0, weight: int = 1, channels_last: bool = False
) -> Convolution:
    """Return the geometry of a convolution with weights (maps, channels of a group, kernel...)."""
    shape = node.ranked(data, 3)
    weights = node.ranked(weight, len(shape), len(shape))
    channel, spatial = layout(len(shape), channels_last)
    kernel = kernel_lengths(node, weights)
    group = groups(node, shape[channel], weights[0])
    if weights[1] * group != shape[channel]:
        raise RuleError(
            f"weights of shape {list(weights)} in {group} groups require "
            f"{weights[1] * group} channels, found {shape[channel]}"
        )
    rules = windows(node, kernel, [shape[axis] for axis in spatial])
    lengths = {axis: rule.out_len for axis, rule in zip(spatial, rules, strict=True)}
    out = replace_lengths(shape, {**lengths, channel: weights[0]})
    return Convolution(channel, spatial, rules, group, shape, out)


def convolve(
    node: OpNode,
    data: int = 0,
    weight: int = 1,
    per_channel: Sequence[int] = (),
    channels_last: bool = False,
) -> Outcome:
    """Return the outcome of a convolution; `per_channel` operands hold one value or one per map."""
    conv = convolution(node, data, weight, channels_last)
    kernel = conv.kernel(weight, node.shape(weight))
    links = [conv.data_link(data, how_of_sum(node.value(weight).constant, kernel))]
    if not node.value(weight).constant:
        links.append(conv.weight_link(weight, node.shape(weight)))
    links.extend(channel_links(node, per_channel, conv.shape, conv.channel))
    return Outcome((conv.shape,), tuple(links))


def channel_links(node: OpNode, slots: Sequence[int], shape: Shape, channel: int) -> list[Link]:
    """Return the links from operands that hold one value, or one per position of axis `channel`.

    Absent and constant operands have none.
    """
    links = []
    for slot in slots:
        if not node.has(slot) or node.value(slot).constant:
            continue
        own = node.ranked(slot, 0, 1)
        if own not in ((), (1,), (shape[channel],)):
            raise RuleError(
                f"input {slot} requires one value or {shape[channel]}, found shape {list(own)}"
            )
        chain = Chain(own)
        if own:
            chain.regroup((*own, *(1,) * (len(shape) - 1 - channel)))
        links.append(chain.broadcast(shape).link(slot))
    return links
