"""Operators that cut, join and pad tensors along their axes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rfgraph.ops.chain import Chain
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError, normal_axes, normal_axis
from rfgraph.ops.registry import rule
from rfgraph.ops.steps import (
    is_unlistable,
    kept_steps,
    trim_outputs,
)
from rfgraph.relations.axis_rules import Outside, Shape, Shift
from rfgraph.relations.how import SELECT
from rfgraph.relations.reading import is_identity
from rfgraph.relations.steps import Select
from rfgraph.wording.names import quote

if TYPE_CHECKING:
    from collections.abc import Sequence


# -- Pad -------------------------------------------------------------------------------------------

_OUTSIDE: dict[str, Outside] = {
    "constant": "pad",
    "reflect": "reflect",
    "edge": "edge",
    "wrap": "wrap",
}


@rule("Pad", ignores="value", how=SELECT)
def pad(node: OpNode) -> Outcome:
    """An output reads one position of the input, or none in the padding of mode constant.

    Modes edge, reflect and wrap read the nearest, the mirrored or the opposite position. Negative
    pads cut the input first. A constant_value that is computed is read by the padding.

    Exact; an upper bound for a computed constant_value where several axes are padded and have more
    than 2^20 positions together. Unknown: where the pads depend on data.
    Versions: before 11 the pads are an attribute (named paddings before 2); since 18 the axes may
    be given; since 19 there is mode wrap.
    """
    shape = node.shape(0)
    mode = node.choice("mode", "constant", tuple(_OUTSIDE))
    pads = _pads(node, shape)
    chain = Chain(shape)
    if mode == "constant":
        chain.add(
            *_kept_selects([(a, Shift(-b, 1, shape[a], shape[a] + b + e)) for a, b, e in pads])
        )
    else:
        cut = [(a, max(-b, 0), shape[a] + min(b, 0) + min(e, 0)) for a, b, e in pads]
        chain.add(*_kept_selects([(a, Shift(start, 1, shape[a], left)) for a, start, left in cut]))
        chain.add(*_kept_selects([(a, _pad_rule(mode, b, e, chain.shape[a])) for a, b, e in pads]))
    if not chain.steps:
        chain.broadcast(shape)
    links = [chain.link(0)]
    if mode == "constant" and node.version >= 11 and node.has(2):
        links.extend(_fill_links(node, shape, chain.shape, pads))
    return Outcome((chain.shape,), tuple(links))


def _pads(node: OpNode, shape: Shape) -> list[tuple[int, int, int]]:
    """Return axis, begin and end of every axis that is named; what remains must not be negative."""
    if node.version < 11:
        sides = node.ints("paddings" if node.version < 2 else "pads")
    else:
        sides = node.known_ints(1)
    named = node.known_ints(3) if node.version >= 18 else None
    axes = range(len(shape)) if named is None else normal_axes(named, len(shape))
    count = len(axes)
    if sides is None or len(sides) != 2 * count:
        raise RuleError(f"requires {2 * count} pads, found {None if sides is None else len(sides)}")
    pads = list(zip(axes, sides[:count], sides[count:], strict=True))
    for axis, begin, end in pads:
        if shape[axis] + begin + end < 0:
            raise RuleError(
                f"pads {begin} and {end} cut more than the {shape[axis]} of axis {axis}"
            )
    return pads


def _kept_selects(shifts: list[tuple[int, Shift]]) -> tuple[Select, ...]:
    rules = tuple((axis, shift) for axis, shift in shifts if not is_identity(shift))
    return (Select(rules),) if rules else ()


def _pad_rule(mode: str, begin: int, end: int, length: int) -> Shift:
    outside = _OUTSIDE[mode]
    begin, end = max(begin, 0), max(end, 0)
    if length < (begin + end > 0):
        raise RuleError(f"mode {quote(mode)} requires an axis of 1 position, found {length}")
    if outside == "reflect" and max(begin, end) >= max(length, 1):
        raise RuleError(
            f"mode {quote(mode)} requires pads below the {length} of the axis, "
            f"found {begin} and {end}"
        )
    return Shift(-begin, 1, length, length + begin + end, outside)


def _fill_links(
    node: OpNode, shape: Shape, out: Shape, pads: Sequence[tuple[int, int, int]]
) -> list[Link]:
    """Return the link of constant_value, which only the padding reads."""
    constant = node.shape(2)
    if math.prod(constant) != 1:
        raise RuleError(f"input 2 requires one element, found shape {list(constant)}")
    fill = Chain(constant).reshape((1,) * len(out)).broadcast(out)
    sides = {a: (b, b + shape[a]) for a, b, e in pads if b > 0 or e > 0}
    if is_unlistable(*(out[axis] for axis in sides)):
        return [fill.link(2)]
    inside = np.ones((1,) * len(out), dtype=bool)
    for axis, (start, stop) in sides.items():
        at = np.arange(out[axis])
        line = [-1 if a == axis else 1 for a in range(len(out))]
        inside = inside & ((at >= start) & (at < stop)).reshape(line)
    kept = kept_steps(~inside, out)
    return [] if kept is None else [fill.add(*kept).link(2)]


# -- slices ----------------------------------------------------------------------------------------


_ENDLESS = ((1 << 31) - 1, (1 << 63) - 1)


@rule("Slice", how=SELECT)
def slice_(node: OpNode) -> Outcome:
    """Output o reads position start + o*step on each sliced axis.

    Exact. Unknown: where starts, ends, axes or steps depend on data.
    Versions: before 10 these are attributes, and there are no steps.
    """
    if node.version >= 10:
        starts, ends, axes, steps = (node.known_ints(slot) for slot in (1, 2, 3, 4))
        return _slice_outcome(node, starts, ends, axes, steps)
    return _slice_outcome(node, node.ints("starts"), node.ints("ends"), node.ints("axes"), None)


@rule("DynamicSlice", how=SELECT)
def dynamic_slice(node: OpNode) -> Outcome:
    """Output o reads position start + o on each sliced axis.

    Exact. Unknown: where starts, ends or axes depend on data. Versions: an onnxruntime operator
    that came before Slice-10.
    """
    starts, ends, axes = (node.known_ints(slot) for slot in (1, 2, 3))
    return _slice_outcome(node, starts, ends, axes, None)


def _slice_outcome(
    node: OpNode,
    starts: list[int] | None,
    ends: list[int] | None,
    axes: list[int] | None,
    steps: list[int] | None,
) -> Outcome:
    shape = node.shape(0)
    if starts is None or ends is None:
        raise RuleError("requires starts and ends, found none")
    count = len(starts)
    axes = list(range(count)) if axes is None else axes
    steps = [1] * count if steps is None else steps
    if not count == len(ends) == len(axes) == len(steps):
        raise RuleError(
            f"requires as many starts as ends, axes and steps, "
            f"found {count}, {len(ends)}, {len(axes)} and {len(steps)}"
        )
    shifts = [
        (axis, _shift(starts[i], ends[i], steps[i], shape[axis]))
        for i, axis in enumerate(normal_axes(axes, len(shape)))
    ]
    chain = Chain(shape).select(shifts)
    return Outcome((chain.shape,), (chain.link(0),))


def _shift(start: int, end: int, step: int, length: int) -> Shift:
    """Return the slice of an axis; bounds are clamped, on the way back down to just below 0.

    The largest integer as end means the last position on the way, in onnxruntime on the way back
    too, where the specification has an empty slice.
    """
    if step == 0:
        raise RuleError("steps requires values other than 0, found 0")
    if step < 0 and end in _ENDLESS:
        end = -length - 1
    start, end = (at + length if at < 0 else at for at in (start, end))
    if step > 0:
        start, end = min(max(start, 0), length), min(max(end, 0), length)
    else:
        start, end = max(min(start, length - 1), 0), max(min(end, length - 1), -1)
    count = max(0, -(-(end - start) // step)) if length else 0
    return Shift(start if count else 0, step if count else 1, length, count)


@rule("Split", how=SELECT)
def split(node: OpNode) -> Outcome:
    """An output reads the same index behind the parts before it.

    Exact. Unknown: where the lengths depend on data.
    Versions: the lengths are an input in 1 and since 13, an attribute before 13; since 18 the last
    of num_outputs equal parts may be shorter.
    """
    shape = node.ranked(0, 1)
    axis = node.axis("axis", 0, len(shape))
    if not node.n_outputs:
        raise RuleError("requires at least one output, found none")
    lengths = _lengths(node, shape[axis])
    if len(lengths) != node.n_outputs or min(lengths) < 0 or sum(lengths) != shape[axis]:
        raise RuleError(
            f"requires {node.n_outputs} lengths of at least 0 that add up to {shape[axis]}, "
            f"found {lengths[:8]}"
        )
    shapes: list[Shape] = []
    links = []
    offset = 0
    for output, length in enumerate(lengths):
        chain = Chain(shape).take(axis, offset, length)
        shapes.append(chain.shape)
        links.append(chain.link(0, output))
        offset += length
    return trim_outputs(node, shapes, links)


def _lengths(node: OpNode, length: int) -> list[int]:
    lengths = node.ints("split") if node.version < 13 else None
    if lengths is None and (node.version < 2 or node.version >= 13):
        lengths = node.known_ints(1)
    if lengths is not None:
        return lengths
    count = node.n_outputs
    if node.version >= 18:
        parts = node.int("num_outputs")
        if parts != count:
            raise RuleError(f"attribute 'num_outputs' requires {count}, found {parts}")
        size = -(-length // count)
        return [*([size] * (count - 1)), length - size * (count - 1)]
    if length % count:
        raise RuleError(f"requires a length that {count} outputs divide, found {length}")
    return [length // count] * count


@rule("Concat")
def concat(node: OpNode) -> Outcome:
    """An output reads the same index of the one input that lies there, behind those before it.

    Exact. Versions: before 4 the axis is 1 unless it is given.
    """
    slots = node.data_inputs()
    if not slots:
        raise RuleError("requires at least one input, found none")
    shapes = [node.ranked(slot, 1) for slot in slots]
    first = shapes[0]
    axis = normal_axis(node.int("axis", 1 if node.version < 4 else None), len(first))
    if len({(len(s), s[:axis], s[axis + 1 :]) for s in shapes}) > 1:
        listed = " and ".join(str(list(shape)) for shape in shapes[:4])
        raise RuleError(f"requires inputs that differ along axis {axis} only, found {listed}")
    total = sum(shape[axis] for shape in shapes)
    links = []
    offset = 0
    for slot, shape in zip(slots, shapes, strict=True):
        links.append(Chain(shape).put(axis, offset, total).link(slot, how=SELECT))
        offset += shape[axis]
    return Outcome(((*first[:axis], total, *first[axis + 1 :]),), tuple(links))


# -- crops -----------------------------------------------------------------------------------------


@rule("CenterCropPad", how=SELECT)
def center_crop_pad(node: OpNode) -> Outcome:
    """An output reads the position that lies as far from the middle; nothing in the padding.

    Exact. Unknown: where the shape depends on data. All versions.
    """
    shape = node.shape(0)
    wanted = node.known_ints(1)
    named = node.ints("axes")
    axes = tuple(range(len(shape))) if named is None else normal_axes(named, len(shape))
    if wanted is None or len(wanted) != len(axes) or min(wanted, default=0) < 0:
        raise RuleError(
            f"input 1 requires {len(axes)} lengths of at least 0, found {wanted and wanted[:8]}"
        )
    shifts = []
    for axis, length in zip(axes, wanted, strict=True):
        excess = shape[axis] - length
        begin = excess // 2 if excess > 0 else -(-excess // 2)
        shifts.append((axis, Shift(begin, 1, shape[axis], length)))
    chain = Chain(shape).select(shifts)
    return Outcome((chain.shape,), (chain.link(0),))


@rule("Crop", how=SELECT)
def crop(node: OpNode) -> Outcome:
    """An output reads the same position behind the border that is cut.

    Exact. Versions: an onnxruntime operator of the first operator set.
    """
    shape = node.ranked(0, 4, 4)
    border = node.ints("border")
    if border is None or len(border) != 4 or min(border) < 0:
        raise RuleError(f"attribute 'border' requires 4 integers of at least 0, found {border}")
    left, top, right, bottom = border
    scale = node.ints("scale") or [shape[2] - top - bottom, shape[3] - left - right]
    if len(scale) != 2:
        raise RuleError(f"attribute 'scale' requires 2 integers, found {len(scale)}")
    height, width = scale
    if not 0 <= height <= shape[2] - top or not 0 <= width <= shape[3] - left:
        raise RuleError(f"border {border} leaves nothing of shape {list(shape)}")
    shifts = [(2, Shift(top, 1, shape[2], height)), (3, Shift(left, 1, shape[3], width))]
    chain = Chain(shape).select(shifts)
    return Outcome((chain.shape,), (chain.link(0),))
