"""Size, stride, start, center, reach and period by brute force, from the hulls of many units."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from oracle.sets import Graph, hull
from oracle.walks import Walk, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import onnx

Hull = tuple[int, int] | None
# One unit of the axis measured: a hull for each index of the tensor's other axes.
Row = tuple[Hull, ...]


def measure(
    model: onnx.ModelProto | Graph,
    tensor: str,
    name: str,
    axis: int,
    units: int,
    *,
    along: int | None = None,
    others: Mapping[int, Iterable[int]] | None = None,
    local: Iterable[int] | None = None,
) -> dict[str, Any]:
    """Measure one input axis over units 0..units-1 of the tensor's axis that carries it.

    `along` names that axis where it is not plain; `others` limits the tensor's other axes (all
    that exist by default); `local` leaves out paths that are whole on one of these input axes.
    """
    graph = model if isinstance(model, Graph) else Graph(model)
    steer = _carrier(graph, tensor, name, axis) if along is None else along
    rows: list[Row] = []
    for o in range(units):
        row: list[Hull] = []
        for index in _units(graph, tensor, steer, o, others or {}):
            spans = graph.read(tensor, index, local=local or ()).get(name)
            if spans is not None and spans[axis].whole:
                return {"scope": "global"}
            row.append(hull(spans[axis]) if spans is not None else None)
        rows.append(tuple(row))
    return numbers(rows)


def measure_walk(
    graph: Graph, walk: Walk, axis: int, units: int, *, along: int | None = None
) -> dict[str, Any]:
    """Measure one walk alone, as `measure` does the union."""
    steer = _carrier(graph, walk.tensor, walk.input, axis) if along is None else along
    rows: list[Row] = []
    for o in range(units):
        row: list[Hull] = []
        for index in _units(graph, walk.tensor, steer, o, {}):
            box = read(graph, walk, index)
            if box is not None and box[axis].whole:
                return {"scope": "global"}
            row.append(hull(box[axis]) if box is not None else None)
        rows.append(tuple(row))
    return numbers(rows)


def _carrier(graph: Graph, tensor: str, name: str, axis: int) -> int:
    carriers = [a for a, labels in enumerate(graph.labels[tensor]) if (name, axis) in labels]
    if len(carriers) != 1:
        raise ValueError(f"axis {axis} of {name!r} is carried by axes {carriers} of {tensor!r}")
    return carriers[0]


def _units(
    graph: Graph, tensor: str, steer: int, o: int, others: Mapping[int, Iterable[int]]
) -> Iterable[tuple[int, ...]]:
    choices = [others.get(a, range(n)) for a, n in enumerate(graph.shape(tensor))]
    choices[steer] = [o]
    return itertools.product(*choices)


def numbers(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the numbers of DESIGN section 2 for hulls given unit by unit.

    start, center and reach are those of the hull over the other axes. What has no period within
    half of the units has None for what follows from it; an axis never read has scope none.
    """
    if not any(pair for row in rows for pair in row):
        return {"scope": "none"}
    lengths = [pair[1] - pair[0] + 1 if pair else 0 for row in rows for pair in row]
    result: dict[str, Any] = {
        "scope": "local",
        "size": max(lengths),
        "size_min": min(lengths),
        **dict.fromkeys(("stride", "start", "center", "before", "after", "period", "mean_center")),
    }
    period = _period(rows)
    result["regular"] = period is not None
    if period is not None:
        result.update(_affine(rows, *period), period=period)
    return result


def _affine(rows: Sequence[Row], p: int, q: int) -> dict[str, Any]:
    """Stride, start, center and reach of a family that moves q positions every p units.

    What does not move has no position that it could reach around.
    """
    stride = Fraction(q, p)
    joined = [_join(row) for row in rows]
    filled = [(o, pair) for o, pair in enumerate(joined) if pair is not None]
    first = joined[0]
    centers = [Fraction(sum(pair), 2) - stride * o for o, pair in filled if o < p]
    return {
        "stride": stride,
        "start": first[0] if first else None,
        "center": Fraction(sum(first), 2) if first else None,
        "before": max(stride * o - lo for o, (lo, _) in filled) if q else None,
        "after": max(hi - stride * o for o, (_, hi) in filled) if q else None,
        "mean_center": sum(centers, Fraction(0)) / len(centers),
    }


def _join(row: Row) -> Hull:
    pairs = [pair for pair in row if pair is not None]
    return (min(lo for lo, _ in pairs), max(hi for _, hi in pairs)) if pairs else None


def _period(rows: Sequence[Row]) -> tuple[int, int] | None:
    """Least (p, q) such that every unit o + p reads what o reads, q positions further."""
    for p in range(1, len(rows) // 2 + 1):
        shifts = {
            _shift(old, new)
            for before, after in zip(rows, rows[p:], strict=False)
            for old, new in zip(before, after, strict=True)
        } - {"empty"}
        if len(shifts) == 1 and None not in shifts:
            return p, int(shifts.pop())  # type: ignore[arg-type]
    return None


def _shift(old: Hull, new: Hull) -> int | str | None:
    if old is None and new is None:
        return "empty"
    if old is None or new is None or new[0] - old[0] != new[1] - old[1]:
        return None
    return new[0] - old[0]
