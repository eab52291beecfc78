"""Tables for a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.wording.names import for_html

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def _table(caption: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{for_html(cell)}</th>" for cell in header)
    body = "".join(
        f"<tr>{''.join(f'<td>{for_html(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return (
        f"<table><caption>{for_html(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
