"""A model under check: its analysis, what is asked of it, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rfgraph.analysis.effective_field import SHARE
from rfgraph.analysis.erf import erf
from rfgraph.analysis.field import Finding
from rfgraph.analysis.names import pick_input, pick_tensor
from rfgraph.checks.settings import AUTO, OUTPUT, Settings
from rfgraph.domains.fields.layout import is_local
from rfgraph.errors import BoundError, UsageError
from rfgraph.wording.names import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rfgraph.analysis.analysis import Result
    from rfgraph.analysis.effective_field import ERF
    from rfgraph.domains.fields.layout import ClosedForm
    from rfgraph.relations.graph import ModelInput, Operator


Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Subject:
    """One analysed model and the settings of the check."""

    result: Result
    settings: Settings

    def inputs(self) -> tuple[ModelInput, ...]:
        """Return the inputs to check: those asked for, else those with spatial axes, else all."""
        every = self.result.model.inputs
        if self.settings.inputs:
            asked = {pick_input(self.result.model, name) for name in self.settings.inputs}
            return tuple(item for item in every if item.name in asked)
        spatial = tuple(item for item in every if has_windows(self.result, item.name))
        return spatial or every

    def targets(self, item: ModelInput) -> Mapping[str, str | None]:
        """Return the tensors to ask that read the input, and the output each stands for."""
        at = self.settings.at
        form = self.result.forms[item.name]
        if at not in (AUTO, OUTPUT):
            name = pick_tensor(self.result.model, at)
            return {name: None} if name in form.states else {}
        found: dict[str, str | None] = {}
        for output in self.result.model.outputs:
            if output in form.states:
                names = self.result.before_global(output, item.name) if at == AUTO else ()
                for name in names or (output,):
                    found.setdefault(name, output)
        return found

    def spatial_axes(self, item: ModelInput) -> tuple[int, ...]:
        """Return the input's spatial axes."""
        return self.result.forms[item.name].spatial_axes

    def length(self, item: ModelInput, axis: int) -> int:
        """Return the input's length; UsageError, with what to bind, if the file leaves it open."""
        if axis not in item.probed:
            return item.shape[axis]
        symbol = item.symbolic.get(axis, "?")
        name = "" if symbol == "?" else f" ({quoted(symbol)})"
        raise UsageError(
            f"input {quoted(item.name)}: axis {axis}{name} has no length: bind it with "
            f"--input-shape {quoted(item.name)[1:-1]}={_example(item)}"
        )

    def finding(
        self, code: str, severity: Severity, message: str, tensor: str | None = None
    ) -> Finding:
        """Return a finding about a tensor and the operator that makes it."""
        operator: Operator | None = None
        if tensor is not None:
            operator = self.result.graph.nodes[tensor]["producer"]
        return Finding(
            code, severity, message, None if operator is None else operator.label, tensor
        )


def _example(item: ModelInput) -> str:
    """Return the input's shape with the lengths to fill in named N."""
    return ",".join(
        "N" if axis in item.probed and axis else str(length)
        for axis, length in enumerate(item.shape)
    )


def has_windows(result: Result, source: str) -> bool:
    """Whether some axis of a graph input is carried to a spatial axis of an operator."""
    states = result.forms[source].states
    return any(
        isinstance(status, frozenset) and not status.isdisjoint(data["relation"].spatial)
        for before, _, data in result.graph.edges(data=True)
        if data["relation"].spatial and before in states
        for layout in states[before].classes
        for status in layout
    )


def carriers(form: ClosedForm, tensor: str, axis: int) -> frozenset[int]:
    """Return the tensor's axes along which local paths vary with the input's `axis`."""
    found: frozenset[int] = frozenset()
    for layout in form.states[tensor].classes:
        status = layout[axis]
        if isinstance(status, frozenset) and is_local(layout, form.spatial_axes):
            found |= status
    return found


def effective(subject: Subject, item: ModelInput, tensor: str, share: float = SHARE) -> ERF | None:
    """Return the effective field of a tensor's middle unit, None where it cannot be determined."""
    try:
        return erf(subject.result, tensor, input=item.name, share=share)
    except (UsageError, BoundError):
        return None


def where(tensor: str, item: ModelInput, axes: Sequence[int]) -> str:
    """Return how messages begin: the tensor, the input and its axes."""
    return f"tensor {quoted(tensor)} on input {quoted(item.name)}, {named_axes(item, axes)}"


def named_axes(item: ModelInput, axes: Sequence[int]) -> str:
    """Return axis numbers, with the name that the file gives to an open dimension."""
    names = []
    for axis in axes:
        symbol = item.symbolic.get(axis, "?")
        names.append(str(axis) if symbol == "?" else f"{axis} ({quoted(symbol)})")
    return f"{'axis' if len(axes) == 1 else 'axes'} {', '.join(names)}"
