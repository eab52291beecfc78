"""What pictures share: the same bytes for the same numbers, sizes, colours, and names that fit."""

from __future__ import annotations

import io
import math
import warnings
from bisect import bisect_right
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rfgraph.errors import RfgraphError, UsageError
from rfgraph.wording.names import safe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


FONT = "DejaVu Sans"  # comes with matplotlib, so that a picture is the same everywhere
DPI = 200
# Told apart by who sees no red or no green, and by their greys: blue is dark, orange is light
# (Okabe and Ito 2008).
INK, GREY, PALE = "0.1", "0.55", "0.93"
COLOURS = ("#0072b2", "#e69f00", "#000000", "#56b4e9")
# In inches: widths of one and of two columns of a journal; how many parts lie side by side, how
# wide each is then; the room of a title.
COLUMNS = {1: 3.4, 2: 7.1}
ACROSS, LESS, TITLE = 3, 0.75, 0.35
# No line is as long as so many characters.
_LONG = 400
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


def fit(name: str, inches: float, size: float, *, bold: bool = False) -> str:
    """Return a name shortened to a width, with characters that the font lacks as escapes."""
    text = _in_font(name, bold=bold)
    if not text.strip():
        return ""  # matplotlib has no outline of what leaves no mark
    if len(text) <= _LONG and _width(text, size, bold=bold) <= inches * 72:
        return text
    most = min(len(text) - 1, math.ceil(inches * 72 / (0.3 * size)))
    fitting = bisect_right(
        range(2, most + 1),
        inches * 72,
        key=lambda length: _width(_shorten_middle(text, length), size, bold=bold),
    )
    return _shorten_middle(text, fitting + 1) if fitting else "…"


def _in_font(name: str, *, bold: bool) -> str:
    from matplotlib.font_manager import FontProperties, findfont, get_font

    properties = FontProperties(family=FONT, weight="bold" if bold else "normal")
    known = get_font(findfont(properties)).get_charmap()
    return "".join(char if ord(char) in known else _escape(char) for char in safe(name))


def _width(text: str, size: float, *, bold: bool) -> float:
    """Return the width of a text in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    properties = FontProperties(family=FONT, weight="bold" if bold else "normal", size=size)
    return float(TextPath((0, 0), text, prop=properties).get_extents().width)


def _escape(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def _shorten_middle(text: str, length: int) -> str:
    """Leave out the middle."""
    head = (length - 1) // 2
    return f"{text[:head]}…{text[len(text) - (length - 1 - head) :]}"


def wrap(text: str, inches: float, size: float) -> list[str]:
    """Return a text in lines that fit a width, broken after commas and colons."""
    lines = [""]
    for word in text.replace(": ", ":\0").replace(", ", ",\0").split("\0"):
        longer = f"{lines[-1]} {word}".lstrip()
        if lines[-1] and not _fits(longer, inches, size):
            lines.append(word)
        else:
            lines[-1] = longer
    return [fit(line, inches, size) for line in lines if line]


def _fits(text: str, inches: float, size: float) -> bool:
    shown = _in_font(text, bold=False)
    if not shown.strip() or len(shown) > _LONG:
        return not shown.strip()
    return _width(shown, size, bold=False) <= inches * 72


# -- parts of a picture ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Frame:
    """A rectangle of a figure, in inches."""

    figure: Figure
    left: float
    below: float
    width: float
    height: float

    def axes(self, left: float, below: float, width: float, height: float) -> Axes:
        """Return axes in a rectangle of the frame, in inches."""
        wide, tall = self.figure.get_size_inches()
        place = (
            (self.left + left) / wide,
            (self.below + below) / tall,
            width / wide,
            height / tall,
        )
        return self.figure.add_axes(place)

    def text(self, x: float, y: float, text: str, size: float, **how: Any) -> None:
        """Write a text at a place of the frame, in inches."""
        wide, tall = self.figure.get_size_inches()
        self.figure.text((self.left + x) / wide, (self.below + y) / tall, text, size=size, **how)

    def lines(self, x: float, y: float, lines: Iterable[str], size: float, apart: float) -> None:
        """Write lines below each other, the first at a place of the frame."""
        for number, line in enumerate(lines):
            self.text(x, y - apart * number, line, size)


# The first and the last position of what is drawn over rows, and over columns.
Box = tuple[tuple[int, int], tuple[int, int]]


def draw_box(axes: Axes, box: Box, **how: Any) -> None:
    """Draw a box around whole positions."""
    from matplotlib.patches import Rectangle

    (top, bottom), (left, right) = box
    size = (right - left + 1, bottom - top + 1)
    axes.add_patch(Rectangle((left - 0.5, top - 0.5), *size, **how))


def name_axes(axes: Axes, numbers: Sequence[int]) -> None:
    """Say which axes of the input lie along rows and columns, or along columns alone."""
    axes.set_xlabel(f"axis {numbers[-1]}")
    if len(numbers) > 1:
        axes.set_ylabel(f"axis {numbers[0]}")
    else:
        axes.set_yticks([])
    axes.tick_params(labelsize=7)


@dataclass(frozen=True, slots=True)
class Part:
    """A picture that may stand beside others: its width where it is free, and its height at one."""

    wide: float
    tall: Callable[[float], float]
    draw: Callable[[Frame], None]


def compose(
    parts: Sequence[Part], form: str, title: str | None = None, columns: int | None = None
) -> bytes:
    """Return parts, in rows, as "png", "svg" or "pdf": as wide as `columns` of a journal if given.

    The same bytes each time. RfgraphError without matplotlib, UsageError without parts.
    """
    require()
    if not parts:
        raise UsageError("there is nothing to draw: no path leads from an input")
    from matplotlib.figure import Figure

    with settings():
        across = min(len(parts), ACROSS if columns is None else columns)
        free = max(part.wide for part in parts) * (1 if across == 1 else LESS)
        wide = free if columns is None else COLUMNS[columns] / across
        rows = [parts[start : start + across] for start in range(0, len(parts), across)]
        heights = [max(part.tall(wide) for part in row) for row in rows]
        top = TITLE if title else 0.0
        tall = sum(heights) + top
        figure = Figure(figsize=(wide * across, tall))
        if title:
            shown = fit(title, wide * across - 0.2, 10)
            figure.text(0.5, 1 - 0.22 / tall, shown, size=10, ha="center", va="center")
        below = tall - top
        for row, height in zip(rows, heights, strict=True):
            below -= height
            for number, part in enumerate(row):
                own = part.tall(wide)
                part.draw(Frame(figure, wide * number, below + height - own, wide, own))
        out = io.BytesIO()
        figure.savefig(out, format=form, dpi=DPI, metadata=METADATA[form])
    return out.getvalue()
