"""How a network streams along an axis: look-ahead, delay, context and caches, in each format."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from rfgraph.reports.formats.csv import csv_text
from rfgraph.reports.formats.json import results
from rfgraph.reports.formats.markdown import bullets, page, table
from rfgraph.reports.formats.parts import NOTHING, blocker_lines, proof_lines
from rfgraph.reports.formats.style import blocks
from rfgraph.reports.formats.table import lay_out
from rfgraph.wording.names import for_markdown, safe, shorten
from rfgraph.wording.numbers import count_of, figure, fraction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from fractions import Fraction

    from rfgraph.analysis.streaming import Streaming
    from rfgraph.relations.graph import Model
    from rfgraph.reports.formats.style import Style

CHUNKS = ("chunk", "delay", "context", "latency", "ms")
CACHES = ("kept by", "values", "bytes")
RECORD = (
    *("tensor", "input", "axis", "causal", "lookahead", "chunk", "delay", "context"),
    *("latency_best", "latency_worst", "ms_best", "ms_worst"),
)
NAME, LABEL, MOST_CACHES = 60, 13, 30


def as_text(model: Model, found: Sequence[Streaming], style: Style) -> str:
    """Return the report of `rfgraph stream`."""
    said = (_lines(item, style) for item in found) if found else [style.wrap(NOTHING, "  ")]
    return blocks([style.bold(safe(model.file))], *said)


def _lines(item: Streaming, style: Style) -> Iterator[str]:
    name, source = shorten(item.tensor, style.width // 2), shorten(item.input, style.width // 2)
    title = f"{name} from input {source}, axis {item.axis} as time"
    for line in (title, verdict(item)):
        yield from style.wrap(line, "  ", "    ")
    for line in blocker_lines(item.breakers):
        yield from style.wrap(line, "    ", "      ")
    for label, value in _rows(item):
        yield from style.label(label, value, 4, LABEL)
    if item.chunks:
        yield from ("", *lay_out(CHUNKS, chunk_rows(item), style, 4))
    if item.caches:
        total = "" if item.state_bytes is None else f", {item.state_bytes} bytes in all"
        said = f"Layer by layer, these are kept between chunks{total}:"
        yield from ("", *style.wrap(said, "  ", "    "))
        rows = list(cache_rows(item))
        yield from lay_out(CACHES, rows[:MOST_CACHES], style, 4)
        if len(rows) > MOST_CACHES:
            yield f"    and {len(rows) - MOST_CACHES} more (--format json lists all)"


def _rows(item: Streaming) -> Iterator[tuple[str, str]]:
    yield "look-ahead", lookahead_text(item)
    if item.period is not None:
        yield "rate", rate_text(item)
    yield "tail", dropped_text(item)
    if item.proof is not None:
        for number, line in enumerate(proof_lines(item.proof, "chunk")):
            yield "" if number else "verified", line


def as_json(model: Model, found: Sequence[Streaming]) -> str:
    """Return the report as JSON."""
    return results([item.entry() for item in found])


def as_csv(model: Model, found: Sequence[Streaming]) -> str:
    """Return a row for each chunk; of a stream that breaks, one row without a chunk."""
    return csv_text(RECORD, (row for item in found for row in _records(item)))


def _records(item: Streaming) -> Iterator[list[object]]:
    start = [item.tensor, item.input, item.axis, item.causal, item.lookahead]
    if not item.chunks:
        yield [*start, *[None] * (len(RECORD) - len(start))]
    for chunk in item.chunks:
        latency, ms = chunk.latency, chunk.latency.ms or (None, None)
        yield [*start, chunk.chunk, chunk.delay, chunk.context, latency.best, latency.worst, *ms]


def as_markdown(model: Model, found: Sequence[Streaming]) -> str:
    """Return the report as Markdown."""
    return page(model.file, chain.from_iterable(map(_parts, found)) if found else [NOTHING])


def _parts(item: Streaming) -> Iterator[str]:
    yield f"## {for_markdown(item.tensor)} from input {for_markdown(item.input)}, axis {item.axis}"
    yield verdict(item)
    if item.breakers:
        yield bullets(blocker_lines(item.breakers))
    yield f"Look-ahead: {lookahead_text(item)}."
    if item.proof is not None:
        yield bullets(proof_lines(item.proof, "chunk"))
    if item.chunks:
        yield f"Rate: {rate_text(item)}."
        yield table(CHUNKS, chunk_rows(item))
    if item.caches:
        yield table(CACHES, cache_rows(item))


# -- in words --------------------------------------------------------------------------------------


def verdict(item: Streaming) -> str:
    """Say whether it streams, and whether it waits for anything."""
    if item.breakers:
        return "Does not stream:"
    if item.period is None:
        return "Does not stream: the tensor does not keep the axis."
    if item.causal is None and not item.chunks:
        return "Not known whether it waits: tables of what its units read are too large."
    if item.start is not None:
        last, delays = item.start.units - 1, item.start.delays
        settled = "" if any(delays) else ", none of which needs more than its own step"
        chunks = ", ".join(map(str, dict.fromkeys(delays)))
        return (
            f"Units up to {last} read further ahead than those that follow{settled}: padding at "
            f"the start turns back to later positions. Without them the delay is {chunks}."
        )
    if item.causal and any(chunk.delay for chunk in item.chunks):
        return (
            f"Causal: no unit reads past its own step of {item.period[1]}. In chunks some come "
            "late all the same: at the end of one they are missing, or padding spoils them."
        )
    if item.causal:
        return f"Causal: no unit needs more than its own step of {item.period[1]}."
    return "Streams with a delay: units need positions past their own step."


def lookahead_text(item: Streaming) -> str:
    """Say how far past a unit's own position is read."""
    if item.lookahead is None:
        return "without end, or not known"
    noun = "position" if item.lookahead == 1 else "positions"
    return f"{fraction(item.lookahead)} {noun}{_ms(item, item.lookahead)}"


def _ms(item: Streaming, positions: Fraction | int) -> str:
    lasting = item.milliseconds(positions)
    return "" if lasting is None else f", {figure(lasting)} ms"


def rate_text(item: Streaming) -> str:
    """Say how many units come out for how many positions."""
    units, positions = item.period or (0, 0)
    said = f"{units} out for {positions} in"
    if item.unit_rate is None or item.rate is None:
        return said
    return f"{said}: {figure(item.unit_rate)} a second at {figure(item.rate)} Hz"


def chunk_rows(item: Streaming) -> Iterator[tuple[str, ...]]:
    """Yield a row for each length of the chunk; latencies from best to worst."""
    for chunk in item.chunks:
        latency, ms = chunk.latency, chunk.latency.ms
        yield (
            str(chunk.chunk),
            str(chunk.delay),
            "all" if chunk.context is None else str(chunk.context),
            f"{latency.best}..{latency.worst}",
            "-" if ms is None else f"{figure(ms[0])}..{figure(ms[1])}",
        )


def cache_rows(item: Streaming) -> Iterator[tuple[str, ...]]:
    """Yield a row for each cache."""
    for cache in item.caches:
        values = "no end, or not known" if cache.values is None else str(cache.values)
        yield shorten(cache.node, NAME), values, "-" if cache.bytes is None else str(cache.bytes)


def dropped_text(item: Streaming) -> str:
    """Say how many positions at the end of the input no unit reads."""
    if not item.dropped:
        return "none"
    verb = "is" if item.dropped == 1 else "are"
    return f"{count_of(item.dropped, 'position')} at the end {verb} never read"
