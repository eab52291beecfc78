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
from rfgraph.checks.subject import where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.analysis.field import Finding
    from rfgraph.analysis.geometry import AxisGeometry
    from rfgraph.analysis.tiling import Tiles
    from rfgraph.checks.subject import Subject
    from rfgraph.relations.graph import ModelInput


def check(subject: Subject) -> Iterator[Finding]:
    """Yield an error for each output, input and axis whose halo is too small or off the grid."""
    halo = subject.settings.halo
    if halo is None:
        return
    for item in subject.inputs():
        for tensor in subject.result.model.outputs:
            if tensor in subject.result.forms[item.name].states:
                found = tiles(subject.result, tensor, item.name)
                yield from _compared(subject, item, found, halo)


def _compared(
    subject: Subject, item: ModelInput, found: Tiles, halo: tuple[int, ...]
) -> Iterator[Finding]:
    if not found.exact:
        axes = sorted({blocker.axis for blocker in found.blockers})
        start = where(found.tensor, item, axes)
        reason = f"{start}: no halo is enough: {found.geometry.why_not()}"
        yield subject.finding("RF008", "error", reason, found.tensor)
        return
    for axis, used in zip(found.axes, per_axis("halo", halo, len(found.axes), 0), strict=True):
        message = _wrong(axis, used)
        if message is not None:
            start = where(found.tensor, item, [axis.axis])
            yield subject.finding("RF008", "error", f"{start}: {message}", found.tensor)


def _wrong(axis: AxisGeometry, used: int) -> str | None:
    """Return what is wrong with a halo, None if nothing is."""
    step, needed = axis.period[1], max(axis.halo)
    least = -(-needed // step) * step
    if used < needed:
        return f"required a halo of at least {least}, found {used}"
    if used % step:
        return f"required a halo on the grid, a multiple of {step} ({least}), found {used}"
    return None
