"""onnxruntime's quantized operators that follow a standard one: what that one reads, and scales."""

from __future__ import annotations

from typing import Any

from rfgraph.ops.contrib.operands import (
    DOMAIN,
    apply_standard,
    operand_of,
    operands_of,
    with_scalars,
)
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError
from rfgraph.ops.registry import rule
from rfgraph.ops.steps import scalar_link

# The last versions of these operators in which the axes are an attribute.
WITH_AXES = {"ReduceMean": 13, "ReduceSum": 11}


@rule("QLinearAdd", "QLinearMul", domain=DOMAIN)
def qlinear_binary(node: OpNode) -> Outcome:
    """An output reads the same index of both inputs, by broadcasting, and the quantization.

    Exact. Versions: all (1).
    """
    outcome = apply_standard(node, "Add", operands_of(node, 0, 3))
    return with_scalars(node, outcome, (1, 2, 4, 5, 6, 7))


@rule("MulInteger", domain=DOMAIN)
def mul_integer(node: OpNode) -> Outcome:
    """An output reads the same index of both inputs, by broadcasting, and the zero points.

    Exact by its definition; onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    outcome = apply_standard(node, "Mul", operands_of(node, 0, 2))
    return with_scalars(node, outcome, (1, 3))


@rule("QLinearSigmoid", "QLinearLeakyRelu", domain=DOMAIN, ignores=("alpha",))
def qlinear_unary(node: OpNode) -> Outcome:
    """An output reads the same index of the input, and the quantization.

    Exact. Versions: all (1).
    """
    return with_scalars(node, apply_standard(node, "Sigmoid", operands_of(node, 0)), (1, 2, 3, 4))


@rule("QLinearWhere", domain=DOMAIN)
def qlinear_where(node: OpNode) -> Outcome:
    """An output reads what the same Where reads, and the quantization.

    Exact; of a condition whose value is known only the chosen alternative is read, but the
    quantization of both. Versions: all (1).
    """
    outcome = apply_standard(node, "Where", operands_of(node, 0, 1, 4))
    return with_scalars(node, outcome, (2, 3, 5, 6, 7, 8))


@rule("QLinearConcat", domain=DOMAIN)
def qlinear_concat(node: OpNode) -> Outcome:
    """An output reads the same index of the one input that lies there, and its quantization.

    Exact. Versions: all (1).
    """
    slots = range(2, len(node.inputs), 3)
    if (len(node.inputs) - 2) % 3:
        raise RuleError(
            f"requires inputs in threes after the first two, found {len(node.inputs)} inputs"
        )
    outcome = with_scalars(
        node, apply_standard(node, "Concat", [operand_of(node, slot) for slot in slots]), (0, 1)
    )
    parts = {link.input: link.steps for link in outcome.links}
    links = list(outcome.links)
    for slot in slots:
        for scale in (slot + 1, slot + 2):
            if node.has(scale):
                own = scalar_link(node, scale, node.shape(slot))
                links.append(Link(scale, (*own.steps, *parts[slot])))
    return Outcome(outcome.shapes, tuple(links))


@rule("QLinearSoftmax", domain=DOMAIN)
def qlinear_softmax(node: OpNode) -> Outcome:
    """An output reads its own index and, as a second part, all of the axis, and the quantization.

    Exact. Versions: all (1); attribute opset below 13 reads all axes from the given one on.
    """
    attributes = {"axis": node.int("axis", -1)}
    outcome = apply_standard(
        node, "Softmax", operands_of(node, 0), attributes, min(max(node.int("opset"), 1), 22)
    )
    return with_scalars(node, outcome, (1, 2, 3, 4))


@rule("QLinearReduceMean", "ReduceSumInteger", domain=DOMAIN)
def quantized_reduction(node: OpNode) -> Outcome:
    """An output reads all of the reduced axes, its own index of the others, and the quantization.

    Exact by its definition; onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    op_type = "ReduceMean" if node.op_type == "QLinearReduceMean" else "ReduceSum"
    attributes: dict[str, Any] = {
        "axes": node.ints("axes"),
        "keepdims": node.int("keepdims", 1),
    }
    outcome = apply_standard(node, op_type, operands_of(node, 0), attributes, WITH_AXES[op_type])
    return with_scalars(node, outcome, (1, 2, 3, 4))


@rule("QuantizeLinear", "DequantizeLinear", domain=DOMAIN)
def quantize_linear(node: OpNode) -> Outcome:
    """An output reads the same index of the input, and its scale and zero point.

    These are one value, or one for each position of attribute axis.

    Exact. Versions: all (1).
    """
    operands = operands_of(node, 0, 1, 2)
    attributes = {"axis": node.int("axis", 1)}
    return apply_standard(node, "QuantizeLinear", operands, attributes, version=13)
