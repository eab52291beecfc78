"""Operators that multiply tensors and sum over the axes they share."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from rfgraph.ops.chain import Chain
from rfgraph.ops.masked_scores import summed_steps, taken_steps, zero_elements
from rfgraph.ops.node import Array, Link, OpNode, Outcome, RuleError, broadcast
from rfgraph.ops.registry import rule
from rfgraph.ops.steps import (
    broadcasts,
    drop_axes,
    expect_broadcast,
    how_of_sum,
    matrix_kernel,
    own_link,
)
from rfgraph.relations.how import SUM, Kernel

if TYPE_CHECKING:
    from rfgraph.relations.axis_rules import Shape

# -- MatMul ----------------------------------------------------------------------------------------


def _product_shape(left: Shape, right: Shape) -> Shape:
    """Return the shape of a matrix product, numpy's rules for vectors and batches included."""
    if not left or not right or left[-1] != right[max(len(right) - 2, 0)]:
        raise RuleError(f"shapes {list(left)} and {list(right)} do not multiply")
    batch = broadcast(left[:-2], right[:-2])
    return (*batch, *left[-2:-1], *(right[-1:] if len(right) > 1 else ()))


def _factor_links(node: OpNode, slots: tuple[int, int]) -> tuple[Link, Link]:
    """Return the links of both factors: all of the shared axis, then row or column."""
    left, right = (node.shape(slot) for slot in slots)
    shape = _product_shape(left, right)
    kernels = _kernels(slots, left, right)
    hows = [
        how_of_sum(node.value(slot).constant, kernel)
        for slot, kernel in zip(reversed(slots), kernels, strict=True)
    ]
    rows = Chain(left).reduce([len(left) - 1], weighted=True)
    if len(right) == 1:
        rows.reshape(drop_axes(rows.shape, [len(left) - 1]))
    shared = max(len(right) - 2, 0)
    columns = Chain(right).reduce([shared], weighted=True)
    if len(left) == 1:
        columns.reshape(drop_axes(columns.shape, [shared]))
    rows.broadcast(shape)
    columns.broadcast(shape)
    return rows.link(slots[0], how=hows[0]), columns.link(slots[1], how=hows[1])


def _kernels(
    slots: tuple[int, int], left: Shape, right: Shape
) -> tuple[Kernel | None, Kernel | None]:
    """Return how the second factor lies for the first, and the first for the second, if stored.

    None where it is no matrix that leaves the other's axes as they are.
    """
    own, other = len(left), len(right)
    second = matrix_kernel(slots[1], right, own - 1, own - 1, transposed=True)
    axis = max(other - 2, 0)
    first = matrix_kernel(slots[0], left, axis, axis, transposed=False)
    return second if other <= max(own, 2) else None, first if own <= max(other, 2) else None


@rule("MatMul")
def matmul(node: OpNode) -> Outcome:
    """An output reads its row of the first factor and its column of the second.

    Batch axes broadcast. With stored masks (option --masks) elements that these make zero are left
    out, and what they are multiplied with.

    Exact; with stored masks an upper bound for more than 2^22 elements. All versions.
    """
    left, right = node.shape(0), node.shape(1)
    shape = _product_shape(left, right)
    for slot in (0, 1) if min(len(left), len(right)) > 1 else ():
        zero = zero_elements(node.value(slot))
        if zero is not None:
            links = _masked_factors(left, right, shape, ~zero, slot)
            hows = (how_of_sum(node.value(other).constant) for other in (1, 0))
            said = (replace(link, how=how) for link, how in zip(links, hows, strict=True))
            return Outcome((shape,), tuple(said))
    return Outcome((shape,), _factor_links(node, (0, 1)))


def _masked_factors(
    left: Shape, right: Shape, shape: Shape, kept: Array, slot: int
) -> tuple[Link, Link]:
    """Return the links of factors of which number `slot` is zero but where `kept`.

    What holds for rows and columns of the first holds for columns and rows of the second.
    """
    turned = slot == 1
    own, other = (
        (_transposing_chain(right), _transposing_chain(left))
        if turned
        else (Chain(left), Chain(right))
    )
    out = _transposing_chain(shape).shape if turned else shape
    kept = kept.reshape((1,) * (len(out) - kept.ndim) + kept.shape)
    kept = kept.swapaxes(-1, -2) if turned else kept
    own.broadcast((*(1,) * (len(out) - len(own.shape)), *own.shape))
    own.add(*summed_steps(kept, own.shape, len(out) - 1, weighted=True))
    other.broadcast((*(1,) * (len(out) - len(other.shape)), *other.shape))
    other.add(*taken_steps(kept, other.shape))
    links = []
    for chain, number in ((own, slot), (other, 1 - slot)):
        chain.broadcast(out)
        links.append(chain.add(*_transposing_chain(out).steps if turned else ()).link(number))
    return links[slot], links[1 - slot]


