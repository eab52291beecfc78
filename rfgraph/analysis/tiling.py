"""Tiles: the halo, the grid and the lengths by which pieces of an input give the same as the whole.

Formulas: along one axis P_o units move on by P_i positions, and unit q*P_o + f reads the positions
q*P_i + s_f to q*P_i + e_f, padding on the way counted. A core that begins on the grid needs
-min s before it and max e - (P_i - 1) behind it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from rfgraph.analysis.activations import fitting_core
from rfgraph.analysis.analysis import pair_asked
from rfgraph.analysis.geometry import AxisGeometry, Geometry, geometry
from rfgraph.arguments import keywords_named
from rfgraph.errors import UsageError
from rfgraph.frozen import FrozenDict
from rfgraph.version import HEAD
from rfgraph.wording.records import entry_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rfgraph.analysis.analysis import Analysis
    from rfgraph.analysis.blocking import Blocker
    from rfgraph.analysis.proof import Proof
    from rfgraph.domains.fields.axis import Json
    from rfgraph.onnxfile.reading.model_source import Source
    from rfgraph.relations.graph import Model

# A recommended core has so many positions at least, and so many times those of its halos.
LEAST_CORE = 256
TIMES_HALO = 4

Slices: TypeAlias = "tuple[slice, ...]"


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile: what of the input it reads, and what of its output goes where.

    `read` are slices of the input, `write` of the whole output and `crop` of the tile's output.
    `keep` is the core: per spatial axis the first and the end of the input positions that stand
    for what is written.
    """

    read: Slices
    write: Slices
    crop: Slices
    keep: tuple[tuple[int, int], ...]
    spatial: tuple[tuple[int, ...], tuple[int, ...]]

    def to_dict(self) -> Json:
        """Return the entry of the JSON report: ranges on the spatial axes, the end excluded."""
        inputs, outputs = self.spatial
        return {
            "read": [[self.read[axis].start, self.read[axis].stop] for axis in inputs],
            "keep": [list(pair) for pair in self.keep],
            "write": [[self.write[axis].start, self.write[axis].stop] for axis in outputs],
            "crop": [[self.crop[axis].start, self.crop[axis].stop] for axis in outputs],
        }


@dataclass(frozen=True, slots=True)
class Recommended:
    """A core and the tile that is read for it, per spatial axis, and the cost of the halos.

    `overhead` is how many positions are read for each that is kept. `activations` are the bytes of
    those that are alive at once in a tile, where a memory was given.
    """

    core: tuple[int, ...]
    tile: tuple[int, ...]
    overhead: float
    activations: int | None = None

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        entry = entry_of(self)
        if self.activations is None:
            del entry["activations"]
        return entry


@dataclass(frozen=True, slots=True)
class Tiling:
    """How an input is cut into tiles whose outputs are those of the whole, bit for bit.

    `exact` is whether that can be; `blockers` says which operators prevent it. `recommended` is
    None where the length that the file fixes leaves no room for a core beside its halos. `plan` are
    the tiles of an image, which iterating gives; None where none was asked for, or none is exact.
    `shape` is that of the whole image's output. `proof` is what a run gave, if one was asked for.
    `refused` is whether an image, a tile or a memory was given to no use, because none is exact.
    """

    geometry: Geometry
    recommended: Recommended | None
    plan: tuple[Tile, ...] | None
    shape: tuple[int, ...] | None
    proof: Proof | None = None
    refused: bool = False

    @property
    def tensor(self) -> str:
        """The tensor that is put together."""
        return self.geometry.tensor

    @property
    def input(self) -> str:
        """The input that is cut."""
        return self.geometry.input

    @property
    def exact(self) -> bool:
        """Whether tiles can give what the whole input gives."""
        return self.geometry.exact

    @property
    def blockers(self) -> tuple[Blocker, ...]:
        """The operators for which they cannot."""
        return self.geometry.blockers

    @property
    def axes(self) -> Mapping[int, AxisGeometry]:
        """The numbers of the spatial axes along which the tensor moves, by the input's axis."""
        return FrozenDict({axis.axis: axis for axis in self.geometry.axes})

    def __iter__(self) -> Iterator[Tile]:
        if self.plan is None:
            why = "no image was given" if self.exact else self.geometry.why_not()
            raise UsageError(f"there is no plan of tiles: {why}")
        return iter(self.plan)

    def __len__(self) -> int:
        return len(self.plan or ())

    def entry(self) -> Json:
        """Return the JSON report without its head."""
        return {
            **entry_of(self, "tensor", "input"),
            **self.geometry.to_dict(),
            **entry_of(self, "recommended", "plan"),
            **({} if self.proof is None else {"verified": self.proof.to_dict()}),
        }

    def to_dict(self) -> Json:
        """Return the JSON report."""
        return {**HEAD, **self.entry()}


