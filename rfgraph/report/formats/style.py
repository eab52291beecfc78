"""The few ways to set text off on a terminal, or none of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Style:
    """How to render text for people: with colour or without, in how many columns.

    `blocks`: the encoding has the block characters that histograms are drawn with.
    """

    color: bool = False
    width: int = 80
    blocks: bool = True

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
