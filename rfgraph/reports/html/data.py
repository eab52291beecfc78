"""All that the script of the page shows, as one JSON value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rfgraph.analysis.distributions import alike_axes, pairs
from rfgraph.analysis.document import contents
from rfgraph.analysis.paths import walks_by_size
from rfgraph.analysis.view import View
from rfgraph.domains.fields.axis import numbers
from rfgraph.errors import BoundError
from rfgraph.relations.graph import producer_of, shape_of
from rfgraph.reports.html.effective import coarse_map
from rfgraph.reports.html.graph import drawings
from rfgraph.reports.html.page import script_json
from rfgraph.reports.html.tables import alike, unit_tables
from rfgraph.reports.layers.rows import layers
from rfgraph.wording.names import safe
from rfgraph.wording.numbers import fraction

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

    from rfgraph.analysis.analysis import Analysis
    from rfgraph.analysis.distributions import Distribution
    from rfgraph.analysis.effective_field import ERF
    from rfgraph.analysis.field import Finding, ReceptiveField
    from rfgraph.domains.fields.axis import Axis
    from rfgraph.relations.graph import ModelInput
    from rfgraph.reports.layers.rows import Layer

# Of the fields of all tensors, in bytes; beyond it the page has those of its first tensors only.
MAX_RESULT = 1_500_000
# Sizes of a distribution of which a path can be lit, and the bytes that all those paths take.
MAX_WALKS, MAX_WALK_BYTES = 500, 150_000
MAX_THROUGH = 3


class _Listed:
    """A list without repetitions; `number` gives an item's place in it, and adds it if need be."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._places: dict[Hashable, int] = {}

    def number(self, key: Hashable, item: object) -> int:
        if key not in self._places:
            self._places[key] = len(self.items)
            self.items.append(item)
        return self._places[key]


def page_data(
    result: Analysis,
    findings: Sequence[Finding],
    effective: Mapping[tuple[str, str], ERF],
    counted: Sequence[Distribution],
) -> dict[str, Any]:
    """Return the data of the page: `result` as by `Result.to_dict`, and `page`, which it draws.

    `effective` are the fields by input and tensor, `counted` the distributions of all pairs.
    """
    view = View(result, tuple(item.name for item in result.model.inputs))
    numbers_ = {name: number for number, name in enumerate(result.graph)}
    shapes = _Listed()
    graph = result.graph
    page = {
        "tensors": [safe(name) for name in graph],
        "nodes": [_label(result, name) for name in graph],
        "types": [_type(result, name) for name in graph],
        "shape_of": [shapes.number(shape_of(graph, n), shape_of(graph, n)) for n in graph],
        "shapes": shapes.items,
        "outputs": [numbers_[name] for name in result.model.outputs],
        "inputs": [_input(view, item, numbers_, effective) for item in result.model.inputs],
        "graph": drawings(result, numbers_),
        "findings": [_place(item, numbers_, result) for item in findings],
        "walks": _walks(result, counted, numbers_),
    }
    return {"result": _within_bounds(view), "page": page}


def _within_bounds(view: View) -> dict[str, Any]:
    """Return the result, without the fields of most tensors where they would fill the page."""
    whole = contents(view)
    fields, counted = whole["receptive_fields"], whole["paths"]
    if sum(len(script_json(one)) for one in counted) > MAX_RESULT:
        whole["paths"] = [_without_sizes(one) for one in counted]
    if sum(len(script_json(field)) for field in fields) > MAX_RESULT:
        ends = {name for _, name in pairs(view)}
        kept = [field for field in fields if field["tensor"] in ends]
        whole["receptive_fields"] = kept
        whole["left_out"] = {"receptive_fields": len(fields) - len(kept)}
    return whole


def _without_sizes(counted: dict[str, Any]) -> dict[str, Any]:
    """Return a distribution without its sizes, as where there are too many to list."""
    absent = dict.fromkeys(("histogram", "median", "covering"))
    axes = [{**axis, **absent} for axis in counted["axes"] or ()]
    return {**counted, "listed": False, "axes": axes, "depth": None}


def _label(result: Analysis, name: str) -> str | int:
    """Return what the operator that makes a tensor is called; 0 where that is as the tensor."""
    operator = producer_of(result.graph, name)
    return 0 if operator is None or operator.label == name else safe(operator.label)


def _type(result: Analysis, name: str) -> str:
    operator = producer_of(result.graph, name)
    return "" if operator is None else safe(operator.op_type)


def _place(item: Finding, places: dict[str, int], result: Analysis) -> int | None:
    """Return the tensor at which a finding is."""
    if item.tensor in places or item.node is None:
        return places.get(item.tensor or "")
    makers = ((name, producer_of(result.graph, name)) for name in result.graph)
    made = (name for name, maker in makers if maker is not None and maker.label == item.node)
    return places.get(next(made, ""))


# -- one input -------------------------------------------------------------------------------------


