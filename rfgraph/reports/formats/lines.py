"""Lines of text that hang: what follows the first one of a paragraph stands further in."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rfgraph.reports.formats.style import Style

LABEL = 13


def hanging(text: str, style: Style, indent: str = "  ", by: int = 2) -> list[str]:
    """Return the lines of a text, those after the first `by` columns further in."""
    later = indent + " " * by
    return textwrap.wrap(
        text, style.width, initial_indent=indent, subsequent_indent=later, break_on_hyphens=False
    )


def labelled(
    label: str, value: str, style: Style, indent: str = "    ", width: int = LABEL
) -> list[str]:
    """Return the lines of a value that stands behind its label."""
    return hanging(f"{label:<{width}}{value}", style, indent, width)