@keywords_named
def tiles(
    model: Model | Analysis | Source,
    tensor: str | None = None,
    input: str | None = None,
    *,
    tile: int | Sequence[int] | None = None,
    image: int | Sequence[int] | None = None,
    memory: int | None = None,
) -> Tiling:
    """Return how `input` is cut into tiles that give `tensor` as the whole input would.

    `tile` is the most that a tile may read and `image` the lengths of the whole input, in input
    positions: one number for all spatial axes, or one for each. `memory` are the bytes that the
    activations of a tile may take, in place of `tile`. A source whose inputs are to be bound is
    loaded first (`load`). Raises UsageError for names that do not exist, both `tile` and `memory`,
    a tile that is too small for its halos (the message has the least), and an image whose lengths
    the network refuses, or for which tiles of the length that the file fixes give no exact plan.
    """
    if tile is not None and memory is not None:
        raise UsageError("tile and memory both say how large a tile is: give one of them")
    result, source, name = pair_asked(model, tensor, input)
    count = len(result.forms[source].spatial_axes)
    whole = None if image is None else per_axis("image", image, count)
    reads = None if tile is None else per_axis("tile", tile, count)
    motion = geometry(result, name, source, whole)
    if not motion.exact:
        refused = any(it is not None for it in (tile, image, memory))
        return Tiling(motion, None, None, None, refused=refused)
    if reads is None and whole is None and not all(map(_has_core, motion.axes)):
        return Tiling(motion, None, None, None)
    core, taken = _cores(motion, reads, whole), None
    if memory is not None:
        core, taken = fitting_core(motion, core, memory)
    recommended = replace(_recommend(motion, core), activations=taken)
    if whole is None:
        return Tiling(motion, recommended, None, None)
    plan = tuple(plan_tiles(motion, core, whole))
    if reads is not None:
        _fits(motion, plan, reads)
    return Tiling(motion, recommended, plan, motion.shape)


def per_axis(name: str, value: int | Sequence[int], count: int, least: int = 1) -> tuple[int, ...]:
    """Return one length for each of `count` spatial axes; UsageError where they do not fit."""
    lengths = (value,) if isinstance(value, int) else tuple(value)
    if len(lengths) == 1:
        lengths *= count
    if len(lengths) != count or any(length < least for length in lengths):
        raise UsageError(
            f"{name} requires one length or {count} (one for each spatial axis) of at least "
            f"{least}, found {', '.join(map(str, lengths))}"
        )
    return lengths


# -- cores -----------------------------------------------------------------------------------------


def _cores(
    found: Geometry, reads: Sequence[int] | None, whole: Sequence[int] | None
) -> tuple[int, ...]:
    """Return the length of the core on each axis."""
    cores = []
    for number, axis in enumerate(found.axes):
        most = None if reads is None else reads[number]
        length = None if whole is None else whole[number]
        cores.append(_core(axis, most, length))
    return tuple(cores)


