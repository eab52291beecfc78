"""The findings of `rfgraph check` as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.reports.formats.json import dumps
from rfgraph.version import HEAD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.checks.run import Report


def as_json(reports: Sequence[Report]) -> str:
    """Return the JSON report, one model to a line."""
    models = [report.to_dict() for report in reports]
    return dumps({**HEAD, "models": models})
