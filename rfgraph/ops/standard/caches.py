"""State carried from call to call: a convolution's last inputs, a cache written in place."""

from __future__ import annotations

import numpy as np

from rfgraph.ops.causal_convolutions import causal_convolution
from rfgraph.ops.chain import Chain
from rfgraph.ops.node import Array, Link, OpNode, Outcome, RuleError
from rfgraph.ops.registry import rule
from rfgraph.ops.steps import (
    is_unlistable,
    kept_steps,
    own_link,
    pick_steps,
)
from rfgraph.relations.axis_rules import Shape, Whole, along_axis, inverse
from rfgraph.relations.steps import Pointwise, Reduce, Regroup


@rule("CausalConvWithState", ignores="activation")
def causal_conv_with_state(node: OpNode) -> Outcome:
    """An output reads its channel from kernel - 1 positions before its own up to it.

    Before the first position lies the past state, or nothing. The state handed on holds the last
    kernel - 1 positions. Weights and bias that are computed are read by their channel.

    Exact. Versions: all.
    """
    node.ranked(0, 3, 3)
    return causal_convolution(node)


# -- caches ----------------------------------------------------------------------------------------


@rule("TensorScatter")
def tensor_scatter(node: OpNode) -> Outcome:
    """An output reads the update that is written there, else its own index of the past cache.

    The update goes from the write index of its element of the batch on, which is 0 where there is
    none; in mode circular it goes on at the start.

    Exact for constant write indices. Unknown along the axis where they are computed: the update may
    go anywhere, the cache is read at its own index, and the write index by its element of the
    batch. Beyond 2^20 positions constant indices count as computed. Versions: all.
    """
    shape, update = node.ranked(0, 2), node.shape(1)
    axis = node.axis("axis", -2, len(shape))
    circular = node.choice("mode", "linear", ("linear", "circular")) == "circular"
    if axis == 0:
        raise RuleError("attribute 'axis' requires an axis other than 0, the batch")
    wanted = (*shape[:axis], min(update[axis : axis + 1], default=0), *shape[axis + 1 :])
    node.expect_shape(1, wanted)
    length, count = shape[axis], wanted[axis]
    if count > length:
        raise RuleError(f"the update requires at most {length} positions, found {count}")
    if not node.has(2):
        return _write(shape, axis, count)
    node.expect_shape(2, shape[:1])
    starts = node.value(2).data
    if starts is None or is_unlistable(shape[0], length):
        placed = Reduce(((axis, Whole(count, length, unknown=True)),))
        own = Chain(shape[:1]).reshape(along_axis(shape[0], 0, len(shape)))
        links = (
            own_link(shape),
            Link(1, (placed,)),
            own.broadcast(shape).link(2),
        )
        return Outcome((shape,), links)
    return _placed_outcome(shape, axis, count, _starts(starts, length, count, circular))


def _starts(starts: Array, length: int, count: int, circular: bool) -> Array:
    if starts.dtype.kind not in "iu":
        raise RuleError(f"input 2 requires integers, found {starts.dtype}")
    if circular:
        return np.asarray(starts.astype(np.int64) % max(length, 1))
    if bool(((starts < 0) | (starts > length - count)).any()):
        raise RuleError(f"input 2 requires write indices in [0, {length - count}]")
    return starts.astype(np.int64)


def _write(shape: Shape, axis: int, count: int) -> Outcome:
    """Return the outcome of an update at the start."""
    length = shape[axis]
    written = Chain((*shape[:axis], count, *shape[axis + 1 :])).put(axis, 0, length)
    kept = Chain(shape).take(axis, count, length - count).put(axis, count, length)
    return Outcome((shape,), (kept.link(0), written.link(1)))


def _placed_outcome(shape: Shape, axis: int, count: int, starts: Array) -> Outcome:
    """Return the outcome of an update at known starts, one per element of the batch."""
    length = shape[axis]
    same = starts[:1] if len(starts) and bool((starts == starts[0]).all()) else starts
    at = (np.arange(length) - same.reshape(-1, 1)) % max(length, 1)
    at = np.where(at < count, at, -1)
    links = []
    kept = kept_steps(
        (at < 0).reshape(at.shape[0], *along_axis(length, axis, len(shape))[1:]), shape
    )
    if kept is not None:
        links.append(Link(0, (Pointwise(shape), *kept)))
    written = Chain((*shape[:axis], count, *shape[axis + 1 :]))
    if len(at) == 1:
        written.add(*pick_steps(at[0], axis, count))
    else:
        _scatter_rows(written, axis, at)
    links.append(written.link(1))
    return Outcome((shape,), tuple(links))


def _scatter_rows(chain: Chain, axis: int, at: Array) -> None:
    """Add what reads position `at` of its own element of the batch, which is axis 0."""
    rank, rows = len(chain.shape), chain.shape[0]
    perm = (0, axis, *(a for a in range(1, rank) if a != axis))
    count, length = chain.shape[axis], at.shape[1]
    flat = np.where(at < 0, -1, at + np.arange(rows).reshape(-1, 1) * count).reshape(-1)
    rest = tuple(chain.shape[a] for a in perm[2:])
    chain.permute(*perm).regroup((rows * count, *rest))
    chain.add(*pick_steps(flat, 0, rows * count), Regroup((rows, length, *rest)))
    chain.permute(*inverse(perm))
