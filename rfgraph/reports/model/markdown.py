"""Reports as Markdown tables, for a pull request or a wiki."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.analysis.view import View, masks_sentence, open_lengths
from rfgraph.reports.formats.markdown import page, table
from rfgraph.reports.model.rows import field_rows, scope_sentence, unread
from rfgraph.wording.names import for_markdown, markdown_text, one_line, safe
from rfgraph.wording.numbers import axes_text, shape_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.analysis.field import ReceptiveField
    from rfgraph.relations.graph import ModelInput


def as_markdown(view: View) -> str:
    """Return the report of `rfgraph MODEL` as Markdown."""
    model = view.result.model
    masked = [] if model.masks is None else [markdown_text(masks_sentence(model.masks))]
    parts = [*masked, _inputs(view), *_outputs(view)]
    items = {item.name: item for item in model.inputs}
    for title, field in _sections(view):
        parts.append(f"## {title}")
        rows = field_rows(field, view.spatial_axes(field), items[field.input])
        parts.append(table(("", "value", ""), rows))
    if view.result.findings:
        parts.append("## Findings")
        findings = [
            (
                one.code,
                one.severity,
                safe(one.node or one.tensor or ""),
                one_line(one.message, 2000),
            )
            for one in view.result.findings
        ]
        parts.append(table(("code", "severity", "at", "message"), findings))
    return page(model.file, parts)


def _inputs(view: View) -> str:
    rows = [
        (
            safe(item.name),
            shape_text(item.shape),
            _spatial(view, item),
            ", ".join(f"axis {axis} {said}" for axis, said in open_lengths(item)),
        )
        for item in view.model_inputs
    ]
    return table(("input", "shape", "spatial", "lengths that the file leaves open"), rows)


def _spatial(view: View, item: ModelInput) -> str:
    axes = axes_text(view.result.forms[item.name].spatial_axes)
    return axes if view.result.forms[item.name].windowed else f"none, {axes} in their place"


def _sections(view: View) -> Iterator[tuple[str, ReceptiveField]]:
    """Yield what has a section: the tensors asked for, or the last local ones of the outputs."""
    if view.tensors is not None:
        names = dict.fromkeys(view.tensors)
    else:
        outputs = view.result.outputs
        names = dict.fromkeys(
            name for item in outputs for name in item.before_global or (item.name,)
        )
    for name in names:
        for field in view.fields_of(name):
            title = f"{for_markdown(name)}, {shape_text(field.shape)}"
            several = len(view.result.model.inputs) > 1
            yield title + (f", on input {for_markdown(field.input)}" if several else ""), field


def _outputs(view: View) -> Iterator[str]:
    """Return the table of outputs, with a sentence for those without a local path."""
    if view.tensors is not None:
        return
    rows = []
    for output in view.result.outputs:
        fields = view.fields_of(output.name)
        said = ["See below."] if fields else [unread(view, output.name)]
        if output.before_global:
            said = [scope_sentence(field, view.spatial_axes(field)) for field in fields]
        rows.append(
            (
                safe(output.name),
                shape_text(output.shape),
                " ".join(dict.fromkeys(said)),
                ", ".join(map(safe, output.before_global)),
            )
        )
    yield table(("output", "shape", "reads", "last feature map with local paths"), rows)
