"""What pictures share: the same bytes for the same numbers, and names that fit."""

from __future__ import annotations

import math
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rfgraph.errors import RfgraphError
from rfgraph.wording.names import safe

if TYPE_CHECKING:
    from collections.abc import Iterator


FONT = "DejaVu Sans"  # comes with matplotlib, so that a picture is the same everywhere
DPI = 200
# Nothing in a file tells when or with what it was made.
METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": "rfgraph"},
    "pdf": {"CreationDate": None, "Creator": "rfgraph", "Producer": None},
}


def require() -> None:
    """Raise RfgraphError, which says how to install it, where matplotlib is missing."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        raise RfgraphError(
            "a picture requires matplotlib, which is not installed: pip install '.[plot]'"
        ) from None


@contextmanager
def settings() -> Iterator[None]:
    """Draw with matplotlib's defaults whatever the user's are, and with no markup in names."""
    import matplotlib as mpl

    with mpl.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mpl.rcdefaults()
        mpl.rcParams.update(
            {
                "font.family": [FONT, "sans-serif"],
                "font.size": 9,
                "text.parse_math": False,
                "text.usetex": False,
                "svg.hashsalt": "rfgraph",
                "svg.fonttype": "none",
                "pdf.fonttype": 42,
                "axes.linewidth": 0.8,
                "hatch.linewidth": 0.4,
            }
        )
        yield


def fitting(name: str, inches: float, size: float, *, bold: bool = False) -> str:
    """Return a name shortened to a width, with characters that the font lacks as escapes."""
    from matplotlib.font_manager import FontProperties, findfont, get_font
    from matplotlib.textpath import TextPath

    properties = FontProperties(family=FONT, weight="bold" if bold else "normal", size=size)
    known = get_font(findfont(properties)).get_charmap()
    text = "".join(char if ord(char) in known else _escaped(char) for char in safe(name))
    if not text.strip():
        return ""  # matplotlib has no outline of what leaves no mark
    for length in (len(text), *range(math.ceil(inches * 72 / (0.3 * size)), 1, -1)):
        fitted = text if length >= len(text) else _cut(text, length)
        if TextPath((0, 0), fitted, prop=properties).get_extents().width <= inches * 72:
            return fitted
    return "…"


def _escaped(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def _cut(text: str, length: int) -> str:
    """Leave out the middle."""
    head = (length - 1) // 2
    return f"{text[:head]}…{text[len(text) - (length - 1 - head) :]}"
