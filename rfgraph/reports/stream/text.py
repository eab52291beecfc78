"""Look-ahead, delay, context and caches of a stream, as text for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.reports.formats.lines import hanging, labelled
from rfgraph.reports.formats.parts import NOTHING, blocked, proof_lines
from rfgraph.reports.formats.table import lay_out
from rfgraph.reports.stream.words import (
    CACHES,
    CHUNKS,
    cache_rows,
    chunk_rows,
    dropped_text,
    lookahead_text,
    rate_text,
    verdict,
)
from rfgraph.wording.names import safe, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.analysis.streaming import Streaming
    from rfgraph.reports.formats.style import Style

MOST_CACHES = 30


def stream_text(file: str, found: Sequence[Streaming], style: Style) -> str:
    """Return the report of `rfgraph stream`."""
    parts = [style.bold(safe(file))]
    if not found:
        parts.extend(("", *hanging(NOTHING, style)))
    for item in found:
        parts.extend(("", *_lines(item, style)))
    return "\n".join(parts) + "\n"


def _lines(item: Streaming, style: Style) -> Iterator[str]:
    name, source = shortened(item.tensor, style.width // 2), shortened(item.input, style.width // 2)
    yield from hanging(f"{name} from input {source}, axis {item.axis} as time", style)
    yield from hanging(verdict(item), style)
    for line in blocked(item.breakers):
        yield from hanging(line, style, "    ")
    yield from labelled("look-ahead", lookahead_text(item), style)
    if item.period is not None:
        yield from labelled("rate", rate_text(item), style)
    yield from labelled("tail", dropped_text(item), style)
    if item.proof is not None:
        for number, line in enumerate(proof_lines(item.proof, "chunk")):
            yield from labelled("" if number else "verified", line, style)
    if item.chunks:
        yield ""
        rows = [(f"    {row[0]}", *row[1:]) for row in chunk_rows(item)]
        yield from lay_out((f"    {CHUNKS[0]}", *CHUNKS[1:]), rows, style)
    if item.caches:
        yield ""
        total = "" if item.state_bytes is None else f", {item.state_bytes} bytes in all"
        yield from hanging(f"Layer by layer, these are kept between chunks{total}:", style)
        rows = [(f"    {row[0]}", *row[1:]) for row in cache_rows(item)]
        header = (f"    {CACHES[0]}", *CACHES[1:])
        yield from lay_out(header, rows[:MOST_CACHES], style)
        if len(rows) > MOST_CACHES:
            yield f"    and {len(rows) - MOST_CACHES} more (--format json lists all)"
