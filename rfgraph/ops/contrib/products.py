"""onnxruntime's matrix products: fused, transposed, with weights of few bits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rfgraph.ops.chain import Chain
from rfgraph.ops.contrib.operands import (
    Operand,
    apply_standard,
    broadcast_links,
    first_shape,
    permuted_operand,
    rule,
    vector_links,
    with_links,
)
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError
from rfgraph.ops.steps import everything_links, own_link, scalar_links, trim_outputs
from rfgraph.relations.axis_rules import Shape, Whole
from rfgraph.relations.how import WEIGHTED
from rfgraph.relations.steps import Everything, Reduce

if TYPE_CHECKING:
    from collections.abc import Iterable


ACTIVATION = "activation activation_alpha activation_beta activation_gamma alpha"
WEIGHTS = "accuracy_level bits block_size"


def _column_links(node: OpNode, shape: Shape, *slots: int) -> tuple[Link, ...]:
    """Return the links of inputs that hold one value, or one per column of each product."""
    links: list[Link] = []
    for slot in slots:
        if node.has(slot):
            links_of = vector_links if len(node.shape(slot)) < 2 else broadcast_links
            links.extend(links_of(node, slot, shape))
    return tuple(links)


# -- two matrices ----------------------------------------------------------------------------------


def _factor(node: OpNode, slot: int, name: str) -> Operand:
    """Return a factor with its axes in order, as attributes trans and transBatch tell."""
    rank = len(node.shape(slot))
    axes = list(range(rank))
    if rank > 1:
        if node.int(f"transBatch{name}", 0):
            axes = [*axes[1:-1], axes[0], axes[-1]]
        if node.int(f"trans{name}", 0):
            axes[-2:] = [axes[-1], axes[-2]]
    return permuted_operand(node, slot, tuple(axes))


@rule("FusedMatMul TransposeMatMul FusedMatMulActivation", ignores=f"{ACTIVATION} activation_axis")
def fused_matmul(node: OpNode) -> Outcome:
    """An output reads its row of the first factor and its column of the second.

    transA and transB swap the last two axes of a factor. transBatchA and transBatchB first move the
    axis 0 in front of the last one, so that axes 1, 2 and so on are those of the batch.

    Exact; onnxruntime has no CPU kernel of FusedMatMulActivation to compare with. Versions: all
    (1).
    """
    return apply_standard(node, "MatMul", [_factor(node, 0, "A"), _factor(node, 1, "B")])


@rule("SparseToDenseMatMul", ignores="alpha")
def sparse_matmul(node: OpNode) -> Outcome:
    """An output reads its row of the sparse factor and its column of the dense one.

    Upper bound: places that the sparse factor does not store count as read. Versions: all (1).
    """
    return apply_standard(node, "MatMul", [_factor(node, 0, "A"), _factor(node, 1, "B")])


@rule("MatMulInteger16")
def matmul_integer16(node: OpNode) -> Outcome:
    """An output reads its row of the first factor and its column of the second.

    Exact. Versions: all (1).
    """
    return apply_standard(node, "MatMul", (0, 1))


@rule("MatMulIntegerToFloat")
def matmul_integer_to_float(node: OpNode) -> Outcome:
    """An output reads its row and column of the factors, and the quantization and bias.

    Exact. Versions: all (1).
    """
    outcome = apply_standard(node, "MatMul", (0, 1), scalars=(2, 4))
    return with_links(outcome, _column_links(node, first_shape(outcome), 3, 5, 6))


@rule("DynamicQuantizeMatMul")
def dynamic_quantize_matmul(node: OpNode) -> Outcome:
    """An output reads its row and column of the factors, and the scale, zero point and bias.

    As a second part it reads all of the first factor, whose range decides how it is quantized.

    Exact. Versions: all (1).
    """
    outcome = apply_standard(node, "MatMul", (0, 1))
    left, shape = node.shape(0), first_shape(outcome)
    chain = Chain(left).reduce(range(len(left))).reshape((1,) * len(shape)).broadcast(shape)
    return with_links(outcome, (chain.link(0),), _column_links(node, shape, 2, 3, 4))


@rule("FusedGemm", ignores=f"{ACTIVATION} beta")
def fused_gemm(node: OpNode) -> Outcome:
    """An output reads what the same Gemm reads: a row, a column and the addend.

    Exact. Versions: all (1).
    """
    return apply_standard(node, "Gemm", (0, 1, 2))


@rule("GemmFloat8", ignores="activation alpha beta dtype")
def gemm_float8(node: OpNode) -> Outcome:
    """An output reads what the same Gemm reads, and the scales.

    Exact by its definition; onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    return apply_standard(node, "Gemm", (0, 1, 2), scalars=(3, 4, 5))