def _core(axis: AxisGeometry, most: int | None, length: int | None) -> int:
    """Return the largest core that fits a tile, or one whose halos are a small part of it."""
    step, halos = axis.period[1], sum(axis.grid_halo)
    fixed = axis.lengths.least if axis.lengths.is_fixed else None
    if fixed is not None:
        if most is not None and most < fixed:
            raise UsageError(f"the file fixes axis {axis.axis} at {fixed}: a tile reads no less")
        most = fixed
    if most is None:
        least = max(LEAST_CORE, TIMES_HALO * halos, *axis.end_cores)
        return -(-least // step) * step
    core = (most - halos) // step * step
    if core > 0 or (length is not None and length <= most):
        return max(core, step)
    least = step + halos
    what = "the file's own length" if fixed is not None else "the tile"
    raise UsageError(
        f"axis {axis.axis} requires tiles of at least {least} ({step} and halos of "
        f"{axis.grid_halo[0]} and {axis.grid_halo[1]}), found {most} as {what}"
    )


def _has_core(axis: AxisGeometry) -> bool:
    """Whether a tile of the length that the file fixes, if it does, has room for a core."""
    return not axis.lengths.is_fixed or axis.lengths.least >= axis.period[1] + sum(axis.grid_halo)


def _recommend(found: Geometry, core: tuple[int, ...]) -> Recommended:
    pairs = list(zip(core, found.axes, strict=True))
    tile = tuple(
        axis.lengths.least if axis.lengths.is_fixed else length + sum(axis.grid_halo)
        for length, axis in pairs
    )
    return Recommended(core, tile, math.prod(tile) / math.prod(core))


# -- the plan --------------------------------------------------------------------------------------


def _fits(found: Geometry, plan: Sequence[Tile], reads: Sequence[int]) -> None:
    """Raise UsageError where the first tile or the last must read more than a tile may."""
    for axis, most in zip(found.axes, reads, strict=True):
        least = max(item.read[axis.axis].stop - item.read[axis.axis].start for item in plan)
        if least > most:
            raise UsageError(
                f"axis {axis.axis} requires tiles of at least {least} at the ends of the image, "
                f"found {most}"
            )


class Span(NamedTuple):
    """A tile along one axis: what it reads, its core, what it writes and where that lies in it."""

    read: tuple[int, int]
    keep: tuple[int, int]
    write: tuple[int, int]
    crop: tuple[int, int]


def plan_tiles(found: Geometry, core: Sequence[int], whole: Sequence[int]) -> Iterator[Tile]:
    """Yield the tiles with these cores of an image of lengths `whole`, the last axis fastest."""
    along = (
        _along(axis, length, size, (found.shape or ())[axis.carrier])
        for axis, length, size in zip(found.axes, core, whole, strict=True)
    )
    return (tile_of(found, spans) for spans in product(*along))


def tile_of(found: Geometry, spans: Sequence[Span]) -> Tile:
    """Return a tile by what it is along each axis that is cut."""
    inputs = tuple(axis.axis for axis in found.axes)
    outputs = tuple(axis.carrier for axis in found.axes)
    rank, own = found.ranks
    read, keep, write, crop = zip(*spans, strict=True) if spans else ((), (), (), ())
    slices = _slices(rank, inputs, read), _slices(own, outputs, write), _slices(own, outputs, crop)
    return Tile(*slices, keep, (inputs, outputs))


def _slices(rank: int, axes: Sequence[int], ranges: Sequence[tuple[int, int]]) -> Slices:
    slices = [slice(None)] * rank
    for axis, (first, end) in zip(axes, ranges, strict=True):
        slices[axis] = slice(first, end)
    return tuple(slices)


def _along(axis: AxisGeometry, core: int, whole: int, units: int) -> Iterator[Span]:
    """Yield the tiles along one axis; they begin on the grid and end with the image at the last."""
    step, per_step = axis.period[1], axis.period[0]
    before, behind = axis.grid_halo
    fixed = axis.lengths.least if axis.lengths.is_fixed else None
    if fixed is not None:
        _fits_whole(axis, fixed, whole)
    begin = written = 0
    while written < units:
        first = max(begin - before, 0)
        end = begin + core
        if fixed is not None:
            end = first + (fixed - axis.halo[1]) // step * step
        stop = end + behind if fixed is None else first + fixed
        if fixed is None:
            least = max(axis.least, 0 if first else axis.mirrored[0])
            stop += -(-max(least - (stop - first), 0) // step) * step
        if stop >= whole:
            first, stop, end = _last(axis, first, whole), whole, whole
        last = units if stop == whole else min(end * per_step // step, units)
        offset = first * per_step // step
        yield Span((first, stop), (begin, end), (written, last), (written - offset, last - offset))
        begin, written = end, last


def _last(axis: AxisGeometry, first: int, whole: int) -> int:
    """Return where a tile that ends with the image begins, so that the network takes its length."""
    step = axis.period[1]
    least = axis.least
    missing = max(least - (whole - first), axis.mirrored[1] - (whole - first), 0)
    return max(first - -(-missing // step) * step, 0)


def _fits_whole(axis: AxisGeometry, fixed: int, whole: int) -> None:
    """Raise UsageError where tiles of the file's own length have no exact plan."""
    step = axis.period[1]
    if whole == fixed:
        return
    if whole < fixed or (whole - fixed) % step or fixed < max(axis.mirrored):
        lengths = f"{fixed} + {step}k" if step > 1 else f"{fixed} or more"
        raise UsageError(
            f"axis {axis.axis}: tiles of {fixed} positions, which the file fixes, have an exact "
            f"plan for images of {lengths}, found {whole}"
        )
