"""Operators whose output reads all of some axes: reductions, sorting, sums along an axis."""

from __future__ import annotations

import math

import numpy as np

from rfgraph.ops.chain import Chain
from rfgraph.ops.masked_scores import least_margin, masked_weights, summed_steps
from rfgraph.ops.node import Array, Link, OpNode, Outcome, RuleError, normal_axis
from rfgraph.ops.registry import rule
from rfgraph.ops.steps import (
    drop_axes,
    norm_hows,
    normalization_links,
    own_link,
    scalar_link,
    softmax_hows,
    trim_outputs,
)
from rfgraph.relations.axis_rules import Band, Shape, Whole
from rfgraph.relations.how import MAX, MEAN, SUM, How
from rfgraph.relations.steps import Everything, Pointwise, Prefix, Reduce, Regroup

_HOWS = {"ReduceMean": MEAN, "ReduceSum": SUM, "ReduceMax": MAX, "ReduceMin": MAX}


def _reduction_outcome(
    shape: Shape, axes: tuple[int, ...], keep: bool, how: How | None = None
) -> Outcome:
    chain = Chain(shape).reduce(axes)
    if not keep:
        chain.regroup(drop_axes(shape, axes))
    return Outcome((chain.shape,), (chain.link(0, how=how),))


@rule(
    """ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd
    ReduceSum ReduceSumSquare""",
)
def reduce(node: OpNode) -> Outcome:
    """An output reads all of the reduced axes, and its own index of the others.

    Exact. Unknown: where the axes depend on data.
    Versions: the axes are an input since 13 for ReduceSum, since 18 for the others; then
    noop_with_empty_axes may turn "no axes" from all of them to none.
    """
    shape = node.shape(0)
    as_input = node.version >= (13 if node.op_type == "ReduceSum" else 18)
    given = node.known_ints(1) if as_input else node.ints("axes")
    none = as_input and node.int("noop_with_empty_axes", 0) != 0
    named = dict.fromkeys(normal_axis(axis, len(shape)) for axis in given or ())
    axes = tuple(named) if given else () if none else tuple(range(len(shape)))
    how = _HOWS.get(node.op_type)
    return _reduction_outcome(shape, axes, node.int("keepdims", 1) != 0, how)


@rule("ArgMax ArgMin", ignores="select_last_index")
def arg_extreme(node: OpNode) -> Outcome:
    """An output reads all of the axis, and its own index of the others.

    Exact. All versions.
    """
    shape = node.shape(0)
    axis = node.axis("axis", 0, len(shape))
    return _reduction_outcome(shape, (axis,), node.int("keepdims", 1) != 0)


@rule("Softmax LogSoftmax Hardmax")
def softmax(node: OpNode) -> Outcome:
    """An output reads its own index and, as a second part, all of the axis.

    With stored masks (option --masks) Softmax reads what these leave of the axis.

    Exact; an output that a stored mask makes zero counts as reading its row all the same, though
    what is multiplied with it does not count. Versions: before 13 the default axis is 1, and all
    axes from the given one on are read.
    """
    shape = node.shape(0)
    if node.version < 13:
        axes = range(node.axis("axis", 1, len(shape)), len(shape))
    else:
        axis = node.axis("axis", -1, len(shape))
        axes = range(axis, axis + 1)
    masked = _masked_weights(node, axes) if node.op_type == "Softmax" else None
    if masked is None:
        count = math.prod(shape[axis] for axis in axes)
        hows = softmax_hows(count) if node.op_type == "Softmax" else None
        return Outcome((shape,), normalization_links(shape, axes, hows))
    return Outcome((shape,), _kept_weight_links(shape, ~masked, axes))


def _masked_weights(node: OpNode, axes: range) -> Array | None:
    """Return which weights stored masks make zero, None if none."""
    marks = node.value(0).marks
    if marks is None or marks.level is None:
        return None
    level, missing = marks.level()
    masked = masked_weights(level, len(node.shape(0)), axes)
    if missing:
        node.uncut = "a constant added to its scores has no value in the file"
    if level is not None and masked is not None:
        node.cut = least_margin(level, masked, axes)
    return masked


