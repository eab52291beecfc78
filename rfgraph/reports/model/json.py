"""The report of a model as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.analysis.document import parts
from rfgraph.reports.formats.json import chunks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.analysis.field import ReceptiveField
    from rfgraph.analysis.view import View


def report(view: View, fields: Sequence[ReceptiveField] | None = None) -> str:
    """Return the JSON of `rfgraph MODEL`; `fields` are those asked for, where not all are."""
    return "".join(pieces(view, fields))


def pieces(view: View, fields: Sequence[ReceptiveField] | None = None) -> Iterator[str]:
    """Yield the same in pieces, each made when it is taken."""
    return chunks(parts(view, fields))
