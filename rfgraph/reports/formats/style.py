"""The few ways to set text off on a terminal, or none of them."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rfgraph.wording.names import cells, safe, without_middle

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_WORD = 40


@dataclass(frozen=True, slots=True)
class Style:
    """How to render text for people: with colour or without, in how many columns.

    `blocks`: the encoding has the block characters that histograms are drawn with. `whole_names`:
    nothing is left out of names, to be copied or searched for; lines may then be longer.
    """

    color: bool = False
    width: int = 80
    blocks: bool = True
    whole_names: bool = False

    def name(self, name: str, width: int) -> str:
        """Return a name, escaped, without its middle where it takes more than `width` cells."""
        return self.fit(safe(name), width)

    def fit(self, text: str, width: int) -> str:
        """Return the same of a text in which names are escaped."""
        return text if self.whole_names else without_middle(text, width)

    def wrap(self, text: str, first: str = "", later: str | None = None) -> list[str]:
        """Return the lines of a text, `first` before the first of them and `later` before others.

        Names in it are escaped already; overlong words are treated as `name` does.
        """
        rest = first if later is None else later
        if not self.whole_names:
            room = min(LONGEST_WORD, self.width - max(cells(first), cells(rest)))
            text = " ".join(without_middle(word, room) for word in text.split(" "))
        return textwrap.wrap(
            text,
            self.width,
            initial_indent=first,
            subsequent_indent=rest,
            break_long_words=False,
            break_on_hyphens=False,
        )

    def label(self, label: str, value: str, indent: int, width: int) -> list[str]:
        """Return the lines of a text behind its label, which has `width` columns after `indent`."""
        return self.wrap(value, f"{' ' * indent}{label:<{width}}", " " * (indent + width))

    def bold(self, text: str) -> str:
        """Set off what the eye should find first."""
        return self._sgr("1", text)

    def dim(self, text: str) -> str:
        """Set back an explanation."""
        return self._sgr("2", text)

    def severity(self, severity: str) -> str:
        """Show a severity in its colour."""
        return self._sgr({"error": "31", "warning": "33"}.get(severity, "36"), severity)

    def _sgr(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.color else text


def blocks(*every: Iterable[str]) -> str:
    """Return a text of blocks of lines, an empty line between two."""
    return "\n\n".join(map("\n".join, every)) + "\n"
