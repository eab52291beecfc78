"""What a stored mask leaves of an attention: which scores count, and what is read through them.

A mask is added to scores before a softmax. An element whose added constant lies far enough below
the highest of its row has a weight of zero, and what that is multiplied with is not read.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from rfgraph.ops.chain import Chain
from rfgraph.ops.node import MAX_INDEX_ELEMENTS, Array, OpNode, Value
from rfgraph.ops.steps import kept_steps
from rfgraph.relations.axis_rules import Band, Listed, Rows, Shape, inverse
from rfgraph.relations.steps import Prefix, Reduce, Step

if TYPE_CHECKING:
    from collections.abc import Iterable


# exp(-87.34) is below 2**-126, the least normal number of float32 and of bfloat16.
LOW = 87.34


def compact(array: Array) -> Array:
    """Return the array with length 1 on every axis along which it is constant."""
    for axis in range(array.ndim):
        first = array.take([0], axis) if array.shape[axis] > 1 else array
        if array.shape[axis] > 1 and bool((array == first).all()):
            array = first
    return array


def masked_weights(level: Array | None, rank: int, axes: Iterable[int]) -> Array | None:
    """Return which weights of a softmax over `axes` are zero, of `rank` axes; None if none is.

    They are those whose level is by LOW or more below the highest of their row. A row that is
    masked as a whole is not cut.
    """
    if level is None or level.size == 0:
        return None
    masked = compact(np.asarray(_below_highest(level, rank, axes) <= -LOW))
    return masked if bool(masked.any()) else None


def least_margin(level: Array, masked: Array, axes: Iterable[int]) -> float:
    """Return by how much the highest level that is `masked` lies below that of its row."""
    below = _below_highest(level, masked.ndim, axes)
    return float(below[np.broadcast_to(masked, below.shape)].max())


def _below_highest(level: Array, rank: int, axes: Iterable[int]) -> Array:
    """Return by how much each level lies below the highest of its row; NaN if both are infinite."""
    level = level.reshape((1,) * (rank - level.ndim) + level.shape)
    with np.errstate(invalid="ignore"):
        return np.asarray(level - level.max(axis=tuple(axes), keepdims=True))


def kept_by_mask(node: OpNode, slot: int, keys: int, allowed: Array | None) -> Array | None:
    """Return which of `keys` the stored mask in input `slot` leaves, of four axes; None if all.

    Booleans say which, numbers are added to scores; keys that a shorter mask does not speak of are
    masked. Only those `allowed` (None: all) count beside it. What was cut, or why nothing was, is
    noted on the node.
    """
    data = node.value(slot).fetched()
    if data is None or data.dtype.kind not in "biuf":
        node.uncut = "its mask has no value in the file"
        return None
    level = np.where(data, 0, -np.inf) if data.dtype.kind == "b" else data.astype(np.float64)
    level = level.reshape((1,) * (4 - level.ndim) + level.shape)
    missing = keys - level.shape[3]
    if missing and (node.version >= 24 or level.shape[3] != 1):
        level = np.pad(level, [(0, 0)] * 3 + [(0, missing)], constant_values=-np.inf)
    if allowed is not None:
        level = np.where(allowed, level, -np.inf)
    masked = masked_weights(level, 4, [3])
    if masked is None:
        return None
    node.cut = least_margin(level, masked, [3])
    return compact(np.asarray(~masked if allowed is None else ~masked & allowed))


def zero_elements(value: Value) -> Array | None:
    """Return which elements are zero whatever the data, None if none is known to be, or all are."""
    zero = None if value.marks is None else value.marks.zero
    return None if zero is None or bool(zero.all()) else zero


# -- steps -----------------------------------------------------------------------------------------


def summed_steps(kept: Array, shape: Shape, axis: int, weighted: bool = False) -> tuple[Step, ...]:
    """Return the steps that reduce `axis` to length 1, each row reading what `kept` leaves it.

    `kept` is compacted and has as many axes; it leaves something, but not all.
    """
    others = tuple(a for a in range(len(shape)) if kept.shape[a] > 1 and a != axis)
    kept = _spread(kept, axis, shape[axis])
    if not others:
        chain = Chain(shape).add(*(kept_steps(kept, shape) or ()))
        return tuple(chain.reduce([axis], weighted).steps)
    perm = (*others, axis, *(a for a in range(len(shape)) if a not in (*others, axis)))
    flat = kept.transpose(perm).reshape(-1, shape[axis])
    lengths = tuple(shape[a] for a in others)
    band = band_of(flat) if len(others) == 1 else None
    rows = Rows(others, lengths, np.packbits(flat).tobytes(), shape[axis], band)
    return (Reduce(((axis, rows),), weighted),)


def taken_steps(kept: Array, shape: Shape) -> tuple[Step, ...]:
    """Return the steps from (..., keys, columns) to (..., queries, columns).

    A query reads the keys that `kept`, compacted and of shape (..., queries, keys), leaves it. The
    axis of the queries stays of length 1 where they all read the same; what is too large to list is
    read as a whole. Weights take part.
    """
    rank = len(shape)
    keys = rank - 2
    if bool(kept.all()):
        return tuple(Chain(shape).reduce([keys], weighted=True).steps)
    kept = _spread(kept, rank - 1, shape[keys])
    chain = Chain(shape)
    outer = [a for a in range(keys) if kept.shape[a] > 1]
    spread = tuple(kept.shape[a] if a in outer else n for a, n in enumerate(shape))
    if spread != shape:
        chain.broadcast(spread)
    if kept.shape[keys] == 1:
        chain.add(*(kept_steps(np.moveaxis(kept, -1, -2), spread) or ()))
        return tuple(chain.reduce([keys], weighted=True).steps)
    groups = math.prod(kept.shape[a] for a in outer)
    flat = kept.transpose((*outer, *(a for a in range(rank) if a not in outer)))
    flat = flat.reshape(groups, *kept.shape[-2:])
    band = band_of(flat[0]) if not outer else None
    if band is not None:
        rule = Band(*band, kept.shape[-1], kept.shape[-2])
        return tuple(chain.add(Prefix(((keys, rule),))).steps)
    if flat.size > MAX_INDEX_ELEMENTS:
        return tuple(Chain(shape).reduce([keys], weighted=True).steps)
    perm = (*outer, keys, *(a for a in range(rank) if a not in (*outer, keys)))
    moved = chain.permute(*perm).shape
    rest = moved[len(outer) + 1 :]
    lists = _lists(np.packbits(flat).tobytes(), *flat.shape)
    chain.regroup((groups * shape[keys], *rest))
    chain.taps(0, Listed(lists, groups * shape[keys]))
    chain.regroup((*moved[: len(outer)], kept.shape[-2], *rest))
    return tuple(chain.permute(*inverse(perm)).steps)


def _spread(kept: Array, axis: int, length: int) -> Array:
    return np.broadcast_to(kept, (*kept.shape[:axis], length, *kept.shape[axis + 1 :]))


def band_of(kept: Array) -> tuple[int | None, int | None] | None:
    """Return (before, after) if row i of a matrix leaves columns i - before to i + after, and some.

    None stands for all there are on that side; the result is None for any other pattern.
    """
    rows, columns = np.nonzero(kept)
    apart = np.arange(kept.shape[1])[None, :] - np.arange(kept.shape[0])[:, None]
    least, most = int((columns - rows).min()), int((columns - rows).max())
    if np.array_equal(kept, apart <= most):
        return None, most
    if np.array_equal(kept, apart >= least):
        return -least, None
    if np.array_equal(kept, (apart >= least) & (apart <= most)):
        return -least, most
    return None


@lru_cache(maxsize=8)
def _lists(bits: bytes, groups: int, rows: int, keys: int) -> tuple[tuple[int, ...], ...]:
    """Return the positions that each row of each group leaves, among (groups, keys)."""
    count = groups * rows
    flags = np.unpackbits(np.frombuffer(bits, np.uint8), count=count * keys).reshape(count, keys)
    return tuple(
        tuple((np.flatnonzero(flags[row]) + row // rows * keys).tolist()) for row in range(count)
    )
