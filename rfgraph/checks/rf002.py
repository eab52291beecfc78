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

from rfgraph.checks.registry import Check
from rfgraph.checks.subject import Subject, where
from rfgraph.domains.fields.alignment import are_aligned, common_line
from rfgraph.domains.fields.axis_field import AxisField, carry_field
from rfgraph.domains.fields.layout import local_fields
from rfgraph.domains.fields.pieces import Mapped
from rfgraph.relations.graph import edges_into, shape_of
from rfgraph.wording.names import quote
from rfgraph.wording.numbers import fraction, join

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rfgraph.analysis.field import Finding
    from rfgraph.domains.fields.layout import ClosedForm, State
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.graph import Graph, ModelInput


CHECK = Check("RF002", "warning", "Paths that merge are not aligned")

# How many of the branches that meet are described.
MAX_BRANCHES = 3


def findings(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each input and merge that is the first to break alignment.

    And for the first tensor of which it cannot be told.
    """
    for item in subject.inputs():
        form = subject.result.forms[item.name]
        broken = _unaligned_axes(subject.result.graph, form)
        for tensor in form:
            axes = broken.get(tensor)
            if axes and not any(broken.get(name) for name in subject.result.graph.pred[tensor]):
                yield _finding(subject, item, tensor, axes)


def _unaligned_axes(graph: Graph, form: ClosedForm) -> dict[str, Mapping[int, bool]]:
    """Return the spatial axes on which the local paths to each tensor disagree, or may.

    Parts of an aligned tensor that are put together again as one rearrangement are left out.
    """
    known: dict[int, Mapping[int, bool]] = {}
    parts = {name: one.edge.source for one in form.joined.values() for name in one.passed}
    in_doubt: dict[str, Mapping[int, bool]] = {}
    for tensor, state in form.items():
        if tensor in parts and not in_doubt.get(parts[tensor]):
            continue
        if id(state) not in known:
            known[id(state)] = _axes_in_doubt(form, state, shape_of(graph, tensor) or ())
        in_doubt[tensor] = known[id(state)]
    return in_doubt


def _axes_in_doubt(form: ClosedForm, state: State, shape: Shape) -> Mapping[int, bool]:
    """Return the spatial axes on which local paths are not known to agree: whether they do not."""
    local = state.local(form.spatial_axes).values()
    disagreeing = {}
    for axis in form.spatial_axes:
        spreads = [field.spread for fields in local if (field := fields[axis]) is not None]
        agree = are_aligned(spreads, shape)
        if not agree:
            disagreeing[axis] = agree is False
    return disagreeing


def _finding(
    subject: Subject, item: ModelInput, tensor: str, disagreeing: Mapping[int, bool]
) -> Finding:
    axes = [axis for axis, disagree in disagreeing.items() if disagree]
    if not axes:
        axes = list(disagreeing)
        text = (
            f"{where(tensor, item, axes)}: whether paths are aligned could not be determined: "
            "their patterns are too many to follow one by one"
        )
        return subject.finding(CHECK, text, tensor, input=item.name, axes=axes)
    branches = list(dict.fromkeys(_branches(subject, item, tensor, axes[0])))
    text = f"{where(tensor, item, axes)}: paths that meet here are not aligned"
    if len(branches) > 1:
        more = len(branches) - MAX_BRANCHES
        shown = branches[:MAX_BRANCHES] + ([f"{more} more"] if more > 0 else [])
        text += f" ({join(shown)})"
    return subject.finding(CHECK, text, tensor, input=item.name, axes=axes)


def _branches(subject: Subject, item: ModelInput, tensor: str, axis: int) -> Iterator[str]:
    """Yield what each tensor that is merged brings along an axis, seen from the merge."""
    form = subject.result.forms[item.name]
    for edge in edges_into(subject.result.graph, tensor):
        if edge.source not in form:
            continue
        for field in local_fields(form, edge.source, axis):
            carried, _ = carry_field(field, edge.relation)
            for one in carried:
                yield f"from {quote(edge.source)} {_branch_text(one)}"


def _branch_text(field: AxisField) -> str:
    line = common_line(field.spread)
    if line is None:
        return "without one stride"
    stride, center = line
    phases = max((piece.map.p for piece in field.pieces if isinstance(piece, Mapped)), default=1)
    text = f"stride {fraction(stride)}, the first unit centred on {fraction(center)}"
    return text if phases == 1 else f"{text}, averaged over {phases} units"
