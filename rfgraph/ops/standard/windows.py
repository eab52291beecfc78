"""Convolutions, pools and other operators that read fixed windows of the spatial axes."""

from __future__ import annotations

import math

from rfgraph.ops.chain import Chain
from rfgraph.ops.convolutions import convolve, windows
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError
from rfgraph.ops.registry import rule
from rfgraph.ops.steps import check_index_count
from rfgraph.relations.axis_rules import Band, Listed, Shape, Window
from rfgraph.relations.how import MAX, MEAN, SELECT, SUM, WEIGHTED, How
from rfgraph.relations.steps import Everything, Prefix, Taps


@rule("Conv")
def conv(node: OpNode) -> Outcome:
    """An output reads a window of every channel of its group.

    Along a spatial axis output o reads o*stride - pad_begin + t*dilation for t below the kernel's
    length; the kernel is that of the weights where kernel_shape is absent. Weights that are not
    constant are read whole by the output channel they belong to, the bias by its own channel.

    Exact. With auto_pad SAME_UPPER and SAME_LOWER the padding depends on the input's length. At a
    border the weights that fall on padding count as read: there, an upper bound.
    Versions: all (1, 11, 22), which do not differ in what is read.
    """
    return convolve(node, per_channel=(2,))


@rule("ConvInteger")
def conv_integer(node: OpNode) -> Outcome:
    """An output reads what the same Conv reads, and the zero points.

    Exact. Versions: all (10).
    """
    return convolve(node, per_channel=(2, 3))


@rule("QLinearConv")
def qlinear_conv(node: OpNode) -> Outcome:
    """An output reads what the same Conv reads, and the scales and zero points.

    Exact. Versions: all (10).
    """
    return convolve(node, 0, 3, per_channel=(1, 2, 4, 5, 6, 7, 8))


@rule("MaxPool", ignores="storage_order")
def max_pool(node: OpNode) -> Outcome:
    """An output reads a window of its own channel, as does the output Indices.

    Along a spatial axis output o reads o*stride - pad_begin + t*dilation for t below the kernel's
    length. With ceil_mode a last window that would start in the end padding does not exist.

    Exact. Versions: all (1, 8, 10, 11, 12, 22); Indices since 8, ceil_mode and dilations since 10.
    """
    return _pool(node, MAX)


@rule("AveragePool")
def average_pool(node: OpNode) -> Outcome:
    """An output reads a window of its own channel.

    Along a spatial axis output o reads o*stride - pad_begin + t*dilation for t below the kernel's
    length. With ceil_mode a last window that would start in the end padding does not exist.

    Exact. Versions: all (1, 7, 10, 11, 19, 22); ceil_mode since 10, dilations since 19.
    """
    return _pool(node, MEAN if node.int("count_include_pad", 0) else How("mean", "inside"))


@rule("LpPool", ignores="p")
def lp_pool(node: OpNode) -> Outcome:
    """An output reads a window of its own channel.

    Along a spatial axis output o reads o*stride - pad_begin + t*dilation for t below the kernel's
    length. With ceil_mode a last window that would start in the end padding does not exist.

    Exact. Versions: all (1, 2, 11, 18, 22); ceil_mode and dilations since 18.
    """
    return _pool(node)


def _pool(node: OpNode, how: How | None = None) -> Outcome:
    """Return the outcome of a pool: every output reads the same windows of its own channel."""
    shape = node.ranked(0, 3)
    if not node.ints("kernel_shape"):
        raise RuleError("requires attribute 'kernel_shape', which is missing")
    kernel = node.int_list("kernel_shape", len(shape) - 2, 1)
    rules = windows(node, kernel, shape[2:], node.int("ceil_mode", 0) != 0)
    chain = Chain(shape).add(Taps(tuple(enumerate(rules, 2))))
    spatial = range(2, len(shape))
    links = (chain.link(0, output, spatial, how) for output in range(node.n_outputs))
    return Outcome((chain.shape,) * node.n_outputs, tuple(links))


