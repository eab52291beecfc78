"""A model under check: its analysis, what is asked of it, and where."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from rfgraph.analysis.field import Finding
from rfgraph.analysis.names import pick_input, pick_tensor
from rfgraph.checks.named import Named, named_pairs
from rfgraph.checks.settings import AUTO, OUTPUT, Settings
from rfgraph.domains.fields.layout import local_layouts
from rfgraph.errors import BoundError, UsageError
from rfgraph.relations.graph import producer_of
from rfgraph.wording.names import quote
from rfgraph.wording.numbers import count_of, join

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from fractions import Fraction

    from rfgraph.analysis.effective_field import ERF
    from rfgraph.analysis.result import Result
    from rfgraph.checks.baseline import Baseline
    from rfgraph.checks.registry import Check
    from rfgraph.domains.fields.layout import ClosedForm
    from rfgraph.relations.graph import ModelInput
    from rfgraph.relations.operator import Operator


class Said(NamedTuple):
    """What there is to say of one axis of an input, with the numbers that a finding has."""

    axis: int
    text: str
    stat: str | None = None
    required: Fraction | int | None = None
    found: Fraction | int | None = None


class Measurement(NamedTuple):
    """What a rule asks of a tensor on an axis of an input, what there is, and whether it holds.

    In positions; `said` puts it into words, which takes longer than to tell whether it holds.
    """

    tensor: str | None
    input: str
    axis: int
    required: Fraction | int
    found: Fraction | int | None
    holds: bool
    said: Callable[[], Said]


@dataclass(frozen=True, slots=True)
class Subject:
    """One analysed model, the settings of the check, and the inputs and outputs to name."""

    result: Result
    settings: Settings
    named: Named

    def inputs(self) -> tuple[ModelInput, ...]:
        """Return the inputs to check: those asked for, else those with spatial axes, else all.

        Of a great many that are alike the first.
        """
        every = self.result.model.inputs
        if self.settings.inputs:
            asked = {pick_input(self.result.model, name) for name in self.settings.inputs}
            return tuple(item for item in every if item.name in asked)
        every = tuple(item for item in every if item.name in self.named.inputs)
        spatial = tuple(item for item in every if self.result.forms[item.name].windowed)
        return spatial or every

    def targets(self, item: ModelInput) -> Mapping[str, str | None]:
        """Return the tensors to ask that read the input, and the output each stands for."""
        at = self.settings.at
        form = self.result.forms[item.name]
        if at not in (AUTO, OUTPUT):
            name = pick_tensor(self.result.model, at)
            return {name: None} if name in form else {}
        tensors: dict[str, str | None] = {}
        for output in self.named.outputs:
            if output in form:
                names = self.result.before_global(output, item.name) if at == AUTO else ()
                for name in names or (output,):
                    tensors.setdefault(name, output)
        return tensors

    def spatial_axes(self, item: ModelInput) -> tuple[int, ...]:
        """Return the input's spatial axes."""
        return self.result.forms[item.name].spatial_axes

    def lengths(self, item: ModelInput) -> dict[int, int]:
        """Return the lengths of the input's spatial axes; UsageError where one is left open."""
        return {axis: self.length(item, axis) for axis in self.spatial_axes(item)}

    def pairs_asked(self) -> Iterator[tuple[ModelInput, str]]:
        """Yield each input with the tensors to ask that read it."""
        return ((item, tensor) for item in self.inputs() for tensor in self.targets(item))

    def outputs(self) -> Iterator[tuple[ModelInput, str]]:
        """Yield each input with the outputs that read it."""
        for item in self.inputs():
            states = self.result.forms[item.name]
            yield from ((item, name) for name in self.result.model.outputs if name in states)

    def length(self, item: ModelInput, axis: int) -> int:
        """Return the input's length; UsageError, with what to bind, if the file leaves it open."""
        if axis not in item.probed:
            return item.shape[axis]
        symbol = item.symbolic.get(axis, "?")
        name = "" if symbol == "?" else f" ({quote(symbol)})"
        other = "" if symbol == "?" else f", or --dim {quote(symbol)[1:-1]}=N"
        raise UsageError(
            f"input {quote(item.name)}: axis {axis}{name} has no length: bind it with "
            f"--input-shape {quote(item.name)[1:-1]}={_example(item)}{other}"
        )

    def baseline(self, what: str) -> Baseline:
        """Return the stored result that `what` compares with; UsageError where there is none."""
        if self.settings.baseline is None:
            raise UsageError(
                f"{what} compares with a baseline, and there is none: give one (--baseline FILE)"
            )
        return self.settings.baseline

    def along(
        self, check: Check, tensor: str, item: ModelInput, said: Iterable[Said]
    ) -> Iterator[Finding]:
        """Yield findings about a tensor on an input, one for all axes of which the same is said."""
        same: dict[Said, list[int]] = {}
        for one in said:
            same.setdefault(one._replace(axis=0), []).append(one.axis)
        for one, axes in same.items():
            message = f"{where(tensor, item, axes)}: {one.text}"
            made = self.finding(check, message, tensor, input=item.name, axes=axes)
            yield replace(made, stat=one.stat, required=one.required, found=one.found)

    def finding(
        self,
        check: Check,
        message: str,
        tensor: str,
        *,
        input: str | None,
        axes: Sequence[int] = (),
    ) -> Finding:
        """Return a finding about a tensor, on an input if any, with the operator that makes it."""
        operator: Operator | None = None
        if tensor in self.result.graph:
            operator = producer_of(self.result.graph, tensor)
        node = None if operator is None else operator.label
        message += self._others(tensor, input)
        return Finding(check.code, check.severity, message, node, tensor, input, tuple(axes))

    def _others(self, tensor: str, input: str | None) -> str:
        """Say for how many inputs and outputs a finding stands beside those that it names."""
        numbers = {
            "input": self.named.inputs.get(input or "", 1),
            "output": self.named.outputs.get(tensor, 1),
        }
        if input is None or self.settings.inputs or max(numbers.values()) == 1:
            return ""
        more = join([count_of(n - 1, f"more {what}") for what, n in numbers.items() if n > 1])
        return f"; the same of {more}"


