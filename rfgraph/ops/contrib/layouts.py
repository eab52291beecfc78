"""The layouts that onnxruntime's optimizer turns graphs into: channels last, channels in blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rfgraph.ops.chain import Chain
from rfgraph.ops.contrib.operands import (
    Operand,
    apply_standard,
    channels_first,
    channels_last,
    first_shape,
    permuted_operand,
    with_channels_last,
    with_links,
)
from rfgraph.ops.convolutions import channel_links
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError, Value
from rfgraph.ops.registry import rule
from rfgraph.ops.steps import own_link
from rfgraph.relations.steps import Everything, Permute, Pointwise

if TYPE_CHECKING:
    from rfgraph.relations.axis_rules import Shape

NHWC = "com.ms.internal.nhwc"
NCHWC = "com.microsoft.nchwc"
ACTIVATION = "activation activation_params"
# The largest number of channels in a block on any hardware.
MAX_BLOCK = 16


# -- channels last ---------------------------------------------------------------------------------


@rule(
    """AveragePool BatchNormalization Conv ConvTranspose DepthToSpace GlobalAveragePool GlobalLpPool
    GlobalMaxPool GridSample InstanceNormalization LRN LpPool MaxPool QLinearConv SpaceToDepth""",
    domain=NHWC,
    ignores=f"{ACTIVATION} alpha beta bias epsilon momentum p storage_order",
)
def channels_last_rule(node: OpNode) -> Outcome:
    """An output reads what the operator of that name reads, with the channels on the last axis.

    That goes for the first input and the output; weights and parameters are as ever.

    Exact where that operator is, by its definition; onnxruntime has no CPU kernel to compare with.
    Versions: all, those of that operator; an activation may be fused, which changes nothing.
    """
    return with_channels_last(node, node.op_type, range(len(node.inputs)), node.version)


@rule("QLinearAveragePool", domain=NHWC, ignores="channels_last")
def qlinear_average_pool(node: OpNode) -> Outcome:
    """An output reads a window of its own channel, on the last axis, and scales and zero points.

    Exact as the AveragePool it is defined by; onnxruntime has no CPU kernel to compare with.
    Versions: all (1).
    """
    outcome = with_channels_last(node, "AveragePool", (0,))
    shape = first_shape(outcome)
    return with_links(outcome, channel_links(node, range(1, 5), shape, len(shape) - 1))


@rule("QLinearConvTranspose", domain=NHWC)
def qlinear_conv_transpose(node: OpNode) -> Outcome:
    """An output reads what the same ConvTranspose reads, with the channels on the last axis.

    It also reads the scales and zero points.

    Exact as the ConvTranspose it is defined by; onnxruntime has no CPU kernel to compare with.
    Versions: all (1).
    """
    outcome = with_channels_last(node, "ConvTranspose", (0, 3, 8))
    shape = first_shape(outcome)
    return with_links(outcome, channel_links(node, (1, 2, 4, 5, 6, 7), shape, len(shape) - 1))


@rule("Resize", domain=NHWC, ignores="cubic_coeff_a extrapolation_value")
def resize(node: OpNode) -> Outcome:
    """An output reads what Resize reads; scales, sizes and axes are those of the input as it lies.

    Exact where Resize is. Versions: all, those of Resize.
    """
    return apply_standard(node, "Resize", range(len(node.inputs)), version=node.version)


@rule("MaxUnpool", domain=NHWC, ignores=ACTIVATION)
def max_unpool(node: OpNode) -> Outcome:
    """An output reads the input elements whose index says that they belong there.

    Unknown: every axis, since it is not said how the indices count channels on the last axis.
    Versions: all, those of MaxUnpool.
    """
    data = permuted_operand(node, 0, channels_first(len(node.expect_shape(1, node.ranked(0, 3)))))
    operands = (data, Operand(1, Value(data.value.shape)), 2)
    unpooled = first_shape(apply_standard(node, "MaxUnpool", operands, version=node.version))
    shape = tuple(unpooled[axis] for axis in channels_last(len(unpooled)))
    spatial = tuple(range(1, len(shape) - 1))
    anything = (Everything(shape, unknown=True),)
    return Outcome((shape,), tuple(Link(slot, anything, spatial=spatial) for slot in (0, 1)))


# -- channels in blocks ----------------------------------------------------------------------------


@rule("ReorderInput", domain=NCHWC)
def reorder_input(node: OpNode) -> Outcome:
    """An output reads the same index; with channels_last the input's channels are on its last axis.

    The channels that fill up the last block are left out here, since their number depends on the
    hardware; what takes the tensor adds them.

    Exact. Versions: all (1).
    """
    shape = node.ranked(0, 3)
    perm = channels_first(len(shape))
    if not node.int("channels_last", 0):
        return Outcome((shape,), (own_link(shape),))
    return Outcome((tuple(shape[a] for a in perm),), (Link(0, (Permute(perm),)),))


@rule("ReorderOutput", domain=NCHWC)
def reorder_output(node: OpNode) -> Outcome:
    """An output reads the same index, of the first `channels` channels.

    With channels_last the output's channels are on its last axis.

    Exact. Versions: all (1).
    """
    shape, channels = node.ranked(0, 3), node.int("channels", 0)
    if not 1 <= channels <= shape[1]:
        raise RuleError(
            f"attribute 'channels' requires a number in [1, {shape[1]}], found {channels}"
        )
    chain = Chain(shape).take(1, 0, channels)
    if node.int("channels_last", 0):
        chain.permute(*channels_last(len(shape)))
    return Outcome((chain.shape,), (chain.link(0),))


@rule("Conv", domain=NCHWC, ignores=ACTIVATION)
def conv(node: OpNode) -> Outcome:
    """An output reads what the same Conv reads, and its own index of the tensor Sum that is added.

    Channels that the weights ask for and the input lacks fill up its last block: nothing is read.

    Exact. At a border the weights that fall on padding count as read: there, an upper bound.
    Versions: all (1).
    """
    weights = node.ranked(1, 3)
    data = _fill_channels(node, 0, weights[1] * node.int("group", 1))
    outcome = apply_standard(node, "Conv", (data, 1, 2))
    if not node.has(3):
        return outcome
    shape = first_shape(outcome)
    added = _fill_channels(node, 3, weights[0])
    if added.value.shape != shape:
        raise RuleError(f"input 3 requires shape {list(shape)}, found {list(node.shape(3))}")
    return with_links(outcome, [Link(3, added.steps or (Pointwise(shape),))])


def _fill_channels(node: OpNode, slot: int, channels: int) -> Operand:
    """Return an input with its last block of channels filled up to `channels`."""
    shape = node.ranked(slot, 3)
    if not shape[1] < channels < shape[1] + MAX_BLOCK:
        return Operand(slot, node.value(slot))
    filled: Shape = (shape[0], channels, *shape[2:])
    steps = tuple(Chain(shape).put(1, 0, channels).steps)
    return Operand(slot, Value(filled, node.value(slot).constant), steps)


@rule("MaxPool AveragePool", domain=NCHWC, ignores="storage_order")
def pools(node: OpNode) -> Outcome:
    """An output reads what the pool of that name reads: a window of its own channel.

    Exact. Versions: all (1).
    """
    return apply_standard(node, node.op_type, (0,))


@rule("GlobalAveragePool GlobalMaxPool", domain=NCHWC)
def global_pools(node: OpNode) -> Outcome:
    """An output reads every spatial position of its own channel.

    Exact. Versions: all (1).
    """
    return apply_standard(node, node.op_type, (0,))


@rule("Upsample", domain=NCHWC)
def upsample(node: OpNode) -> Outcome:
    """Along each enlarged axis an output reads around the point that it samples.

    nearest reads the position below its index over the scale, linear the two around the point, one
    where the point falls on a position.

    Exact, up to a runtime's rounding where a point lies on the border between two answers.
    Versions: all (1).
    """
    shape = node.ranked(0, 4, 4)
    scales = node.ints("scales") or [1] * len(shape)
    if len(scales) != len(shape) or not 1 <= min(scales) <= max(scales) < 1 << 24:
        raise RuleError(f"attribute 'scales' requires 4 positive integers, found {scales[:8]}")
    mode = node.choice("mode", "nearest", ("nearest", "linear"))
    transform = node.choice(
        "coordinate_transformation_mode",
        "asymmetric",
        ("asymmetric", "align_corners", "half_pixel"),
    )
    attributes = {
        "mode": mode,
        "nearest_mode": "floor",
        "coordinate_transformation_mode": "asymmetric" if mode == "nearest" else transform,
    }
    factors = Value((4,), constant=True, data=np.array(scales, np.float32))
    return apply_standard(node, "Resize", [0, None, Operand(-1, factors)], attributes)