def _kept_weight_links(shape: Shape, left: Array, axes: range) -> tuple[Link, ...]:
    """Return the links of weights: own index, and what is `left` of its row."""
    row, axis = shape, axes[0]
    if len(axes) > 1:
        row = (*shape[:axis], math.prod(shape[axis:]))
        left = np.broadcast_to(left, (*left.shape[:axis], *shape[axis:]))
        left = left.reshape((*left.shape[:axis], row[-1]))
    sums = Chain(shape).reshape(row).add(*summed_steps(left, row, axis))
    sums.reshape((*shape[:axis], *(1,) * len(axes), *shape[axes.stop :]))
    own, statistics = softmax_hows(row[axis])
    sums.broadcast(shape)
    return own_link(shape, how=own), sums.link(0, how=statistics)


@rule("LpNormalization", ignores="p")
def lp_normalization(node: OpNode) -> Outcome:
    """An output reads its own index and, as a second part, all of the axis.

    Exact. All versions.
    """
    shape = node.shape(0)
    axis = node.axis("axis", -1, len(shape))
    return Outcome((shape,), normalization_links(shape, [axis], norm_hows(shape[axis], stored=())))


@rule("TopK", ignores="largest sorted")
def top_k(node: OpNode) -> Outcome:
    """Both outputs read all of the axis, and their own index of the others.

    Exact. Unknown: where k depends on data. Versions: before 10 k is an attribute.
    """
    shape = node.ranked(0, 1)
    axis = node.axis("axis", -1, len(shape))
    counts = [node.int("k")] if node.version < 10 else node.known_ints(1)
    if not counts or len(counts) != 1 or not 0 <= counts[0] <= shape[axis]:
        raise RuleError(
            f"k requires one integer in [0, {shape[axis]}], found {counts and counts[:8]}"
        )
    steps = (Reduce(((axis, Whole(shape[axis], counts[0])),)),)
    out = Chain(shape).add(*steps).shape
    return trim_outputs(node, (out, out), (Link(0, steps, output) for output in (0, 1)))


@rule("CumSum CumProd")
def cumulative(node: OpNode) -> Outcome:
    """An output reads the axis up to its own position, or from it on with attribute reverse.

    With attribute exclusive its own position is not read. Exact. Unknown: where the axis depends on
    data. All versions.
    """
    shape = node.ranked(0, 1)
    after = -1 if node.int("exclusive", 0) else 0
    reverse = node.int("reverse", 0) != 0
    if node.has(1) and node.value(1).data is None:
        return Outcome(
            (shape,), (Link(0, (Everything(shape, unknown=True),)), scalar_link(node, 1, shape))
        )
    axes = node.known_ints(1)
    if not axes or len(axes) != 1:
        raise RuleError(f"input 1 requires one integer, the axis, found {axes and axes[:8]}")
    axis = normal_axis(axes[0], len(shape))
    before, end = (after, None) if reverse else (None, after)
    band = Band(before, end, shape[axis], shape[axis])
    how = SUM if node.op_type == "CumSum" else None
    return Outcome((shape,), (Link(0, (Prefix(((axis, band),)),), how=how),))


@rule("Multinomial", ignores="dtype seed")
def multinomial(node: OpNode) -> Outcome:
    """An output reads all classes of its row.

    Exact. All versions.
    """
    rows, classes = node.ranked(0, 2, 2)
    samples = node.int("sample_size", 1, least=1)
    return Outcome(((rows, samples),), (Link(0, (Reduce(((1, Whole(classes, samples)),)),)),))


@rule("Det")
def det(node: OpNode) -> Outcome:
    """An output reads all of its matrix.

    Exact. All versions.
    """
    shape = node.ranked(0, 2)
    if shape[-1] != shape[-2]:
        raise RuleError(f"requires square matrices, found shape {list(shape)}")
    return _reduction_outcome(shape, (len(shape) - 2, len(shape) - 1), keep=False)


