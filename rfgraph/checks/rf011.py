"""The effective field is a small part of the theoretical one, or smaller than asked.

A unit can read all of its theoretical field, but what it reads near the edge hardly matters: the
positions there lie on few paths. The effective field is the shortest interval along each axis that
holds 95 % of the gradient that is expected at initialisation (rfgraph erf). It is reported where it
is less than half as long as the theoretical field, both without borders; with --min-rf N also where
it is shorter than that.

Why it matters: Luo, Li, Urtasun and Zemel ("Understanding the Effective Receptive Field in Deep
Convolutional Neural Networks", NIPS 2016) find that it grows with the square root of the depth
only, so that a field which covers the input on paper may see a third of it.

How to fix it: dilation and stride early, few large kernels rather than many small ones, or paths
over a coarser resolution. More layers of the same kind help little.

How to silence it: --ignore RF011. It is never asked by default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.analysis.effective_field import SHARE
from rfgraph.checks.registry import Check
from rfgraph.checks.subject import Said, Subject, effective

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.analysis.effective_field import EffectiveAxis
    from rfgraph.analysis.field import Finding

CHECK = Check(
    "RF011", "note", "The effective field is a small part of the theoretical, or smaller than asked"
)

SMALL = 0.5


def findings(subject: Subject) -> Iterator[Finding]:
    """Yield a note for each target, input and spatial axis with a small effective field."""
    for item, tensor in subject.pairs_asked():
        field = effective(subject, item, tensor, SHARE)
        axes = field.axes.values() if field else ()
        said = (
            _what_is_small(axis, _positions_asked(subject, place))
            for place, axis in enumerate(axes)
        )
        yield from subject.along(CHECK, tensor, item, filter(None, said))


def _positions_asked(subject: Subject, place: int) -> int | None:
    """Return how many positions are asked for on a spatial axis, None where nothing is said."""
    given = subject.settings.min_rf
    if given is None:
        return None
    return given[0] if len(given) == 1 else given[place] if place < len(given) else None


def _what_is_small(axis: EffectiveAxis, asked: int | None) -> Said | None:
    """Return what is small, None if nothing is."""
    size = axis.endless_size
    if size is None:
        return None
    text = f"the effective field (95 %) has {size} positions"
    if asked is not None and size < asked:
        return Said(axis.axis, f"{text}, {asked} are asked for", "erf95", asked, size)
    if axis.ratio is not None and axis.ratio < SMALL:
        part = f"{axis.ratio * 100:.0f} %"
        return Said(axis.axis, f"{text}, {part} of the theoretical {axis.theoretical}")
    return None
