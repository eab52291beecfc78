"""What differs between two models, in each format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, Any

from rfgraph.reports.formats.json import dumps
from rfgraph.reports.formats.markdown import table
from rfgraph.reports.formats.table import lay_out
from rfgraph.wording.grouping import group
from rfgraph.wording.names import for_markdown, markdown_text, safe
from rfgraph.wording.numbers import axes_text, count_of, figure, fraction, join, span, times

if TYPE_CHECKING:
    from rfgraph.analysis.differences import AxisDiff, Diff, LayerDiff, TensorDiff, Verdict
    from rfgraph.analysis.layers import Layer
    from rfgraph.reports.formats.style import Style


MOST_LAYERS = 40
SAME = "No difference in what is read."
SAME_OUTPUTS = "No difference in what the outputs read; layers on the way differ."
_KINDS = {
    "smaller": "reads less",
    "global": "became global, or is not known any more",
    "unaligned": "is no longer aligned",
    "lookahead": "reads further ahead",
    "missing": "is gone",
    "larger": "reads more",
    "local": "is not global any more, or is known now",
    "aligned": "became aligned",
    "added": "is new",
}
Row = tuple[str, str, str]


def as_text(diff: Diff, style: Style) -> str:
    """Return the report of `rfgraph diff`."""
    lines = [
        style.bold(safe(model.file)) + f"  {count_of(model.nodes, 'node')}"
        for model in (diff.old, diff.new)
    ]
    lines.extend(output_lines(diff, style))
    if not diff.same:
        lines.extend(_layer_lines(diff, style))
    for word, verdicts in (("Worse", diff.worse), ("Better", diff.better)):
        said = [style.wrap(f"{word}: {line}", "", "  ") for line in _verdict_lines(verdicts)]
        lines.extend(["", *chain.from_iterable(said)] if said else [])
    return "\n".join(lines) + "\n"


def output_lines(diff: Diff, style: Style) -> Iterator[str]:
    """Yield what differs of the outputs."""
    whole = _verdict(diff)
    if whole is not None:
        yield from ("", *style.wrap(whole))
    for item in diff.outputs:
        parts = list(_groups(item))
        if parts or None in (item.before, item.after):
            yield from ("", *style.wrap(_title(item)))
        for axes, rows in parts:
            shown = [(f"  {label}", *values) for label, *values in rows]
            yield from lay_out((axes, "old", "new"), shown, style, 2)


def _layer_lines(diff: Diff, style: Style) -> Iterator[str]:
    rows = list(_layer_rows(diff))
    if rows:
        yield ""
        yield from lay_out(("layer", "old", "new"), rows[:MOST_LAYERS], style)
    if len(rows) > MOST_LAYERS:
        yield f"and {len(rows) - MOST_LAYERS} more (--format json lists all)"
    behind = _behind_text(diff)
    if behind is not None:
        yield from style.wrap(behind) if rows else ("", *style.wrap(behind))


def as_json(diff: Diff) -> str:
    """Return the report as JSON."""
    return dumps(diff.to_dict())


def as_markdown(diff: Diff) -> str:
    """Return the report as Markdown: a comment on a pull request."""
    parts = [f"### Receptive field: {for_markdown(diff.old.file)} → {for_markdown(diff.new.file)}"]
    listed = [
        *(f"- **worse**: {markdown_text(line)}" for line in _verdict_lines(diff.worse)),
        *(f"- better: {markdown_text(line)}" for line in _verdict_lines(diff.better)),
    ]
    parts.extend(["\n".join(listed)] if listed else [])
    parts.extend(output_parts(diff))
    if not diff.same:
        parts.extend(_layer_parts(diff))
    return "\n\n".join(parts) + "\n"


def output_parts(diff: Diff) -> Iterator[str]:
    """Yield what differs of the outputs."""
    whole = _verdict(diff)
    if whole is not None:
        yield f"**{whole}**"
    for item in diff.outputs:
        parts = list(_groups(item))
        if parts or None in (item.before, item.after):
            yield markdown_text(_title(item))
        yield from (table((axes, "old", "new"), rows) for axes, rows in parts)


def _layer_parts(diff: Diff) -> Iterator[str]:
    rows = list(_layer_rows(diff))
    if rows:
        yield table(("layer", "old", "new"), rows)
    behind = _behind_text(diff)
    if behind is not None:
        yield behind


# -- in words --------------------------------------------------------------------------------------


def _value_text(value: Any) -> str:
    """Return a value of one axis for people; "-" where there is none."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case tuple():
            return " and ".join(map(_value_text, value))
        case int() | Fraction():
            return fraction(value)
        case float():
            return figure(value)
    return safe(str(value))


# The rows of a table: what a row is called, and the keys that it shows.
_ROWS: Sequence[tuple[str, Sequence[str], Callable[..., str]]] = (
    ("scope", ("scope",), _value_text),
    ("receptive field", ("size_min", "size"), span),
    ("stride", ("stride",), _value_text),
    ("start", ("start",), _value_text),
    ("reach before", ("before",), _value_text),
    ("reach after", ("after",), _value_text),
    ("covers the input", ("covers_input",), _value_text),
    ("paths, smallest", ("paths_min",), _value_text),
    ("paths, 5 %", ("paths_p5",), _value_text),
    ("paths, median", ("paths_median",), _value_text),
    ("paths, mean", ("paths_mean",), figure),
    ("paths, 95 %", ("paths_p95",), _value_text),
    ("paths, largest", ("paths_max",), _value_text),
    ("effective 95 %", ("effective",), _value_text),
    ("halo, before and after", ("halo",), _value_text),
    ("grid", ("grid",), _value_text),
    ("look-ahead", ("lookahead",), _value_text),
)


