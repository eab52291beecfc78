"""Input positions are never read, or the region has gaps.

Two things that a size does not show. First, positions of the input that no output reads at all:
strides that leave the last rows over, windows narrower than their stride, crops. Second, gaps
inside the region of a single unit: dilations with a common factor, such as 2, 2, 2, read every
second position only (gridding), and so does a stride larger than the window before a wider one.
The region's size is then larger than what is seen of it. The units asked are in the middle of
the tensor, one for each phase (up to 16), away from the border.

Why it matters: what is not read cannot influence the answer, and the cost of it is paid all the
same; Wang et al. ("Understanding Convolution for Semantic Segmentation", 2018) and Yu, Koltun
and Funkhouser ("Dilated Residual Networks", 2017) show gridding as artefacts in the output.

How to fix it: dilations without a common factor (1, 2, 3 or 1, 2, 5), windows at least as wide
as their stride, padding or an input length that the strides divide.

How to silence it: --ignore RF003; --at TENSOR asks the regions elsewhere.
"""

from __future__ import annotations

from functools import cache, partial, reduce
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rfgraph.checks.registry import Check
from rfgraph.checks.subject import Said, Subject, carriers
from rfgraph.domains.read_units import masks_of, products_read
from rfgraph.errors import BoundError
from rfgraph.relations.graph import shape_of
from rfgraph.wording.names import quote
from rfgraph.wording.numbers import ranges

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rfgraph.analysis.field import Finding
    from rfgraph.domains.read_units import Product
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.graph import ModelInput
    from rfgraph.relations.reading import Mask


CHECK = Check("RF003", "warning", "Input positions are never read, or the region has gaps")

# What units of a tensor read of each input, by an index of them.
Read: TypeAlias = "Callable[..., Mapping[str, Product]]"

MAX_PHASES = 16
# Of the units on the axes that do not carry the input's: the shares of the axis where they stand.
PLACES = (0, 1, 2)


def findings(subject: Subject) -> Iterator[Finding]:
    """Yield what no output reads of each input, then the gaps in what units of each target read."""
    read = reader(subject)
    for item in subject.inputs():
        yield from _unread_positions(subject, item, read)
        for tensor in subject.targets(item):
            yield from gaps(subject, item, tensor, read)


def reader(subject: Subject) -> Read:
    """Return what tells which positions units read of all inputs, each asked once."""
    return cache(partial(products_read, subject.result.graph))


def _undetermined_finding(
    subject: Subject, what: str, error: BoundError, item: ModelInput, tensor: str
) -> Finding:
    message = f"{what} could not be determined: {error}"
    return subject.finding(CHECK, message, tensor, input=item.name)


# -- positions that no output reads ----------------------------------------------------------------


def _unread_positions(subject: Subject, item: ModelInput, read: Read) -> Iterator[Finding]:
    lengths = subject.lengths(item)
    graph = subject.result.graph
    try:
        every = [masks_of(graph, item.name, read(it)) for it in subject.result.model.outputs]
    except BoundError as error:
        what = f"which positions of input {quote(item.name)} are read"
        yield _undetermined_finding(subject, what, error, item, item.name)
        return
    masks = [mask for mask in every if mask is not None]
    if not masks:
        message = f"no output reads anything of input {quote(item.name)}"
        yield subject.finding(CHECK, message, item.name, input=item.name)
        return
    said = []
    for axis, length in lengths.items():
        unread = np.nonzero(~reduce(np.logical_or, [mask[axis] for mask in masks]))[0]
        if len(unread):
            count = f"{len(unread)} of {length} positions"
            said.append(Said(axis, f"no output reads {count}: {ranges(unread.tolist())}"))
    yield from subject.along(CHECK, item.name, item, said)


# -- gaps in what one unit reads -------------------------------------------------------------------


def gaps(subject: Subject, item: ModelInput, tensor: str, read: Read) -> Iterator[Finding]:
    """Yield the gaps in what units in the middle of a tensor read of an input."""
    graph = subject.result.graph
    shape = shape_of(graph, tensor)
    if shape is None or 0 in shape:
        return
    left = set(subject.spatial_axes(item))
    try:
        for index in _units(subject, item, tensor, shape):
            masks = masks_of(graph, item.name, read(tensor, index))
            missing = {} if masks is None else {axis: _gap(masks[axis]) for axis in sorted(left)}
            said = [
                Said(axis, f"the unit at {list(index)} reads {gap}")
                for axis, gap in missing.items()
                if gap
            ]
            left.difference_update(one.axis for one in said)
            yield from subject.along(CHECK, tensor, item, said)
    except BoundError as error:
        what = f"gaps in what {quote(tensor)} reads"
        yield _undetermined_finding(subject, what, error, item, tensor)


def _gap(mask: Mask) -> str | None:
    """Return what is missing between the first and the last position that a unit reads."""
    there = np.nonzero(mask)[0]
    if len(there) == 0:
        return None
    first, last = int(there[0]), int(there[-1])
    missing = np.nonzero(~mask[first : last + 1])[0] + first
    if len(missing) == 0:
        return None
    span = last - first + 1
    return f"{len(there)} of the {span} positions {first}..{last}, not {ranges(missing.tolist())}"


def _units(
    subject: Subject, item: ModelInput, tensor: str, shape: Shape
) -> Iterator[tuple[int, ...]]:
    """Yield units in the middle: every phase along the axes that carry the input's, up to 16."""
    form = subject.result.forms[item.name]
    field = subject.result.receptive_field(tensor, item.name)
    phases = 1
    carrying: set[int] = set()
    for axis in form.spatial_axes:
        carrying |= carriers(form, tensor, axis)
        along = field.axes[axis].local or field.axes[axis]
        phases = max(phases, along.period[0] if along.period else MAX_PHASES)
    seen: set[tuple[int, ...]] = set()
    for phase in range(min(phases, MAX_PHASES)):
        for place in PLACES:
            index = tuple(
                _middle(length, phase) if axis in carrying else (length - 1) * place // 2
                for axis, length in enumerate(shape)
            )
            if index not in seen:
                seen.add(index)
                yield index


def _middle(length: int, phase: int) -> int:
    return min(length // 2 + phase, length - 1)
