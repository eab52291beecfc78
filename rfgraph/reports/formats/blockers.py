"""What keeps a tensor from following an axis of the input, for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.wording.names import printable, some_names
from rfgraph.wording.numbers import axes_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.analysis.blocking import Blocker


def blocked(blockers: Sequence[Blocker]) -> Iterator[str]:
    """Yield a line for each reason: the operators and the axes."""
    found: dict[tuple[str, str], dict[str, list[int]]] = {}
    for item in blockers:
        found.setdefault((item.op_type, item.why), {}).setdefault(item.node, []).append(item.axis)
    for (kind, why), nodes in found.items():
        axes = sorted({axis for numbers in nodes.values() for axis in numbers})
        yield f"{printable(kind)} at {some_names(list(nodes))}: {why} ({axes_text(axes)})"
