"""The report of a changed model as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.analysis.document import contents
from rfgraph.reports.formats.json import dumps

if TYPE_CHECKING:
    from rfgraph.analysis.view import View
    from rfgraph.relations.graph import Revision


def whatif_json(view: View, revision: Revision) -> str:
    """Return the JSON of `rfgraph MODEL`, with what was changed and what to mind."""
    changes = [change.to_dict() for change in revision.changes]
    said = {"changes": changes, "warnings": list(revision.warnings)}
    return dumps({**contents(view), **said})
