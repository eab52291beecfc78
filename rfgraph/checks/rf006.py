"""The receptive field is off-centre.

Averaged over the units of a tensor, the centre of what they read should be the centre of the
input. If it is not, the whole feature map is shifted against the input: one-sided padding or
cropping, an even window padded on one side, strides that do not fit the input's length. What is
measured is the union of the local paths, unclipped, so that padding counts as if the input went
on.

Why it matters: boxes and masks that are decoded from the map by its stride alone are shifted by
the amount that is reported; Araujo, Norris and Sim (Distill 2019) derive the centre from the
effective padding, and show how frameworks' SAME padding moves it with the input's size. Many
classifiers are off by up to half a stride, which does no harm there.

How to fix it: pad and crop alike on both sides, choose an input length of the form k * stride +
1 (225 instead of 224), or add the offset where positions are decoded.

How to silence it: it is a note and fails a check with --fail-on note only; --ignore RF006 leaves it
out. A causal network is off-centre on purpose.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from rfgraph.checks.registry import Check
from rfgraph.checks.subject import Said, Subject, carriers
from rfgraph.domains.fields.axis import numbers
from rfgraph.domains.fields.layout import local_fields
from rfgraph.domains.fields.pieces import tabulate
from rfgraph.errors import BoundError
from rfgraph.relations.graph import shape_of
from rfgraph.wording.numbers import fraction, rational_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.analysis.analysis import Analysis
    from rfgraph.analysis.field import Finding
    from rfgraph.domains.fields.axis import Axis
    from rfgraph.domains.fields.pieces import Piece
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.graph import ModelInput


CHECK = Check("RF006", "note", "The receptive field is off-centre")


def findings(subject: Subject) -> Iterator[Finding]:
    """Yield a note for each target, input and spatial axis that is off-centre."""
    for item in subject.inputs():
        lengths = subject.lengths(item)
        for tensor in subject.targets(item):
            texts = {
                axis: _off_centre_text(subject, item, tensor, axis, length)
                for axis, length in lengths.items()
            }
            said = [Said(axis, text) for axis, text in texts.items() if text]
            yield from subject.along(CHECK, tensor, item, said)


def _off_centre_text(
    subject: Subject, item: ModelInput, tensor: str, axis: int, length: int
) -> str | None:
    """Return how far a tensor is off-centre along an axis, None if it is not."""
    try:
        off = off_centre(subject.result, item.name, tensor, axis, length)
    except BoundError as error:
        return f"whether it is centred could not be determined: {error}"
    if not off:
        return None
    field = subject.result.receptive_field(tensor, item.name).axes[axis]
    return f"off-centre by {amount(off, numbers(field))}"


def off_centre(
    result: Analysis, source: str, tensor: str, axis: int, length: int
) -> Fraction | None:
    """Return by how many positions local paths are centred past the middle of an input axis.

    Averaged over the units; below 0 they are centred before it, None if no local path reads.
    BoundError where the units are too many to tabulate.
    """
    form = result.forms[source]
    shape = shape_of(result.graph, tensor)
    pieces = [piece for field in local_fields(form, tensor, axis) for piece in field.pieces]
    if not pieces or shape is None:
        return None
    field = result.receptive_field(tensor, source).axes[axis]
    mean = _mean(numbers(field), pieces, shape, carriers(form, tensor, axis))
    return None if mean is None else mean - Fraction(length - 1, 2)


def amount(off: Fraction, numbers: Axis | None) -> str:
    """Say how far off the centre is, and to which side."""
    side = "towards the end" if off > 0 else "towards the start"
    text = f"{fraction(abs(off))} position{'' if abs(off) == 1 else 's'} {side}"
    stride = None if numbers is None else numbers.stride
    if stride and abs(stride) != 1:
        text += f" ({rational_text(abs(off / stride))} strides of {fraction(abs(stride))})"
    return text


def _mean(
    numbers: Axis | None, pieces: list[Piece], shape: Shape, carrying: frozenset[int]
) -> Fraction | None:
    """Return the centre of what is read, averaged over the units that exist; None if none reads."""
    if numbers is not None and numbers.period is not None and numbers.period[0] == 1:
        if numbers.center is None or numbers.stride is None:
            return None
        count = math.prod(shape[axis] for axis in carrying)
        return numbers.center + numbers.stride * Fraction(count - 1, 2)
    table = tabulate(pieces, shape)
    if table is None:
        raise BoundError("the table of its units is too large")
    lo, hi = np.broadcast_arrays(table.lo, table.hi)
    there = lo <= hi
    count = int(there.sum())
    if not count:
        return None
    total = int(lo[there].sum(dtype=np.int64)) + int(hi[there].sum(dtype=np.int64))
    return Fraction(total, 2 * count)
