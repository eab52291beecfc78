"""Linear quantization: own index, scale and zero point per tensor, per axis or per block."""

from __future__ import annotations

import math
from fractions import Fraction

from rfgraph.ops.node import Link, OpNode, Outcome, RuleError, normal_axis
from rfgraph.ops.registry import rule
from rfgraph.ops.steps import own_link, parameter_links
from rfgraph.relations.axis_rules import Resample, Shape
from rfgraph.relations.how import SELECT
from rfgraph.relations.steps import Taps
from rfgraph.wording.names import quote


@rule("QuantizeLinear DequantizeLinear", ignores="output_dtype precision saturate")
def quantize_linear(node: OpNode) -> Outcome:
    """An output reads the same index of the input, and its scale and zero point.

    Exact. Versions: since 13 these may belong to a position of attribute axis, since 21 to a block
    of block_size positions.
    """
    shape = node.shape(0)
    links = [own_link(shape, how=SELECT)]
    for slot in (1, 2) if node.has(2) else (1,):
        links.extend(_scale_links(node, slot, shape))
    return Outcome((shape,), tuple(links))


def _scale_links(node: OpNode, slot: int, shape: Shape) -> tuple[Link, ...]:
    own = node.shape(slot)
    axis, block = node.int("axis", 1), node.int("block_size", 0)
    if math.prod(own) == 1 and len(own) < 2:
        return parameter_links(node, slot, shape, 0)
    axis = normal_axis(axis, len(shape)) if len(shape) > 1 else 0
    if block == 0:
        return parameter_links(node, slot, shape, axis)
    if block < 0 or not shape:
        raise RuleError(
            f"attribute {quote('block_size')} requires at least 0 and an axis, found {block}"
        )
    wanted = (*shape[:axis], -(-shape[axis] // block), *shape[axis + 1 :])
    node.expect_shape(slot, wanted)
    rule = Resample(Fraction(1, block), Fraction(0), "floor", own[axis], shape[axis])
    return (Link(slot, (Taps(((axis, rule),)),)),)
