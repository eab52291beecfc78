"""What of a model is changed, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.report.formats.table import lay_out
from rfgraph.report.whatif.words import HEADER, change_rows

if TYPE_CHECKING:
    from rfgraph.relations.graph import Revision
    from rfgraph.report.formats.style import Style


def changes_text(revision: Revision, style: Style) -> str:
    """Return the table of what is changed."""
    return "\n".join(lay_out(HEADER, list(change_rows(revision)), style)) + "\n"
