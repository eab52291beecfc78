"""onnxruntime's normalisations: own index, statistics, a residual that is added first."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rfgraph.ops.chain import Chain
from rfgraph.ops.contrib.operands import broadcast_links, rule, vector_links
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError
from rfgraph.ops.steps import (
    expect_broadcast,
    norm_hows,
    own_link,
    scalar_links,
    softmax_hows,
    trim_outputs,
)
from rfgraph.relations.axis_rules import Blocks, ReduceRule, Repeat, Shape, Whole
from rfgraph.relations.how import SUM, How
from rfgraph.relations.steps import Pointwise, Reduce, Regroup, Select

if TYPE_CHECKING:
    from collections.abc import Sequence


def _added_links(
    node: OpNode,
    slot: int,
    shape: Shape,
    axes: Sequence[int],
    how: tuple[How, How] | None = None,
) -> tuple[Link, ...]:
    """Return the links of an optional input that broadcasts to `shape` before it is normalized.

    It is read at its own index and, as a second part, all along `axes` of `shape`.
    """
    if not node.has(slot):
        return ()
    added = expect_broadcast(node, slot, shape)
    less = len(shape) - len(added)
    statistics = Chain(added).reduce(axis - less for axis in axes if axis >= less)
    first, second = norm_hows(math.prod(shape[axis] for axis in axes)) if how is None else how
    own = own_link(shape, slot, how=first)
    if not statistics.steps:
        return (own,)
    return own, statistics.broadcast(shape).link(slot, how=second)


@rule("SkipLayerNormalization SkipSimplifiedLayerNormalization", ignores="epsilon")
def skip_layer_normalization(node: OpNode) -> Outcome:
    """An output reads its own index and, as a second part, all features of its token.

    That goes for the input, for the residual and for the bias, which are added before; the
    parameters are read at their feature. The sum reads its own index of all three.

    Exact. Upper bound: mean and deviation, which CPUs do not give out. Versions: all (1).
    """
    shape = node.ranked(0, 2)
    last = len(shape) - 1
    bias = 4 if node.op_type == "SkipLayerNormalization" else 3
    added = (0, 1, bias)
    links = [link for slot in added for link in _added_links(node, slot, shape, [last])]
    for slot in range(2, bias):
        links.extend(vector_links(node, slot, shape))
    reduced = (*shape[:-1], 1)
    for slot in (0, 1, bias):
        links.extend(broadcast_links(node, slot, shape, 3))
        links.extend(_statistics_links(node, slot, shape))
    return trim_outputs(node, (shape, reduced, reduced, shape), links)


def _statistics_links(node: OpNode, slot: int, shape: Shape) -> list[Link]:
    """Return the links of mean and deviation, which read all features of an optional input."""
    if not node.has(slot):
        return []
    own = node.shape(slot)
    whole = Chain(own).reduce(range(len(own))[-1:]).broadcast((*shape[:-1], 1))
    return [whole.link(slot, output) for output in (1, 2)]


@rule("QOrderedLayerNormalization", ignores="epsilon order_X order_Y")
def qordered_layer_normalization(node: OpNode) -> Outcome:
    """An output reads its own index and, as a second part, all axes from attribute axis on.

    Exact by its definition, in logical indices; onnxruntime has no CPU kernel to compare with.
    Versions: all (1).
    """
    shape = node.ranked(0, 1)
    axis = node.axis("axis", -1, len(shape))
    links = list(_added_links(node, 0, shape, range(axis, len(shape))))
    for slot in (2, 3):
        links.extend(broadcast_links(node, slot, shape))
    links.extend(scalar_links(node, (1, 4), shape))
    return Outcome((shape,), tuple(links))


@rule("BiasSoftmax", ignores="is_inner_broadcast")
def bias_softmax(node: OpNode) -> Outcome:
    """An output reads its own index and, as a second part, all axes from attribute axis on.

    That goes for the data and for the bias that is added to it, by broadcasting.

    Exact by its definition; onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    shape = node.ranked(0, 1)
    axes = range(node.axis("axis", 1, len(shape)), len(shape))
    hows = softmax_hows(math.prod(shape[axes.start :]))
    return Outcome(
        (shape,),
        tuple(link for slot in (0, 1) for link in _added_links(node, slot, shape, axes, how=hows)),
    )


# -- groups of channels ----------------------------------------------------------------------------