@rule("GlobalAveragePool GlobalMaxPool GlobalLpPool", ignores="p")
def global_pools(node: OpNode) -> Outcome:
    """An output reads every spatial position of its own channel.

    Exact. Versions: all.
    """
    shape = node.ranked(0, 3)
    how = {"GlobalAveragePool": MEAN, "GlobalMaxPool": MAX}.get(node.op_type)
    spatial = range(2, len(shape))
    chain = Chain(shape).reduce(spatial)
    return Outcome((chain.shape,), (chain.link(0, spatial=spatial, how=how),))


@rule("LRN", ignores="alpha beta bias")
def lrn(node: OpNode) -> Outcome:
    """An output reads the same position of its own channel and of the `size` channels around it.

    Of size - 1 neighbours half, rounded down, come before and the others after.

    Exact. Versions: all (1, 13).
    """
    shape = node.ranked(0, 2)
    size = node.int("size", least=1)
    before = (size - 1) // 2
    band = Band(before, size - 1 - before, shape[1], shape[1])
    return Outcome((shape,), (Link(0, (Prefix(((1, band),)),)),))


@rule("STFT")
def stft(node: OpNode) -> Outcome:
    """A frame reads frame_length samples of the signal from frame * frame_step on.

    Every frequency of a frame reads all of them, real and imaginary part alike, and all of a
    window that is not constant.

    Exact. Versions: all (17). frame_step and frame_length must be constant.
    """
    shape = node.ranked(0, 2, 3)
    if len(shape) == 3 and shape[2] not in (1, 2):
        raise RuleError(f"input 0 requires a last axis of 1 or 2, found shape {list(shape)}")
    step, length = _single(node, 1), _frame_length(node)
    if step < 1 or not 1 <= length <= shape[1]:
        raise RuleError(
            f"requires a positive frame_step and a frame_length in [1, {shape[1]}], "
            f"found {step} and {length}"
        )
    frames = (shape[1] - length) // step + 1
    bins = length // 2 + 1 if node.int("onesided", 1) else length
    out = (shape[0], frames, bins, 2)
    chain = Chain(shape).taps(1, Window(length, step, 1, 0, shape[1], frames))
    if len(shape) == 3:
        chain.reduce([2])
    chain.regroup((shape[0], frames, 1, 1)).broadcast(out)
    links = [chain.link(0, spatial=(1,), how=WEIGHTED)]
    if node.has(2):
        links.append(Chain(node.ranked(2, 1, 1)).reduce([0]).broadcast(out).link(2))
    return Outcome((out,), tuple(links))


def _single(node: OpNode, slot: int) -> int:
    integers = node.known_ints(slot)
    if integers is None or len(integers) != 1:
        raise RuleError(
            f"input {slot} requires one integer, found {'none' if not integers else len(integers)}"
        )
    return integers[0]


def _frame_length(node: OpNode) -> int:
    """Return the length of a frame: input 3, or the window's."""
    if node.has(2):
        (length,) = node.ranked(2, 1, 1)
        if node.has(3) and _single(node, 3) != length:
            raise RuleError(
                f"frame_length requires the window's length {length}, found {_single(node, 3)}"
            )
        return length
    return _single(node, 3)


