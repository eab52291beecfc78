"""The distribution over paths as Markdown tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.analysis.counted import groups, others
from rfgraph.report.formats.markdown import table
from rfgraph.wording.names import for_markdown, one_line
from rfgraph.wording.numbers import amount, axes_text, figure, shape_text, short, times, whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.analysis.counted import Entry
    from rfgraph.analysis.histogram import AxisHistogram


MOST_SIZES = 200
HEADER = (
    *("axis", "local", "smallest", "mean", "median", "largest", "std", "covering", "not local"),
)


def paths_markdown(file: str, entries: Sequence[Entry]) -> str:
    """Return the report of `rfgraph paths` as Markdown."""
    parts = [f"# {for_markdown(file)}"]
    for shown in entries:
        name, source = for_markdown(shown.tensor), for_markdown(shown.input)
        parts.append(f"## {name}, {shape_text(shown.shape)}, from input {source}")
        parts.extend(_entry(shown))
    if not entries:
        parts.append("The model has no inputs, and so no paths.")
    return "\n\n".join(parts) + "\n"


def _entry(shown: Entry) -> Iterator[str]:
    found = shown.histogram
    if found is None:
        yield f"Not counted: {for_markdown(one_line(shown.bound or ''))}"
        return
    if not found.total:
        yield "No path leads there."
        return
    noun = found.count[:-1] if found.total == 1 else found.count
    yield for_markdown(f"{amount(found.total)} {noun}")
    yield table(HEADER, [_summary(axis) for axis in found.axes.values()])
    for axes in groups(shown):
        yield from _sizes(axes)
    if found.joint:
        rows = [(times(sizes), for_markdown(short(count))) for sizes, count in found.joint.items()]
        yield _cut(axes_text(list(found.axes)), found.count, rows)
    if shown.first:
        listed = [
            (str(number), times(path.sizes), ", ".join(map(for_markdown, path.nodes)))
            for number, path in enumerate(shown.first, 1)
        ]
        yield table(("", "size", "nodes"), listed)


def _summary(axis: AxisHistogram) -> tuple[str, ...]:
    covering = "-" if axis.covering is None else short(axis.covering)
    cells = (
        str(axis.axis),
        short(axis.local),
        whole(axis.min),
        figure(axis.mean),
        whole(axis.median),
        whole(axis.max),
        figure(axis.std),
        covering,
        ", ".join(others(axis)) or "-",
    )
    return tuple(map(for_markdown, cells))


def _sizes(axes: Sequence[AxisHistogram]) -> Iterator[str]:
    counts = axes[0].counts
    if not counts:
        return
    rows = [(whole(size), for_markdown(short(count))) for size, count in counts.items()]
    title = f"size on {axes_text([axis.axis for axis in axes])}"
    yield _cut(title, "paths", rows)


def _cut(title: str, noun: str, rows: Sequence[tuple[str, str]]) -> str:
    rest = len(rows) - MOST_SIZES
    text = table((title, noun), rows[:MOST_SIZES])
    return text if rest <= 0 else f"{text}\n\nand {rest} more (json and csv list all)"
