"""Parts of an input to be run beside the whole: tiles, chunks of a stream, and some with less."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from rfgraph.analysis.tiling import Span, Tile, plan_tiles, tile_of
from rfgraph.relations.graph import shape_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.analysis.geometry import AxisGeometry, Geometry
    from rfgraph.analysis.lengths import Lengths
    from rfgraph.analysis.streaming import Streaming

# Chunks of a stream that are run, behind those that complete its context.
CHUNKS = 3


class Question(NamedTuple):
    """Parts to compare with the whole, and others with less: which axis, what, parts or why not."""

    shape: tuple[int, ...]
    out: tuple[int, ...]
    parts: tuple[Tile, ...]
    less: tuple[tuple[int, str, tuple[Tile, ...] | str], ...]
    within: bool = False


def tile_parts(found: Geometry, core: Sequence[int], image: Sequence[int]) -> Question:
    """Return all tiles of an image, and on each side of each axis one whose halo is narrower."""
    shape = list(found.item.shape)
    for axis, length in zip(found.axes, image, strict=True):
        shape[axis.axis] = length
    less = tuple(
        (axis.axis, ("before", "after")[side], _narrower(found, core, image, number, side))
        for number, axis in enumerate(found.axes)
        for side in (0, 1)
    )
    parts = tuple(plan_tiles(found, core, image))
    return Question(tuple(shape), found.shape or (), parts, less)


def _narrower(
    found: Geometry, core: Sequence[int], image: Sequence[int], number: int, side: int
) -> tuple[Tile, ...] | str:
    """Return a tile with a grid step less of a halo that lies in the image."""
    axis = found.axes[number]
    if not axis.halo[side]:
        return "there is no halo"
    step = axis.period[1]
    halo, grid = (
        (before - step * (not side), behind - step * side)
        for before, behind in (axis.halo, axis.grid_halo)
    )
    less = replace(axis, halo=halo, grid_halo=grid)
    axes = (*found.axes[:number], less, *found.axes[number + 1 :])
    inside = []
    for tile in plan_tiles(replace(found, axes=axes), core, image):
        read = tile.read[axis.axis]
        sides = read.start > 0, read.stop < image[number]
        if sides[side]:
            inside.append((all(sides), tile))
    # The last tile may have been moved back, and reads more than its halo.
    best = max(inside, key=lambda pair: pair[0], default=None)
    return "no tile has that side inside the image" if best is None else (best[1],)


def least_core(axis: AxisGeometry) -> int:
    """Return a core of half its halos: few positions in all."""
    step = axis.period[1]
    return max(-(-sum(axis.grid_halo) // (2 * step)), 1) * step


def least_image(axis: AxisGeometry, core: int) -> int:
    """Return a length with tiles that have both halos inside it, or a file's own and a core."""
    if axis.lengths.is_fixed:
        return axis.lengths.least + core + 2 * axis.period[1]
    length = max(sum(axis.grid_halo) + core + 2 * axis.period[1], axis.least, *axis.mirrored)
    return _next_accepted(axis.lengths, length)


def _next_accepted(lengths: Lengths, length: int) -> int:
    """Return the next length that an axis accepts and that loses nothing, if any does not."""
    if lengths.step is None:
        return lengths.least
    even = lengths.even() or (0,)
    return min(length + (residue - length) % lengths.step for residue in even)


def inside_parts(found: Geometry) -> Question | None:
    """Return one core in the middle of a file's own length; None where there is no room."""
    item = found.item
    places = []
    for axis in found.axes:
        step, (before, _), behind = axis.period[1], axis.grid_halo, axis.halo[1]
        start = before + step
        if start + step + behind >= axis.size:
            return None
        places.append((axis, (start - before, start + step + behind), start))
    out = shape_of(found.model.graph, found.tensor) or ()
    less: list[tuple[int, str, tuple[Tile, ...] | str]] = []
    for number, (axis, (first, end), start) in enumerate(places):
        step = axis.period[1]
        for what, halo, read in (
            ("before", axis.halo[0], (first + step, end)),
            ("after", axis.halo[1], (first, end - step)),
        ):
            cut = [*places[:number], (axis, read, start), *places[number + 1 :]]
            part = (_place(found, cut),) if halo else "there is no halo"
            less.append((axis.axis, what, part))
    return Question(item.shape, out, (_place(found, places),), tuple(less), within=True)


def _place(found: Geometry, places: Sequence[tuple[AxisGeometry, tuple[int, int], int]]) -> Tile:
    spans = []
    for axis, read, start in places:
        p, number = axis.period[0], start // axis.period[1]
        write = number * p, (number + 1) * p
        spans.append(Span(read, read, write, write))
    return tile_of(found, spans)


def chunk_parts(item: Streaming, *, within: bool) -> Question:
    """Return the first chunks of a stream, and those whose context is there."""
    (axis,), source = item.geometry.axes, item.geometry.item
    chunk, context, delay = item.chunks[0].chunk, item.chunks[0].context, item.chunks[0].delay
    step = axis.period[1]
    least = step if axis.lengths.is_fixed else axis.lengths.least
    full = -(-(context or 0) // chunk)
    length = axis.size if within else _accepted_above(axis, (full + CHUNKS + 1) * chunk + least)
    room = length // chunk - 1
    chosen = [number for number in (0, *range(full, full + CHUNKS)) if number < room]
    kept = context
    if context is not None and not within:
        kept = context + -(-max(least - context - chunk, 0) // step) * step
    chunks = (_chunk(item, number, kept, delay, within) for number in chosen)
    parts = tuple(part for part in chunks if part.write[axis.carrier].stop > 0)
    less: list[tuple[int, str, tuple[Tile, ...] | str]] = []
    if chosen:
        early = _chunk(item, chosen[-1], kept, delay - 1, within)
        less.append((axis.axis, "delay", (early,) if delay else "there is no delay"))
    if chosen and context:
        late = _chunk(item, chosen[-1], context - step, delay, within)
        is_there = late.crop[axis.carrier].start >= 0
        less.append((axis.axis, "context", (late,) if is_there else "its output begins later"))
    shape = tuple(length if at == axis.axis else n for at, n in enumerate(source.shape))
    return Question(shape, (), parts, tuple(less), within)


def _accepted_above(axis: AxisGeometry, length: int) -> int:
    return max(length, axis.size) if axis.lengths.is_fixed else _next_accepted(axis.lengths, length)


def _chunk(item: Streaming, number: int, context: int | None, delay: int, within: bool) -> Tile:
    """Return a chunk with the context before it, and the units that it completes."""
    (axis,), motion = item.geometry.axes, item.geometry
    (p, q), size = axis.period, item.chunks[0].chunk
    begin = 0 if context is None else max(number * size - context, 0)
    first, end = max(number * size * p // q - delay, 0), (number + 1) * size * p // q - delay
    offset = 0 if within else begin * p // q
    read, crop = (begin, (number + 1) * size), (first - offset, end - offset)
    return tile_of(motion, [Span(read, read, (first, end), crop)])