def _input(
    view: View,
    item: ModelInput,
    places: dict[str, int],
    effective: Mapping[tuple[str, str], ERF],
) -> dict[str, Any]:
    result, source = view.result, item.name
    names = [name for name in result.graph if name in result.forms[source]]
    rows = layers(view, source)
    head = {"name": safe(source), "at": places[source], "shape": item.shape,
            "axes": result.forms[source].spatial_axes,
            "open": sorted(item.probed)}  # fmt: skip
    return {
        **head,
        "layers": [_layer(places, row) for row in rows],
        **_fields(view, item, names, places),
        **_units(result, source, names, places),
        "effective": [
            _effective(places[name], one)
            for (on, name), one in sorted(effective.items(), key=lambda entry: places[entry[0][1]])
            if on == source
        ],
    }


def _layer(places: dict[str, int], row: Layer) -> list[Any]:
    """Return the tensor of a row, and its label where that is not the name of its node."""
    place, field = places[row.field.tensor], row.field
    return [place] if row.label in (field.node, field.tensor) else [place, safe(row.label)]


def _fields(
    view: View, item: ModelInput, names: Sequence[str], places: dict[str, int]
) -> dict[str, Any]:
    """Return the numbers of each tensor: a row of cells for its axes, each kind of cells once."""
    cells = _Listed()
    fields: list[Any] = [0] * len(places)
    for name in names:
        field = view.result.receptive_field(name, item.name)
        row = []
        for number in view.spatial_axes(field):
            entry = _cells(view, field, number)
            row.append(cells.number(repr(entry), entry))
        aligned = None if field.aligned is None else int(field.aligned)
        fields[places[name]] = [aligned, *row]
    return {"cells": cells.items, "fields": fields}


def _cells(view: View, field: ReceptiveField, number: int) -> list[Any]:
    axis = field.axes[number]
    through = [safe(name) for name in axis.through[:MAX_THROUGH]]
    if len(axis.through) > MAX_THROUGH:
        through.append("…")
    return [axis.scope, view.length(field, number), *_numbers(axis, numbers(axis)), through]


def _numbers(axis: Axis, shown: Axis | None) -> Iterator[int | str | None]:
    if shown is None:
        yield from (None,) * 5
        yield from (_text(axis.before), _text(axis.after), None, None)
        return
    yield from (_plain(shown.size_min), _plain(shown.size))
    yield from map(_text, (shown.stride, shown.start, shown.center, shown.before, shown.after))
    yield from (_plain(shown.shortest), _plain(shown.longest))


def _text(value: Any) -> int | str | None:
    """Return a number as people read it, as a number where a script can."""
    if value is None:
        return None
    return _plain(int(value)) if value == int(value) else fraction(value)


def _plain(value: int | None) -> int | str | None:
    """Return a whole number, as text where a script would round it."""
    return str(value) if value is not None and abs(value) >= 1 << 53 else value


def _units(
    result: Analysis, source: str, names: Sequence[str], places: dict[str, int]
) -> dict[str, Any]:
    """Return what each unit reads: by tensor a number of its table, each kind of table once."""
    tables = _Listed()
    same = alike(result, names)
    kinds: dict[str, int | None] = {}
    for name, entry in unit_tables(result, source, list(dict.fromkeys(same.values()))):
        kinds[name] = None if entry is None else tables.number(repr(entry), entry)
    units: list[int | None] = [None] * len(places)
    for name in names:
        units[places[name]] = kinds[same[name]]
    return {"tables": tables.items, "units": units}


def _effective(place: int, found: ERF) -> list[Any]:
    """Return sizes and map of a field, and what arrives beside local paths if only they count."""
    beside = round(found.global_share, 4) if found.local else 0
    return [place, _sizes(found), beside, coarse_map(found)]


def _sizes(found: ERF) -> list[Any]:
    """Return by axis the effective size without borders, and the interval inside the input."""
    return [[axis.endless_size, list(axis.interval or ())] for axis in found.axes.values()]


# -- paths -----------------------------------------------------------------------------------------


def _walks(
    result: Analysis, counted: Sequence[Distribution], places: dict[str, int]
) -> list[list[Any]]:
    """Return for each distribution, by groups of axes alike, a path of each size.

    A group is `[axes, {size: tensors}]`; tensors are bits in base 64, six in a character.
    """
    entries = []
    left = MAX_WALK_BYTES
    for shown in counted:
        groups: list[Any] = []
        for alike_ in alike_axes(shown):
            most = min(MAX_WALKS, max(left * 6 // len(places), 2))
            walks = _lit(result, shown, alike_[0].axis, most, places)
            left -= sum(map(len, walks.values()))
            axes = [axis.axis for axis in alike_]
            groups.append([axes, walks, shown.lengths[axes[0]]])
        entries.append([places[shown.tensor], groups])
    return entries


def _lit(
    result: Analysis, shown: Distribution, axis: int, most: int, places: dict[str, int]
) -> dict[str, str]:
    try:
        walks = walks_by_size(result, shown.tensor, shown.input, axis, most)
    except BoundError:
        return {}
    return {str(size): bits(places[name] for name in walk) for size, walk in walks.items()}


_SIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def bits(numbers_: Iterable[int]) -> str:
    """Return a set of small numbers as text: six of them to a character, the first bit first."""
    taken = set(numbers_)
    last = max(taken, default=-1)
    return "".join(
        _SIX[sum(1 << bit for bit in range(6) if first + bit in taken)]
        for first in range(0, last + 1, 6)
    )
