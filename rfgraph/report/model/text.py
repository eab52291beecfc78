"""What a person wants to know first, as text that needs no documentation."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from rfgraph.analysis.view import View, masks_sentence
from rfgraph.domains.fields.layout import has_local_path
from rfgraph.report.model.lengths import lengths_rows
from rfgraph.report.model.padding import padding_rows
from rfgraph.report.model.rows import field_rows, scope_sentence
from rfgraph.report.model.shift import shift_rows
from rfgraph.report.paths.summary import distribution_lines
from rfgraph.wording.names import one_line, safe, shortened, some_names
from rfgraph.wording.numbers import axes_text, joined, shape_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rfgraph.analysis.field import Finding, Output, ReceptiveField
    from rfgraph.relations.graph import Model, ModelInput
    from rfgraph.report.formats.style import Style


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
    used: set[str] = set()
    if len(model.opsets) > 1:
        producers = (data["producer"] for _, data in model.graph.nodes(data=True))
        used = {producer.domain for producer in producers if producer is not None}
    opsets = ", ".join(
        f"{shortened(domain, 40) if domain else 'opset'} {version}"
        for domain, version in sorted(model.opsets.items())
        if not domain or domain in used
    )
    nodes = f"{model.nodes} node{'' if model.nodes == 1 else 's'}"
    made = f"made by {safe(model.producer)}" if model.producer else "producer not named"
    facts = ", ".join(filter(None, (made, opsets, f"IR version {model.ir_version}", nodes)))
    masked = [] if model.masks is None else _wrap(masks_sentence(model.masks), style)
    return [style.bold(safe(model.file)), *_wrap(facts, style), *masked]


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
    if item.replaced:
        declared = [f"{length} on axis {axis}" for axis, length in item.replaced.items()]
        facts.append(f"The file declares {joined(declared)}.")
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
    shown = {item.name for item in view.result.model.inputs}
    for output in outputs[:MAX_OUTPUTS]:
        yield list(_output_lines(view, output, shown, style))
    if len(outputs) > MAX_OUTPUTS:
        rest = len(outputs) - MAX_OUTPUTS
        yield _wrap(f"{rest} more outputs: --tensor NAME shows one, --format json all.", style, "")


def _output_lines(view: View, output: Output, shown: set[str], style: Style) -> Iterator[str]:
    """Give the fields of an output; where none is local, those of what comes before it."""
    yield from _heading("Output", output.name, shape_text(output.shape), style)
    fields = view.fields_of(output.name)
    forms = view.result.forms
    local = [field for field in fields if has_local_path(forms[field.input], output.name)]
    others = [field for field in fields if field not in local]
    if not fields:
        yield from _wrap("Constant: no input reaches it.", style)
    yield from _fields_lines(view, local, style)
    if others:
        yield from _wrap(_why_not_local(others, view), style)
        yield from _before_global(view, others, shown, style)


def _why_not_local(fields: Sequence[ReceptiveField], view: View) -> str:
    """Say of fields without a local path what is read."""
    said: dict[str, list[str]] = {}
    for field in fields:
        sentence = scope_sentence(field, view.spatial_axes(field))
        said.setdefault(sentence, []).append(field.input)
    if len(view.result.model.inputs) == 1:
        return next(iter(said))
    return " ".join(f"On input {some_names(names)}: {text}" for text, names in said.items())


def _before_global(
    view: View, fields: Sequence[ReceptiveField], shown: set[str], style: Style
) -> Iterator[str]:
    """Give the last feature maps with local paths; each once, the inputs never."""
    result = view.result
    for name in dict.fromkeys(
        name for field in fields for name in result.before_global(field.tensor, field.input)
    ):
        found = view.fields_of(name)
        local = all(
            field.axes[axis].scope == "local"
            for field in found
            for axis in view.spatial_axes(field)
        )
        kind = "last local feature map" if local else "last feature map with local paths"
        if name in shown:
            where = "an input" if name in result.forms else "shown above"
            yield from _wrap(f"The {kind} before it is {shortened(name, 60)}, {where}.", style)
            continue
        shown.add(name)
        yield from _wrap(f"The {kind} before it:", style)
        yield from _heading("", name, shape_text(found[0].shape), style, "  ")
        yield from _fields_lines(view, found, style)


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
        rows = [
            *field_rows(field, view.spatial_axes(field), items[field.input]),
            *padding_rows(view, field),
            *shift_rows(view, field, items[field.input]),
            *lengths_rows(view, field, items[field.input]),
        ]
        distribution = distribution_lines(view, field, LABEL + 6, style)
        same.setdefault((*_row_lines(rows, style), *distribution), []).append(field.input)
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
        wrapped = _wrap(
            f"{severity} {code}: {one_line(message, 2000)}{where}", style, "  ", "      "
        )
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
