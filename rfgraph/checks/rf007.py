"""The receptive field is smaller than in the baseline.

A stored result (rfgraph MODEL -o baseline.json) is compared with the model, tensor by tensor and
axis by axis: the size of the region, the smallest over the units, the smallest path, and what the
axis is (an axis that was read as a whole and now is local has shrunk). Compared are the baseline's
outputs and their before_global tensors, or those named with --tensor. Whatever grew is fine.

A baseline adds this rule to those that are selected (RF001 where nothing else is said) and takes
none away; where it is selected and a model has no baseline, that is an error.

Why it matters: a change of stride, padding or a shortcut that shrinks the receptive field passes
every test of shapes, and shows as a loss of accuracy that nobody traces back to it.

How to fix it: undo the change, or store a new baseline if it was meant.

How to silence it: leave out --baseline, or --ignore RF007.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from rfgraph.analysis.comparison import changes
from rfgraph.analysis.names import made_by
from rfgraph.checks.registry import Check
from rfgraph.checks.subject import Said, Subject
from rfgraph.errors import UsageError
from rfgraph.wording.names import quote, some_quoted
from rfgraph.wording.numbers import fraction, join, rational_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from rfgraph.analysis.comparison import Change
    from rfgraph.analysis.field import Finding
    from rfgraph.checks.baseline import Baseline
    from rfgraph.domains.fields.axis import Axis
    from rfgraph.relations.graph import ModelInput


CHECK = Check(
    "RF007", "error", "The receptive field is smaller than in the baseline", needs="baseline"
)

_COMPARED = {
    "size": "size",
    "size_min": "smallest size",
    "shortest": "smallest path",
}


def findings(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each tensor, input and axis that got smaller or cannot be compared."""
    baseline = subject.baseline(CHECK.code)
    inputs = {item.name: item for item in subject.result.model.inputs}
    now = _counterparts(subject, baseline)
    stored = {pair: axes for pair, axes in baseline.fields.items() if pair[0] in now}
    missing = [name for name in now if _is_missing(subject, stored, name, now[name])]
    if missing or not stored:
        what = some_quoted(missing or list(now)) or "any tensor"
        raise UsageError(f"the baseline has no numbers of {what} to compare with")
    for (tensor, source), axes in stored.items():
        item, name = inputs.get(source), now[tensor]
        if item is None:
            yield _gone_finding(subject, f"input {quote(source)}", tensor, source)
        elif name is None:
            yield _gone_finding(subject, f"tensor {quote(tensor)}", tensor, source)
        elif name not in subject.result.forms[source]:
            what = f"a path from input {quote(source)} to tensor {quote(name)}"
            yield _gone_finding(subject, what, name, source)
        else:
            yield from _smaller_axes(subject, item, name, axes)


def _is_missing(
    subject: Subject, stored: Iterable[tuple[str, str]], tensor: str, now: str | None
) -> bool:
    """Whether a tensor that reads some input was not stored: a baseline of others was given."""
    reads = any(now in form for form in subject.result.forms.values())
    return reads and all(name != tensor for name, _ in stored)


def _gone_finding(
    subject: Subject, what: str, tensor: str, source: str, axes: tuple[int, ...] = ()
) -> Finding:
    text = f"{what} was in the baseline, and is not there"
    return subject.finding(CHECK, text, tensor, input=source, axes=axes)


def _counterparts(subject: Subject, baseline: Baseline) -> Mapping[str, str | None]:
    """Return what each compared tensor of the baseline is called now, None where it is gone."""
    graph = subject.result.graph
    if subject.settings.tensors:
        stored = {tensor for tensor, _ in baseline.fields}
        names = [
            tensor
            for name in subject.settings.tensors
            for tensor in ([] if name in stored else made_by(graph, name)) or [name]
        ]
        for name in names:
            if name not in stored:
                raise UsageError(f"the baseline has no tensor {quote(name)} to compare with")
        return {name: name if name in graph else None for name in names}
    now: dict[str, str | None] = {}
    for output, before in baseline.outputs.items():
        there = output in subject.result.model.outputs
        now[output] = output if there else None
        feeding = subject.result.before_global(output) or (output,) if there else ()
        for name in before:
            now[name] = _feeder_now(subject, name, before, feeding)
    return now


def _feeder_now(
    subject: Subject, name: str, before: tuple[str, ...], feeding: tuple[str, ...]
) -> str | None:
    """Return what now feeds an output in a tensor's place; a lone one does under any name."""
    if name not in feeding and len(before) == len(feeding) == 1:
        return feeding[0]
    return name if name in subject.result.graph else None


def _smaller_axes(
    subject: Subject, item: ModelInput, tensor: str, stored: Mapping[int, Axis]
) -> Iterator[Finding]:
    field = subject.result.receptive_field(tensor, item.name)
    said = []
    for axis in subject.baseline(CHECK.code).spatial.get(item.name, ()):
        if axis not in stored:
            continue
        if axis not in field.axes:
            what = f"axis {axis} of input {quote(item.name)}"
            yield _gone_finding(subject, what, tensor, item.name, (axis,))
            continue
        lost = list(losses(stored[axis], field.axes[axis]))
        if lost:
            said.append(Said(axis, f"smaller than in the baseline: {join(lost)}"))
    yield from subject.along(CHECK, tensor, item, said)


# -- one axis --------------------------------------------------------------------------------------


def losses(before: Axis, now: Axis) -> Iterator[str]:
    """Yield in words what got smaller along an axis, or can no longer be told."""
    if before.scope == "unknown":
        return
    for change in changes(before, now):
        if change.loss:
            yield _loss_text(change, now)


def _loss_text(change: Change, now: Axis) -> str:
    match change.key:
        case "scope":
            size = "" if now.size is None else f" of size {rational_text(now.size)}"
            return f"{change.before} became {change.after}{size}"
        case "covers_input":
            return "the input is no longer covered"
        case "before" | "after":
            was = "without bound" if change.before is None else _number(change.before)
            return f"reach {change.key}: {was}, now {_number(change.after)}"
    after = "not known" if change.after is None else _number(change.after)
    return f"{_COMPARED[change.key]}: {_number(change.before)}, now {after}"


def _number(value: object) -> str:
    if isinstance(value, int):
        return rational_text(value)
    return fraction(value) if isinstance(value, Fraction) else str(value)