@rule("DynamicQuantizeLinear")
def dynamic_quantize_linear(node: OpNode) -> Outcome:
    """An output reads its own index and, as a second part, the whole tensor through its range.

    Scale and zero point read the whole tensor. That is the range of dynamic quantization, a side
    path: past it the local paths are reported, and which operators take a range is named.

    Exact. All versions.
    """
    shape = node.shape(0)
    axes = range(len(shape))
    links = list(normalization_links(shape, axes))
    whole = Chain(shape).reduce(axes).reshape(())
    links.extend(whole.link(0, output) for output in (1, 2))
    return trim_outputs(node, (shape, (), ()), links)


# -- losses ----------------------------------------------------------------------------------------


@rule("NegativeLogLikelihoodLoss", ignores="ignore_index")
def negative_log_likelihood_loss(node: OpNode) -> Outcome:
    """An output reads the target at its place, and the input and the weight of the class it names.

    With reduction mean or sum, the output reads that of all places.

    Exact but for the classes: which one is read depends on data (unknown). All versions.
    """
    return _loss_outcome(node, known=False)


@rule("SoftmaxCrossEntropyLoss", ignores="ignore_index")
def softmax_cross_entropy_loss(node: OpNode) -> Outcome:
    """An output reads all classes and the target at its place; with mean or sum, of all places.

    The logarithms read their own index and, as a second part, all classes.

    Exact but for the weights: which one is read depends on data (unknown). All versions.
    """
    return _loss_outcome(node, known=True)


def _loss_outcome(node: OpNode, known: bool) -> Outcome:
    scores = node.ranked(0, 2)
    places = node.expect_shape(1, drop_axes(scores, (1,)))
    total = node.choice("reduction", "mean", ("none", "sum", "mean")) != "none"
    out = () if total else places
    rules = [(1, Whole(scores[1], 1, unknown=not known))]
    if total:
        rules += [(axis, Whole(scores[axis], 1)) for axis in range(len(scores)) if axis != 1]
    links = [Chain(scores).add(Reduce(tuple(rules))).reshape(out).link(0)]
    links.append(Chain(places).reduce(range(len(places)) if total else ()).reshape(out).link(1))
    if node.has(2):
        (classes,) = node.ranked(2, 1, 1)
        weight = (Reduce(((0, Whole(classes, 1, unknown=True)),)), Regroup(()), Pointwise(out))
        links.append(Link(2, weight))
    links.extend(normalization_links(scores, [1], output=1))
    return trim_outputs(node, (out, scores), links)


# -- Fourier ---------------------------------------------------------------------------------------


@rule("DFT")
def dft(node: OpNode) -> Outcome:
    """An output reads all of the signal axis, as far as dft_length goes, in both its parts.

    Upper bound: factors of the transform that are zero count as read. Unknown: where dft_length or
    the axis depends on data. Versions: since 20 the axis is an input, and -2 unless it is given.
    """
    shape = node.ranked(0, 2)
    inverse, onesided = node.int("inverse", 0) != 0, node.int("onesided", 0) != 0
    given = [node.int("axis", 1)] if node.version < 20 else _one(node, 2, -2)
    axis = normal_axis(given[0], len(shape))
    if axis == len(shape) - 1 or shape[-1] not in (1, 2):
        raise RuleError(
            f"requires a last axis of length 1 or 2 that is not transformed, "
            f"found axis {axis} of shape {list(shape)}"
        )
    real = inverse and onesided
    if onesided and shape[-1] != 1 + inverse:
        raise RuleError(f"attribute 'onesided' requires a last axis of length {1 + inverse}")
    length = _one(node, 1, 2 * (shape[axis] - 1) if real else shape[axis])[0]
    if length < 1:
        raise RuleError(f"dft_length requires at least 1, found {length}")
    half = length // 2 + 1
    chain = Chain(shape).take(axis, 0, min(shape[axis], half if real else length))
    count = half if onesided and not inverse else length
    parts = Whole(shape[-1], 1 if real else 2)
    chain.add(Reduce(((axis, Whole(chain.shape[axis], count)), (len(shape) - 1, parts))))
    return Outcome((chain.shape,), (chain.link(0),))


def _one(node: OpNode, index: int, default: int) -> list[int]:
    """Return the one integer that an optional constant input holds, as a list."""
    integers = node.known_ints(index)
    if integers is not None and len(integers) != 1:
        raise RuleError(f"input {index} requires one integer, found {len(integers)}")
    return [default] if integers is None else integers
