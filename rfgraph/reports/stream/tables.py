"""How tensors follow time as CSV and as Markdown."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from rfgraph.reports.formats.csv import cell, csv_text
from rfgraph.reports.formats.markdown import page, table
from rfgraph.reports.formats.parts import NOTHING, blocked, proof_lines
from rfgraph.reports.stream.words import (
    CACHES,
    CHUNKS,
    cache_rows,
    chunk_rows,
    lookahead_text,
    rate_text,
    verdict,
)
from rfgraph.wording.names import for_csv, for_markdown
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


def stream_markdown(file: str, found: Sequence[Streaming]) -> str:
    """Return the report of `rfgraph stream`."""
    return page(file, chain.from_iterable(map(_parts, found)) if found else [NOTHING])


def _parts(item: Streaming) -> Iterator[str]:
    yield f"## {for_markdown(item.tensor)} from input {for_markdown(item.input)}, axis {item.axis}"
    yield verdict(item)
    if item.breakers:
        yield "\n".join(f"- {for_markdown(line)}" for line in blocked(item.breakers))
    yield f"Look-ahead: {lookahead_text(item)}."
    if item.proof is not None:
        yield "\n".join(f"- {for_markdown(line)}" for line in proof_lines(item.proof, "chunk"))
    if item.chunks:
        yield f"Rate: {rate_text(item)}."
        yield table(CHUNKS, chunk_rows(item))
    if item.caches:
        yield table(CACHES, (tuple(map(for_markdown, row)) for row in cache_rows(item)))
