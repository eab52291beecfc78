"""Unproductive layer: it gathers nothing that its input does not have already.

A convolution or pooling gathers context. It counts as unproductive if it gathers none on each
spatial axis along which its window is wider than 1: because the smallest receptive field of all
paths to its input already covers the whole input, or because all taps of its window but one are
dead. A tap is dead if no unit lands it on data, so that it sees padding only: on a map of 32 whose
length is kept, the outer taps of a 3-wide window are dead from dilation 32 on, and not at 31.

A window that fits its map exactly and without padding reads all of it (a fully connected layer)
and does not count.

Why it matters: Richter et al. ("(Input) Size Matters for CNN Classifiers", 2021, and "Should You
Go Deeper?", 2021) find by probing that the layers behind this border no longer improve the
prediction, whatever the architecture, and can be left out or replaced; that is the first reason.
Chen et al. ("Rethinking Atrous Convolution", 2017) count the taps whose weights meet data instead
of padded zeros: the larger the dilation the fewer, until at the length of the map only the middle
one is left; that is the second. The rule that the authors of the first use (their rfa_toolbox) is
wider: it also names every window that is no smaller than its map. It is theirs and not used here,
because the outer taps of such a window may still see data at some units.

How to fix it: a larger input, less stride or smaller windows early, less dilation, or fewer layers.

How to silence it: --ignore RF004; where the file leaves the input's size open, --input-shape
NAME=1,3,448,448 asks at another.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from rfgraph.analysis.layers import windows_of
from rfgraph.checks.registry import Check
from rfgraph.checks.subject import Subject, carriers, named_axes
from rfgraph.domains.fields.layout import has_local_path, local_fields
from rfgraph.domains.fields.sizes import path_sizes
from rfgraph.errors import BoundError
from rfgraph.relations.axis_rules import Transposed, Window
from rfgraph.relations.graph import edges_into
from rfgraph.wording.names import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.analysis.field import Finding
    from rfgraph.relations.graph import ModelInput


CHECK = Check(
    "RF004",
    "warning",
    "Unproductive layer: it gathers nothing that its input does not have already",
)

MAX_TAPS = 1 << 16


def findings(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each input and layer behind the border, in the order of the graph."""
    for item in subject.inputs():
        lengths = subject.lengths(item)
        for tensor in subject.result.forms[item.name]:
            try:
                message = _unproductive_text(subject, item, tensor, lengths)
            except BoundError as error:
                what = f"whether the layer that makes {quote(tensor)} is productive"
                message = f"{what} could not be determined: {error}"
            if message:
                yield subject.finding(CHECK, message, tensor, input=item.name)


def _unproductive_text(
    subject: Subject, item: ModelInput, tensor: str, lengths: dict[int, int]
) -> str | None:
    """Return why the layer that makes a tensor is unproductive, None if it is not."""
    form = subject.result.forms[item.name]
    for edge in edges_into(subject.result.graph, tensor):
        before, operator = edge.source, edge.operator
        if before not in form or not has_local_path(form, before):
            continue
        windows = windows_of(edge.relation) if edge.relation.is_window else ()
        rules = {axis: rule for axis, rule in windows if width(rule) > 1}
        reasons = {
            axis: reason(rules[carrier], length, *smallest)
            for axis, length in lengths.items()
            for smallest in [_smallest(subject, item, axis, before, tensor)]
            for carrier in sorted(carriers(form, before, axis) & rules.keys())
        }
        if reasons and all(reasons.values()):
            start = f"layer {quote(operator.label)} ({operator.op_type}) is unproductive"
            return f"{start} on input {quote(item.name)}: {_reasons_text(item, reasons)}"
    return None


def _reasons_text(item: ModelInput, reasons: dict[int, str | None]) -> str:
    axes: dict[str, list[int]] = {}
    for axis, text in reasons.items():
        axes.setdefault(text or "", []).append(axis)
    return "; ".join(f"{named_axes(item, where)}: {text}" for text, where in axes.items())


def width(rule: Window | Transposed) -> int:
    """Return how far apart the input positions that one output reads lie at most, ends included."""
    if isinstance(rule, Window):
        return rule.extent
    return (rule.extent - 1) // rule.stride + 1


def reason(
    rule: Window | Transposed, length: int, before: int | None, own: int | None
) -> str | None:
    """Return why a window gathers nothing new along an axis, None if it does.

    `before` and `own` are the smallest sizes over the paths to its input and to its output.
    BoundError where telling its live taps takes too long.
    """
    fits = isinstance(rule, Window) and not rule.pad_begin and rule.out_len == 1
    if fits and rule.in_len == width(rule):
        return None
    live = list(islice(live_taps(rule), 2))
    if len(live) < 2:
        count = "1 lands" if live else "none lands"
        return f"of the {rule.kernel} taps of its window {count} on its map of {rule.in_len}"
    if before is not None and own is not None and before >= length and own > length:
        return f"every path before it already reads {before} or more of {length} positions"
    return None


def live_taps(rule: Window | Transposed) -> Iterator[int]:
    """Yield the taps of a window that some unit lands on data.

    BoundError where MAX_TAPS in a row are dead.
    """
    units, data = rule.out_len, rule.in_len
    if isinstance(rule, Transposed):
        # Read backwards, a transposed window is one that slides along its output.
        units, data = data, units
    dead = 0
    for tap in range(rule.kernel):
        at = tap * rule.dilation - rule.pad_begin
        first = max(0, -(at // rule.stride))
        if first < units and first * rule.stride + at < data:
            dead = 0
            yield tap
        elif (dead := dead + 1) > MAX_TAPS:
            raise BoundError(f"the dead taps of a window exceed MAX_TAPS ({MAX_TAPS})")


def _smallest(
    subject: Subject, item: ModelInput, axis: int, *tensors: str
) -> tuple[int | None, ...]:
    """Return the smallest size over the local paths to each tensor, None where it is not known."""
    form = subject.result.forms[item.name]
    smallest: list[int | None] = []
    for tensor in tensors:
        sizes = [path_sizes(field.spread)[0] for field in local_fields(form, tensor, axis)]
        known = [size for size in sizes if size is not None]
        smallest.append(min(known) if known and len(known) == len(sizes) else None)
    return tuple(smallest)
