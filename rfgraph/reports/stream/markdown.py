"""Look-ahead, delay, context and caches of a stream as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.reports.formats.blockers import blocked
from rfgraph.reports.formats.markdown import table
from rfgraph.reports.formats.proof import proof_lines
from rfgraph.reports.stream.words import (
    CACHES,
    CHUNKS,
    cache_rows,
    chunk_rows,
    lookahead_text,
    rate_text,
    verdict,
)
from rfgraph.wording.names import for_markdown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.analysis.streaming import Streaming


def stream_markdown(file: str, found: Sequence[Streaming]) -> str:
    """Return the report of `rfgraph stream`."""
    parts = [f"# {for_markdown(file)}"]
    if not found:
        parts.append("Nothing is read: no input reaches the tensors.")
    for item in found:
        name, source = for_markdown(item.tensor), for_markdown(item.input)
        parts.append(f"## {name} from input {source}, axis {item.axis}")
        parts.extend(_parts(item))
    return "\n\n".join(parts) + "\n"


def _parts(item: Streaming) -> Iterator[str]:
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
