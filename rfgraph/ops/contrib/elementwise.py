"""onnxruntime's operators that read the same index of each input: activations, biases, gates."""

from __future__ import annotations

import math

from rfgraph.ops.chain import Chain
from rfgraph.ops.contrib.operands import broadcast_links, rule, vector_links
from rfgraph.ops.node import OpNode, Outcome, RuleError, UnresolvedError, broadcast
from rfgraph.ops.steps import own_link, scalar_link, scalar_links, trim_outputs
from rfgraph.relations.axis_rules import Shift
from rfgraph.relations.how import How
from rfgraph.relations.steps import Pointwise


@rule("Gelu QuickGelu SampleOp MurmurHash3", ignores="positive seed")
def unary(node: OpNode) -> Outcome:
    """An output reads the same index of the input.

    Exact. Versions: all (1).
    """
    shape = node.shape(0)
    how = How("activation", node.op_type)
    if node.op_type == "QuickGelu":
        how = How("activation", "Swish", (node.float("alpha", 1.702),))
    return Outcome((shape,), (own_link(shape, how=how),))


@rule("BiasGelu FastGelu")
def with_bias(node: OpNode) -> Outcome:
    """An output reads the same index of the input, and its place of the bias on the last axis.

    Exact. Versions: all (1).
    """
    shape = node.ranked(0, 1)
    own = own_link(shape, how=How("activation", "Gelu"))
    return Outcome((shape,), (own, *vector_links(node, 1, shape)))


