"""The table of operator rules, from what the rules say of themselves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from rfgraph.reports.formats.csv import csv_text
from rfgraph.reports.formats.json import dumps
from rfgraph.reports.formats.markdown import table
from rfgraph.reports.formats.style import blocks
from rfgraph.reports.formats.table import lay_out
from rfgraph.version import HEAD

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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


def operator_rows(entries: Iterable[RuleEntry]) -> list[OperatorRow]:
    """Return a row for each rule, by domain and name."""
    ordered = sorted(entries, key=lambda entry: (entry.domain, entry.op_type))
    return [_row(entry) for entry in ordered]


def _row(entry: RuleEntry) -> OperatorRow:
    exactness = _EXACTNESS.search(entry.doc)
    modelled = exactness[1].lower() if exactness else "not stated"
    return OperatorRow(entry.domain, entry.op_type, modelled, "all", entry.doc)


def as_text(rows: Sequence[OperatorRow], style: Style) -> str:
    """Return the operators as a table for a terminal."""
    note = (
        "exact: what is read, no more and no less. upper bound: that, or less. unknown: depends on "
        "data. rfgraph explain OPERATOR says what a rule reads, and where it is less exact."
    )
    # An operator's name is what one looks for: the domain gives way, not the name.
    cells = ((name, style.name(domain, 22), *rest) for name, domain, *rest in map(_cells, rows))
    return blocks(lay_out(HEADER, cells, style), style.wrap(note))


def as_json(rows: Sequence[OperatorRow]) -> str:
    """Return the operators as JSON."""
    return dumps({**HEAD, "operators": [row._asdict() for row in rows]})


def as_csv(rows: Sequence[OperatorRow]) -> str:
    """Return the operators as CSV."""
    return csv_text(HEADER, map(_cells, rows))


def as_markdown(rows: Sequence[OperatorRow]) -> str:
    """Return the operators as a Markdown table."""
    return table(HEADER, map(_cells, rows)) + "\n"


def _cells(row: OperatorRow) -> tuple[str, ...]:
    return row.operator, row.domain or "ai.onnx", row.modelled, row.versions
