"""Transposed convolutions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.ops.chain import Chain
from rfgraph.ops.convolutions import auto_pad, channel_links, channel_rule, groups, kernel_lengths
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError
from rfgraph.ops.registry import rule
from rfgraph.ops.steps import how_of_sum
from rfgraph.relations.axis_rules import Shape, Transposed, Whole
from rfgraph.relations.how import PRODUCT, Kernel
from rfgraph.relations.steps import Reduce, Taps

if TYPE_CHECKING:
    from collections.abc import Sequence


@rule("ConvTranspose")
def conv_transpose(node: OpNode) -> Outcome:
    """An output reads, of every channel of its group, the inputs whose kernel covers it.

    Along a spatial axis output o reads every i with o + pad_begin - i*stride = t*dilation for some
    t below the kernel's length. With a stride above the kernel some outputs read nothing.
    output_padding adds outputs at the end. Where output_shape or SAME_UPPER, SAME_LOWER ask for a
    length, the padding follows from it, and is never negative.

    Exact. At a border, weights that are not constant count as read whole: there, an upper bound.
    Versions: all (1, 11, 22). Version 1 describes SAME_UPPER and SAME_LOWER the other way round;
    runtimes follow version 11 for both, and so does this rule.
    """
    shape = node.ranked(0, 3)
    weights = node.ranked(1, len(shape), len(shape))
    group = node.int("group", 1)
    if weights[0] != shape[1]:
        raise RuleError(
            f"weights of shape {list(weights)} require {weights[0]} channels, found {shape[1]}"
        )
    groups(node, shape[1], shape[1])
    maps = weights[1] * group
    rules = _rules(node, weights, shape[2:])
    out = (shape[0], maps, *(each.out_len for each in rules))
    spatial = tuple(range(2, len(shape)))
    taps = Taps(tuple(zip(spatial, rules, strict=True)))
    reduce = Reduce(((1, channel_rule(group, shape[1], maps)),), weighted=True)
    lying = (group, weights[0] // group, *weights[1:])
    kernel = Kernel(1, lying, 1, 1, transposed=True)
    how = how_of_sum(node.value(1).constant, kernel)
    links = [Link(0, (taps, reduce), spatial=spatial, how=how)]
    if not node.value(1).constant:
        links.append(_weight_link(weights, group, out))
    links.extend(channel_links(node, (2,), out, 1))
    return Outcome((out,), tuple(links))


def _rules(node: OpNode, weights: Shape, lengths: Sequence[int]) -> list[Transposed]:
    count = len(lengths)
    kernel = kernel_lengths(node, weights)
    strides = node.int_list("strides", count, 1)
    dilations = node.int_list("dilations", count, 1)
    added = node.int_list("output_padding", count, 0, least=0)
    pads = node.int_list("pads", 2 * count, 0, least=0)
    mode = auto_pad(node)
    wanted = _output_shape(node, count)
    rules = []
    for a, length in enumerate(lengths):
        full = strides[a] * (length - 1) + added[a] + (kernel[a] - 1) * dilations[a] + 1
        begin, out_len = _pad_and_length(
            mode, full, wanted[a], strides[a] * length, (pads[a], pads[a + count])
        )
        if out_len < 1:
            raise RuleError(f"the output requires at least 1 position, pads leave {out_len}")
        rules.append(Transposed(kernel[a], strides[a], dilations[a], begin, length, out_len))
    return rules


def _output_shape(node: OpNode, count: int) -> Sequence[int | None]:
    """Return the spatial lengths that output_shape asks for; it may name the other two first."""
    lengths = node.ints("output_shape")
    if not lengths:
        return [None] * count
    if len(lengths) not in (count, count + 2) or min(lengths[-count:]) < 1:
        raise RuleError(
            f"attribute 'output_shape' requires {count} positive integers, found {lengths[:8]}"
        )
    return lengths[-count:]


def _pad_and_length(
    mode: str, full: int, wanted: int | None, same: int, pads: tuple[int, int]
) -> tuple[int, int]:
    """Return the padding at the beginning and the output's length."""
    if wanted is None and not mode.startswith("SAME"):
        begin, end = (0, 0) if mode == "VALID" else pads
        return begin, full - begin - end
    total = max(full - (same if wanted is None else wanted), 0)
    begin = total // 2 if mode == "SAME_UPPER" else total - total // 2
    return begin, full - total if wanted is None else wanted


def _weight_link(weights: Shape, group: int, out: Shape) -> Link:
    """Weights are (channels, maps of one group, kernel...); a map reads those of its group."""
    channels, maps, *kernel = weights
    chain = Chain(weights).regroup((group, channels // group, maps, *kernel))
    reduced = {1: channels // group, **dict(enumerate(kernel, 3))}
    chain.add(Reduce(tuple((a, Whole(n, 1)) for a, n in reduced.items()), weighted=True))
    chain.regroup((group * maps, *(1,) * len(kernel))).broadcast(out)
    return chain.link(1, how=PRODUCT)
