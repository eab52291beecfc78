"""The chunks of a stream as CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.reports.formats.csv import cell, csv_text
from rfgraph.wording.names import for_csv
from rfgraph.wording.numbers import rational

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.analysis.streaming import Streaming

HEADER = (
    *("tensor", "input", "axis", "causal", "lookahead", "chunk", "delay", "context"),
    *("latency_best", "latency_worst", "ms_best", "ms_worst"),
)


def stream_records(found: Sequence[Streaming]) -> str:
    """Return a row for each chunk; of a stream that breaks, one row without a chunk."""
    return csv_text(HEADER, (row for item in found for row in _rows(item)))


def _rows(item: Streaming) -> Iterator[list[str]]:
    start = [
        for_csv(item.tensor),
        for_csv(item.input),
        str(item.axis),
        cell(item.causal),
        cell(rational(item.lookahead)),
    ]
    if not item.chunks:
        yield [*start, *[""] * (len(HEADER) - len(start))]
    for chunk in item.chunks:
        latency, ms = chunk.latency, chunk.latency.ms or (None, None)
        numbers = (chunk.chunk, chunk.delay, chunk.context, latency.best, latency.worst)
        yield [*start, *map(cell, numbers), *(cell(rational(value)) for value in ms)]