@rule("Col2Im")
def col2im(node: OpNode) -> Outcome:
    """A position reads, in every block that covers it, the entry of the block that falls on it.

    Along a spatial axis position p reads entry t of block number l for every pair with
    l*stride - pad_begin + t*dilation = p; over several axes the pairs are independent. Channels are
    kept.

    Exact. Versions: all (18). The shapes of image and block must be constant.
    """
    shape = node.ranked(0, 3, 3)
    image, block = node.known_ints(1) or [], node.known_ints(2) or []
    if not image or len(image) != len(block) or min(*image, *block) < 1:
        raise RuleError(
            "requires positive lengths of image and block, as many of each, "
            f"found {image[:8]} and {block[:8]}"
        )
    unfolded = windows(node, block, image)
    counts = [each.out_len for each in unfolded]
    if shape[1] % math.prod(block) or shape[2] != math.prod(counts):
        raise RuleError(
            f"{math.prod(counts)} blocks of {math.prod(block)} entries do not fit "
            f"shape {list(shape)}"
        )
    n, lead = len(image), (shape[0], shape[1] // math.prod(block))
    pairs = [axis for j in range(n) for axis in (2 + j, 2 + n + j)]
    merged = (b * count for b, count in zip(block, counts, strict=True))
    chain = Chain(shape).regroup((*lead, *block, *counts)).permute(0, 1, *pairs)
    chain.regroup((*lead, *merged))
    chain.add(Taps(tuple((2 + j, _fold_rule(each)) for j, each in enumerate(unfolded))))
    return Outcome((chain.shape,), (chain.link(0, spatial=(2,), how=SUM),))


def _fold_rule(window: Window) -> Listed:
    """Return, for each position, the pairs that fall on it, as entry * blocks + block."""
    count = window.out_len
    check_index_count(window.kernel * count + window.in_len, "Col2Im")
    lists: list[list[int]] = [[] for _ in range(window.in_len)]
    for entry in range(window.kernel):
        for number in range(count):
            at = number * window.stride - window.pad_begin + entry * window.dilation
            if 0 <= at < window.in_len:
                lists[at].append(entry * count + number)
    return Listed(tuple(map(tuple, lists)), window.kernel * count)


@rule("MaxUnpool")
def max_unpool(node: OpNode) -> Outcome:
    """An output reads the input elements whose index says that they belong there.

    The indices count through the whole output, batch and channels included.

    Exact if the indices are constant. Unknown: every axis, if the indices are computed from data,
    as they are after a MaxPool. Versions: all (9, 11, 22).
    """
    shape = node.ranked(0, 3)
    node.expect_shape(1, shape)
    out = _unpooled_shape(node, shape)
    spatial = tuple(range(2, len(shape)))
    if node.value(1).data is None:
        anything = (Everything(out, unknown=True),)
        return Outcome((out,), tuple(Link(slot, anything, spatial=spatial) for slot in (0, 1)))
    count = math.prod(out)
    check_index_count(count + math.prod(shape), "MaxUnpool")
    lists: list[list[int]] = [[] for _ in range(count)]
    for source, target in enumerate(node.known_ints(1) or []):
        if not 0 <= target < count:
            raise RuleError(f"input 1 requires indices in [0, {count - 1}], found {target}")
        lists[target].append(source)
    chain = Chain(shape).regroup((math.prod(shape),))
    chain.taps(0, Listed(tuple(map(tuple, lists)), math.prod(shape))).regroup(out)
    return Outcome((out,), (chain.link(0, spatial=spatial, how=SELECT),))


def _unpooled_shape(node: OpNode, shape: Shape) -> Shape:
    """Return the output's shape: input 2 if it is there, else what the pool's window came from."""
    count = len(shape) - 2
    kernel = node.ints("kernel_shape")
    if not kernel:
        raise RuleError("requires attribute 'kernel_shape', which is missing")
    kernel = node.int_list("kernel_shape", count, 1)
    strides = node.int_list("strides", count, 1)
    pads = node.int_list("pads", 2 * count, 0, least=0)
    sides = tuple(
        (length - 1) * strides[a] - pads[a] - pads[a + count] + kernel[a]
        for a, length in enumerate(shape[2:])
    )
    wanted = node.known_ints(2)
    out = (*shape[:2], *sides) if wanted is None else tuple(wanted)
    if len(out) != len(shape) or min(out) < 0:
        raise RuleError(f"requires an output of rank {len(shape)}, found shape {list(out)[:8]}")
    return out
