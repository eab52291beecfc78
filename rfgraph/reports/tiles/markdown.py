"""Halo, grid, lengths and the plan of tiles as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.reports.formats.blockers import blocked
from rfgraph.reports.formats.exact import cost_text, exact_text
from rfgraph.reports.formats.markdown import table
from rfgraph.reports.formats.proof import proof_lines
from rfgraph.reports.tiles.words import NO_PLAN, halo_text, lengths_text, output_text, plan_rows
from rfgraph.wording.names import for_markdown, some_names
from rfgraph.wording.numbers import times

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.analysis.tiling import Tiling


def tiles_markdown(file: str, found: Sequence[Tiling]) -> str:
    """Return the report of `rfgraph tiles`."""
    parts = [f"# {for_markdown(file)}"]
    if not found:
        parts.append("Nothing is read: no input reaches the tensors.")
    for item in found:
        parts.append(f"## {for_markdown(item.tensor)} from input {for_markdown(item.input)}")
        parts.extend(_parts(item))
    return "\n\n".join(parts) + "\n"


def _parts(item: Tiling) -> Iterator[str]:
    yield exact_text(item) if item.exact else "Tiles are not exact:"
    if item.blockers:
        yield "\n".join(f"- {for_markdown(line)}" for line in blocked(item.blockers))
    before = item.geometry.before_blockers
    if before:
        yield f"Exact as far as {for_markdown(some_names(before))} (`--tensor`)."
    if item.refused:
        yield NO_PLAN
    rows = [
        (str(a.axis), str(a.period[1]), halo_text(a), lengths_text(a.lengths), output_text(a))
        for a in item.axes
    ]
    if rows:
        yield table(("axis", "grid", "halo", "lengths", "output"), rows)
    if item.recommended is not None and item.axes:
        core, tile = times(item.recommended.core), times(item.recommended.tile)
        yield f"Tile: {tile}, which keeps {core}; {cost_text(item.recommended)}."
    if item.proof is not None:
        yield "\n".join(f"- {for_markdown(line)}" for line in proof_lines(item.proof, "tile"))
    if item.plan is not None:
        yield table(("tile", "axis", "read", "keep", "write", "crop"), plan_rows(item))
