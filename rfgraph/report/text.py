"""What a person wants to know first, as text that needs no documentation."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from rfgraph.analysis import Finding, Output, ReceptiveField
from rfgraph.graph import Model, ModelInput
from rfgraph.report.escape import one_line, safe, shortened
from rfgraph.report.explained import field_rows, scope_sentence
from rfgraph.report.style import Style
from rfgraph.report.view import View, axes_text, shape_text, some_names

MAX_OUTPUTS = 12
LABEL = 17
VALUE = 22


def summary(view: View, style: Style) -> str:
    """Return the report of `rfgraph MODEL`: the file, its inputs, and what its outputs read."""
    model = view.result.model
    parts = [_file_lines(model, style)]
    parts.extend(_input_lines(view, item, style) for item in view.model_inputs)
    parts.extend(_tensors(view, style) if view.tensors else _outputs(view, style))
    if view.result.findings:
        parts.append(_finding_lines(view.result.findings, style))
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def _file_lines(model: Model, style: Style) -> list[str]:
    opsets = ", ".join(
        f"{shortened(domain, 40) if domain else 'opset'} {version}"
        for domain, version in sorted(model.opsets.items())
    )
    nodes = f"{model.nodes} node{'' if model.nodes == 1 else 's'}"
    made = f"made by {safe(model.producer)}" if model.producer else "producer not named"
    facts = ", ".join(filter(None, (made, opsets, f"IR version {model.ir_version}", nodes)))
    return [style.bold(safe(model.file)), *_wrap(facts, style)]


def _input_lines(view: View, item: ModelInput, style: Style) -> list[str]:
    lines = _heading("Input", item.name, shape_text(item.shape), style)
    axes = view.result.forms[item.name].spatial_axes
    facts = [f"Spatial: {axes_text(axes)}."] if axes else []
    if item.probed:
        taken = [
            f"axis {axis} ({_symbol(item, axis)}), taken as {length}"
            for axis, length in item.probed.items()
        ]
        facts.append(f"Open in the file: {'; '.join(taken)}.")
    if facts:
        lines.extend(_wrap(" ".join(facts), style))
    return lines


def _symbol(item: ModelInput, axis: int) -> str:
    name = item.symbolic.get(axis, "?")
    return "unnamed" if name == "?" else f"'{shortened(name, 30)}'"


def _heading(kind: str, name: str, shape: str, style: Style, indent: str = "") -> list[str]:
    """Return kind, name and shape on a line, on two where they do not fit."""
    start = f"{indent}{kind}  " if kind else indent
    room = style.width - len(start)
    label = shortened(name, room)
    first = start + style.bold(label)
    if len(label) + 2 + len(shape) <= room:
        return [f"{first}  {shape}"]
    return [first, f"{indent}  {shape}"]


# -- outputs ---------------------------------------------------------------------------------------


def _outputs(view: View, style: Style) -> Iterator[list[str]]:
    outputs = view.result.outputs
    for output in outputs[:MAX_OUTPUTS]:
        yield list(_output_lines(view, output, style))
    if len(outputs) > MAX_OUTPUTS:
        rest = len(outputs) - MAX_OUTPUTS
        yield _wrap(f"{rest} more outputs: --tensor NAME shows one, --format json all.", style, "")


def _output_lines(view: View, output: Output, style: Style) -> Iterator[str]:
    yield from _heading("Output", output.name, shape_text(output.shape), style)
    fields = view.fields_of(output.name)
    if not fields:
        yield from _wrap("Constant: no input reaches it.", style)
    elif not output.before_global:
        yield from _fields_lines(view, fields, style)
    else:
        yield from _wrap(_why_not_local(view, fields), style)
        yield from _before_global(view, output, style)


def _why_not_local(view: View, fields: Sequence[ReceptiveField]) -> str:
    """Say of an output without a local path what it reads."""
    said: dict[str, list[str]] = {}
    for field in fields:
        sentence = scope_sentence(field, view.spatial_axes(field))
        said.setdefault(sentence, []).append(field.input)
    if len(said) == 1:
        return next(iter(said))
    return " ".join(f"Input {some_names(names)}: {sentence}" for sentence, names in said.items())


def _before_global(view: View, output: Output, style: Style) -> Iterator[str]:
    inputs = {item.name for item in view.result.model.inputs}
    for name in output.before_global:
        if name in inputs:
            text = f"No local feature map lies between input {shortened(name, 40)} and it."
            yield from _wrap(text, style)
            continue
        fields = view.fields_of(name)
        if not fields:
            continue
        yield from _wrap("The last local feature map before it:", style)
        shown = _unflattened(view, name)
        shape = shape_text(fields[0].shape)
        yield from _heading("", name, shape, style, "  ")
        if shown != name:
            fields = view.fields_of(shown)
            made = f"the same values as {shortened(shown, 40)} ({shape_text(fields[0].shape)}), shown here:"
            yield from _wrap(made, style)
        yield from _fields_lines(view, fields, style)


def _unflattened(view: View, tensor: str) -> str:
    """Return the feature map that a flattened tensor is made of: there a stride is defined."""
    graph = view.result.graph
    name = tensor
    while _irregular(view, name):
        before = list(graph.pred[name])
        if len(before) != 1 or _count(view, before[0]) != _count(view, name):
            return tensor
        name = before[0]
    return name


def _count(view: View, tensor: str) -> int | None:
    shape = view.result.graph.nodes[tensor]["shape"]
    count = 1
    for length in shape or ():
        count *= length
    return None if shape is None else count


def _irregular(view: View, tensor: str) -> bool:
    for field in view.fields_of(tensor):
        if not all(field.axes[axis].regular for axis in view.spatial_axes(field)):
            return True
    return False


# -- tensors ---------------------------------------------------------------------------------------


def _tensors(view: View, style: Style) -> Iterator[list[str]]:
    for name in view.tensors or ():
        fields = view.fields_of(name)
        lines = _heading("Tensor", name, shape_text(fields[0].shape), style)
        yield [*lines, *_fields_lines(view, fields, style)]


def _fields_lines(view: View, fields: Sequence[ReceptiveField], style: Style) -> Iterator[str]:
    """Give the numbers of a tensor, once for inputs on which they are the same."""
    items = {item.name: item for item in view.result.model.inputs}
    same: dict[tuple[str, ...], list[str]] = {}
    for field in fields:
        rows = field_rows(field, view.spatial_axes(field), items[field.input])
        same.setdefault(tuple(_row_lines(rows, style)), []).append(field.input)
    for lines, names in same.items():
        if len(items) > 1:
            yield from _wrap(f"on input {some_names(names)}:", style)
        yield from lines


def _row_lines(rows: Iterable[tuple[str, str, str]], style: Style) -> Iterator[str]:
    start = LABEL + 6
    for label, value, note in rows:
        wrapped = textwrap.wrap(value, style.width - start, break_on_hyphens=False) or [""]
        first = f"    {label:<{LABEL}}  {wrapped[0]}"
        if note:
            padded = f"{first:<{start + VALUE}}  "
            if len(padded + note) > style.width:
                padded = f"{first}  "
            first = padded + style.dim(note) if len(padded + note) <= style.width else first
        yield first.rstrip()
        yield from (" " * start + line for line in wrapped[1:])


# -- findings --------------------------------------------------------------------------------------


def _finding_lines(findings: Sequence[Finding], style: Style) -> list[str]:
    """Return the findings, each once with how often it occurs."""
    grouped: dict[tuple[str, str, str], list[str]] = {}
    for finding in findings:
        key = (finding.code, finding.severity, finding.message)
        grouped.setdefault(key, []).append(finding.node or finding.tensor or "")
    lines = [style.bold("Findings")]
    for (code, severity, message), places in grouped.items():
        where = f" (at {some_names(places)})" if any(places) else ""
        wrapped = _wrap(f"{severity} {code}: {one_line(message, 2000)}{where}", style, "  ", "      ")
        wrapped[0] = wrapped[0].replace(severity, style.severity(severity), 1)
        lines.extend(wrapped)
    return lines


def _wrap(text: str, style: Style, indent: str = "  ", later: str | None = None) -> list[str]:
    return textwrap.wrap(
        text,
        style.width,
        initial_indent=indent,
        subsequent_indent=indent if later is None else later,
        break_on_hyphens=False,
    )
