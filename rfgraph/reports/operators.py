"""The table of operator rules, from what the rules say of themselves."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, NamedTuple

from rfgraph.reports.formats.csv import csv_text
from rfgraph.reports.formats.json import dumps
from rfgraph.reports.formats.markdown import table
from rfgraph.reports.formats.table import lay_out
from rfgraph.version import HEAD
from rfgraph.wording.names import for_markdown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rfgraph.ops.registry import RuleEntry
    from rfgraph.reports.formats.style import Style


HEADER = ("operator", "domain", "modelled", "versions")

_EXACTNESS = re.compile(r"(?<!\w)(Exact|Upper bound|Unknown)(?=[.,:;\s]|$)")


class OperatorRow(NamedTuple):
    """One operator: how exactly it is modelled, the versions covered, and its rule's own words."""

    domain: str
    operator: str
    modelled: str
    versions: str
    doc: str

    def cells(self) -> tuple[str, str, str, str]:
        """Return the row of a table."""
        return self.operator, self.domain or "ai.onnx", self.modelled, self.versions


def operator_rows(entries: Iterable[RuleEntry]) -> list[OperatorRow]:
    """Return a row for each rule, by domain and name."""
    ordered = sorted(entries, key=lambda entry: (entry.domain, entry.op_type))
    return [_row(entry) for entry in ordered]


def _row(entry: RuleEntry) -> OperatorRow:
    exactness = _EXACTNESS.search(entry.doc)
    modelled = exactness[1].lower() if exactness else "not stated"
    return OperatorRow(entry.domain, entry.op_type, modelled, "all", entry.doc)


def text(rows: Iterable[OperatorRow], style: Style) -> str:
    """Return the operators as a table for a terminal."""
    note = (
        "exact: what is read, no more and no less. upper bound: that, or less. unknown: depends on "
        "data. rfgraph explain OPERATOR says what a rule reads, and where it is less exact."
    )
    cells = [row.cells() for row in rows]
    # An operator's name is what one looks for: the domain gives way, not the name.
    table = lay_out(
        HEADER, [(name, style.name(domain, 22), *rest) for name, domain, *rest in cells], style
    )
    return "\n".join([*table, "", *textwrap.wrap(note, style.width)]) + "\n"


def as_json(rows: Iterable[OperatorRow]) -> str:
    """Return the operators as JSON."""
    return dumps({**HEAD, "operators": [row._asdict() for row in rows]})


def as_csv(rows: Iterable[OperatorRow]) -> str:
    """Return the operators as CSV."""
    return csv_text(HEADER, (row.cells() for row in rows))


def as_markdown(rows: Iterable[OperatorRow]) -> str:
    """Return the operators as a Markdown table."""
    return table(HEADER, [tuple(map(for_markdown, row.cells())) for row in rows]) + "\n"
