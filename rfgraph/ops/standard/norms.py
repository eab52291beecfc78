"""Normalisations: own index, statistics over some axes, parameters."""

from __future__ import annotations

import math

from rfgraph.ops.chain import Chain
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError, normal_axes
from rfgraph.ops.registry import rule
from rfgraph.ops.steps import (
    expect_broadcast,
    how_of_scale,
    norm_hows,
    normalization_links,
    own_link,
    parameter_links,
    trim_outputs,
)
from rfgraph.relations.axis_rules import Blocks, ReduceRule, Shape, Whole
from rfgraph.relations.how import How, Scaling
from rfgraph.relations.steps import Pointwise, Reduce


@rule("BatchNormalization", ignores="consumed_inputs momentum")
def batch_normalization(node: OpNode) -> Outcome:
    """An output reads its own index, and the parameters of its channel.

    In training mode it also reads, as a second part, all of its channel over batch and space in
    place of the stored mean and variance, and so do the further outputs.

    Exact. Versions: training mode is told by attribute training_mode since 14, before by the
    presence of further outputs (and is_test 0 before 7). Before 9, with attribute spatial 0, the
    parameters and statistics belong to a position, not to a channel.
    """
    shape = node.ranked(0, 1)
    if node.version < 9 and node.int("spatial", 1) == 0:
        kept = tuple(range(1, len(shape)))
    else:
        kept = (1,) if len(shape) > 1 else ()
    own = tuple(shape[axis] for axis in kept) or (1,)
    training = _is_training(node)
    axes = [a for a in range(len(shape)) if a not in kept] if training else []
    count = math.prod(shape[axis] for axis in axes)
    placed = (*own, *(1,) * (len(shape) - 1 - len(own)))
    gain, spread = Scaling(1, placed), Scaling(4, placed, -0.5, node.float("epsilon", 1e-5))
    hows = (How("norm", "stored", stored=(gain, spread)),) * 2
    if training:
        hows = norm_hows(count, by_channel=True, stored=(gain,))
    links = list(normalization_links(shape, axes, hows))
    slots = (1, 2) if training else (1, 2, 3, 4)
    links.extend(_parameter_link(node, slot, shape, own) for slot in slots)
    if training:
        links.extend(_statistics_links(node, shape, kept, own))
    return trim_outputs(node, (shape, own, own, own, own), links)


def _is_training(node: OpNode) -> bool:
    if node.version >= 14:
        return node.int("training_mode", 0) != 0
    tested = node.version < 7 and node.int("is_test", 0) != 0
    return not tested and any(node.outputs[1:])


def _parameter_link(node: OpNode, slot: int, shape: Shape, own: Shape) -> Link:
    """Return the link of parameters of shape `own`, which lies from axis 1 on."""
    placed = (*own, *(1,) * (len(shape) - 1 - len(own)))
    return Chain(node.expect_shape(slot, own)).regroup(placed).broadcast(shape).link(slot)


def _statistics_links(node: OpNode, shape: Shape, kept: tuple[int, ...], own: Shape) -> list[Link]:
    """Return the links of the running and saved statistics: the channel whole, and the old ones."""
    whole = Chain(shape).reduce(axis for axis in range(len(shape)) if axis not in kept).reshape(own)
    links = [whole.link(0, output) for output in range(1, 5)]
    links.extend(Link(s, (Pointwise(node.expect_shape(s, own)),), s - 2) for s in (3, 4))
    return links


@rule("InstanceNormalization", ignores="consumed_inputs epsilon")
def instance_normalization(node: OpNode) -> Outcome:
    """An output reads its own index and, as a second part, all of its channel over space.

    Exact. All versions.
    """
    shape = node.ranked(0, 3)
    gain = how_of_scale(node, 1, shape)
    hows = norm_hows(math.prod(shape[2:]), by_channel=True, stored=(gain,))
    links = list(normalization_links(shape, range(2, len(shape)), hows))
    for slot in (1, 2):
        links.extend(parameter_links(node, slot, shape, 1))
    return Outcome((shape,), tuple(links))


@rule("GroupNormalization", ignores="epsilon stash_type")
def group_normalization(node: OpNode) -> Outcome:
    """An output reads its own index and, as a second part, all of its group of channels over space.

    Exact. Versions: before 21 scale and bias belong to a group, since then to a channel.
    """
    shape = node.ranked(0, 2)
    channels, count = shape[1], node.int("num_groups")
    if count < 1 or channels % count:
        raise RuleError(
            f"attribute 'num_groups' requires a divisor of {channels} channels, found {count}"
        )
    rules: list[tuple[int, ReduceRule]] = [(1, Blocks(count, channels, channels))]
    rules.extend((axis, Whole(shape[axis], 1)) for axis in range(2, len(shape)))
    by_group = node.version < 21 and node.shape(1) == (count,)
    gain = None if by_group else (how_of_scale(node, 1, shape),)
    own, statistics = norm_hows(math.prod(shape[1:]) // count, by_channel=True, stored=gain)
    links = [
        own_link(shape, how=own),
        Link(0, (Reduce(tuple(rules)), Pointwise(shape)), how=statistics),
    ]
    for slot in (1, 2):
        parameter = node.shape(slot)
        if node.version < 21 and parameter == (count,):
            chain = Chain(parameter).add(Reduce(((0, Blocks(count, count, channels)),)))
            chain.reshape((channels, *(1,) * (len(shape) - 2)))
            links.append(chain.broadcast(shape).link(slot))
        else:
            links.extend(parameter_links(node, slot, shape, 1))
    return Outcome((shape,), tuple(links))


@rule(
    "LayerNormalization RMSNormalization SimplifiedLayerNormalization",
    ignores="epsilon stash_type",
)
def layer_normalization(node: OpNode) -> Outcome:
    """An output reads its own index and, as a second part, all axes from attribute axis on.

    The statistics read all of these axes; scale and bias are read at the index they broadcast to.

    Exact. All versions.
    """
    shape = node.ranked(0, 1)
    axis = node.axis("axis", -1, len(shape))
    axes = range(axis, len(shape))
    gain = (Scaling(1, node.shape(1)),)
    links = list(normalization_links(shape, axes, norm_hows(math.prod(shape[axis:]), stored=gain)))
    for slot in (1, 2):
        if slot == 1 or node.has(slot):
            expect_broadcast(node, slot, shape)
            links.append(own_link(shape, slot))
    links.extend(Chain(shape).reduce(axes).link(0, output) for output in (1, 2))
    reduced = (*shape[:axis], *(1,) * len(axes))
    return trim_outputs(node, (shape, reduced, reduced), links)


@rule("MeanVarianceNormalization")
def mean_variance_normalization(node: OpNode) -> Outcome:
    """An output reads its own index and, as a second part, all of the axes.

    An axis beyond the last one does not count. Exact. All versions: the axes are 0, 2 and 3 unless
    they are given.
    """
    shape = node.shape(0)
    named = node.ints("axes")
    axes = [axis for axis in ([0, 2, 3] if named is None else named) if axis < len(shape)]
    axes = list(normal_axes(axes, len(shape)))
    count = math.prod(shape[axis] for axis in axes)
    hows = norm_hows(count, by_channel=1 not in axes, stored=())
    return Outcome((shape,), normalization_links(shape, axes, hows))