@rule("BiasAdd")
def bias_add(node: OpNode) -> Outcome:
    """An output reads the same index of the input and of the residual, and its channel's bias.

    Exact by its definition; onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    shape = node.ranked(0, 1)
    node.expect_shape(2, shape)
    bias = vector_links(node, 1, shape)
    return Outcome((shape,), (own_link(shape), *bias, own_link(shape, 2)))


@rule("BiasSplitGelu")
def bias_split_gelu(node: OpNode) -> Outcome:
    """An output reads, on the last axis, its own place in the first half and in the second.

    The bias is read at the same two places.

    Exact by its definition; onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    shape = node.ranked(0, 1)
    length = shape[-1]
    if length % 2 or node.shape(1) != shape[-1:]:
        raise RuleError(
            f"requires an even last axis and a bias of its length, "
            f"found shapes {list(shape)} and {list(node.shape(1))}"
        )
    out = (*shape[:-1], length // 2)
    links = []
    for start in (0, length // 2):
        for slot, operand in ((0, shape), (1, shape[-1:])):
            shift = Shift(start, 1, length, length // 2)
            chain = Chain(operand).select([(len(operand) - 1, shift)])
            links.append(chain.add(*(() if slot == 0 else (Pointwise(out),))).link(slot))
    return Outcome((out,), tuple(links))


@rule("SwiGLU", ignores="activation_alpha activation_beta limit round_activation")
def swiglu(node: OpNode) -> Outcome:
    """An output reads the same index of the gate and of what it scales.

    Of one input that holds both it reads, on the last axis, its own place in the first half and in
    the second.

    Exact by its definition; onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    shape = node.ranked(0, 1)
    if node.has(1):
        node.expect_shape(1, shape)
        return Outcome((shape,), (own_link(shape), own_link(shape, 1)))
    half, rest = divmod(shape[-1], 2)
    if rest:
        raise RuleError(f"input 0 requires an even last axis, found shape {list(shape)}")
    axis = len(shape) - 1
    links = (Chain(shape).take(axis, start, half).link(0) for start in (0, half))
    return Outcome(((*shape[:-1], half),), tuple(links))


@rule("BiasDropout BitmaskBiasDropout BitmaskDropout", ignores="seed")
def dropout(node: OpNode) -> Outcome:
    """An output reads the same index of the data, of the residual and of the bias.

    The mask reads nothing of them. While training, or where training_mode is computed, both
    outputs also read ratio and training_mode.

    Exact by its definition; onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    shape = node.shape(0)
    links = [own_link(shape)]
    biased = node.op_type != "BitmaskDropout"
    if biased:
        links.extend((*broadcast_links(node, 1, shape), *broadcast_links(node, 2, shape)))
    mask = shape if node.op_type == "BiasDropout" else (-(-math.prod(shape) // 32),)
    slots = (3, 4) if biased else (1, 2)
    mode = node.value(slots[1]) if node.has(slots[1]) else None
    if mode is not None and (mode.data is None or mode.data.any()):
        for output, to in enumerate((shape, mask)):
            links.extend(scalar_links(node, slots, to, output))
    return trim_outputs(node, (shape, mask), links)


@rule("ScaledSiLU", ignores="alpha")
def scaled_silu(node: OpNode) -> Outcome:
    """An output reads the same index of the input, and the scale.

    Exact. Versions: all (1).
    """
    shape = node.shape(0)
    return Outcome((shape,), (own_link(shape), *scalar_links(node, [1], shape)))


@rule("GatedAdd")
def gated_add(node: OpNode) -> Outcome:
    """An output reads the same index of both terms, and the gate of its row.

    With gate_weight it reads all features that its row's gate is projected from, and the weights.

    Exact; with gate_weight by its definition, where onnxruntime has no CPU kernel to compare with.
    Versions: all (1).
    """
    shape = node.ranked(0, 1)
    node.expect_shape(1, shape)
    width = node.ranked(2, 1)[-1] if node.has(3) else 1
    gate = node.expect_shape(2, (*shape[:-1], width))
    links = [own_link(shape), own_link(shape, 1)]
    if not node.has(3):
        return Outcome((shape,), (*links, own_link(shape, 2)))
    links.append(Chain(gate).reduce([len(gate) - 1], weighted=True).broadcast(shape).link(2))
    weights = Chain(node.expect_shape(3, (width, 1))).reduce([0], weighted=True)
    links.append(weights.reshape((1,)).broadcast(shape).link(3))
    return Outcome((shape,), tuple(links))


@rule("LinearAttentionGate")
def linear_attention_gate(node: OpNode) -> Outcome:
    """Decay reads the same index of `a` and its head's parameters, beta the same index of `b`.

    Exact. Versions: all (1).
    """
    shape = node.ranked(0, 3, 3)
    links = [own_link(shape), *vector_links(node, 1, shape), *vector_links(node, 2, shape)]
    if node.has(3):
        node.expect_shape(3, shape)
        links.append(own_link(shape, 3, 1))
    return trim_outputs(node, (shape, shape), links)


@rule("ComplexMul ComplexMulConj")
def complex_mul(node: OpNode) -> Outcome:
    """An output reads both parts, real and imaginary on the last axis, of its place in both inputs.

    Exact by its definition; onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    first, second = node.ranked(0, 1), node.ranked(1, 1)
    if first[-1] != 2 or second[-1] != 2:
        raise RuleError(
            f"requires inputs with a last axis of 2, found {list(first)} and {list(second)}"
        )
    shape = broadcast(first, second)
    links = []
    for slot, operand in ((0, first), (1, second)):
        links.append(Chain(operand).reduce([len(operand) - 1], to=2).broadcast(shape).link(slot))
    return Outcome((shape,), tuple(links))


@rule("IsAllFinite", ignores="isinf_only isnan_only")
def is_all_finite(node: OpNode) -> Outcome:
    """The output reads all of every input.

    Exact by its definition; onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    links = []
    for slot in node.data_inputs():
        shape = node.shape(slot)
        links.append(Chain(shape).reduce(range(len(shape))).reshape(()).link(slot))
    return Outcome(((),), tuple(links))


@rule("QOrderedGelu", ignores="order_X order_Y")
def qordered_gelu(node: OpNode) -> Outcome:
    """An output reads the same index of the input, and the scales.

    Exact by its definition, in logical indices; onnxruntime has no CPU kernel to compare with.
    Versions: all (1).
    """
    shape = node.shape(0)
    return Outcome((shape,), (own_link(shape), *scalar_links(node, (1, 2), shape)))


@rule("QuantizeWithOrder DequantizeWithOrder", ignores="order_input order_output to")
def with_order(node: OpNode) -> Outcome:
    """An output reads the same index of the input, and the scale.

    Exact by its definition, in logical indices; onnxruntime has no CPU kernel to compare with.
    Versions: all (1).
    """
    shape = node.shape(0)
    return Outcome((shape,), (own_link(shape), scalar_link(node, 1, shape)))


@rule("QuantizeBFP DequantizeBFP", ignores="bfp_type block_dim dtype")
def block_floating_point(node: OpNode) -> Outcome:
    """The packed numbers of one bounding box share an exponent.

    Unknown: how the numbers are packed, and so the length of the packed tensor, is not said.
    Versions: all (1).
    """
    raise UnresolvedError("how block floating point numbers are packed is not known")
