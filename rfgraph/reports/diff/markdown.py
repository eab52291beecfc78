"""What differs between two models, as Markdown: a comment on a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.reports.diff.words import behind_text, groups, layer_rows, said, title, verdict
from rfgraph.reports.formats.markdown import table
from rfgraph.wording.names import for_markdown, markdown_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.analysis.differences import Diff, TensorDiff


def diff_markdown(diff: Diff) -> str:
    """Return the report of `rfgraph diff`."""
    head = f"### Receptive field: {for_markdown(diff.old.file)} → {for_markdown(diff.new.file)}"
    listed = [
        *(f"- **worse**: {markdown_text(line)}" for line in said(diff.worse)),
        *(f"- better: {markdown_text(line)}" for line in said(diff.better)),
    ]
    verdicts = ["\n".join(listed)] if listed else []
    layers = [] if diff.same else _layer_parts(diff)
    return "\n\n".join([head, *verdicts, *output_parts(diff), *layers]) + "\n"


def output_parts(diff: Diff) -> Iterator[str]:
    """Yield what differs of the outputs."""
    whole = verdict(diff)
    if whole is not None:
        yield f"**{whole}**"
    for item in diff.outputs:
        yield from _tensor_parts(item)


def _tensor_parts(item: TensorDiff) -> Iterator[str]:
    parts = list(groups(item))
    if parts or None in (item.before, item.after):
        yield markdown_text(title(item))
    for axes, rows in parts:
        yield table((axes, "old", "new"), [tuple(map(markdown_text, row)) for row in rows])


def _layer_parts(diff: Diff) -> Iterator[str]:
    rows = [tuple(map(markdown_text, row)) for row in layer_rows(diff)]
    if rows:
        yield table(("layer", "old", "new"), rows)
    behind = behind_text(diff)
    if behind is not None:
        yield behind
