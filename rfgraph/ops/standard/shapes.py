"""Operators that give the same elements, or copies of them, under another shape or order."""

from __future__ import annotations

import math

from rfgraph.ops.chain import Chain
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError, broadcast, normal_axes, normal_axis
from rfgraph.ops.registry import rule
from rfgraph.ops.steps import drop_axes, own_link
from rfgraph.relations.axis_rules import Repeat, Shape
from rfgraph.relations.how import SELECT
from rfgraph.relations.steps import Permute, Pointwise, Regroup, Select


def _as(shape: Shape, target: Shape) -> Outcome:
    return Outcome((target,), (Chain(shape).reshape(target).link(0),))


@rule("Reshape", ignores="consumed_inputs", how=SELECT)
def reshape(node: OpNode) -> Outcome:
    """An output reads the one element at the same place in row-major order.

    Exact. Unknown: where the target shape depends on data.
    Versions: before 5 the shape is an attribute; since 14 allowzero keeps a 0 as a length.
    """
    shape = node.shape(0)
    wanted = node.ints("shape") if node.version < 5 else node.known_ints(1)
    if wanted is None:
        raise RuleError("requires a shape, which is missing")
    keep_zero = node.version >= 14 and node.int("allowzero", 0) != 0
    return _as(shape, _target(shape, wanted, keep_zero))


def _target(shape: Shape, wanted: list[int], keep_zero: bool) -> Shape:
    target = list(wanted)
    for axis, length in enumerate(wanted):
        if length == 0 and not keep_zero:
            if axis >= len(shape):
                raise RuleError(f"shape {wanted[:8]} copies axis {axis}, found input {list(shape)}")
            target[axis] = shape[axis]
    free = [axis for axis, length in enumerate(wanted) if length == -1]
    if len(free) > 1 or min(target, default=0) < -1:
        raise RuleError(
            f"shape requires lengths of at least 0 and one -1 at most, found {wanted[:8]}"
        )
    if free:
        rest = -math.prod(target)
        if rest == 0 or math.prod(shape) % rest:
            raise RuleError(f"an input of shape {list(shape)} cannot be reshaped to {wanted[:8]}")
        target[free[0]] = math.prod(shape) // rest
    if math.prod(target) != math.prod(shape):
        raise RuleError(f"an input of shape {list(shape)} cannot be reshaped to {wanted[:8]}")
    return tuple(target)


@rule("Flatten", how=SELECT)
def flatten(node: OpNode) -> Outcome:
    """An output reads the one element at the same place in row-major order.

    Exact. Versions: since 11 the axis may be negative.
    """
    shape = node.shape(0)
    axis = node.int("axis", 1)
    if axis != len(shape):
        axis = normal_axis(axis, len(shape))
    return _as(shape, (math.prod(shape[:axis]), math.prod(shape[axis:])))


def _axes(node: OpNode) -> list[int] | None:
    return node.ints("axes") if node.version < 13 else node.known_ints(1)


@rule("Squeeze", how=SELECT)
def squeeze(node: OpNode) -> Outcome:
    """An output reads the same element; axes of length 1 are dropped (all, unless some are named).

    Exact. Versions: before 13 the axes are an attribute.
    """
    shape = node.shape(0)
    named = _axes(node)
    if not named:
        return _as(shape, tuple(length for length in shape if length != 1))
    axes = {normal_axis(axis, len(shape)) for axis in named}
    for axis in axes:
        if shape[axis] != 1:
            raise RuleError(f"axis {axis} requires length 1, found {shape[axis]}")
    return _as(shape, drop_axes(shape, axes))


@rule("Unsqueeze", how=SELECT)
def unsqueeze(node: OpNode) -> Outcome:
    """An output reads the same element; axes of length 1 are added.

    Exact. Versions: before 13 the axes are an attribute.
    """
    shape = node.shape(0)
    named = _axes(node)
    if named is None:
        raise RuleError("requires axes, which are missing")
    rank = len(shape) + len(named)
    axes = set(normal_axes(named, rank))
    lengths = iter(shape)
    return _as(shape, tuple(1 if axis in axes else next(lengths) for axis in range(rank)))


