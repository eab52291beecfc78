"""Records as CSV."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

from rfgraph.wording.names import for_csv
from rfgraph.wording.numbers import decimal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_NUMBER = re.compile(r"-?\d+(/\d+)?", re.ASCII)


def csv_text(header: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """Return rows of values, as JSON has them or exact, and names as CSV (RFC 4180)."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(map(_cell, row) for row in rows)
    return out.getvalue()


def _cell(value: object) -> str:
    """Return a value as a cell: nothing for null, a list separated by spaces."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int():
            return decimal(value)
        case list() | tuple():
            return " ".join(map(_cell, value))
        case str() if not _NUMBER.fullmatch(value):
            return for_csv(value)
    return str(value)
