"""Operators that sample their data where other data says: DeformConv, regions, grids."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rfgraph.ops.chain import Chain
from rfgraph.ops.convolutions import Convolution, channel_links, channel_rule, convolution, groups
from rfgraph.ops.node import Array, Link, OpNode, Outcome, RuleError
from rfgraph.ops.registry import rule
from rfgraph.ops.steps import check_index_count
from rfgraph.relations.axis_rules import Listed, Whole
from rfgraph.relations.steps import Pointwise, Reduce, Regroup, Taps


@rule("DeformConv")
def deform_conv(node: OpNode) -> Outcome:
    """An output reads its own window's offsets and masks, and data wherever the offsets point.

    Of the offsets and masks it reads those at its own spatial index, of the offset groups that its
    channels lie in. Weights that are not constant are read whole by the output channel they belong
    to.

    Unknown: the spatial positions of the data, which the offsets decide; the channels of the data
    are those of the group, exactly. Versions: all (19, 22).
    """
    conv = convolution(node)
    channels = Reduce(
        ((1, channel_rule(conv.group, conv.in_shape[1], conv.shape[1])),), weighted=True
    )
    anywhere = Reduce(
        tuple((a, Whole(conv.in_shape[a], conv.shape[a], unknown=True)) for a in conv.spatial)
    )
    links = [Link(0, (anywhere, channels), spatial=conv.spatial)]
    if not node.value(1).constant:
        links.append(conv.weight_link(1, node.shape(1)))
    taps = math.prod(node.shape(1)[2:])
    links.append(_offset_link(node, conv, 2, taps * len(conv.spatial)))
    if node.has(4):
        links.append(_offset_link(node, conv, 4, taps))
    links.extend(channel_links(node, (3,), conv.shape, 1))
    return Outcome((conv.shape,), tuple(links))


def _offset_link(node: OpNode, conv: Convolution, slot: int, entries: int) -> Link:
    """Return the link from offsets or masks: `entries` channels for each offset group."""
    inputs, maps = conv.in_shape[1], conv.shape[1]
    split = groups(node, inputs, inputs, "offset_group")
    batch, *space = conv.in_shape[0], *conv.shape[2:]
    chain = Chain(node.expect_shape(slot, (batch, split * entries, *space)))
    if split % conv.group == 0 or conv.group % split == 0:
        blocks = channel_rule(min(split, conv.group), split * entries, maps)
        chain.add(Reduce(((1, blocks),), weighted=True))
    else:
        # Groups that do not nest: one value per offset group, then those of the channels.
        chain.regroup((batch, split, entries, *space))
        chain.reduce([2], weighted=True)
        chain.regroup((batch, split, *space))
        chain.taps(1, _overlaps(conv.group, split, inputs, maps))
    return chain.link(slot, spatial=conv.spatial)


def _overlaps(group: int, split: int, inputs: int, maps: int) -> Listed:
    """Return, for each output channel, the offset groups that its input channels lie in."""
    check_index_count(maps * split, "DeformConv")
    lists = []
    for output in range(maps):
        own = output // (maps // group)
        first, last = own * (inputs // group), (own + 1) * (inputs // group) - 1
        lists.append(tuple(range(first * split // inputs, last * split // inputs + 1)))
    return Listed(tuple(lists), split)


@rule("MaxRoiPool", ignores="spatial_scale")
def max_roi_pool(node: OpNode) -> Outcome:
    """An output reads its region's row of `rois`, and data of its own channel inside that region.

    Unknown: batch and spatial positions of the data, which the regions decide.
    Versions: all (1, 22).
    """
    pooled = node.ints("pooled_shape") or []
    if len(pooled) != 2 or min(pooled) < 1:
        raise RuleError(
            f"attribute 'pooled_shape' requires 2 positive integers, found {pooled[:8]}"
        )
    return _regions(node, 5, (pooled[0], pooled[1]))


@rule("RoiAlign", ignores="mode sampling_ratio spatial_scale coordinate_transformation_mode")
def roi_align(node: OpNode) -> Outcome:
    """An output reads its region's row of `rois`, its batch index, and data inside that region.

    Unknown: batch and spatial positions of the data, which the regions decide; the channel is its
    own. Versions: all (10, 16, 22).
    """
    sides = node.int("output_height", 1), node.int("output_width", 1)
    if min(sides) < 1:
        raise RuleError(f"requires a positive output_height and output_width, found {list(sides)}")
    return _regions(node, 4, sides)


def _regions(node: OpNode, columns: int, sides: tuple[int, int]) -> Outcome:
    """Return the outcome of a pool over regions given by rows of `columns` numbers in input 1."""
    batch, channels, *lengths = node.ranked(0, 4, 4)
    rois = node.ranked(1, 2, 2)
    if rois[1] != columns:
        raise RuleError(f"input 1 requires rows of {columns} numbers, found shape {list(rois)}")
    out = (rois[0], channels, *sides)
    anywhere = [(0, Whole(batch, rois[0], unknown=batch > 1))]
    anywhere += [(a, Whole(lengths[a - 2], out[a], unknown=True)) for a in (2, 3)]
    row = Chain(rois).reduce([1]).regroup((rois[0], 1, 1, 1))
    links = [Link(0, (Reduce(tuple(anywhere)),), spatial=(2, 3)), row.broadcast(out).link(1)]
    if node.has(2):
        indices = node.ranked(2, 1, 1)
        if indices != rois[:1]:
            raise RuleError(f"input 2 requires {rois[0]} batch indices, found {indices[0]}")
        links.append(Link(2, (Regroup((rois[0], 1, 1, 1)), Pointwise(out))))
    return Outcome((out,), tuple(links))


@rule("GridSample")
def grid_sample(node: OpNode) -> Outcome:
    """An output reads the coordinates at its own place in the grid, and data around that point.

    nearest reads one position per axis, linear two and cubic four, one where the point falls on a
    position; beyond the border zeros reads nothing, border the last position, reflection the
    mirrored ones.

    Exact if the grid is constant and each coordinate varies along its own axis only. Unknown: the
    spatial positions of the data otherwise; batch and channel are its own, exactly.
    Versions: all (16, 20, 22), with either names of the modes.
    """
    shape = node.ranked(0, 3)
    count = len(shape) - 2
    grid = node.ranked(1, len(shape), len(shape))
    if grid[0] != shape[0] or grid[-1] != count:
        raise RuleError(
            f"a grid for shape {list(shape)} requires {shape[0]} batches and {count} coordinates, "
            f"found shape {list(grid)}"
        )
    sampler = Sampler(
        node.choice("mode", "linear", ("linear", "bilinear", "nearest", "cubic", "bicubic")),
        node.choice("padding_mode", "zeros", ("zeros", "border", "reflection")),
        node.int("align_corners", 0) != 0,
    )
    out = (*shape[:2], *grid[1:-1])
    spatial = tuple(range(2, len(shape)))
    own = Chain(grid).reduce([len(shape) - 1]).regroup((grid[0], 1, *grid[1:-1])).broadcast(out)
    links = [own.link(1, spatial=tuple(range(1, count + 1)))]
    vectors = _grid_lines(node.value(1).data)
    if vectors is None:
        anywhere = Reduce(tuple((a, Whole(shape[a], out[a], unknown=True)) for a in spatial))
        return Outcome((out,), (Link(0, (anywhere,), spatial=spatial), *links))
    taps = Taps(tuple((a, sampler.rule(vectors[a - 2], shape[a])) for a in spatial))
    return Outcome((out,), (Link(0, (taps,), spatial=spatial), *links))


def _grid_lines(grid: Array | None) -> list[Array] | None:
    """Return the coordinates along each spatial axis, None if one varies along another axis."""
    if grid is None or 0 in grid.shape:
        return None
    count = grid.shape[-1]
    vectors = []
    for axis in range(count):
        # Coordinates come in reverse: the first one belongs to the last axis.
        values = np.moveaxis(grid[..., count - 1 - axis], axis + 1, -1)
        vector = values.reshape(-1, values.shape[-1])[0]
        if values.dtype.kind != "f" or not np.isfinite(vector).all() or (values != vector).any():
            return None
        vectors.append(vector)
    return vectors


@dataclass(frozen=True, slots=True)
class Sampler:
    """How a grid of coordinates in [-1, 1] samples an axis."""

    mode: str
    padding: str
    align_corners: bool

    def rule(self, coordinates: Array, length: int) -> Listed:
        """Return the positions that each coordinate reads of an axis of `length`."""
        if length < 1:
            raise RuleError("requires an input that is not empty")
        unit = coordinates.dtype.type
        scaled = coordinates + unit(1)
        if self.align_corners:
            points = scaled / unit(2) * unit(length - 1)
        else:
            points = (scaled * unit(length) - unit(1)) / unit(2)
        return Listed(tuple(self._taps(float(point), length) for point in points), length)

    def _taps(self, point: float, length: int) -> tuple[int, ...]:
        low, high = (0.0, length - 1.0) if self.align_corners else (-0.5, length - 0.5)
        taps = [round(point)] if self.mode == "nearest" else self._around(point, low, high)
        if self.padding == "border":
            taps = [min(max(i, 0), length - 1) for i in taps]
        elif self.padding == "reflection":
            taps = [int(_reflect(i, low, high)) for i in taps]
        return tuple(sorted({i for i in taps if 0 <= i < length}))

    def _around(self, point: float, low: float, high: float) -> list[int]:
        """Return the positions that take part before those outside the input are dealt with."""
        if self.padding == "reflection":
            point = _reflect(point, low, high)
        at = math.floor(point)
        if point == at:
            return [at]
        return [at, at + 1] if self.mode.endswith("linear") else [at - 1, at, at + 1, at + 2]


def _reflect(point: float, low: float, high: float) -> float:
    """Return the point mirrored at both ends until it lies in [low, high]."""
    if high <= low:
        return low
    turns, rest = divmod(abs(point - low), high - low)
    return high - rest if turns % 2 else low + rest
