"""One self-contained page: markup, style, script and data, with nothing from outside.

Names from a file are data. In the data script `<`, `>`, `&` and what is not ASCII are escaped, the
script shows names as text only, and the policy lets nothing load and no other script run.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from rfgraph.reports.formats.policy import source_hash
from rfgraph.wording.names import for_html

if TYPE_CHECKING:
    from collections.abc import Mapping

_ESCAPES = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"})


# The script, in the order in which its parts stand in the page.
SCRIPTS = ("dom.js", "units.js", "graph.js", "field.js", "charts.js", "layers.js", "main.js")


def template(**parts: str) -> str:
    """Return the markup of the report with its parts, in which names are escaped already."""
    return _asset("page.html").format(**parts)


def page(title: str, body: str, data: Mapping[str, Any]) -> str:
    """Return the page; `body` is markup in which names are escaped, `data` what the script shows.

    The ids in `body` are what the script fills.
    """
    style = _asset("report.css")
    script = f'"use strict";{{{"".join(map(_asset, SCRIPTS))}}}'
    policy = (
        f"default-src 'none'; script-src {source_hash(script)}; style-src {source_hash(style)}; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    return "".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            '<meta name="color-scheme" content="light dark">\n',
            f"<title>{for_html(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n",
            f'{body}\n<script type="application/json" id="rfgraph-data">{script_json(data)}',
            f"</script>\n<script>{script}</script>\n</body>\n</html>\n",
        ]
    )


def script_json(data: Mapping[str, Any]) -> str:
    """Return JSON that means the same, and cannot end the script that it stands in."""
    return json.dumps(data, separators=(",", ":")).translate(_ESCAPES)


@cache
def _asset(name: str) -> str:
    return (files(__package__) / "assets" / name).read_text(encoding="utf-8")
