"""The table over many models as one page, sorted by a click on a column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.reports.formats.policy import source_hash
from rfgraph.reports.zoo.rows import HEADER, NOTE, cells_of, sort_key
from rfgraph.wording.names import for_html
from rfgraph.wording.numbers import count_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.reports.zoo.rows import Row

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; }
div { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8884;
  white-space: nowrap; }
th button { font: inherit; font-weight: 600; background: none; border: 0; padding: 0;
  cursor: pointer; color: inherit; }
th[aria-sort=ascending] button::after { content: " \\25b2"; }
th[aria-sort=descending] button::after { content: " \\25bc"; }
td:last-child { white-space: normal; min-width: 12rem; }
p { max-width: 60rem; }
"""

SCRIPT = """
const heads = [...document.querySelectorAll("th")], body = document.querySelector("tbody");
heads.forEach((head, column) => head.firstChild.addEventListener("click", () => {
  const down = head.getAttribute("aria-sort") === "ascending";
  heads.forEach((other) => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const place = (row) => Number(row.cells[column].dataset.order);
  const rows = [...body.rows].sort((a, b) => (down ? -1 : 1) * (place(a) - place(b)));
  body.append(...rows);
}));
"""


def as_html(rows: Sequence[Row]) -> str:
    """Return a page that needs nothing but itself."""
    places = [_places(rows, column) for column in HEADER]
    head = "".join(
        f'<th scope="col"><button type="button">{for_html(name)}</button></th>' for name in HEADER
    )
    body = "".join(
        _row(row, [place[number] for place in places]) for number, row in enumerate(rows)
    )
    models = count_of(len({row.file for row in rows}), "model")
    policy = f"default-src 'none'; style-src {source_hash(STYLE)}; script-src {source_hash(SCRIPT)}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Receptive fields of {models}</title><style>{STYLE}</style></head>"
        f"<body><main><h1>Receptive fields of {models}</h1>"
        '<div role="region" aria-label="Table of models" tabindex="0"><table>'
        f"<thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
        f"<p>Lengths in input positions. {for_html(NOTE)} Click on a column to sort.</p></main>"
        f"<script>{SCRIPT}</script></body></html>\n"
    )


def _places(rows: Sequence[Row], column: str) -> list[int]:
    """Return the place of each row in the order of a column."""
    order = sorted(range(len(rows)), key=lambda number: sort_key(rows[number], column))
    return [order.index(number) for number in range(len(rows))]


def _row(row: Row, places: Sequence[int]) -> str:
    cells = (
        f'<td data-order="{place}">{for_html(cell)}</td>'
        for place, cell in zip(places, cells_of(row), strict=True)
    )
    return f"<tr>{''.join(cells)}</tr>"
