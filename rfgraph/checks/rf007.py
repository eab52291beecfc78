"""The receptive field is smaller than in the baseline.

A stored result (rfgraph MODEL --format json -o baseline.json) is compared with the model, tensor
by tensor and axis by axis: the size of the region, the smallest over the units, the smallest
path, and what the axis is (an axis that was read as a whole and now is local has shrunk).
Compared are the baseline's outputs and their before_global tensors, or those named with
--tensor. Whatever grew is fine.

Why it matters: a change of stride, padding or a shortcut that shrinks the receptive field passes
every test of shapes, and shows as a loss of accuracy that nobody traces back to it.

How to fix it: undo the change, or store a new baseline if it was meant.

How to silence it: leave out --baseline, or --ignore RF007.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from rfgraph.analysis.names import some
from rfgraph.checks.subject import Subject, where
from rfgraph.errors import UsageError
from rfgraph.wording.names import quoted
from rfgraph.wording.numbers import joined, rational_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rfgraph.analysis.field import Finding
    from rfgraph.checks.baseline import Baseline, Numbers, StoredAxis
    from rfgraph.domains.fields.axis import Axis
    from rfgraph.relations.graph import ModelInput


_COMPARED = {
    "size": "size",
    "size_min": "smallest size",
    "shortest": "smallest path",
}


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each tensor, input and axis that got smaller or cannot be compared."""
    baseline = subject.settings.baseline
    if baseline is None:
        return
    inputs = {item.name: item for item in subject.result.model.inputs}
    now = _counterparts(subject, baseline)
    stored = {pair: axes for pair, axes in baseline.fields.items() if pair[0] in now}
    if not stored:
        raise UsageError(
            f"the baseline has no numbers of {some(list(now)) or 'any tensor'} to compare with"
        )
    for (tensor, source), axes in stored.items():
        item, name = inputs.get(source), now[tensor]
        if item is None:
            yield _gone(subject, f"input {quoted(source)}", tensor)
        elif name is None:
            yield _gone(subject, f"tensor {quoted(tensor)}", None)
        elif name not in subject.result.forms[source].states:
            what = f"a path from input {quoted(source)} to tensor {quoted(name)}"
            yield _gone(subject, what, name)
        else:
            yield from _field(subject, item, name, axes)


def _gone(subject: Subject, what: str, tensor: str | None) -> Finding:
    there = tensor if tensor in subject.result.graph else None
    return subject.finding("RF007", "error", f"{what} was in the baseline, and is not there", there)


def _counterparts(subject: Subject, baseline: Baseline) -> Mapping[str, str | None]:
    """Return what each compared tensor of the baseline is called now, None where it is gone."""
    graph = subject.result.graph
    if subject.settings.tensors:
        stored = {tensor for tensor, _ in baseline.fields}
        for name in subject.settings.tensors:
            if name not in stored:
                raise UsageError(f"the baseline has no tensor {quoted(name)} to compare with")
        return {name: name if name in graph else None for name in subject.settings.tensors}
    found: dict[str, str | None] = {}
    for output, before in baseline.outputs.items():
        there = output in subject.result.model.outputs
        found[output] = output if there else None
        feeding = subject.result.before_global(output) or (output,) if there else ()
        for name in before:
            found[name] = _feeding(subject, name, before, feeding)
    return found


def _feeding(
    subject: Subject, name: str, before: tuple[str, ...], feeding: tuple[str, ...]
) -> str | None:
    """Return what now feeds an output in a tensor's place; a lone one does under any name."""
    if name not in feeding and len(before) == len(feeding) == 1:
        return feeding[0]
    return name if name in subject.result.graph else None


def _field(
    subject: Subject, item: ModelInput, tensor: str, stored: Mapping[int, StoredAxis]
) -> Iterator[Finding]:
    baseline = subject.settings.baseline
    field = subject.result.receptive_field(tensor, item.name)
    spatial = baseline.spatial.get(item.name, ()) if baseline else ()
    for axis in spatial:
        if axis not in stored:
            continue
        if axis not in field.axes:
            yield _gone(subject, f"axis {axis} of input {quoted(item.name)}", tensor)
            continue
        changes = list(changed(stored[axis], field.axes[axis]))
        if changes:
            text = f"{where(tensor, item, [axis])}: smaller than in the baseline: {joined(changes)}"
            yield subject.finding("RF007", "error", text, tensor)


# -- one axis --------------------------------------------------------------------------------------


def changed(before: StoredAxis, now: Axis) -> Iterator[str]:
    """Yield in words what got smaller along an axis, or can no longer be told."""
    if before.scope == "unknown":
        return
    if now.scope == "unknown":
        yield f"{before.scope} became unknown"
        return
    if _RANK[now.scope] < _RANK[before.scope]:
        yield f"{before.scope} became {now.scope}{_size_text(now)}"
    if before.covers and now.covers_input is False:
        yield "the input is no longer covered"
    if before.scope == now.scope == "one-sided":
        yield from _reach(before, now)
    yield from _numbers(before, now)


_RANK = {"none": 0, "local": 1, "one-sided": 2, "global": 3}


def _size_text(now: Axis) -> str:
    return "" if now.size is None else f" of size {rational_text(now.size)}"


def _reach(before: StoredAxis, now: Axis) -> Iterator[str]:
    """A side without bound that got one, or a bound that came nearer."""
    for key in ("before", "after"):
        old, new = before.numbers[key], getattr(now, key)
        if new is not None and (old is None or new < old):
            was = "without bound" if old is None else rational_text(Fraction(old))
            yield f"reach {key}: {was}, now {rational_text(new)}"


def _numbers(before: StoredAxis, now: Axis) -> Iterator[str]:
    """Compare the local paths, where both have some; an axis that lost all of them only grew."""
    old = before.numbers if before.scope == "local" else before.local
    inner = now if now.scope == "local" else now.local
    if old is None or inner is None:
        return
    for key, name in _COMPARED.items():
        yield from _number(name, old, getattr(inner, key), key)


def _number(name: str, old: Numbers, new: int | None, key: str) -> Iterator[str]:
    was = old[key]
    if was is not None and new is None:
        yield f"{name}: {rational_text(was)}, now not known"
    elif was is not None and new is not None and new < was:
        yield f"{name}: {rational_text(was)}, now {rational_text(new)}"
