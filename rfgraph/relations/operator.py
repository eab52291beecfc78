"""A node of the file, as the graph knows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator node of the file: its place in file order, its name, its type and domain."""

    index: int
    name: str
    op_type: str
    domain: str = ""

    @property
    def label(self) -> str:
        """The name, or type and number where the file gives no name."""
        return self.name or f"{self.op_type}_{self.index}"
