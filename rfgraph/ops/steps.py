"""Steps that several families build: constant index lists, masks, statistics, parameters."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from rfgraph.errors import BoundError
from rfgraph.ops.chain import Chain
from rfgraph.ops.node import MAX_INDEX_ELEMENTS, Array, Link, OpNode, Outcome, RuleError
from rfgraph.relations.axis_rules import Pick, Resample, Shape, Shift, along_axis, inverse
from rfgraph.relations.how import PRODUCT, How, Kernel, Scaling
from rfgraph.relations.reading import is_identity
from rfgraph.relations.steps import Everything, Pointwise, Regroup, Select, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


MAX_FLAT_ELEMENTS = 1 << 20


def trim_outputs(node: OpNode, shapes: Sequence[Shape | None], links: Iterable[Link]) -> Outcome:
    """Return the outcome of an operator of optional outputs, trimmed to those that are there."""
    there = [output for output, named in enumerate(node.outputs) if named]
    kept = tuple(link for link in links if link.output in there)
    return Outcome(tuple(shapes[: node.n_outputs]), kept)


def check_index_count(count: int, what: str) -> int:
    """Return `count` if a list of so many indices may be made; raise BoundError otherwise."""
    if count > MAX_INDEX_ELEMENTS:
        raise BoundError(
            f"{what} takes {count} indices, more than MAX_INDEX_ELEMENTS ({MAX_INDEX_ELEMENTS})"
        )
    return count


def is_unlistable(*lengths: int) -> bool:
    """Whether axes of these lengths are too long to list every combination of positions."""
    return math.prod(max(length, 1) for length in lengths) > MAX_FLAT_ELEMENTS


def repeat_rule(count: int, groups: int) -> Resample:
    """Return the axis rule by which each of `groups` positions serves equally many of `count`."""
    return Resample(Fraction(groups, count), Fraction(0), "floor", groups, count)


def drop_axes(shape: Shape, axes: Iterable[int]) -> Shape:
    """Return `shape` with `axes` left out."""
    dropped = set(axes)
    return tuple(length for axis, length in enumerate(shape) if axis not in dropped)


def own_link(shape: Shape, slot: int = 0, output: int = 0, how: How | None = None) -> Link:
    """Return the link by which an output of `shape` reads its own index of an input."""
    return Link(slot, (Pointwise(shape),), output, how=how)


def normalization_links(
    shape: Shape, axes: Iterable[int], hows: tuple[How, How] | None = None, output: int = 0
) -> tuple[Link, ...]:
    """Return the links of an output that reads its own index and, as second part, `axes` whole.

    `hows` say how the two parts enter the output.
    """
    first, second = hows or (None, None)
    own = own_link(shape, 0, output, how=first)
    statistics = Chain(shape).reduce(axes)
    if not statistics.steps:
        return (own,)
    return own, statistics.broadcast(shape).link(0, output, how=second)


def norm_hows(
    count: int, *, by_channel: bool = False, stored: tuple[Scaling, ...] | None = None
) -> tuple[How, How]:
    """Return how `count` elements that are normalized together enter: own index, statistics.

    `stored` are the parameters by which the result is multiplied; () if there are none.
    """
    values = (count, int(by_channel))
    return How("norm", "own", values, stored), How("norm", "statistics", values, stored)


def softmax_hows(count: int) -> tuple[How, How]:
    """Return how `count` elements that share a sum of one enter: own index, statistics."""
    return How("softmax", "own", (count,)), How("softmax", "statistics", (count,))


def how_of_sum(constant: bool, kernel: Kernel | None = None) -> How:
    """Return how a sum of products enters, by whether the other factor is constant.

    `kernel` says how that lies in the file.
    """
    return How("weighted", stored=kernel) if constant else PRODUCT


def matrix_kernel(
    slot: int, shape: Shape, reads: int, gives: int, transposed: bool, scale: float = 1.0
) -> Kernel | None:
    """Return how a matrix of weights lies that multiplies axis `reads`; None if it is no matrix.

    It lies by result and what is read, or, `transposed`, the other way round.
    """
    if len(shape) < 2 or math.prod(shape[:-2]) != 1:
        return None
    return Kernel(slot, (1, *shape[-2:]), reads, gives, transposed, scale)


def how_of_scale(node: OpNode, slot: int, shape: Shape, axis: int = 1) -> Scaling:
    """Return how a vector that belongs to `axis` multiplies; one element goes for all."""
    return Scaling(slot, (math.prod(node.shape(slot)), *(1,) * (len(shape) - 1 - axis)))


def broadcasts(found: Shape, shape: Shape) -> bool:
    """Whether a tensor of shape `found` broadcasts to `shape` and does not make it larger."""
    pairs = zip(reversed(found), reversed(shape), strict=False)
    return len(found) <= len(shape) and all(own in (1, length) for own, length in pairs)


def expect_broadcast(node: OpNode, index: int, shape: Shape) -> Shape:
    """Return the shape of input `index`, which must broadcast to `shape`."""
    own = node.shape(index)
    if not broadcasts(own, shape):
        raise RuleError(
            f"input {index} requires a shape that broadcasts to {list(shape)}, found {list(own)}"
        )
    return own


def scalar_link(node: OpNode, index: int, shape: Shape, output: int = 0) -> Link:
    """Return the link of an input of one element that every output reads."""
    scalar = node.shape(index)
    if math.prod(scalar) != 1:
        raise RuleError(f"input {index} requires one element, found shape {list(scalar)}")
    steps = (Regroup(()),) if len(scalar) > len(shape) else ()
    return Link(index, (*steps, Pointwise(shape)), output)


def scalar_links(node: OpNode, slots: Iterable[int], shape: Shape, output: int = 0) -> list[Link]:
    """Return the links of optional inputs of one element that every output reads."""
    return [scalar_link(node, slot, shape, output) for slot in slots if node.has(slot)]


def everything_links(
    node: OpNode, slots: Iterable[int], shape: Shape, output: int = 0, unknown: bool = False
) -> Iterator[Link]:
    """Yield links by which an output reads all of the given inputs."""
    for slot in slots:
        if node.has(slot):
            yield Link(slot, (Everything(shape, unknown),), output)


def unknown_links(
    node: OpNode, slots: Sequence[int], shapes: Iterable[Shape | None], first: int = 0
) -> Iterator[Link]:
    """Yield links by which outputs, from `first` on, may read all of the given inputs."""
    for output, shape in enumerate(shapes, first):
        yield from everything_links(node, slots, shape or (), output, unknown=True)


def parameter_links(
    node: OpNode, index: int, shape: Shape, axis: int, output: int = 0
) -> tuple[Link, ...]:
    """Return the link of a vector that belongs to `axis` of a tensor of `shape`.

    One element goes for every position.
    """
    parameter = node.shape(index)
    if math.prod(parameter) == 1:
        target: Shape = (1,) * len(shape)
    elif len(parameter) == 1 and axis < len(shape) and parameter[0] == shape[axis]:
        target = along_axis(parameter[0], axis, len(shape))
    else:
        wanted = shape[axis] if axis < len(shape) else 1
        raise RuleError(f"input {index} requires {wanted} elements, found shape {list(parameter)}")
    return (Chain(parameter).reshape(target).broadcast(shape).link(index, output),)


# -- constant indices ------------------------------------------------------------------------------


def normal_indices(indices: Array, length: int, what: str = "indices") -> Array:
    """Return the integers of `indices` counted from the start of an axis of `length`."""
    if indices.dtype.kind not in "iu":
        raise RuleError(f"{what} requires integers, found {indices.dtype}")
    check_index_count(indices.size, what)
    signed = indices.astype(np.int64)
    if signed.size and not -length <= int(signed.min()) <= int(signed.max()) < length:
        raise RuleError(
            f"{what} requires values in [{-length}, {length - 1}], found {_range_text(signed)}"
        )
    return np.where(signed < 0, signed + length, signed)


def _range_text(values: Array) -> str:
    return f"{int(values.min())} to {int(values.max())}"


def lines_along(values: Array, axis: int) -> Array:
    """Return a matrix of the lines of `values` along `axis`, one per row."""
    length = values.shape[axis]
    return np.moveaxis(values, axis, -1).reshape(math.prod(values.shape) // max(length, 1), length)


def separate_positions(components: list[Array]) -> list[Array] | None:
    """Return one list of positions per component if the indices are all combinations of them."""
    if components[0].ndim != len(components) or components[0].size == 0:
        return None
    lists = []
    for axis, component in enumerate(components):
        line = component[tuple(slice(None) if a == axis else 0 for a in range(component.ndim))]
        shaped = line.reshape(along_axis(len(line), axis, component.ndim))
        if not np.array_equal(component, np.broadcast_to(shaped, component.shape)):
            return None
        lists.append(line)
    return lists


def pick_steps(indices: Array, axis: int, in_len: int) -> tuple[Step, ...]:
    """Return the steps by which position o of `axis` reads `indices[o]`, nothing if negative.

    An arithmetic progression is a slice; with nothing around it, a slice put into an empty axis.
    """
    there = np.flatnonzero(indices >= 0)
    if len(there) == 0 or len(there) != there[-1] - there[0] + 1:
        return (_pick(indices, axis, in_len),)
    before, run = int(there[0]), indices[there]
    gaps = np.diff(run)
    if len(gaps) and (gaps[0] == 0 or not np.all(gaps == gaps[0])):
        return (_pick(indices, axis, in_len),)
    cut = Shift(int(run[0]), int(gaps[0]) if len(gaps) else 1, in_len, len(run))
    put = Shift(-before, 1, len(run), len(indices), "absent")
    return tuple(Select(((axis, shift),)) for shift in (cut, put) if not is_identity(shift))


def _pick(indices: Array, axis: int, in_len: int) -> Select:
    return Select(((axis, Pick(tuple(indices.tolist()), in_len)),))


def kept_steps(kept: Array, shape: Shape) -> tuple[Step, ...] | None:
    """Return the steps that leave of a tensor of `shape` only where `kept`, broadcast, is true.

    None if nothing is left. Beyond MAX_FLAT_ELEMENTS positions that vary, all is left.
    """
    kept = kept.reshape((1,) * (len(shape) - kept.ndim) + kept.shape)
    if kept.size > MAX_INDEX_ELEMENTS:
        return ()
    for axis in range(kept.ndim):
        first = kept.take([0], axis) if kept.shape[axis] else kept
        if kept.shape[axis] > 1 and np.array_equal(kept, np.broadcast_to(first, kept.shape)):
            kept = first
    if not kept.any():
        return None
    varying = [axis for axis in range(kept.ndim) if kept.shape[axis] > 1]
    sides = [kept.any(axis=tuple(a for a in range(kept.ndim) if a != axis)) for axis in varying]
    if int(kept.sum()) == math.prod(int(side.sum()) for side in sides):
        return tuple(
            step
            for axis, side in zip(varying, sides, strict=True)
            for step in pick_steps(_own_positions(np.asarray(side)), axis, shape[axis])
        )
    return _flat_kept(kept, varying, shape)


def _own_positions(kept: Array) -> Array:
    return np.where(kept, np.arange(len(kept)), -1)


def _flat_kept(kept: Array, varying: list[int], shape: Shape) -> tuple[Step, ...]:
    if kept.size > MAX_FLAT_ELEMENTS:
        return ()
    perm = (*varying, *(axis for axis in range(len(shape)) if axis not in varying))
    chain = Chain(shape).permute(*perm)
    moved = chain.shape
    flat = _own_positions(kept.reshape(-1))
    chain.add(Regroup((kept.size, *moved[len(varying) :])), *pick_steps(flat, 0, kept.size))
    return tuple(chain.regroup(moved).permute(*inverse(perm)).steps)
