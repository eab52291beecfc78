"""What of a model is changed, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.reports.formats.table import lay_out
from rfgraph.reports.whatif.words import HEADER, change_rows
from rfgraph.wording.names import safe

if TYPE_CHECKING:
    from rfgraph.relations.graph import Revision
    from rfgraph.reports.formats.style import Style


def changes_text(file: str, revision: Revision, style: Style) -> list[str]:
    """Return the lines of what is changed of a file."""
    rows = lay_out(HEADER, list(change_rows(revision)), style)
    return [style.bold(safe(file)), "", *rows]
