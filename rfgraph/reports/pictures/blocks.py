"""The graph of a model or of one of its blocks, condensed, each box with the size of its field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rfgraph.analysis.condensed import Box, Condensed, condense, unfold
from rfgraph.domains.fields.axis import numbers
from rfgraph.errors import UsageError
from rfgraph.relations.graph import producer_of
from rfgraph.reports.formats.layered import BESIDE, draw_layers
from rfgraph.reports.formats.picture import GREY, INK, Part, fit
from rfgraph.wording.names import nearest, quote, some_quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes

    from rfgraph.analysis.analysis import Analysis
    from rfgraph.reports.formats.layered import Drawing
    from rfgraph.reports.formats.picture import Frame

# In inches: a box and what is between two; more boxes than this are folded into blocks.
BOX, TALL, GAP, DOWN, EDGE, TITLE, LEAST = 1.5, 0.36, 0.25, 0.24, 0.12, 0.3, 2.5
MAX_DRAWN, SAID, NAMED = 24, 7.5, 9.5


def part(result: Analysis, block: str | None = None, title: str | None = None) -> Part:
    """Return the condensed graph, or that inside the box which is called `block` and around it.

    A box says its name and the largest size of the field that its last tensor has, and is the
    darker the larger that is. UsageError, with the nearest name, for a block that is not there.
    """
    drawn = condense(result, MAX_DRAWN)
    if block is not None:
        before, after = _around(result, _block(drawn, block))
        inside = _block(drawn, block).parts
        drawn = unfold(result.graph, (*before, *inside, *after), MAX_DRAWN)
        title = title or block
    if not drawn.boxes:
        raise UsageError("the graph is empty: nothing depends on an input")
    place = draw_layers(len(drawn.boxes), drawn.edges)
    across = max(column for column, _ in place.places) / BESIDE + 1
    down = max(level for _, level in place.places) + 1
    top = TITLE if title else 0.0
    picture = _Picture(
        place,
        tuple(
            (_short(box.label, block), bool(box.parts), _size(result, box)) for box in drawn.boxes
        ),
        title,
        max(across * (BOX + GAP) + 2 * EDGE, LEAST),
        down * (TALL + DOWN) - DOWN + 2 * EDGE + top,
    )
    return Part(
        picture.wide, lambda room: picture.tall * min(room / picture.wide, 1.0), picture.draw
    )


def _short(label: str, block: str | None) -> str:
    """Return what is left of a name inside a block."""
    inside = label.removeprefix(block or "")
    return inside[1:] if block and inside != label and inside[:1] in ("/", ".") else label


def _block(drawn: Condensed, name: str) -> Box:
    """Return the folded box of a name, at any depth."""
    every = [box for top in drawn.boxes for box in _folds(top)]
    for box in every:
        if box.label == name:
            return box
    near = nearest(name, [box.label for box in every])
    hint = f"did you mean {quote(near)}?" if near else some_quoted([box.label for box in every])
    raise UsageError(f"no block {quote(name)}: {hint or 'nothing is folded'}")


def _around(result: Analysis, block: Box) -> tuple[list[Box], list[Box]]:
    """Return what a block reads and what reads it, a box for each tensor."""
    graph, inside = result.graph, set(block.tensors)
    before = dict.fromkeys(b for name in block.tensors for b in graph.pred[name] if b not in inside)
    after = dict.fromkeys(a for name in block.tensors for a in graph.succ[name] if a not in inside)
    sides = ([n for n in graph if n in names] for names in (before, after))
    first, last = ([Box(_name_of(result, name), (name,)) for name in names] for names in sides)
    return first, last


def _name_of(result: Analysis, tensor: str) -> str:
    operator = producer_of(result.graph, tensor)
    return tensor if operator is None else operator.label


def _folds(box: Box) -> Iterator[Box]:
    """Yield a box and those in it that have boxes inside, outer ones first."""
    waiting = [box]
    while waiting:
        box = waiting.pop(0)
        if box.parts:
            yield box
            waiting.extend(box.parts)


def _size(result: Analysis, box: Box) -> int | None:
    """Return the largest size along the spatial axes of the first input that reaches a box."""
    tensor = box.tensors[-1]
    for source, form in result.forms.items():
        if tensor in form and form.spatial_axes:
            axes = result.receptive_field(tensor, source).axes
            local = [numbers(axes[axis]) for axis in form.spatial_axes]
            sizes = [one.size for one in local if one is not None and one.size is not None]
            return max(sizes, default=None)
    return None


@dataclass(frozen=True, slots=True)
class _Picture:
    """Boxes at places, each with its name, whether it is folded, and its size; in inches."""

    place: Drawing
    boxes: tuple[tuple[str, bool, int | None], ...]
    title: str | None
    wide: float
    tall: float

    def draw(self, frame: Frame) -> None:
        """Draw the graph, smaller where there is less room than it takes."""
        scale = min(frame.width / self.wide, 1.0)
        left = (frame.width - scale * self.wide) / 2
        axes = frame.axes(left, 0, self.wide * scale, self.tall * scale)
        axes.set_xlim(0, self.wide)
        axes.set_ylim(self.tall, 0)
        axes.set_axis_off()
        if self.title:
            shown = fit(self.title, self.wide - 2 * EDGE, NAMED, bold=True)
            axes.text(EDGE, 0.22, shown, size=NAMED * scale, weight="bold")
        for line in self.place.lines.values():
            _line(axes, [self._at(point) for point in line], scale)
        for number, point in enumerate(self.place.places):
            self._box(axes, number, self._at(point), scale)

    def _at(self, point: tuple[int, int]) -> tuple[float, float]:
        """Return the middle of the upper side of a box at a point."""
        top = EDGE + (TITLE if self.title else 0)
        x = EDGE + (point[0] / BESIDE + 0.5) * (BOX + GAP)
        return x, top + point[1] * (TALL + DOWN)

    def _box(self, axes: Axes, number: int, at: tuple[float, float], scale: float) -> None:
        import matplotlib as mpl
        from matplotlib.patches import FancyBboxPatch

        name, folded, size = self.boxes[number]
        most = max((own for *_, own in self.boxes if own is not None), default=1)
        share = 0.0 if size is None else 0.08 + 0.82 * size / most
        box = FancyBboxPatch(
            (at[0] - BOX / 2, at[1]),
            BOX,
            TALL,
            boxstyle="square,pad=0" if folded else "round,pad=0,rounding_size=0.06",
            zorder=2,
            facecolor=mpl.colormaps["Blues"](share),
            edgecolor=GREY,
            linewidth=(1.6 if folded else 0.8) * scale,
        )
        axes.add_patch(box)
        lines = [fit(name, BOX - 0.1, SAID), "no size" if size is None else str(size)]
        for row, line in enumerate(lines):
            axes.text(
                at[0],
                at[1] + TALL * (0.32 + 0.38 * row),
                line,
                size=SAID * scale,
                color="white" if share > 0.55 else INK,
                ha="center",
                va="center",
                zorder=3,
            )


def _line(axes: Axes, points: Sequence[tuple[float, float]], scale: float) -> None:
    """Draw a line from the lower side of a box to the upper side of another."""
    (x, y), *inner, (to, end) = points
    way = [(x, y + TALL), *((a, b + TALL / 2) for a, b in inner), (to, end)]
    axes.plot(*zip(*way, strict=True), color=GREY, linewidth=0.8 * scale, zorder=1)
    arrow = {
        "arrowstyle": "-|>",
        "color": GREY,
        "linewidth": 0.8 * scale,
        "mutation_scale": 7 * scale,
        "shrinkA": 0,
        "shrinkB": 0,
    }
    axes.annotate("", (to, end), way[-2], zorder=1, arrowprops=arrow)
