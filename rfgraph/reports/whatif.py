"""What of a model is changed, in each format; what is read is told as of any model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.analysis.document import contents
from rfgraph.reports.formats.json import dumps
from rfgraph.reports.formats.markdown import table
from rfgraph.reports.formats.table import lay_out
from rfgraph.wording.names import for_markdown, markdown_text, safe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.analysis.view import View
    from rfgraph.relations.beside import AttributeChange, Revision, Setting
    from rfgraph.reports.formats.style import Style


HEADER = ("node", "attribute", "in the file", "instead")


def whatif_json(view: View, revision: Revision) -> str:
    """Return the JSON of `rfgraph MODEL`, with what was changed and what to mind."""
    changes = [change.to_dict() for change in revision.changes]
    said = {"changes": changes, "warnings": list(revision.warnings)}
    return dumps({**contents(view), **said})


def changes_text(file: str, revision: Revision, style: Style) -> list[str]:
    """Return the lines of what is changed of a file."""
    rows = lay_out(HEADER, list(_rows(revision)), style)
    return [style.bold(safe(file)), "", *rows]


def changes_markdown(file: str, revision: Revision) -> str:
    """Return the table of what is changed of a file."""
    rows = (tuple(map(markdown_text, row)) for row in _rows(revision))
    return f"### What if: {for_markdown(file)}\n\n{table(HEADER, rows)}"


def _rows(revision: Revision) -> Iterator[tuple[str, str, str, str]]:
    """Yield node, attribute, its value in the file and the other one."""
    for change in revision.changes:
        follows = f" ({_reason(change)})" if change.follows else ""
        after = f"{_setting(change.after)}{follows}"
        yield safe(change.node), safe(change.attribute), _setting(change.before), after


def _reason(change: AttributeChange) -> str:
    """Return why an attribute changed that was not asked for."""
    if change.after is None:
        return "auto_pad is in its place"
    return "pads are in its place" if change.attribute == "auto_pad" else "follows the extent"


def _setting(value: Setting | None) -> str:
    """Return a value as it is given to --set; "-" without one."""
    if value is None:
        return "-"
    return safe(",".join(map(str, value)) if isinstance(value, tuple) else str(value))