@rule("QGemm", ignores="alpha")
def qgemm(node: OpNode) -> Outcome:
    """An output reads what the same Gemm reads, and the quantization.

    Exact. Versions: all (1).
    """
    outcome = apply_standard(node, "Gemm", (0, 3, 6), scalars=(1, 2, 7, 8))
    return with_links(outcome, _column_links(node, first_shape(outcome), 4, 5))


@rule("GemmFastGelu")
def gemm_fast_gelu(node: OpNode) -> Outcome:
    """An output reads its row of the input, its column of the weights and its bias.

    Exact by its definition; onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    outcome = apply_standard(node, "MatMul", (0, 1))
    return with_links(outcome, vector_links(node, 2, first_shape(outcome)))


@rule("QOrderedMatMul", ignores="order_A order_B order_Y")
def qordered_matmul(node: OpNode) -> Outcome:
    """An output reads its row and column of the factors, its addend and bias, and the scales.

    Exact by its definition, in logical indices; onnxruntime has no CPU kernel to compare with.
    Versions: all (1).
    """
    outcome = apply_standard(node, "MatMul", (0, 2), scalars=(1, 4, 7))
    shape = first_shape(outcome)
    return with_links(outcome, _column_links(node, shape, 3, 5), broadcast_links(node, 6, shape))


@rule("CDist", ignores="metric")
def cdist(node: OpNode) -> Outcome:
    """An output reads its row of the first input and, by its column, a row of the second.

    Exact. Versions: all (1).
    """
    return apply_standard(node, "MatMul", [0, permuted_operand(node, 1, (1, 0))])


@rule("Inverse")
def inverse(node: OpNode) -> Outcome:
    """An output reads all of its matrix.

    Exact. Versions: all (1).
    """
    shape = node.ranked(0, 2)
    if shape[-1] != shape[-2]:
        raise RuleError(f"requires square matrices, found shape {list(shape)}")
    rank, side = len(shape), Whole(shape[-1], shape[-1])
    matrix = ((rank - 2, side), (rank - 1, side))
    return Outcome((shape,), (Link(0, (Reduce(matrix),)),))


# -- packed weights --------------------------------------------------------------------------------


def _projection_link(node: OpNode, slot: int, inner: int, outer: int, output: int = 0) -> Link:
    """Return the link of an input whose last axis, of length `inner`, is projected to `outer`."""
    shape = node.ranked(slot, 1)
    if shape[-1] != inner or outer < 1:
        raise RuleError(
            f"requires a last axis of {inner} for {outer} outputs, found shape {list(shape)}"
        )
    reduce = Reduce(((len(shape) - 1, Whole(inner, outer)),), weighted=True)
    return Link(slot, (reduce,), output, how=WEIGHTED)


def _project(node: OpNode, inner: int, outer: int) -> tuple[Shape, Outcome]:
    """Return the shape of input 0 with its last axis projected, and what that reads of it."""
    link = _projection_link(node, 0, inner, outer)
    shape = (*node.shape(0)[:-1], outer)
    return shape, Outcome((shape,), (link,))


def _row_links(node: OpNode, slots: Iterable[int], shape: Shape, output: int = 0) -> list[Link]:
    """Return the links of optional tensors of equal rows, one per column of the output."""
    count, links = shape[-1], []
    for slot in filter(node.has, slots):
        own = node.shape(slot)
        if math.prod(own) % count:
            raise RuleError(f"input {slot} requires {count} equal rows, found shape {list(own)}")
        rows = (count, math.prod(own) // count)
        chain = Chain(own).reshape(rows).reduce([1], weighted=True)
        links.append(chain.reshape((count,)).broadcast(shape).link(slot, output))
    return links


@rule("MatMulNBits", ignores=WEIGHTS)
def matmul_n_bits(node: OpNode) -> Outcome:
    """An output reads all of its row of the input, and the weights, scales and bias of its column.

    Weights without elements, unless weight_prepacked, stand for no product: it reads the bias.

    Exact. Versions: all (1).
    """
    columns = node.int("N")
    shape, product = _project(node, node.int("K"), columns)
    if _is_empty(node, 1) and node.int("weight_prepacked", 0) == 0:
        return Outcome((shape,), vector_links(node, 5, shape))
    weights = (*_row_links(node, (1, 2, 3), shape), *everything_links(node, [4], shape))
    return with_links(product, weights, vector_links(node, 5, shape))


def _is_empty(node: OpNode, slot: int) -> bool:
    return node.has(slot) and math.prod(node.shape(slot)) == 0


@rule("MatMulNBitsQLoRA", ignores=f"{WEIGHTS} lora_bits lora_block_size")
def matmul_n_bits_qlora(node: OpNode) -> Outcome:
    """An output reads all of its row of the input, and the weights and scales of its column.

    Those are the base's and the up projection's; of the down projection it reads all. An adapter
    without elements is not read.

    Exact by its definition; onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    columns = node.int("N")
    shape, product = _project(node, node.int("K"), columns)
    up = () if _is_empty(node, 5) else (5, 6)
    down = (3, 4) if up and not _is_empty(node, 3) else ()
    weights = _row_links(node, (1, 2, *up), shape)
    return with_links(product, weights, everything_links(node, down, shape))


