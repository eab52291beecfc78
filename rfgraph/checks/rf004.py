"""Unproductive layer: what it reads already covers the input.

A convolution or pooling gathers context that its input does not have yet. Once the smallest
receptive field of all paths to its input already covers the whole input, or its input map is no
larger than its own window so that parts of the window never see anything but padding, it has
nothing left to gather: such a layer adds parameters and time, and hardly accuracy. A layer
counts if this holds on every spatial axis along which its window is wider than 1. A window that
fits its map exactly and without padding reads all of it (a fully connected layer) and does not
count.

Why it matters: Richter et al. ("(Input) Size Matters for CNN Classifiers", 2021, and "Should You
Go Deeper?", 2021) find by probing that the layers behind this border no longer improve the
prediction, whatever the architecture, and can be left out or replaced.

How to fix it: a larger input, less stride or smaller windows early, or fewer layers.

How to silence it: --ignore RF004; where the file leaves the input's size open, --input-shape
NAME=1,3,448,448 asks at another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.checks.subject import Subject, carriers, named_axes
from rfgraph.domains.fields.layout import has_local_path, local_fields
from rfgraph.domains.fields.sizes import path_sizes
from rfgraph.relations.axis_rules import Transposed, Window
from rfgraph.relations.steps import Everything, Permute, Pointwise, Regroup, Taps
from rfgraph.wording.names import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.analysis.field import Finding
    from rfgraph.relations.graph import ModelInput
    from rfgraph.relations.relation import Relation


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each input and layer behind the border, in the order of the graph."""
    for item in subject.inputs():
        lengths = {axis: subject.length(item, axis) for axis in subject.spatial_axes(item)}
        for tensor in subject.result.forms[item.name].states:
            message = _unproductive(subject, item, tensor, lengths)
            if message:
                yield subject.finding("RF004", "warning", message, tensor)


def _unproductive(
    subject: Subject, item: ModelInput, tensor: str, lengths: dict[int, int]
) -> str | None:
    """Return why the layer that makes a tensor is unproductive, None if it is not."""
    form = subject.result.forms[item.name]
    for before, edges in subject.result.graph.pred[tensor].items():
        if before not in form.states or not has_local_path(form, before):
            continue
        for data in edges.values():
            found = windows(data["relation"]) if data["relation"].is_window else {}
            reasons = {
                axis: reason(found[carrier], length, *smallest)
                for axis, length in lengths.items()
                for smallest in [_smallest(subject, item, axis, before, tensor)]
                for carrier in sorted(carriers(form, before, axis) & found.keys())
            }
            if reasons and all(reasons.values()):
                operator = data["operator"]
                start = f"layer {quoted(operator.label)} ({operator.op_type}) is unproductive"
                return f"{start} on input {quoted(item.name)}: {_said(item, reasons)}"
    return None


def _said(item: ModelInput, reasons: dict[int, str | None]) -> str:
    axes: dict[str, list[int]] = {}
    for axis, text in reasons.items():
        axes.setdefault(text or "", []).append(axis)
    return "; ".join(f"{named_axes(item, where)}: {text}" for text, where in axes.items())


def windows(relation: Relation) -> dict[int, Window | Transposed]:
    """Return the windows wider than 1 by the axis of the relation's input that they slide along."""
    axes = list(range(len(relation.in_shape)))
    found: dict[int, Window | Transposed] = {}
    for step in relation.steps:
        if isinstance(step, Regroup | Everything):
            break
        if isinstance(step, Pointwise) and len(step.shape) != len(axes):
            break
        if isinstance(step, Permute):
            axes = [axes[axis] for axis in step.perm]
        elif isinstance(step, Taps):
            for axis, rule in step.rules:
                if isinstance(rule, Window | Transposed) and width(rule) > 1:
                    found[axes[axis]] = rule
    return found


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
    """
    fits = isinstance(rule, Window) and not rule.pad_begin and rule.out_len == 1
    if fits and rule.in_len == width(rule):
        return None
    if rule.in_len <= width(rule):
        return f"its window spans {width(rule)} positions of a map of {rule.in_len}"
    if before is not None and own is not None and before >= length and own > length:
        return f"every path before it already reads {before} or more of {length} positions"
    return None


def _smallest(
    subject: Subject, item: ModelInput, axis: int, *tensors: str
) -> tuple[int | None, ...]:
    """Return the smallest size over the local paths to each tensor, None where it is not known."""
    form = subject.result.forms[item.name]
    found: list[int | None] = []
    for tensor in tensors:
        sizes = [path_sizes(field.spread)[0] for field in local_fields(form, tensor, axis)]
        known = [size for size in sizes if size is not None]
        found.append(min(known) if known and len(known) == len(sizes) else None)
    return tuple(found)
