"""What a person wants to know first, as text that needs no documentation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from rfgraph.analysis.view import View, masks_sentence, open_lengths
from rfgraph.domains.fields.layout import has_local_path
from rfgraph.relations.graph import producer_of, shape_of
from rfgraph.reports.formats.style import blocks
from rfgraph.reports.model.alike import Answers, first_and_last, in_order_of_file
from rfgraph.reports.model.by_axis import lengths_rows, padding_rows, shift_rows
from rfgraph.reports.model.glance import glance
from rfgraph.reports.model.rows import field_rows, scope_sentence, unread
from rfgraph.wording.grouping import group
from rfgraph.wording.names import one_line, safe, some_names
from rfgraph.wording.numbers import axes_text, count_of, join, shape_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rfgraph.analysis.field import Finding, ReceptiveField
    from rfgraph.relations.graph import Model, ModelInput
    from rfgraph.reports.formats.style import Style
    from rfgraph.reports.model.rows import Row


# A field, and the inputs on which it is the same.
Alike: TypeAlias = "tuple[ReceptiveField, tuple[str, ...]]"
MAX_OUTPUTS = 12
ALIKE = "alike but for names and positions"
LABEL = 17
VALUE = 22


def as_text(view: View, style: Style) -> str:
    """Return the report of `rfgraph MODEL`: the file, its inputs, and what its outputs read."""
    model = view.result.model
    parts = [_file_lines(model, style)]
    parts.extend(_inputs(view, style))
    parts.extend(_tensors(view, style) if view.tensors else _outputs(view, style))
    if view.result.findings:
        parts.append(_finding_lines(view.result.findings, style))
    return blocks(*parts)


def _file_lines(model: Model, style: Style) -> list[str]:
    used: set[str] = set()
    if len(model.opsets) > 1:
        producers = (producer_of(model.graph, tensor) for tensor in model.graph)
        used = {producer.domain for producer in producers if producer is not None}
    opsets = ", ".join(
        f"{safe(domain) if domain else 'opset'} {version}"
        for domain, version in sorted(model.opsets.items())
        if not domain or domain in used
    )
    made = f"made by {safe(model.producer)}" if model.producer else "producer not named"
    nodes = count_of(model.nodes, "node")
    facts = ", ".join(filter(None, (made, opsets, f"IR version {model.ir_version}", nodes)))
    masked = [] if model.masks is None else style.wrap(masks_sentence(model.masks), "  ")
    return [style.bold(safe(model.file)), *style.wrap(facts, "  "), *masked]


def _inputs(view: View, style: Style) -> Iterator[list[str]]:
    """Give the inputs, those of one shape of which the same is said together."""
    alike = group(((item.shape, _input_facts(view, item)), item) for item in view.model_inputs)
    for items in alike.values():
        first, shape = items[0], shape_text(items[0].shape)
        if len(items) == 1:
            lines = _heading("Input", first.name, shape, style)
        else:
            names = first_and_last([item.name for item in items])
            lines = _heading("Inputs", names, f"{len(items)} alike, {shape}", style)
        yield [*lines, *style.wrap(_input_facts(view, first), "  ")]


def _input_facts(view: View, item: ModelInput) -> str:
    axes = axes_text(view.result.forms[item.name].spatial_axes)
    facts = [] if not item.shape else [f"No spatial axis: the numbers are those of {axes}."]
    if view.result.forms[item.name].windowed:
        facts = [f"Spatial: {axes}."]
    if item.probed or item.determined:
        taken = [
            f"axis {axis} ({_symbol(item, axis)}), {said}" for axis, said in open_lengths(item)
        ]
        facts.append(f"Open in the file: {'; '.join(taken)}.")
    if item.replaced:
        declared = [f"{length} on axis {axis}" for axis, length in item.replaced.items()]
        facts.append(f"The file declares {join(declared)}.")
    return " ".join(facts)


def _symbol(item: ModelInput, axis: int) -> str:
    name = item.symbolic.get(axis, "?")
    return "unnamed" if name == "?" else f"'{safe(name)}'"


def _heading(kind: str, name: str, shape: str, style: Style, indent: str = "") -> list[str]:
    """Return kind, name and shape on a line, on two where they do not fit."""
    start = f"{indent}{kind}  " if kind else indent
    room = style.width - len(start)
    label = style.name(name, room)
    first = start + style.bold(label)
    if len(label) + 2 + len(shape) <= room:
        return [f"{first}  {shape}"]
    return [first, f"{indent}  {shape}"]


# -- outputs ---------------------------------------------------------------------------------------


def _outputs(view: View, style: Style) -> Iterator[list[str]]:
    """Give the outputs, those alike once; of many different ones the first."""
    shown: set[str] = set()
    answers = Answers(view, style, LABEL + 6)
    names = view.result.model.outputs
    kinds = list(group((answers.fields_key(name), name) for name in names).values())
    left = len(names)
    for number, outputs in enumerate(
        alike
        for kind in kinds[:MAX_OUTPUTS]
        for alike in group((answers.output_key(name), name) for name in kind).values()
    ):
        if number == MAX_OUTPUTS:
            break
        left -= len(outputs)
        yield list(_output_lines(view, outputs, answers, shown))
    if left:
        yield style.wrap(f"{left} more outputs: --tensor NAME shows one, --format json all.")


def _output_lines(
    view: View, outputs: Sequence[str], answers: Answers, shown: set[str]
) -> Iterator[str]:
    """Give the fields of an output; where none is local, those of what comes before it."""
    output, style = outputs[0], answers.style
    shape = shape_of(view.result.graph, output)
    yield from _heading("Output", output, shape_text(shape), style)
    if len(outputs) > 1:
        names = first_and_last(outputs)
        yield from style.wrap(f"{len(outputs)} outputs are {ALIKE}: {names}.", "  ")
    fields = view.alike_fields(output)
    forms = view.result.forms
    local: list[Alike] = []
    others: list[Alike] = []
    for alike in fields:
        (local if has_local_path(forms[alike[0].input], output) else others).append(alike)
    if not fields:
        yield from style.wrap(unread(view, output), "  ")
    yield from _fields_lines(view, local, answers)
    if others:
        yield from style.wrap(_why_not_local(others, view), "  ")
        yield from _before_global(view, [field for field, _ in others], answers, shown)


def _why_not_local(fields: Sequence[Alike], view: View) -> str:
    """Say of fields without a local path what is read."""
    said = group(
        (scope_sentence(field, view.spatial_axes(field)), name)
        for field, names in fields
        for name in names
    )
    if len(view.result.model.inputs) == 1:
        return next(iter(said))
    return " ".join(
        f"On input {some_names(in_order_of_file(view, names))}: {text}"
        for text, names in said.items()
    )


def _before_global(
    view: View, fields: Sequence[ReceptiveField], answers: Answers, shown: set[str]
) -> Iterator[str]:
    """Give the last feature maps with local paths, those alike once; each once."""
    result, style = view.result, answers.style
    names = list(
        dict.fromkeys(
            name for field in fields for name in result.before_global(field.tensor, field.input)
        )
    )
    if not names:
        yield from style.wrap("No feature map lies before it: the input itself feeds it.", "  ")
    new = [name for name in names if name not in shown]
    known = [name for name in names if name in shown]
    shown.update(new)
    same = group(((_is_local(view, name), answers.tensor_key(name)), name) for name in new)
    for alike in same.values():
        kind, fields_of = _kind(view, alike), view.alike_fields(alike[0])
        many = f", {len(alike)} {ALIKE}, {first_and_last(alike)}" if len(alike) > 1 else ""
        yield from style.wrap(f"The {kind} before it{many}:", "  ")
        yield from _heading("", alike[0], shape_text(fields_of[0][0].shape), style, "  ")
        yield from _fields_lines(view, fields_of, answers)
    said = bool(new)
    for alike in group((_is_local(view, name), name) for name in known).values():
        verb = "is" if len(alike) == 1 else "are"
        subject = f"The {_kind(view, alike)} before it {verb} {some_names(alike)}"
        if said:
            subject = f"So {verb} {some_names(alike)}"
        yield from style.wrap(f"{subject}, shown above.", "  ")
        said = True


def _is_local(view: View, tensor: str) -> bool:
    """Whether all paths to a tensor are local, on all spatial axes of all inputs."""
    return all(
        field.axes[axis].scope == "local"
        for field, _ in view.alike_fields(tensor)
        for axis in view.spatial_axes(field)
    )


def _kind(view: View, alike: Sequence[str]) -> str:
    maps = "map" if len(alike) == 1 else "maps"
    if _is_local(view, alike[0]):
        return f"last local feature {maps}"
    return f"last feature {maps} with local paths"


# -- tensors ---------------------------------------------------------------------------------------


def _tensors(view: View, style: Style) -> Iterator[list[str]]:
    answers = Answers(view, style, LABEL + 6)
    for name in view.tensors or ():
        fields = view.alike_fields(name)
        lines = _heading("Tensor", name, shape_text(fields[0][0].shape), style)
        yield [*lines, *_fields_lines(view, fields, answers)]


def _fields_lines(view: View, fields: Sequence[Alike], answers: Answers) -> Iterator[str]:
    """Give the numbers of a tensor, once for inputs on which they are the same."""
    same = group(
        (lines, name)
        for field, names in fields
        for lines, alike in _lines_apart(view, field, names, answers)
        for name in alike
    )
    several = len(view.result.model.inputs) > 1
    together = [(in_order_of_file(view, names), lines) for lines, names in same.items()]
    firsts = in_order_of_file(view, [names[0] for names, _ in together])
    for names, lines in sorted(together, key=lambda one: firsts.index(one[0][0])):
        if several:
            yield from answers.style.wrap(f"on input {some_names(names)}:", "  ")
        yield from lines


def _lines_apart(
    view: View, field: ReceptiveField, inputs: Sequence[str], answers: Answers
) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Yield the lines on a field that is the same on several inputs, with the inputs.

    How much of it counts, and how many paths there are, may differ.
    """
    item, style = view.result.input(field.input), answers.style
    each = (replace(field, input=name) for name in inputs)
    apart = group(
        ((tuple(glance(view, one)), tuple(answers.distribution(one))), one.input) for one in each
    )
    first = list(field_rows(field, view.spatial_axes(field), item))
    last = [
        *padding_rows(view, field),
        *shift_rows(view, field, item),
        *lengths_rows(view, field, item),
    ]
    for (seen, distribution), names in apart.items():
        yield (*_row_lines([*first, *seen, *last], style), *distribution), names


def _row_lines(rows: Iterable[Row], style: Style) -> Iterator[str]:
    start = LABEL + 6
    for label, value, note in rows:
        lines = style.label(label, value, 4, LABEL + 2)
        first = lines[0] if lines else f"    {label}"
        if note:
            padded = f"{first:<{start + VALUE}}  "
            if len(padded + note) > style.width:
                padded = f"{first}  "
            first = padded + style.dim(note) if len(padded + note) <= style.width else first
        yield first.rstrip()
        yield from lines[1:]


# -- findings --------------------------------------------------------------------------------------


def _finding_lines(findings: Sequence[Finding], style: Style) -> list[str]:
    """Return the findings, each once with how often it occurs."""
    lines = [style.bold("Findings")]
    same = group(((one.code, one.severity, one.message), one) for one in findings)
    for (code, severity, message), alike in same.items():
        places = [finding.node or finding.tensor or "" for finding in alike]
        where = f" (at {some_names(places)})" if any(places) else ""
        text = f"{severity} {code}: {one_line(message, 2000)}{where}"
        wrapped = style.wrap(text, "  ", "      ")
        wrapped[0] = wrapped[0].replace(severity, style.severity(severity), 1)
        lines.extend(wrapped)
    return lines