def _transposing_chain(shape: Shape) -> Chain:
    """Return a chain that exchanges the last two axes."""
    last = len(shape) - 1
    return Chain(shape).permute(*range(last - 1), last, last - 1)


@rule("MatMulInteger")
def matmul_integer(node: OpNode) -> Outcome:
    """An output reads its row of the first factor, its column of the second and their zero points.

    Exact. All versions.
    """
    left, right = node.shape(0), node.shape(1)
    shape = _product_shape(left, right)
    links = [*_factor_links(node, (0, 1))]
    links += _quantization_links(node, 2, shape, left, row=True)
    links += _quantization_links(node, 3, shape, right, row=False)
    return Outcome((shape,), tuple(links))


@rule("QLinearMatMul")
def qlinear_matmul(node: OpNode) -> Outcome:
    """An output reads its row of the first factor, its column of the second, and all scaling.

    Exact. All versions.
    """
    left, right = node.shape(0), node.shape(3)
    shape = _product_shape(left, right)
    links = [*_factor_links(node, (0, 3))]
    for slot in (1, 2):
        links += _quantization_links(node, slot, shape, left, row=True)
    for slot in (4, 5):
        links += _quantization_links(node, slot, shape, right, row=False)
    for slot in (6, 7):
        links += _quantization_links(node, slot, shape, left, row=True)
    return Outcome((shape,), tuple(links))


def _quantization_links(
    node: OpNode, slot: int, shape: Shape, factor: Shape, row: bool
) -> list[Link]:
    """Return the link of a scale or zero point: one value, one per row, or one per column."""
    if not node.has(slot):
        return []
    parameter = node.shape(slot)
    placed = parameter
    if math.prod(parameter) == 1:
        placed = (1,) * len(shape)
    elif len(parameter) == 1 and row and len(factor) > 1 and len(shape) > 1:
        placed = (*parameter, 1)
    if not broadcasts(placed, shape):
        raise RuleError(
            f"input {slot} requires one value or one per {'row' if row else 'column'}, "
            f"found shape {list(parameter)}"
        )
    return [Chain(parameter).reshape(placed).broadcast(shape).link(slot)]


# -- Gemm ------------------------------------------------------------------------------------------


@rule("Gemm", ignores="beta broadcast")
def gemm(node: OpNode) -> Outcome:
    """An output reads its row of the first factor, its column of the second, and the addend.

    With transA or transB, column and row change places. Exact. All versions.
    """
    (rows, inner), left = _matrix(node, 0, "transA")
    (depth, columns), right = _matrix(node, 1, "transB")
    if inner != depth:
        raise RuleError(f"requires factors that share an axis, found lengths {inner} and {depth}")
    shape = (rows, columns)
    left.reduce([1], weighted=True).broadcast(shape)
    right.reduce([0], weighted=True).broadcast(shape)
    turned = [bool(node.int(name, 0)) for name in ("transA", "transB")]
    alpha = node.float("alpha", 1.0)
    second = matrix_kernel(1, node.shape(1), int(not turned[0]), 1, not turned[1], alpha)
    first = matrix_kernel(0, node.shape(0), int(turned[1]), 0, turned[0], alpha)
    how, other = (
        how_of_sum(node.value(1).constant, second),
        how_of_sum(node.value(0).constant, first),
    )
    links = [left.link(0, how=how), right.link(1, how=other)]
    if node.has(2):
        expect_broadcast(node, 2, shape)
        links.append(own_link(shape, 2, how=SUM))
    return Outcome((shape,), tuple(links))


def _matrix(node: OpNode, slot: int, transposed: str) -> tuple[Shape, Chain]:
    chain = Chain(node.ranked(slot, 2, 2))
    if node.int(transposed, 0):
        chain.permute(1, 0)
    return chain.shape, chain
