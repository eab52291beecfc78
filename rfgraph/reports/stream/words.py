"""What the formats of `rfgraph stream` say alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.wording.names import shortened
from rfgraph.wording.numbers import count_of, figure, fraction

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from rfgraph.analysis.streaming import Streaming

CHUNKS = ("chunk", "delay", "context", "latency", "ms")
CACHES = ("kept by", "values", "bytes")
NAME = 60


def verdict(item: Streaming) -> str:
    """Say whether it streams, and whether it waits for anything."""
    if item.breakers:
        return "Does not stream:"
    if item.period is None:
        return "Does not stream: the tensor does not keep the axis."
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
        yield shortened(cache.node, NAME), values, "-" if cache.bytes is None else str(cache.bytes)


def dropped_text(item: Streaming) -> str:
    """Say how many positions at the end of the input no unit reads."""
    if not item.dropped:
        return "none"
    verb = "is" if item.dropped == 1 else "are"
    return f"{count_of(item.dropped, 'position')} at the end {verb} never read"
