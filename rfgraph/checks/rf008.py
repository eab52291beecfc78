"""The halo that is used is smaller than needed, or off the grid.

Asked with --halo N (or N,N: one number for each spatial axis), the input positions that a pipeline
reads around each tile on both sides, or with --rdf FILE, a model description of bioimage.io whose
halos (in output positions) and steps of lengths are those in use. Needed is the larger of the two
that `rfgraph tiles` gives, up to a multiple of the grid. Where tiles cannot be exact, whatever the
halo, that is the finding.

Why it matters: too small a halo leaves seams that a mean over a test set does not show, and a tile
that starts off the grid is sampled at other phases: each seems to work.

How to fix it: the halo and the step that the message gives.

How to silence it: leave out --halo and --rdf, or --ignore RF008.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rfgraph.analysis.tiling import per_axis, tiles
from rfgraph.checks.registry import Check
from rfgraph.checks.subject import Said
from rfgraph.errors import UsageError
from rfgraph.wording.numbers import count_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.analysis.field import Finding
    from rfgraph.analysis.geometry import AxisGeometry
    from rfgraph.analysis.tiling import Tiling
    from rfgraph.checks.description import Described
    from rfgraph.checks.subject import Subject


CHECK = Check(
    "RF008",
    "error",
    "The halo that is used is smaller than needed, or off the grid",
    needs="halo",
)


def findings(subject: Subject) -> Iterator[Finding]:
    """Yield an error for each output and input with axes whose halo is too small or off the grid.

    UsageError where no halo is said.
    """
    halo = subject.settings.halo
    if halo is None:
        raise UsageError(
            f"{CHECK.code} compares with the halo in use, and there is none: give it (--halo N, or "
            "--rdf FILE)"
        )
    model = subject.result.model
    if not isinstance(halo, tuple) and halo.outputs != len(model.outputs):
        raise UsageError(
            f"{halo.file}: describes {count_of(halo.outputs, 'output')}, and the model has "
            f"{len(model.outputs)}"
        )
    for item, tensor in subject.outputs():
        tiling = tiles(subject.result, tensor, item.name)
        if isinstance(halo, tuple):
            said = _wrong(tiling, halo)
        else:
            places = model.outputs.index(tensor), model.inputs.index(item)
            said = _wrongly_described(tiling, halo, *places)
        yield from subject.along(CHECK, tensor, item, (*_impossible(tiling), *said))


def _impossible(found: Tiling) -> Iterator[Said]:
    for at in sorted({blocker.axis for blocker in found.blockers}):
        yield Said(at, f"no halo is enough: {found.geometry.why_not()}")


def _wrong(found: Tiling, halo: tuple[int, ...]) -> Iterator[Said]:
    """Yield what is wrong along which axes."""
    if not found.exact:
        return
    for axis, used in zip(
        found.axes.values(), per_axis("halo", halo, len(found.axes), 0), strict=True
    ):
        least, text = _compare(axis, used)
        if text is not None:
            yield Said(axis.axis, text, required=least, found=used)


def _wrongly_described(found: Tiling, halo: Described, output: int, input: int) -> Iterator[Said]:
    """Yield what is wrong of a description of an output and an input."""
    for axis in found.axes.values() if found.exact else ():
        before, behind = (side * axis.scale for side in axis.grid_halo)
        least = max(math.ceil(max(before, behind + axis.offset)), 0)
        used = halo.halos.get((output, axis.carrier), 0)
        if used < least:
            text = f"required a halo of at least {least} output positions, described as {used}"
            yield Said(axis.axis, text, required=least, found=used)
        step = halo.steps.get((input, axis.axis))
        grid = axis.period[1]
        if step is not None and step % grid:
            text = f"required lengths in steps of a multiple of {grid}, described as {step}"
            yield Said(axis.axis, text, required=grid, found=step)


def _compare(axis: AxisGeometry, used: int) -> tuple[int, str | None]:
    """Return the least halo on the grid, and what is wrong with the one used, if anything is."""
    step, needed = axis.period[1], max(axis.halo)
    least = -(-needed // step) * step
    if used < needed:
        return least, f"required a halo of at least {least}, found {used}"
    if used % step:
        return least, f"required a halo on the grid, a multiple of {step} ({least}), found {used}"
    return least, None
