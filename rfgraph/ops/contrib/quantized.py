"""onnxruntime's quantized operators that follow a standard one: what that one reads, and scales."""

from __future__ import annotations

from rfgraph.ops.contrib.operands import apply_standard, rule, with_links
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError
from rfgraph.ops.steps import scalar_links

# The last versions of these operators in which the axes are an attribute.
WITH_AXES = {"ReduceMean": 13, "ReduceSum": 11}


@rule("QLinearAdd QLinearMul")
def qlinear_binary(node: OpNode) -> Outcome:
    """An output reads the same index of both inputs, by broadcasting, and the quantization.

    Exact. Versions: all (1).
    """
    return apply_standard(node, "Add", (0, 3), scalars=(1, 2, 4, 5, 6, 7))


@rule("MulInteger")
def mul_integer(node: OpNode) -> Outcome:
    """An output reads the same index of both inputs, by broadcasting, and the zero points.

    Exact by its definition; onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    return apply_standard(node, "Mul", (0, 2), scalars=(1, 3))


@rule("QLinearSigmoid QLinearLeakyRelu", ignores="alpha")
def qlinear_unary(node: OpNode) -> Outcome:
    """An output reads the same index of the input, and the quantization.

    Exact. Versions: all (1).
    """
    return apply_standard(node, "Sigmoid", (0,), scalars=(1, 2, 3, 4))


@rule("QLinearWhere")
def qlinear_where(node: OpNode) -> Outcome:
    """An output reads what the same Where reads, and the quantization.

    Exact; of a condition whose value is known only the chosen alternative is read, but the
    quantization of both. Versions: all (1).
    """
    return apply_standard(node, "Where", (0, 1, 4), scalars=(2, 3, 5, 6, 7, 8))


@rule("QLinearConcat")
def qlinear_concat(node: OpNode) -> Outcome:
    """An output reads the same index of the one input that lies there, and its quantization.

    Exact. Versions: all (1).
    """
    slots = range(2, len(node.inputs), 3)
    if (len(node.inputs) - 2) % 3:
        raise RuleError(
            f"requires inputs in threes after the first two, found {len(node.inputs)} inputs"
        )
    outcome = apply_standard(node, "Concat", slots, scalars=(0, 1))
    parts = {link.input: link.steps for link in outcome.links}
    scales = (
        Link(link.input, (*link.steps, *parts[slot]))
        for slot in slots
        for link in scalar_links(node, (slot + 1, slot + 2), node.shape(slot))
    )
    return with_links(outcome, scales)


@rule("QLinearSoftmax")
def qlinear_softmax(node: OpNode) -> Outcome:
    """An output reads its own index and, as a second part, all of the axis, and the quantization.

    Exact. Versions: all (1); attribute opset below 13 reads all axes from the given one on.
    """
    attributes = {"axis": node.int("axis", -1)}
    version = min(max(node.int("opset"), 1), 22)
    return apply_standard(node, "Softmax", (0,), attributes, version, scalars=(1, 2, 3, 4))


@rule("QLinearReduceMean ReduceSumInteger")
def quantized_reduction(node: OpNode) -> Outcome:
    """An output reads all of the reduced axes, its own index of the others, and the quantization.

    Exact by its definition; onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    op_type = "ReduceMean" if node.op_type == "QLinearReduceMean" else "ReduceSum"
    attributes = {"axes": node.ints("axes"), "keepdims": node.int("keepdims", 1)}
    return apply_standard(node, op_type, (0,), attributes, WITH_AXES[op_type], (1, 2, 3, 4))


@rule("QuantizeLinear DequantizeLinear")
def quantize_linear(node: OpNode) -> Outcome:
    """An output reads the same index of the input, and its scale and zero point.

    These are one value, or one for each position of attribute axis.

    Exact. Versions: all (1).
    """
    attributes = {"axis": node.int("axis", 1)}
    return apply_standard(node, "QuantizeLinear", (0, 1, 2), attributes, version=13)