def _axis_rows(axis: AxisDiff) -> Iterator[Row]:
    """Yield what differs along an axis: what, before, after."""
    old, new = axis.before.values(), axis.after.values()
    changed = {change.key for change in axis.changes}
    for label, keys, shown in _ROWS:
        if not changed.isdisjoint(keys):
            yield label, shown(*(old[key] for key in keys)), shown(*(new[key] for key in keys))


def _tensor_rows(item: TensorDiff) -> Iterator[Row]:
    """Yield what differs on no axis alone."""
    routes = item.routes
    if None not in routes and routes[0] != routes[1]:
        yield "routes", _value_text(routes[0]), _value_text(routes[1])
    if None not in item.aligned and item.aligned[0] != item.aligned[1]:
        yield "aligned", _value_text(item.aligned[0]), _value_text(item.aligned[1])


def _groups(item: TensorDiff) -> Iterator[tuple[str, list[Row]]]:
    """Yield which axes of the new input differ, those that do alike together, and their rows."""
    same = group((tuple(_axis_rows(axis)), axis.after.axis) for axis in item.axes.values())
    own = list(_tensor_rows(item))
    for rows, axes in same.items():
        if rows:
            yield axes_text(axes), [*rows, *own]
            own = []
    if own:
        yield "all axes", own


def _title(item: TensorDiff) -> str:
    """Return which tensor is compared, on which input."""
    known = item.after or item.before
    if known is None:
        return ""
    source = safe(known.input)
    if item.before is None or item.after is None:
        change = "gone" if item.after is None else "new"
        return f"{safe(known.tensor)} on input {source} is {change}"
    old, new = item.before.tensor, item.after.tensor
    name = safe(new) if old == new else f"{safe(old)}, now {safe(new)}"
    feeds = "" if item.feeds is None else f", which feeds {safe(item.feeds)}"
    return f"{name}{feeds}, on input {source}"


def _layer_rows(diff: Diff) -> Iterator[Row]:
    """Yield the layers that are others themselves: name, before, after."""
    for item in diff.layers:
        if item.own:
            yield _label(item), _layer_text(item, item.before), _layer_text(item, item.after)


def _label(item: LayerDiff) -> str:
    layers = [layer for layer in (item.before, item.after) if layer is not None]
    return safe(" -> ".join(dict.fromkeys(layer.label for layer in layers)))


def _layer_text(item: LayerDiff, layer: Layer | None) -> str:
    """Return what a layer is, of two only what differs."""
    if layer is None:
        return "-"
    shown: Mapping[str, tuple[int, ...]] = layer.window
    if None not in (item.before, item.after):
        shown = {key: value for key, value in layer.window.items() if key in item.changes}
        if "kind" not in item.changes:
            return ", ".join(_window_text(key, value) for key, value in shown.items()) or "-"
    elif layer.window:
        shown = {
            key: value
            for key, value in layer.window.items()
            if key == "kernel_shape" or set(value) != {1}
        }
    parts = [safe(layer.op_type), *(_window_text(key, value) for key, value in shown.items())]
    return ", ".join(parts)


def _window_text(key: str, value: Sequence[int]) -> str:
    word = {"kernel_shape": "kernel", "strides": "stride", "dilations": "dilation"}[key]
    return f"{word} {times(value)}"


def _behind_text(diff: Diff) -> str | None:
    """Return how many layers are the same and read otherwise, for what comes before them."""
    behind = sum(1 for item in diff.layers if not item.own and item.changes)
    if not behind:
        return None
    return f"{count_of(behind, 'layer')} behind {'reads' if behind == 1 else 'read'} otherwise."


def _verdict(diff: Diff) -> str | None:
    """Return in one sentence that nothing differs; None where something does."""
    if diff.same:
        return SAME
    return SAME_OUTPUTS if diff.same_outputs else None


def _verdict_lines(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Yield what got worse or better, each tensor and way once."""
    same: dict[tuple[str, str, str], dict[str, None]] = {}
    axes: dict[tuple[str, str, str], dict[int, None]] = {}
    for item in verdicts:
        alone = item.kind in ("missing", "added") and item.input is not None
        key = item.tensor, f" on input {safe(item.input or '')}" if alone else "", item.kind
        same.setdefault(key, {})[_key_text(item.key)] = None
        if item.axis is not None:
            axes.setdefault(key, {})[item.axis] = None
    for (tensor, source, kind), keys in same.items():
        on = axes.get((tensor, source, kind))
        where = "" if on is None else f" on {axes_text(list(on))}"
        why = f" ({join(list(keys))})" if kind in ("smaller", "larger") else ""
        yield f"{safe(tensor)}{source} {_KINDS[kind]}{where}{why}"


def _key_text(key: str) -> str:
    words = {"size_min": "smallest size", "paths_min": "smallest path", "paths_median": "median"}
    return words.get(key, key)