def subject_of(result: Result, settings: Settings) -> Subject:
    """Return a model under a check."""
    return Subject(result, settings, named_pairs(result))


def _example(item: ModelInput) -> str:
    """Return the input's shape with the lengths to fill in named N."""
    return ",".join(
        "N" if axis in item.probed and axis else str(length)
        for axis, length in enumerate(item.shape)
    )


def carriers(form: ClosedForm, tensor: str, axis: int) -> frozenset[int]:
    """Return the tensor's axes along which local paths vary with the input's `axis`."""
    local = local_layouts(form, tensor)
    return frozenset[int]().union(*(layout.along[axis] for layout in local))


def effective(subject: Subject, item: ModelInput, tensor: str, share: float) -> ERF | None:
    """Return the effective field of a tensor's middle unit, None where it cannot be determined."""
    from rfgraph.analysis.erf import erf

    try:
        return erf(subject.result, tensor, input=item.name, share=share)
    except (UsageError, BoundError):
        return None


def where(tensor: str, item: ModelInput, axes: Sequence[int]) -> str:
    """Return how messages begin: the tensor, unless it is the input, the input and its axes."""
    start = "" if tensor == item.name else f"tensor {quote(tensor)} on "
    return f"{start}input {quote(item.name)}, {named_axes(item, axes)}"


def named_axes(item: ModelInput, axes: Sequence[int]) -> str:
    """Return axis numbers, with the name that the file gives to an open dimension."""
    names = []
    for axis in axes:
        symbol = item.symbolic.get(axis, "?")
        names.append(str(axis) if symbol == "?" else f"{axis} ({quote(symbol)})")
    return f"{'axis' if len(axes) == 1 else 'axes'} {', '.join(names)}"
