"""The graph of the page: every folded block a drawing of its own, places and lines computed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rfgraph.analysis.condensed import Condensed, condense, unfold
from rfgraph.reports.formats.layered import draw_layers
from rfgraph.wording.names import safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rfgraph.analysis.analysis import Analysis
    from rfgraph.analysis.condensed import Box
    from rfgraph.reports.formats.layered import Pair, Point

# What stands in a block's drawing for all that comes before it, and for all that follows.
BEFORE, AFTER = -1, -2


@dataclass(slots=True)
class _Pages:
    """Boxes by number and the drawings that they stand in, the whole model first."""

    result: Analysis
    numbers: Mapping[str, int]
    boxes: list[dict[str, Any]] = field(default_factory=list)
    scenes: list[dict[str, Any]] = field(default_factory=list)
    _box_of: dict[int, int] = field(default_factory=dict)

    def add_all(self) -> None:
        """Draw the model, then each folded block that a drawing shows."""
        pending: list[tuple[Box | None, Condensed, int]] = [
            (None, condense(self.result), -1),
        ]
        while pending:
            block, shown, parent = pending.pop(0)
            scene = len(self.scenes)
            numbers = [self._add(box) for box in shown.boxes]
            self.scenes.append(self._scene(block, shown, parent, numbers))
            if block is not None:
                self.boxes[self._box_of[id(block)]]["scene"] = scene
            pending.extend(
                (box, unfold(self.result.graph, box.parts), scene)
                for box in shown.boxes
                if box.parts
            )

    def _add(self, box: Box) -> int:
        self._box_of[id(box)] = len(self.boxes)
        if box.parts:
            self.boxes.append({"label": safe(box.label)})
        else:
            self.boxes.append({"tensors": [self.numbers[name] for name in box.tensors]})
        return len(self.boxes) - 1

    def _scene(
        self, block: Box | None, shown: Condensed, parent: int, numbers: list[int]
    ) -> dict[str, Any]:
        pairs, entries = list(shown.edges), list(numbers)
        if block is not None:
            pairs = [(before + 1, after + 1) for before, after in pairs]
            entries = [BEFORE, *numbers, AFTER]
            pairs.extend(self._outside(block, shown))
        drawing = draw_layers(len(entries), sorted(set(pairs)))
        return {
            "label": "" if block is None else safe(block.label),
            "parent": parent,
            "boxes": entries,
            "at": [number for place in drawing.places for number in place],
            "lines": [_line(pair, points) for pair, points in drawing.lines.items()],
            "left": [number for pair in drawing.left_out for number in pair],
        }

    def _outside(self, block: Box, shown: Condensed) -> Iterator[Pair]:
        """Yield lines from what comes before a block, and to what follows."""
        graph, own = self.result.graph, set(block.tensors)
        outputs = set(self.result.model.outputs)
        for number, box in enumerate(shown.boxes, 1):
            if any(before not in own for name in box.tensors for before in graph.pred[name]):
                yield 0, number
            if any(
                name in outputs or any(after not in own for after in graph.succ[name])
                for name in box.tensors
            ):
                yield number, len(shown.boxes) + 1


def _line(pair: Pair, points: tuple[Point, ...]) -> list[int]:
    """Return a line as its boxes, then the columns between with how many layers each lasts."""
    line, last = list(pair), -1
    for column, _ in points[1:-1]:
        if column == last:
            line[-1] += 1
        else:
            line.extend((column, 1))
        last = column
    return line


def drawings(result: Analysis, numbers: Mapping[str, int]) -> dict[str, Any]:
    """Return the boxes and drawings of a model; tensors are told by their `numbers`."""
    pages = _Pages(result, numbers)
    pages.add_all()
    return {"boxes": pages.boxes, "scenes": pages.scenes}
