"""What is said of fields, against what the units read: contradictions, in words.

The regions are those of the tables, which perturbation judges.
"""

from __future__ import annotations

from functools import reduce
from typing import NamedTuple

import numpy as np

from rfgraph.domains import regions as exact
from rfgraph.domains.fields.pieces import tabulate


class Read(NamedTuple):
    """What all units of a tensor read along one input axis; `there` says which read anything.

    The arrays broadcast to the tensor's shape, and `length` is the input's.
    """

    lo: np.ndarray
    hi: np.ndarray
    there: np.ndarray
    length: int

    def hull(self):
        """The first and the last position that some unit reads."""
        return _least(self.lo, self.there), -_least(-self.hi, self.there)

    def sizes(self):
        """The smallest and the largest size, of which a unit that reads nothing has 0."""
        sizes = np.where(self.there, self.hi - self.lo + 1, 0)
        return int(sizes.min()), int(sizes.max())


def _least(values, there):
    return int(np.where(there, values, 1 << 62).min())


def regions(result, source):
    """For every tensor that the input reaches, what its units read by axis of the input."""
    lengths = result.graph.nodes[source]["shape"]
    found = {}
    for name, tables in exact.clipped_tables(result.graph, source).items():
        there = reduce(np.logical_and, (table.lo <= table.hi for table in tables))
        found[name] = [Read(*table, there, n) for table, n in zip(tables, lengths, strict=False)]
    return found


def contradictions(result, source, longer=None):
    """Yield what is said of an axis of a tensor's field and does not hold of its units.

    `longer` is the result on a longer input: what is one-sided or global grows with it.
    """
    later = {} if longer is None else regions(longer, source)
    for name, reads in regions(result, source).items():
        if name not in result.forms[source]:
            if any(read.there.any() for read in reads):
                yield f"{name} is said not to be reached"
            continue
        for axis, said in result.receptive_field(name, source).axes.items():
            read = reads[axis]
            wrong = list(_of_axis(result, source, name, said, read))
            if name in later and said.scope in ("one-sided", "global"):
                wrong += _not_growing(read, later[name][axis])
            yield from (f"{name}, axis {axis}, {said.scope}: {what}" for what in wrong)


def _not_growing(read, later):
    before, after = read.sizes()[1], later.sizes()[1]
    # A chunk or a slice that is the whole axis by its length in the file is global at that length.
    if read.length < later.length and before < read.length and after <= before:
        yield f"{before} at most, and {after} on a longer input"


def _of_axis(result, source, name, said, read):
    if said.scope == "none" and read.there.any():
        yield "something is read"
    if not read.there.any() or result.graph.nodes[name]["shape"] is None:
        return
    if said.scope == "local":
        yield from _local(result, source, name, said, read)
    if said.scope == "global" and said.covers_input and read.hull() != (0, read.length - 1):
        yield f"covers all {read.length}, but its units read {read.hull()}"


def _local(result, source, name, said, read):
    if said.regular:
        yield from _regular(result, source, name, said, read)
    elif said.size is not None and said.size < read.sizes()[1]:
        yield f"irregular, at most {said.size}, but units read up to {read.sizes()[1]}"
    if said.covers_input is not None and said.covers_input != (said.size_min >= read.length):
        yield f"covers_input {said.covers_input}, at least {said.size_min} of {read.length}"


def _regular(result, source, name, said, read):
    """Compare with the intervals as if the input had no end.

    An end that lies beyond all that the units read is not compared: how far inside the last tap
    is, that dilations, strides and reflecting pads decide.
    """
    fields = [fields[said.axis] for fields in result.forms[source][name].classes.values()]
    pieces = [piece for field in fields if field is not None for piece in field.pieces]
    lo, hi = tabulate(pieces, result.graph.nodes[name]["shape"])
    first, last = read.hull()
    begins, ends = lo >= first, hi <= last
    wrong = np.where(begins & ends, (read.lo != lo) | (read.hi != hi), False)
    if not _has_reflecting_pads(result.graph):
        wrong = wrong | (begins & (read.lo != lo)) | (ends & (read.hi != hi))
        wrong = wrong | (read.lo < lo) | (read.hi > hi)
    wrong = wrong & read.there
    if wrong.any():
        at = tuple(np.argwhere(wrong)[0])
        told = [int(np.broadcast_to(side, wrong.shape)[at]) for side in (*read[:2], lo, hi)]
        unit = [int(place) for place in at]
        yield f"unit {unit} reads {told[:2]}, and is said to read {told[2:]}"
    sizes = np.where(lo <= hi, hi - lo + 1, 0)
    if said.size < sizes.max() or said.size_min > sizes.min():
        yield f"{said.size_min}..{said.size}, but units {sizes.min()}..{sizes.max()}"
    carriers = {axis for piece in pieces for axis in piece.axes}
    if len(carriers) == 1:
        others = tuple({*range(lo.ndim)} - carriers)
        yield from _reach(said, lo.min(axis=others), hi.max(axis=others))


def _has_reflecting_pads(graph):
    return any(
        getattr(rule, "outside", "pad") in ("edge", "reflect", "wrap")
        for _, _, data in graph.edges(data=True)
        for step in data["relation"].steps
        for _, rule in getattr(step, "rules", ())
    )


def _reach(said, lo, hi):
    """Compare stride, reach and period along the axis that carries the input's.

    Units that all read the same, wherever they are, have no reach.
    """
    there = lo <= hi
    own = np.arange(len(lo)) * said.stride
    if not said.stride:
        if (said.before, said.after) != (None, None):
            yield f"reach {said.before} before, {said.after} after, but no position"
    elif (own - lo)[there].max() > said.before or (hi - own)[there].max() > said.after:
        yield f"reach {said.before} before, {said.after} after is exceeded"
    p, q = said.period
    both = there[p:] & there[:-p]
    if ((lo[p:] - lo[:-p])[both] != q).any() or ((hi[p:] - hi[:-p])[both] != q).any():
        yield f"period {said.period} does not hold"