@rule("MatMulPacked", ignores="activation_type packed_type")
def matmul_packed(node: OpNode) -> Outcome:
    """An output reads all of its row of the input, the packed weights of its column, and the scale.

    Exact by its definition; onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    columns = node.int("N")
    shape, product = _project(node, node.int("K"), columns)
    return with_links(product, _row_links(node, [1], shape), scalar_links(node, [2], shape))


@rule("MatMulBlockQuantizedFp8Weight", ignores="block_size")
def matmul_fp8(node: OpNode) -> Outcome:
    """An output reads all of its row of the input, and the weights, scales and bias of its column.

    Exact by its definition; onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    columns, inner = node.ranked(1, 2, 2)
    return _block_quantized_outcome(node, inner, columns, (3,), 4)


@rule("MatMulBlockQuantizedFp4Weight", ignores="block_size")
def matmul_fp4(node: OpNode) -> Outcome:
    """An output reads all of its row of the input, and the weights, scales and bias of its column.

    Exact by its definition; onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    columns, inner = node.ranked(1, 2, 2)
    return _block_quantized_outcome(node, 2 * inner, columns, (3, 4), 5)


def _block_quantized_outcome(
    node: OpNode, inner: int, columns: int, scales: tuple[int, ...], bias: int
) -> Outcome:
    shape, product = _project(node, inner, columns)
    weights = _row_links(node, (1, 2), shape)
    return with_links(
        product, weights, scalar_links(node, scales, shape), vector_links(node, bias, shape)
    )


@rule("MatMulBnb4", ignores="block_size quant_type training_mode")
def matmul_bnb4(node: OpNode) -> Outcome:
    """An output reads all of its row of the input, and the packed weights.

    With transB 0 the weights work the other way, from N positions to K.

    Exact for the input; an upper bound for weights that are computed: all of them count as read.
    Versions: all (1).
    """
    inner, columns = node.int("K"), node.int("N")
    if not node.int("transB", 1):
        inner, columns = columns, inner
    shape, product = _project(node, inner, columns)
    return with_links(product, everything_links(node, (1, 2), shape))


@rule("MatMulFpQ4", ignores="blk_quant_type")
def matmul_fpq4(node: OpNode) -> Outcome:
    """An output reads all of its row of the input, and the packed weights.

    Exact for the input; an upper bound for weights that are computed: all of them count as read.
    Unknown: where the shape of the weights depends on data. Versions: all (1).
    """
    weights = node.known_ints(2) or []
    if len(weights) != 2:
        raise RuleError(f"input 2 requires 2 integers, found {weights[:8]}")
    shape, product = _project(node, *weights)
    return with_links(product, everything_links(node, [1], shape))


@rule("MatMulNBitsMlp", ignores=f"{WEIGHTS} activation epsilon")
def matmul_n_bits_mlp(node: OpNode) -> Outcome:
    """An output reads all of its row of the input and of the residual, and its columns' weights.

    The sum of input and residual reads its own index of both.

    Exact by its definition; onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    columns = node.int("N")
    shape = (*node.ranked(0, 1)[:-1], columns)
    links = [_projection_link(node, slot, node.int("K"), columns) for slot in _terms(node)]
    links.extend(_row_links(node, range(3, 9), shape))
    links.extend(everything_links(node, [2], shape))
    return trim_outputs(node, (shape, node.shape(0)), (*links, *_sum_links(node, 1)))


@rule("MatMulNBitsQkv", ignores=f"{WEIGHTS} epsilon")
def matmul_n_bits_qkv(node: OpNode) -> Outcome:
    """Each projection reads all of its row of the input and of the residual, and its weights.

    The sum of input and residual reads its own index of both.

    Exact by its definition; onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    rows = node.ranked(0, 1)[:-1]
    counts = (node.int("Nq"), node.int("Nkv"), node.int("Nkv"))
    terms = _terms(node)
    links: list[Link] = []
    for output, columns in enumerate(counts):
        shape = (*rows, columns)
        links.extend(_projection_link(node, slot, node.int("K"), columns, output) for slot in terms)
        links.extend(_row_links(node, range(3 + 3 * output, 6 + 3 * output), shape, output))
        links.append(Link(2, (Everything(shape),), output))
    shapes = (*((*rows, columns) for columns in counts), node.shape(0))
    return trim_outputs(node, shapes, (*links, *_sum_links(node, 3)))


def _terms(node: OpNode) -> list[int]:
    """Return the inputs that are added first: the data and, if it is there, the residual."""
    if not node.has(1):
        return [0]
    node.expect_shape(1, node.shape(0))
    return [0, 1]


def _sum_links(node: OpNode, output: int) -> list[Link]:
    shape = node.shape(0)
    return [own_link(shape, slot, output) for slot in _terms(node)]
