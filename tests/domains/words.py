"""What is said of fields, against what the units read: contradictions, in words.

The regions are those of the tables, which perturbation judges elsewhere.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rfgraph.domains import exact
from rfgraph.domains.measure import unclipped_span


class Read(NamedTuple):
    """What all units of a tensor read along one input axis: arrays of its shape, lo > hi if not."""

    lo: np.ndarray
    hi: np.ndarray

    @property
    def there(self):
        return self.lo <= self.hi

    def most(self):
        """The largest size."""
        return int((self.hi - self.lo + 1)[self.there].max(initial=0))


def regions(result, source, tensors=None):
    """For every tensor that the input reaches, what its units read by axis of the input."""
    found = {}
    for name, tables in exact.clipped(result.graph, source, tensors).items():
        shape = result.graph.nodes[name]["shape"]
        los, his = zip(
            *((np.broadcast_to(t.lo, shape), np.broadcast_to(t.hi, shape)) for t in tables),
            strict=True,
        )
        read = np.logical_and.reduce([lo <= hi for lo, hi in zip(los, his, strict=True)])
        found[name] = [
            Read(np.where(read, lo, 0), np.where(read, hi, -1))
            for lo, hi in zip(los, his, strict=True)
        ]
    return found


def contradictions(result, source, longer=None):
    """Yield what is said of an axis of a tensor's field and does not hold of its units.

    `longer` is the result on a longer input: what is one-sided or global grows with it.
    """
    rank = len(result.graph.nodes[source]["shape"])
    grown = {} if longer is None else regions(longer, source)
    for name, reads in regions(result, source).items():
        if name == source:
            continue
        field = None
        if name in result.forms[source].states:
            field = result.receptive_field(name, source)
        for axis in range(rank):
            read = reads[axis]
            item = None if field is None else field.axes[axis]
            for said in _of_axis(result, source, name, item, read):
                yield f"{name} axis {axis}: {said}"
            if item is not None and name in grown and item.scope in ("one-sided", "global"):
                before, after = read.most(), grown[name][axis].most()
                probed = (
                    result.graph.nodes[source]["shape"][axis]
                    != longer.graph.nodes[source]["shape"][axis]
                )
                if probed and after <= before:
                    yield f"{name} axis {axis}: {item.scope}, at most {before} and then {after}"


def _of_axis(result, source, name, item, read):
    length = result.graph.nodes[source]["shape"][item.axis] if item is not None else 0
    if item is None or item.scope == "none":
        if read.there.any():
            yield "none is read, they say"
        return
    if not read.there.any():
        return
    if item.scope == "local":
        yield from _local(result, source, name, item, read, length)
    if item.scope == "global" and item.covers_input:
        lo, hi = read.lo[read.there].min(), read.hi[read.there].max()
        if (lo, hi) != (0, length - 1):
            yield f"global, covers {length}, but reads {lo}..{hi}"
    if item.scope == "one-sided":
        yield from _one_sided(item, read)


def _one_sided(item, read):
    if (item.before is None) == (item.after is None) is False:
        yield "one-sided without a bounded side"


def _local(result, source, name, item, read, length):
    if not item.regular:
        most = read.most()
        if item.size is not None and most > item.size:
            yield f"irregular, {item.size} at most, but some read {most}"
        return
    fields = [f[item.axis] for f in result.forms[source].states[name].classes.values()]
    pieces = [piece for field in fields if field is not None for piece in field.pieces]
    shape = result.graph.nodes[name]["shape"]
    first, last = read.lo[read.there].min(), read.hi[read.there].max()
    sizes = set()
    for index in np.ndindex(*shape):
        span = unclipped_span(pieces, shape, index)
        lo, hi = int(read.lo[index]), int(read.hi[index])
        if span is None:
            sizes.add(0)
            if lo <= hi:
                yield f"unit {index} reads {lo}..{hi}, they say nothing"
                return
            continue
        sizes.add(span[1] - span[0] + 1)
        cut = max(span[0], first), min(span[1], last)
        if lo > hi:
            if cut[0] <= cut[1]:
                yield f"unit {index} reads nothing, they say {span}"
                return
        elif cut != (lo, hi):
            yield f"unit {index} reads {lo}..{hi}, they say {span}"
            return
    if item.size < max(sizes) or item.size_min > min(sizes):
        yield f"sizes {item.size_min}..{item.size}, but units have {sorted(sizes)}"
    if item.covers_input is not None and item.covers_input != (min(sizes) >= length):
        yield f"covers_input {item.covers_input}, the smallest has {min(sizes)} of {length}"
