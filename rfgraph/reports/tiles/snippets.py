"""What to paste into a library that cuts an input into tiles, with its own names.

Sources: the documentation of each library. Lengths are in input positions; a library that takes one
overlap for both sides gets the larger halo.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rfgraph.analysis.lengths import accepted_text
from rfgraph.errors import UsageError
from rfgraph.wording.names import printable, quote, some_names
from rfgraph.wording.numbers import rational

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rfgraph.analysis.geometry import AxisGeometry
    from rfgraph.analysis.tiling import Tiling


def snippet(found: Tiling, library: str) -> str:
    """Return lines for a library of LIBRARIES; UsageError, saying why, where none can be exact."""
    if library == "spandrel":
        return _spandrel(found)
    if not found.exact:
        raise UsageError(f"no tiles are exact: {found.geometry.why_not()}")
    if found.recommended is None:
        raise UsageError("the lengths that the file fixes leave no room beside the halos")
    others = {name for axis in found.axes.values() for name, _ in axis.inputs}
    if others:
        raise UsageError(
            f"--for cuts input {quote(found.input)} alone, and {some_names(sorted(others))} must "
            "be cut with it: use the plan (--image)"
        )
    return LIBRARIES[library](found, found.geometry.axes, found.recommended.core)


def _both(axis: AxisGeometry) -> int:
    """Return a halo on the grid that serves both sides."""
    step = axis.period[1]
    return -(-max(axis.halo) // step) * step


def _symmetric(axes: Sequence[AxisGeometry], core: Sequence[int]) -> list[tuple[int, int]]:
    """Return tile and core of each axis where both halos are alike.

    UsageError where the network does not take tiles of that length.
    """
    return [_one_halo(axis, length) for axis, length in zip(axes, core, strict=True)]


def _one_halo(axis: AxisGeometry, core: int) -> tuple[int, int]:
    step, halos = axis.period[1], 2 * _both(axis)
    if axis.lengths.is_fixed:
        size = axis.lengths.least
        core = (size - halos) // step * step
        if core > 0:
            return size, core
        raise UsageError(
            f"axis {axis.axis} requires more than {halos} positions for a halo of {halos // 2} on "
            f"both sides, and the file fixes it at {size}: use the plan (--image)"
        )
    if axis.lengths.residues is not None and (core + halos) % step not in axis.lengths.residues:
        raise UsageError(
            f"axis {axis.axis} accepts {accepted_text(axis.lengths)}, which halos of {halos // 2} "
            "on both sides do not give: use the plan (--image)"
        )
    return core + halos, core


def _require_kept_lengths(axes: Sequence[AxisGeometry], what: str) -> None:
    """Raise UsageError where the output is not as long as the input, or on another axis."""
    for axis in axes:
        if axis.scale != 1 or axis.offset or axis.carrier != axis.axis:
            raise UsageError(
                f"{what} keeps lengths, and axis {axis.axis} does not: use the plan (--image)"
            )


def _tuple(values: Sequence[Any]) -> str:
    return f"({', '.join(map(str, values))}{',' if len(values) == 1 else ''})"


def _but(found: Tiling) -> str:
    """Return what parts differ by from the whole, if they do."""
    names = found.geometry.rounding
    return f" but for rounding at {some_names(names)}" if names else ""


def _dask(found: Tiling, axes: Sequence[AxisGeometry], core: Sequence[int]) -> str:
    _require_kept_lengths(axes, "dask.array.map_overlap")
    chunks = {axis.axis: length for axis, length in zip(axes, core, strict=True)}
    depth = {axis.axis: axis.grid_halo for axis in axes}
    steps = ", ".join(f"{axis.period[1]} on axis {axis.axis}" for axis in axes)
    ends = "".join(
        f"# On axis {axis.axis} the first chunk must have at least {first}, the last {last}.\n"
        for axis in axes
        if axis.is_longer_at_ends
        for first, last in (tuple(max(least, 1) for least in axis.end_cores),)
    )
    return (
        f"# Exact{_but(found)}. Chunks must be multiples of {steps}.\n{ends}"
        f"y = dask.array.map_overlap(\n"
        f"    net, x.rechunk({chunks}), dtype=x.dtype,\n"
        f"    depth={depth}, boundary='none', trim=True,\n"
        f")\n"
    )


def _monai(found: Tiling, axes: Sequence[AxisGeometry], core: Sequence[int]) -> str:
    for axis in axes:
        if axis.offset:
            raise UsageError(
                f"MONAI lays each window of the output where that of the input lies, and axis "
                f"{axis.axis} of the output is {rational(abs(axis.offset))} "
                f"{'longer' if axis.offset > 0 else 'shorter'}: use the plan (--image)"
            )
    pairs = _symmetric(axes, core)
    roi = [size for size, _ in pairs]
    overlap = [_overlap(size, length) for size, length in pairs]
    return (
        "# Not exact: MONAI blends where windows overlap. The halo keeps seams small.\n"
        "y = monai.inferers.sliding_window_inference(\n"
        f"    x, roi_size={_tuple(roi)}, sw_batch_size=1, predictor=net,\n"
        f"    overlap={_tuple(overlap)},\n"
        ")\n"
    )


def _overlap(size: int, core: int) -> float:
    """Return the overlap for which windows of `size` begin at multiples of `core` in MONAI."""
    share = (size - core) / size
    while int(size * (1 - share)) < core:
        share = math.nextafter(share, 0)
    return share


def _bioimageio(found: Tiling, axes: Sequence[AxisGeometry], core: Sequence[int]) -> str:
    """An output is as long as the input times its scale by that of the output, rounded down.

    And by the offset longer; offsets and halos are integers there (bioimageio.spec, v0_5).
    """
    lines = ["# bioimage.io 0.5: the entries of these axes, for input and output tensor."]
    for axis in axes:
        units, positions = axis.scale.numerator, axis.scale.denominator
        before, behind = (side * axis.scale for side in axis.grid_halo)
        halo = math.ceil(max(before, behind + axis.offset))
        times = f", scale: {units}" if units > 1 else ""
        lines.append(f"input axis {axis.axis}: size: {_sizes(axis)}{times}")
        size = (
            f"size: {{tensor_id: {printable(found.input)}, axis_id: {axis.axis}, "
            f"offset: {axis.units - axis.size * units // positions}}}"
        )
        more = f", halo: {halo}" if halo > 0 else ""
        lines.append(f"output axis {axis.carrier}: {size}, scale: {positions}{more}")
    return "\n".join(lines) + "\n"


def _sizes(axis: AxisGeometry) -> str:
    """Return the lengths for which the offset holds: those that lie whole steps from the size."""
    step, least = axis.lengths.step, max(axis.lengths.least, *axis.ends)
    if step is None:
        return str(axis.lengths.least)
    return f"{{min: {least + (axis.size - least) % step}, step: {step}}}"


def _careamics(found: Tiling, axes: Sequence[AxisGeometry], core: Sequence[int]) -> str:
    _require_kept_lengths(axes, "CAREamics")
    pairs = _symmetric(axes, core)
    overlap = [size - length for size, length in pairs]
    return f"tile_size={_tuple([size for size, _ in pairs])}, tile_overlap={_tuple(overlap)}\n"


def _tiler(found: Tiling, axes: Sequence[AxisGeometry], core: Sequence[int]) -> str:
    _require_kept_lengths(axes, "tiler")
    pairs = _symmetric(axes, core)
    overlap = [size - length for size, length in pairs]
    return (
        f"tiler = Tiler(data_shape=shape, tile_shape={_tuple([size for size, _ in pairs])}, "
        f"overlap={_tuple(overlap)})\n"
        'merger = Merger(tiler, window="overlap-tile")\n'
    )


def _torchgeo(found: Tiling, axes: Sequence[AxisGeometry], core: Sequence[int]) -> str:
    size = found.recommended.tile if found.recommended else ()
    return (
        f"sampler = GridGeoSampler(\n    dataset, size={_tuple(size)}, stride={_tuple(core)}, "
        "units=Units.PIXELS\n)\n"
    )


def _gdal(found: Tiling, axes: Sequence[AxisGeometry], core: Sequence[int]) -> str:
    if len(axes) != 2:
        raise UsageError(f"gdal_retile takes 2 spatial axes, found {len(axes)}")
    (height, _), (width, _) = pairs = _symmetric(axes, core)
    overlap = max(size - length for size, length in pairs)
    return f"gdal_retile.py -ps {width} {height} -overlap {overlap} -targetDir tiles image.tif\n"


def _spandrel(found: Tiling) -> str:
    tiling = "SUPPORTED" if found.exact else "DISCOURAGED"
    least = max((lengths.least for lengths in found.geometry.lengths.values()), default=1)
    steps = (lengths.step or lengths.least for lengths in found.geometry.lengths.values())
    step = max(steps, default=1)
    said = "; ".join(
        f"axis {axis} accepts {accepted_text(lengths)}"
        for axis, lengths in found.geometry.lengths.items()
    )
    return (
        f"# {said}.\n"
        f"size_requirements=SizeRequirements(minimum={least}, multiple_of={step}),\n"
        f"tiling=ModelTiling.{tiling},\n"
    )


LIBRARIES: dict[str, Callable[[Tiling, Sequence[AxisGeometry], Sequence[int]], str]] = {
    "dask": _dask,
    "monai": _monai,
    "bioimageio": _bioimageio,
    "careamics": _careamics,
    "tiler": _tiler,
    "torchgeo": _torchgeo,
    "gdal": _gdal,
}