@rule("Transpose", how=SELECT)
def transpose(node: OpNode) -> Outcome:
    """An output reads the element whose index is permuted as attribute perm says.

    Exact. All versions.
    """
    shape = node.shape(0)
    perm = node.ints("perm")
    if perm is None:
        perm = list(reversed(range(len(shape))))
    if sorted(perm) != list(range(len(shape))):
        raise RuleError(
            f"attribute 'perm' requires a permutation of {len(shape)} axes, found {perm[:8]}"
        )
    out = tuple(shape[axis] for axis in perm)
    same = perm == sorted(perm)
    return Outcome((out,), (Link(0, (Pointwise(shape) if same else Permute(tuple(perm)),)),))


@rule("Expand", how=SELECT)
def expand(node: OpNode) -> Outcome:
    """An output reads the same index; an axis of length 1 is read at 0.

    Exact. Unknown: where the shape depends on data. All versions.
    """
    wanted = node.known_ints(1)
    if wanted is None or min(wanted, default=0) < 0:
        raise RuleError(f"input 1 requires lengths of at least 0, found {wanted and wanted[:8]}")
    shape = broadcast(node.shape(0), tuple(wanted))
    return Outcome((shape,), (own_link(shape),))


@rule("Tile", how=SELECT)
def tile(node: OpNode) -> Outcome:
    """An output reads its own position modulo the input's length, on each axis.

    Exact. Unknown: where the repeats depend on data.
    Versions: before 6 one axis is repeated.
    """
    shape = node.shape(0)
    repeats = _repeats_of_one(node, shape) if node.version < 6 else node.known_ints(1)
    if repeats is None or len(repeats) != len(shape) or min(repeats, default=0) < 0:
        raise RuleError(
            f"input 1 requires {len(shape)} repeats of at least 0, found {repeats and repeats[:8]}"
        )
    rules = tuple(
        (axis, Repeat(length, length * count))
        for axis, (length, count) in enumerate(zip(shape, repeats, strict=True))
        if count != 1
    )
    if not rules:
        return _as(shape, shape)
    chain = Chain(shape).add(Select(rules))
    return Outcome((chain.shape,), (chain.link(0),))


def _repeats_of_one(node: OpNode, shape: Shape) -> list[int]:
    tiles, axis = node.known_ints(1), node.known_ints(2)
    if not tiles or not axis or len(tiles) != 1 or len(axis) != 1:
        raise RuleError("inputs 1 and 2 require one integer each, the repeats and the axis")
    repeats = [1] * len(shape)
    repeats[normal_axis(axis[0], len(shape))] = tiles[0]
    return repeats


@rule("DepthToSpace", how=SELECT)
def depth_to_space(node: OpNode) -> Outcome:
    """An output reads one element: the channels of a position become a block of positions.

    Exact. Versions: since 11 attribute mode tells how the channels are ordered.
    """
    batch, channels, *space = node.ranked(0, 4, 4)
    block = node.int("blocksize", least=1)
    crd = node.choice("mode", "DCR", ("DCR", "CRD")) == "CRD"
    depth, rest = divmod(channels, block * block)
    if rest:
        raise RuleError(f"requires a multiple of {block * block} channels, found {channels}")
    split = (depth, block, block) if crd else (block, block, depth)
    perm = (0, 1, 4, 2, 5, 3) if crd else (0, 3, 4, 1, 5, 2)
    out = (batch, depth, space[0] * block, space[1] * block)
    steps = (Regroup((batch, *split, *space)), Permute(perm), Regroup(out))
    return Outcome((out,), (Link(0, steps),))


@rule("SpaceToDepth", how=SELECT)
def space_to_depth(node: OpNode) -> Outcome:
    """An output reads one element: a block of positions becomes the channels of a position.

    Exact. Versions: since 28 attribute mode tells how the channels are ordered.
    """
    batch, channels, height, width = node.ranked(0, 4, 4)
    block = node.int("blocksize", least=1)
    crd = node.choice("mode", "DCR", ("DCR", "CRD")) == "CRD"
    if height % block or width % block:
        raise RuleError(f"requires lengths that are multiples of {block}, found {[height, width]}")
    rows, columns = height // block, width // block
    perm = (0, 1, 3, 5, 2, 4) if crd else (0, 3, 5, 1, 2, 4)
    out = (batch, channels * block * block, rows, columns)
    split = Regroup((batch, channels, rows, block, columns, block))
    return Outcome((out,), (Link(0, (split, Permute(perm), Regroup(out))),))


@rule("Optional OptionalGetElement", ignores="type", how=SELECT)
def optional(node: OpNode) -> Outcome:
    """An output reads the same index of the input that is wrapped or unwrapped.

    Exact. All versions.
    """
    if not node.has(0):
        return Outcome((None,))
    return _as(node.shape(0), node.shape(0))
