"""The report of a model as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.analysis.document import contents
from rfgraph.report.formats.json import dumps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.analysis.field import ReceptiveField
    from rfgraph.analysis.view import View


def report(view: View, fields: Sequence[ReceptiveField] | None = None) -> str:
    """Return the JSON of `rfgraph MODEL`; `fields` are those asked for, where not all are."""
    return dumps(contents(view, fields))
