"""Paths that merge are not aligned.

Where paths meet (an Add, a Concat, a gate) they should agree in stride and in where their fields
are centred. If they do not, a unit mixes what was seen at different places: its field is wider
than that of any path, its size depends on the unit, and it moves against the input from one unit
to the next. The finding names the first merge of each kind that breaks the alignment; what
follows it is unaligned as well and is not repeated.

Why it matters: Araujo, Norris and Sim ("Computing Receptive Fields of Convolutional Neural
Networks", Distill 2019) show that only an aligned network has one size, stride and padding;
features of an unaligned one cannot be placed in the input, which matters for detection and
segmentation.

How to fix it: give the branches equal strides, pad odd windows by half their extent on both
sides, crop a shortcut on both sides alike, and resize to the very size of the other branch.

How to silence it: --ignore RF002. A causal network (padded on one side only) is unaligned on
purpose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.checks.subject import Subject, where
from rfgraph.domains.fields.alignment import aligned, common_line
from rfgraph.domains.fields.axis_field import AxisField, carry_field
from rfgraph.domains.fields.layout import is_local, local_fields
from rfgraph.domains.fields.pieces import Mapped
from rfgraph.wording.names import quoted
from rfgraph.wording.numbers import joined, rational_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.analysis.field import Finding
    from rfgraph.domains.fields.layout import ClosedForm, State
    from rfgraph.relations.graph import ModelInput


# How many of the branches that meet are described.
MAX_BRANCHES = 3


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each input and merge that is the first to break alignment."""
    for item in subject.inputs():
        form = subject.result.forms[item.name]
        broken = _unaligned(form)
        for tensor in form.states:
            axes = broken.get(tensor)
            if axes and not any(broken.get(name) for name in subject.result.graph.pred[tensor]):
                yield _finding(subject, item, tensor, axes)


def _unaligned(form: ClosedForm) -> dict[str, tuple[int, ...]]:
    """Return the spatial axes on which the local paths to each tensor disagree."""
    known: dict[int, tuple[int, ...]] = {}
    found = {}
    for tensor, state in form.states.items():
        if id(state) not in known:
            known[id(state)] = _disagreeing(form, state)
        found[tensor] = known[id(state)]
    return found


def _disagreeing(form: ClosedForm, state: State) -> tuple[int, ...]:
    local = [
        fields for layout, fields in state.classes.items() if is_local(layout, form.spatial_axes)
    ]
    return tuple(
        axis
        for axis in form.spatial_axes
        if aligned([field.spread for fields in local if (field := fields[axis]) is not None])
        is False
    )


def _finding(subject: Subject, item: ModelInput, tensor: str, axes: tuple[int, ...]) -> Finding:
    branches = list(dict.fromkeys(_branches(subject, item, tensor, axes[0])))
    text = f"{where(tensor, item, axes)}: paths that meet here are not aligned"
    if len(branches) > 1:
        more = len(branches) - MAX_BRANCHES
        shown = branches[:MAX_BRANCHES] + ([f"{more} more"] if more > 0 else [])
        text += f" ({joined(shown)})"
    return subject.finding("RF002", "warning", text, tensor)


def _branches(subject: Subject, item: ModelInput, tensor: str, axis: int) -> Iterator[str]:
    """Yield what each tensor that is merged brings along an axis, seen from the merge."""
    form = subject.result.forms[item.name]
    for before, edges in subject.result.graph.pred[tensor].items():
        if before not in form.states:
            continue
        for data in edges.values():
            for field in local_fields(form, before, axis):
                carried, _ = carry_field(field, data["relation"])
                if carried is not None:
                    yield f"from {quoted(before)} {_described(carried)}"


def _described(field: AxisField) -> str:
    line = common_line(field.spread)
    if line is None:
        return "without one stride"
    stride, center = line
    phases = max((piece.map.p for piece in field.pieces if isinstance(piece, Mapped)), default=1)
    text = f"stride {rational_text(stride)}, the first unit centred on {rational_text(center)}"
    return text if phases == 1 else f"{text}, averaged over {phases} units"
