"""Pages and tables as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.wording.names import for_markdown, markdown_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def page(file: str, parts: Iterable[str]) -> str:
    """Return a report on a file, in parts of Markdown."""
    return "\n\n".join((f"# {for_markdown(file)}", *parts)) + "\n"


def table(header: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table of cells, names among them made printable already."""
    lines = [header, ["---"] * len(header), *(map(markdown_text, row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def bullets(lines: Iterable[str]) -> str:
    """Return a list of texts, names in them made printable already."""
    return "\n".join(f"- {markdown_text(line)}" for line in lines)