@rule("GroupNorm SkipGroupNorm", ignores="activation epsilon")
def group_norm(node: OpNode) -> Outcome:
    """An output reads its own index and, as a second part, all of its group of channels over space.

    That goes for the input and, in SkipGroupNorm, for the residual and the bias that are added to
    it; the sum reads its own index of all three. Channels are on the last axis unless channels_last
    is 0.

    Exact by its definition; onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    shape = node.ranked(0, 3)
    channel = len(shape) - 1 if node.int("channels_last", 1) else 1
    group = node.int("groups")
    if group < 1 or shape[channel] % group:
        raise RuleError(
            f"attribute 'groups' requires a divisor of {shape[channel]} channels, found {group}"
        )
    own = tuple(n if axis == channel else 1 for axis, n in enumerate(shape))
    added = {0: shape}
    if node.op_type == "SkipGroupNorm":
        added[3] = _skip_shape(node, shape, own)
        if node.has(4):
            added[4] = own
    links: list[Link] = []
    for slot, under in added.items():
        links.extend(_group_links(node, slot, under, shape, channel))
    for slot in (1, 2):
        links.extend(vector_links(node, slot, shape, channel))
    return trim_outputs(node, (shape, shape), links)


def _skip_shape(node: OpNode, shape: Shape, own: Shape) -> Shape:
    """Return the shape under which the residual broadcasts: that of the input, or one per image."""
    per_image = (shape[0], *own[1:])
    skip = node.shape(3)
    if skip in (shape, per_image):
        return skip
    if skip == (shape[0], max(own)):
        return per_image
    raise RuleError(
        f"input 3 requires shape {list(shape)} or {list(per_image)}, found {list(skip)}"
    )


def _group_links(node: OpNode, slot: int, under: Shape, shape: Shape, channel: int) -> list[Link]:
    operand = node.shape(slot)
    channels = shape[channel]
    if slot == 4 and operand != (channels,):
        raise RuleError(f"input 4 requires {channels} elements, found shape {list(operand)}")
    place = () if operand == under else (Regroup(under),)
    rules: list[tuple[int, ReduceRule]] = [
        (axis, Whole(length, 1)) for axis, length in enumerate(under) if axis not in (0, channel)
    ]
    rules.append((channel, Blocks(node.int("groups"), channels, channels)))
    count = math.prod(shape) // (shape[0] * node.int("groups"))
    own, mean = norm_hows(count, by_channel=True)
    sums = [
        Link(slot, (*place, Pointwise(shape)), output, how=how)
        for output, how in ((0, own), (1, SUM))
    ]
    statistics = (*place, Reduce(tuple(sorted(rules, key=lambda item: item[0]))), Pointwise(shape))
    return [*sums, Link(slot, statistics, how=mean)]


# -- root mean squares of blocks -------------------------------------------------------------------


def _block_links(shape: Shape, count: int) -> tuple[Link, Link]:
    """Return the links of input 0, normalized in `count` blocks of its last axis."""
    length, axis = shape[-1], len(shape) - 1
    if count < 1 or length % count:
        raise RuleError(
            f"requires blocks that divide a last axis of {length}, found {count} blocks"
        )
    rule = Blocks(count, length, length) if count > 1 else Whole(length, 1)
    blocks = Reduce(((axis, rule),))
    return own_link(shape), Link(0, (blocks, Pointwise(shape)))


def _repeated_link(length: int, shape: Shape) -> Link:
    """Return the link of the scale, a vector that is repeated along the last axis."""
    steps = () if length == shape[-1] else (Select(((0, Repeat(length, shape[-1])),)),)
    return Link(1, (*steps, Pointwise(shape)))


@rule("GatedRMSNorm", ignores="activation epsilon")
def gated_rms_norm(node: OpNode) -> Outcome:
    """An output reads its own index and, as a second part, all of its block of features.

    A block is as long as the scale, which repeats; the gate is read at the same index.

    Exact. Versions: all (1).
    """
    shape = node.ranked(0, 1)
    (block,) = node.ranked(1, 1, 1)
    if block < 1 or shape[-1] % block or node.shape(2) != shape:
        raise RuleError(
            f"requires a gate of shape {list(shape)} and a scale that divides its last axis, "
            f"found shape {list(node.shape(2))} and {block} elements"
        )
    links = (*_block_links(shape, shape[-1] // block), _repeated_link(block, shape))
    return Outcome((shape,), (*links, own_link(shape, 2)))


@rule("BranchwiseRMSNorm", ignores="epsilon")
def branchwise_rms_norm(node: OpNode) -> Outcome:
    """An output reads its own index and, as a second part, all features of its branch.

    A branch is the last axis or, with num_branches, one of as many blocks of it.

    Exact. Versions: all (1).
    """
    shape = node.ranked(0, 1)
    count = node.int("num_branches", 0)
    links: list[Link] = [*_block_links(shape, max(count, 1))]
    if node.has(1):
        links.append(_branch_scale_link(node, shape, count))
    return Outcome((shape,), tuple(links))


def _branch_scale_link(node: OpNode, shape: Shape, count: int) -> Link:
    """Return the link of the scale: one number per feature, or one per feature and branch."""
    scale = node.shape(1)
    branches = count or (shape[-2] if len(shape) > 1 else 1)
    features = shape[-1] // max(count, 1)
    if scale == (features,):
        return _repeated_link(features, shape)
    if scale not in ((branches, features), (branches * features,)):
        raise RuleError(
            f"input 1 requires {features} features or {branches} times as many, "
            f"found shape {list(scale)}"
        )
    under = (branches * features,) if count or len(shape) < 2 else (branches, features)
    return Chain(scale).reshape(under).broadcast(shape).link(1)
