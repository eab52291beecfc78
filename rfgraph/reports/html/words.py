"""Does it see enough? The answer in words, as markup, for each tensor that leads to an output."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

from rfgraph.analysis.distributions import (
    alike_axes,
    covering_text,
    noun,
    other_scopes,
)
from rfgraph.analysis.view import input_lengths, open_lengths
from rfgraph.domains.fields.axis import numbers
from rfgraph.domains.fields.layout import has_local_path
from rfgraph.relations.graph import shape_of
from rfgraph.reports.formats.effective import endless_sizes, ratio_text, sizes_text
from rfgraph.reports.model.by_axis import padding_rows, shift_rows
from rfgraph.reports.model.rows import field_rows, scope_sentence, unread
from rfgraph.wording.names import for_html, safe
from rfgraph.wording.numbers import axes_text, count_of, shape_text, short, span, times

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rfgraph.analysis.distributions import Distribution
    from rfgraph.analysis.effective_field import ERF
    from rfgraph.analysis.field import Finding, ReceptiveField
    from rfgraph.analysis.view import View
    from rfgraph.relations.graph import Model, ModelInput

MAX_ANSWERS = 12
Row: TypeAlias = tuple[str, str, str]

_TIMES = re.compile(r"(?<=[\d-]) x (?=[\d-])")


def facts(model: Model) -> str:
    """Return what the file says of itself, in a line."""
    made = f"made by {model.producer}" if model.producer else "producer not named"
    inputs = "; ".join(_input_text(item) for item in model.inputs[:MAX_ANSWERS])
    opsets = ", ".join(f"{domain or 'opset'} {n}" for domain, n in sorted(model.opsets.items()))
    return " · ".join(
        for_html(text) for text in (made, opsets, count_of(model.nodes, "node"), inputs)
    )


def _input_text(item: ModelInput) -> str:
    taken = ", ".join(f"axis {axis} {said}" for axis, said in open_lengths(item))
    return f"{item.name} {shape_text(item.shape)}" + (f" ({taken})" if taken else "")


def answers(
    view: View, effective: Mapping[tuple[str, str], ERF], counted: Sequence[Distribution]
) -> Iterator[str]:
    """Yield an article for each pair of input and tensor, what is global said before them."""
    for output in view.result.model.outputs[:MAX_ANSWERS]:
        yield from _global_output(view, output)
    for shown in counted[:MAX_ANSWERS]:
        yield _answer(view, shown, effective.get((shown.input, shown.tensor)))
    left = max(len(counted), len(view.result.model.outputs)) - MAX_ANSWERS
    if left > 0:
        yield f'<p class="note">{left} more: choose them in the graph or in the table.</p>'


def _global_output(view: View, output: str) -> Iterator[str]:
    """Say of an output without a local path what it reads, and what comes before it."""
    fields = view.fields_of(output)
    if not fields:
        yield f"<p>{_name(output)}: {for_html(unread(view, output))}</p>"
    for field in fields:
        if has_local_path(view.result.forms[field.input], output):
            continue
        said = scope_sentence(field, view.spatial_axes(field))
        before = [
            name
            for name in view.result.before_global(output, field.input)
            if name not in view.result.forms
        ]
        names = ", ".join(_name(name) for name in before[:3])
        more = f" What a layer can see is told of what feeds it, {names}:" if before else ""
        yield f"<p>Output {_name(output)}: {for_html(said)}{more}</p>"


def _show(text: str) -> str:
    """Return words for HTML, with a sign for what is multiplied."""
    return for_html(_TIMES.sub(" \u00d7 ", text))


def _name(tensor: str) -> str:
    return f"<strong>{for_html(tensor)}</strong>"


def _answer(view: View, shown: Distribution, found: ERF | None) -> str:
    source, tensor = shown.input, shown.tensor
    field, item = view.result.receptive_field(tensor, source), view.result.input(source)
    spatial = view.spatial_axes(field)
    kind, verdict = _verdict(field, spatial, item, shown, found)
    rows = [
        *field_rows(field, spatial, item),
        *_effective_rows(found),
        *_path_rows(shown),
        *padding_rows(view, field),
        *shift_rows(view, field, item),
    ]
    many = f" on input {for_html(source)}" if len(view.inputs) > 1 else ""
    shape = shape_text(shape_of(view.result.graph, tensor))
    lines = "".join(
        f"<dt>{for_html(label)}</dt><dd>{_show(value)}"
        + (f' <span class="note">{_show(note)}</span>' if note else "")
        + "</dd>"
        for label, value, note in rows
    )
    place = list(view.result.graph).index(tensor)
    return (
        f"<article><h3>{for_html(tensor)}, {_show(shape)}{many} "
        f'<button type="button" data-tensor="{place}">show in graph</button></h3>'
        f'<p class="verdict {kind}">{_show(verdict)}</p><dl>{lines}</dl></article>'
    )


# -- verdict ---------------------------------------------------------------------------------------


def _verdict(
    field: ReceptiveField,
    spatial: Sequence[int],
    item: ModelInput,
    shown: Distribution,
    found: ERF | None,
) -> tuple[str, str]:
    """Return a word for the style, and a sentence."""
    axes = [numbers(field.axes[axis]) for axis in spatial]
    local = [axis for axis in axes if axis is not None]
    if not local or len(local) < len(axes) or any(axis.size is None for axis in local):
        return "open", scope_sentence(field, spatial)
    lengths = input_lengths(item)
    read = times([span(axis.size_min, axis.size) for axis in local])
    if any(axis.covers_input is None for axis in local):
        return "open", f"A unit reads {read} positions; the file leaves the input's length open."
    whole = times([lengths[axis] for axis in spatial])
    if not all(axis.covers_input for axis in local):
        return "no", f"Not all of it: a unit reads {read} of {whole} positions."
    more = all((axis.size_min or 0) > (lengths[axis.axis] or 0) for axis in local)
    said = f"its field is {read}, {'more than' if more else 'at least'} the input's {whole}"
    return _beyond_theory(spatial, lengths, shown, found, said)


def _beyond_theory(
    spatial: Sequence[int],
    lengths: Mapping[int, int | None],
    shown: Distribution,
    found: ERF | None,
    read: str,
) -> tuple[str, str]:
    """Say of a field that covers the input whether its paths and what counts do so too.

    It is enough where what counts reaches as far, and so do most paths.
    """
    sizes = [] if found is None else [found.axes[axis].endless_size for axis in spatial]
    small = any(
        size is not None and size < (lengths[axis] or 0)
        for axis, size in zip(spatial, sizes, strict=False)
    )
    counts = [f"95 % of what counts lies within {sizes_text(sizes)}"] if small else []
    axes = [] if shown.histogram is None else list(shown.histogram.axes.values())
    known = [axis for axis in axes if axis.covering is not None and axis.local]
    least = min(known, key=lambda axis: Fraction(axis.covering or 0, axis.local), default=None)
    if least is None and not counts:
        return "yes", f"Yes: {read}."
    if least is None:
        return "partly", f"In theory: {read}. But {counts[0]}."
    covering = least.covering or 0
    said = covering_text(covering, least.local).replace("none covers", "no path covers")
    said = f"of single paths {said}" if covering else said
    if 2 * covering <= least.local:
        return "partly", f"In theory: {read}. But {', and '.join([*counts, said])}."
    if counts:
        return "partly", f"In theory: {read}, and {said}. But {counts[0]}."
    return "yes", f"Yes: {read}, and {said}."


def _effective_rows(found: ERF | None) -> Iterator[Row]:
    if found is None:
        return
    axes = list(found.axes.values())
    inside = sizes_text([axis.size for axis in axes])
    if any(axis.ratio is None for axis in axes):
        yield "effective 95 %", inside, "of the unit in the middle, inside the input"
    else:
        yield (
            "effective 95 %",
            endless_sizes(axes),
            f"{ratio_text(axes)} of it; {inside} inside the input",
        )
    if found.local and found.global_share:
        yield (
            "beside local paths",
            f"{found.global_share:.1%}".replace("%", " %"),
            "arrives over others",
        )


def _path_rows(shown: Distribution) -> Iterator[Row]:
    """Yield how many paths there are, and how many of them cover the input."""
    if shown.histogram is None:
        yield "paths", "not counted here", shown.bound or ""
        return
    total = f"{short(shown.histogram.total)} {noun(shown.histogram)}"
    groups = alike_axes(shown)
    for axes in groups:
        one = axes[0]
        label = "paths" if len(groups) == 1 else f"paths, {axes_text([a.axis for a in axes])}"
        said = [total, *other_scopes(one)]
        if one.covering is not None and one.local and shown.lengths[one.axis] is not None:
            local = (
                "" if one.local == shown.histogram.total else f"of {short(one.local)} local ones "
            )
            said.append(local + covering_text(one.covering, one.local))
        yield label, ", ".join(said), ""


# -- findings --------------------------------------------------------------------------------------


def findings_list(findings: Sequence[Finding], places: Sequence[int | None]) -> str:
    """Return the findings, each with a button to its place, where it has one."""
    if not findings:
        return "<p>None.</p>"
    items = []
    for finding, place in zip(findings, places, strict=True):
        where = safe(finding.node or finding.tensor or "")
        button = (
            ""
            if place is None
            else f' <button type="button" data-tensor="{place}">{for_html(where)}</button>'
        )
        items.append(
            f'<li><span class="code {finding.severity}">{finding.code} {finding.severity}</span>'
            f"{for_html(finding.message)}{button}</li>"
        )
    return f'<ul class="findings">{"".join(items)}</ul>'
