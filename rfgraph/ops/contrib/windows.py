"""onnxruntime's convolutions and pools: fused, quantized, with the channels last."""

from __future__ import annotations

from rfgraph.ops.contrib.operands import DOMAIN, given, pointwise, shape_of, standard
from rfgraph.ops.convolutions import convolve, global_pool, pool
from rfgraph.ops.node import Chain, Link, OpNode, Outcome, RuleError
from rfgraph.ops.registry import rule
from rfgraph.ops.steps import scalar
from rfgraph.relations.axis_rules import product
from rfgraph.relations.steps import Everything, Pointwise

ACTIVATION = ("activation", "activation_params")


def _residual(node: OpNode, found: Outcome, slot: int) -> Outcome:
    """Return the outcome with an optional input added that has the shape of the output."""
    shape = shape_of(found)
    return Outcome(found.shapes, (*found.links, *pointwise(node, slot, shape)))


def _scalars(node: OpNode, found: Outcome, slots: range) -> Outcome:
    """Return the outcome with optional inputs of one element added, that every output reads."""
    shape = shape_of(found)
    links = [scalar(node, slot, shape) for slot in slots if node.has(slot)]
    return Outcome(found.shapes, (*found.links, *links))


@rule("FusedConv", domain=DOMAIN, ignores=ACTIVATION)
def fused_conv(node: OpNode) -> Outcome:
    """An output reads what the same Conv reads, and its own index of the tensor Z that is added.

    Exact. At a border the weights that fall on padding count as read: there, an upper bound.
    Versions: all (1).
    """
    return _residual(node, convolve(node, per_channel=(2,)), 3)


@rule("NhwcConv", "NhwcFusedConv", domain=DOMAIN, ignores=ACTIVATION)
def nhwc_conv(node: OpNode) -> Outcome:
    """An output reads what the same Conv reads, with the channels on the last axis of X, Y and Z.

    The weights keep their order. NhwcFusedConv also reads its own index of Z, which is added.

    Exact as the Conv it is defined by; onnxruntime has no CPU kernel to compare with. At a border
    the weights that fall on padding count as read: there, an upper bound. Versions: all (1).
    """
    return _residual(node, convolve(node, per_channel=(2,), channels_last=True), 3)


@rule("QLinearConv", domain=DOMAIN)
def qlinear_conv(node: OpNode) -> Outcome:
    """An output reads what the same Conv reads, and the scales and zero points.

    With channels_last the channels of input and output are on the last axis.

    Exact. At a border the weights that fall on padding count as read: there, an upper bound.
    Versions: all (1).
    """
    per_channel = (1, 2, 4, 5, 6, 7, 8)
    return convolve(node, 0, 3, per_channel, channels_last=node.int("channels_last", 0) != 0)


@rule("ConvTransposeWithDynamicPads", domain=DOMAIN)
def conv_transpose_with_dynamic_pads(node: OpNode) -> Outcome:
    """An output reads what the same ConvTranspose reads, whose pads are an input.

    Exact. Unknown: where the pads depend on data. Versions: all (1).
    """
    attributes = {name: node.attribute(name) for name in _TRANSPOSED}
    pads = node.known_ints(2)
    if pads is not None:
        attributes["pads"] = pads
    operands = [given(node, slot) for slot in (0, 1, 3)]
    return standard(node, "ConvTranspose", operands, attributes)


_TRANSPOSED = ("auto_pad", "dilations", "group", "kernel_shape", "output_padding", "strides")


# -- pools -----------------------------------------------------------------------------------------


@rule("NhwcMaxPool", domain=DOMAIN)
def nhwc_max_pool(node: OpNode) -> Outcome:
    """An output reads what the same MaxPool reads, with the channels on the last axis.

    Exact. Versions: all (1).
    """
    return pool(node, channels_last=True)


@rule("QLinearAveragePool", domain=DOMAIN, ignores=("count_include_pad",))
def qlinear_average_pool(node: OpNode) -> Outcome:
    """An output reads what the same AveragePool reads, and the scales and zero points.

    With channels_last the channels are on the last axis.

    Exact. Versions: all (1).
    """
    found = pool(node, channels_last=node.int("channels_last", 0) != 0)
    return _scalars(node, found, range(1, 5))


@rule("QLinearGlobalAveragePool", domain=DOMAIN)
def qlinear_global_average_pool(node: OpNode) -> Outcome:
    """An output reads every spatial position of its own channel, the scales and the zero points.

    With channels_last the channels are on the last axis.

    Exact. Versions: all (1).
    """
    found = global_pool(node, channels_last=node.int("channels_last", 0) != 0)
    return _scalars(node, found, range(1, 5))


@rule("MaxpoolWithMask", domain=DOMAIN, ignores=("storage_order",))
def max_pool_with_mask(node: OpNode) -> Outcome:
    """An output reads a window of its own channel, and the same window of the mask.

    A mask of one plane serves every channel.

    Upper bound: a row of the window ends at the first place that is masked, and the place 0 of the
    mask is never looked at; of a mask of several planes all of it counts as read, since onnxruntime
    does not look them up plane by plane. Versions: all (1).
    """
    found = pool(node)
    shape, data = shape_of(found), found.links[0]
    mask = node.ranked(1, len(shape), len(shape))
    if mask[2:] != node.shape(0)[2:]:
        raise RuleError(
            f"input 1 requires the spatial lengths of {list(node.shape(0))}, found {list(mask)}"
        )
    if product(mask[:2]) != 1:
        return Outcome((shape,), (data, Link(1, (Everything(shape),), spatial=data.spatial)))
    windows = Chain(mask).add(*data.steps, Pointwise(shape))
    return Outcome((shape,), (data, windows.link(1, spatial=data.spatial)))
