"""Tables of HTML, as a notebook shows results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.wording.names import for_html

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def html_table(caption: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of cells, names among them as they are in the file."""
    head = "".join(f"<th>{for_html(cell)}</th>" for cell in header)
    body = "".join(
        f"<tr>{''.join(f'<td>{for_html(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return (
        f"<table><caption>{for_html(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
