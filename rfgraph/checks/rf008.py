"""The halo that is used is smaller than needed, or off the grid.

Asked with --halo N (or N,N: one number for each spatial axis), the input positions that a pipeline
reads around each tile on both sides. Needed is the larger of the two that `rfgraph tiles` gives, up
to a multiple of the grid. Where tiles cannot be exact, whatever the halo, that is the finding.

Why it matters: too small a halo leaves seams that a mean over a test set does not show, and a tile
that starts off the grid is sampled at other phases: each seems to work.

How to fix it: the halo and the step that the message gives.

How to silence it: leave out --halo, or --ignore RF008.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.analysis.tiling import per_axis, tiles
from rfgraph.checks.registry import Check
from rfgraph.checks.subject import Said
from rfgraph.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.analysis.field import Finding
    from rfgraph.analysis.geometry import AxisGeometry
    from rfgraph.analysis.tiling import Tiles
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
            f"{CHECK.code} compares with the halo in use, and there is none: give it (--halo N)"
        )
    for item in subject.inputs():
        for tensor in subject.result.model.outputs:
            if tensor in subject.result.forms[item.name].states:
                found = tiles(subject.result, tensor, item.name)
                yield from subject.along(CHECK, tensor, item, _wrong(found, halo))


def _wrong(found: Tiles, halo: tuple[int, ...]) -> Iterator[Said]:
    """Yield what is wrong along which axes."""
    if not found.exact:
        for at in sorted({blocker.axis for blocker in found.blockers}):
            yield Said(at, f"no halo is enough: {found.geometry.why_not()}")
        return
    for axis, used in zip(found.axes, per_axis("halo", halo, len(found.axes), 0), strict=True):
        least, text = _compared(axis, used)
        if text is not None:
            yield Said(axis.axis, text, required=least, found=used)


def _compared(axis: AxisGeometry, used: int) -> tuple[int, str | None]:
    """Return the least halo on the grid, and what is wrong with the one used, if anything is."""
    step, needed = axis.period[1], max(axis.halo)
    least = -(-needed // step) * step
    if used < needed:
        return least, f"required a halo of at least {least}, found {used}"
    if used % step:
        return least, f"required a halo on the grid, a multiple of {step} ({least}), found {used}"
    return least, None
