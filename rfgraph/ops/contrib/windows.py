"""onnxruntime's convolutions and pools: fused, quantized, with the channels last."""

from __future__ import annotations

import math

from rfgraph.ops.chain import Chain
from rfgraph.ops.contrib.operands import (
    apply_standard,
    broadcast_links,
    first_shape,
    rule,
    with_channels_last,
    with_links,
    with_scalars,
)
from rfgraph.ops.convolutions import convolve
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError
from rfgraph.relations.steps import Everything, Pointwise

ACTIVATION = "activation activation_params"


def _with_residual(node: OpNode, found: Outcome) -> Outcome:
    """Return the outcome with the optional input Z added, of the shape of the output."""
    return with_links(found, broadcast_links(node, 3, first_shape(found)))


@rule("FusedConv", ignores=ACTIVATION)
def fused_conv(node: OpNode) -> Outcome:
    """An output reads what the same Conv reads, and its own index of the tensor Z that is added.

    Exact. At a border the weights that fall on padding count as read: there, an upper bound.
    Versions: all (1).
    """
    return _with_residual(node, convolve(node, per_channel=(2,)))


@rule("NhwcConv NhwcFusedConv", ignores=ACTIVATION)
def nhwc_conv(node: OpNode) -> Outcome:
    """An output reads what the same Conv reads, with the channels on the last axis of X, Y and Z.

    The weights keep their order. NhwcFusedConv also reads its own index of Z, which is added.

    Exact as the Conv it is defined by; onnxruntime has no CPU kernel to compare with. At a border
    the weights that fall on padding count as read: there, an upper bound. Versions: all (1).
    """
    return _with_residual(node, convolve(node, per_channel=(2,), channels_last=True))


@rule("QLinearConv")
def qlinear_conv(node: OpNode) -> Outcome:
    """An output reads what the same Conv reads, and the scales and zero points.

    With channels_last the channels of input and output are on the last axis.

    Exact. At a border the weights that fall on padding count as read: there, an upper bound.
    Versions: all (1).
    """
    per_channel = (1, 2, 4, 5, 6, 7, 8)
    return convolve(node, 0, 3, per_channel, channels_last=node.int("channels_last", 0) != 0)


@rule("ConvTransposeWithDynamicPads")
def conv_transpose_with_dynamic_pads(node: OpNode) -> Outcome:
    """An output reads what the same ConvTranspose reads, whose pads are an input.

    Exact. Unknown: where the pads depend on data. Versions: all (1).
    """
    attributes = {name: node.attribute(name) for name in _TRANSPOSED}
    pads = node.known_ints(2)
    if pads is not None:
        attributes["pads"] = pads
    return apply_standard(node, "ConvTranspose", (0, 1, 3), attributes)


_TRANSPOSED = ("auto_pad", "dilations", "group", "kernel_shape", "output_padding", "strides")


# -- pools -----------------------------------------------------------------------------------------


@rule("NhwcMaxPool")
def nhwc_max_pool(node: OpNode) -> Outcome:
    """An output reads what the same MaxPool reads, with the channels on the last axis.

    Exact. Versions: all (1).
    """
    return with_channels_last(node, "MaxPool", (0,))


@rule("QLinearAveragePool")
def qlinear_average_pool(node: OpNode) -> Outcome:
    """An output reads what the same AveragePool reads, and the scales and zero points.

    With channels_last the channels are on the last axis.

    Exact. Versions: all (1).
    """
    return _quantized_pool(node, "AveragePool")


@rule("QLinearGlobalAveragePool")
def qlinear_global_average_pool(node: OpNode) -> Outcome:
    """An output reads every spatial position of its own channel, the scales and the zero points.

    With channels_last the channels are on the last axis.

    Exact. Versions: all (1).
    """
    return _quantized_pool(node, "GlobalAveragePool")


def _quantized_pool(node: OpNode, op_type: str) -> Outcome:
    apply = with_channels_last if node.int("channels_last", 0) else apply_standard
    return with_scalars(node, apply(node, op_type, (0,)), range(1, 5))


@rule("MaxpoolWithMask", ignores="storage_order")
def max_pool_with_mask(node: OpNode) -> Outcome:
    """An output reads a window of its own channel, and the same window of the mask.

    A mask of one plane serves every channel.

    Upper bound: a row of the window ends at the first place that is masked, and the place 0 of the
    mask is never looked at; of a mask of several planes all of it counts as read, since onnxruntime
    does not look them up plane by plane. Versions: all (1).
    """
    outcome = apply_standard(node, "MaxPool", (0,))
    shape, data = first_shape(outcome), outcome.links[0]
    mask = node.ranked(1, len(shape), len(shape))
    if mask[2:] != node.shape(0)[2:]:
        raise RuleError(
            f"input 1 requires the spatial lengths of {list(node.shape(0))}, found {list(mask)}"
        )
    if math.prod(mask[:2]) != 1:
        return Outcome((shape,), (data, Link(1, (Everything(shape),), spatial=data.spatial)))
    windows = Chain(mask).add(*data.steps, Pointwise(shape))
    return Outcome((shape,), (data, windows.link(1, spatial=data.spatial)))
