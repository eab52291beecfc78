"""What of a model is changed, as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.reports.formats.markdown import table
from rfgraph.reports.whatif.words import HEADER, change_rows
from rfgraph.wording.names import for_markdown, markdown_text

if TYPE_CHECKING:
    from rfgraph.relations.graph import Revision


def changes_markdown(file: str, revision: Revision) -> str:
    """Return the table of what is changed of a file."""
    rows = (tuple(map(markdown_text, row)) for row in change_rows(revision))
    return f"### What if: {for_markdown(file)}\n\n{table(HEADER, rows)}"
