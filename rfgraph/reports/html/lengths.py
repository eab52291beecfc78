"""Tiles and streams, as markup, where there are any: a verdict, the numbers and a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.analysis.streaming import stream
from rfgraph.analysis.tiling import tiles
from rfgraph.errors import RfgraphError
from rfgraph.reports.formats.parts import cost_text, exact_text
from rfgraph.reports.stream import CHUNKS, chunk_rows, lookahead_text, rate_text, verdict
from rfgraph.reports.tiles.report import axis_words
from rfgraph.wording.html import html_table
from rfgraph.wording.names import for_html
from rfgraph.wording.numbers import times

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rfgraph.analysis.analysis import Analysis
    from rfgraph.analysis.streaming import Streaming
    from rfgraph.analysis.tiling import Recommended, Tiling

MAX_PAIRS = 4
WIDE, TALL = 420, 150


def other_lengths(result: Analysis) -> str:
    """Return the sections on tiles and streams, nothing where neither applies."""
    pairs = [
        (name, source)
        for name in result.model.outputs
        for source, form in result.forms.items()
        if name in form and form.spatial_axes
    ][:MAX_PAIRS]
    cut = [part for name, source in pairs for part in _tiles(result, name, source)]
    streamed = [part for name, source in pairs for part in _stream(result, name, source)]
    return _section("tiles", "Tiles", cut) + _section("stream", "Stream", streamed)


def _section(name: str, title: str, parts: Iterable[str]) -> str:
    body = "".join(f"<article>{part}</article>" for part in parts)
    if not body:
        return ""
    return (
        f'<section id="{name}" aria-labelledby="{name}-title">'
        f'<h2 id="{name}-title">{title}</h2>{body}</section>'
    )


def _tiles(result: Analysis, name: str, source: str) -> Iterator[str]:
    try:
        tiling = tiles(result, name, source)
    except RfgraphError:
        return
    if tiling.exact:
        yield "".join(_tile_parts(tiling))


def _tile_parts(found: Tiling) -> Iterator[str]:
    yield f"<h3>{for_html(found.tensor)}</h3>"
    yield f"<p>{for_html(exact_text(found))}</p>"
    rows = []
    for number, axis in found.axes.items():
        halo, accepted, output = axis_words(axis)
        rows.append((str(number), halo, f"multiples of {axis.period[1]}", accepted, output))
    header = ("axis", "halo", "grid", "lengths", "output")
    table = html_table("By axis of the input, in positions", header, rows)
    yield _scroll("Table of tiles", table)
    if found.recommended is not None:
        yield _tile_picture(found, found.recommended)


def _scroll(label: str, table: str) -> str:
    return f'<div class="scroll" role="region" aria-label="{label}" tabindex="0">{table}</div>'


def _tile_picture(found: Tiling, one: Recommended) -> str:
    said = f"A tile of {times(one.tile)} keeps a core of {times(one.core)}: {cost_text(one)}."
    high, wide = (one.tile[-2], one.tile[-1]) if len(one.tile) > 1 else (None, one.tile[-1])
    scale = TALL / high if high else WIDE / wide
    scale = min(scale, WIDE / wide)
    *_, side = sides = list(found.axes.values())[-2 if high else -1 :]
    left, top = side.grid_halo[0] * scale, sides[0].grid_halo[0] * scale if high else 0
    width, height = wide * scale, high * scale if high else 40
    core = one.core[-1] * scale, one.core[-2] * scale if high else 40
    return (
        f'<p>{said}</p><svg width="{width + 2:.0f}" height="{height + 2:.0f}" role="img" '
        f'aria-label="{said}"><rect class="halo" x="1" y="1" width="{width:.1f}" '
        f'height="{height:.1f}"/><rect class="core" x="{left + 1:.1f}" y="{top + 1:.1f}" '
        f'width="{core[0]:.1f}" height="{core[1]:.1f}"/></svg>'
        f"{_legend(core='kept', halo='read beside it')}"
    )


def _stream(result: Analysis, name: str, source: str) -> Iterator[str]:
    if len(result.forms[source].spatial_axes) != 1:
        return
    try:
        streaming = stream(result, name, source)
    except RfgraphError:
        return
    if not streaming.breakers and streaming.period is not None:
        yield "".join(_stream_parts(streaming))


def _stream_parts(found: Streaming) -> Iterator[str]:
    yield f"<h3>{for_html(found.tensor)}, axis {found.axis} as time</h3>"
    yield f"<p>{for_html(verdict(found))}</p><dl><dt>look-ahead</dt><dd>{lookahead_text(found)}"
    yield f"</dd><dt>rate</dt><dd>{rate_text(found)}</dd></dl>"
    yield _timeline(found)
    yield _scroll(
        "Table of chunks", html_table("By length of the chunk", CHUNKS, chunk_rows(found))
    )


def _timeline(found: Streaming) -> str:
    """Return what must be there for a chunk: positions of the past, the chunk, look-ahead."""
    chunks = [chunk for chunk in found.chunks if chunk.context is not None]
    if not chunks:
        return ""
    chunk = chunks[0]
    context, ahead = chunk.context or 0, max(int(found.lookahead or 0), 0)
    total = context + chunk.chunk + ahead
    said = f"For a chunk of {chunk.chunk}: {context} positions from before it are kept"
    said += f", {ahead} after a unit's own are awaited." if ahead else ", none is awaited."
    parts, at = [], 1.0
    for kind, length in (("halo", context), ("core", chunk.chunk), ("ahead", ahead)):
        width = max(length * WIDE / total, 3.0) if length else 0.0
        parts.append(f'<rect class="{kind}" x="{at:.1f}" y="1" width="{width:.1f}" height="34"/>')
        at += width
    return (
        f'<p>{said}</p><svg width="{at + 1:.0f}" height="36" role="img" aria-label="{said}">'
        f"{''.join(parts)}</svg>"
        f"{_legend(halo='kept from the past', core='the chunk', ahead='awaited')}"
    )


def _legend(**kinds: str) -> str:
    keys = " ".join(f'<span class="key {kind}"></span>{text}' for kind, text in kinds.items())
    return f'<p class="legend">{keys}</p>'
