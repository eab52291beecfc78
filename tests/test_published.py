"""Every number that the literature prints for the fixtures, and what follows from it by arithmetic.

The numbers are those of fixtures/expected.json, none of which comes from the code under test.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

import rfgraph
from fixtures.expected import Row, load
from fixtures.make import build
from rfgraph.relations.axis_rules import Window
from rfgraph.relations.steps import Taps
from rfgraph.wording.numbers import rational

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = load()
MODELS = sorted({row.model for row in ROWS})
NUMBERS = {
    "size", "size_min", "stride", "start", "center", "before", "after", "period", "scope",
    "shortest", "longest", "covers_input", "regular",
}  # fmt: skip


@cache
def analysed(name: str, shape: tuple[int, ...] | None) -> rfgraph.Result:
    """Some rows ask for a network at another size than its file declares."""
    proto = build(name)
    if shape is None:
        return rfgraph.analyze(proto)
    for value in (*proto.graph.input, *proto.graph.output):
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            dim.dim_param = f"{value.name}_{axis}"
    return rfgraph.analyze(rfgraph.load(proto, input_shapes={"": shape}))


def result_of(row: Row) -> rfgraph.Result:
    return analysed(row.model, row.input_shape)


@cache
def field(name, shape, tensor, source):
    return analysed(name, shape).receptive_field(tensor, source).to_dict()


@cache
def distribution(name, shape, tensor, source):
    return rfgraph.path_histogram(analysed(name, shape), tensor=tensor, input=source)


# -- what rfgraph says for one row -----------------------------------------------------------------


def length(row: Row) -> int:
    """Of the tensor's axis that follows the input's: counted from the first of the spatial ones."""
    result = result_of(row)
    form = next(iter(result.forms.values()))
    return result.graph.nodes[row.tensor]["shape"][2 + form.spatial_axes.index(row.axis)]


def before_global(row: Row) -> list[str]:
    outputs = result_of(row).outputs
    return next(list(item.before_global) for item in outputs if item.name == row.tensor)


def border_nodes(row: Row) -> list[str]:
    """Convolutions whose window is as long as their input or longer."""
    found = {}
    for _, _, edge in result_of(row).graph.edges(data=True):
        rules = [
            rule
            for step in edge["relation"].steps
            if isinstance(step, Taps)
            for _, rule in step.rules
        ]
        if edge["operator"].op_type == "Conv" and any(
            isinstance(rule, Window) and rule.extent > 1 and rule.in_len <= rule.extent
            for rule in rules
        ):
            found[edge["operator"].index] = edge["operator"].label
    return [found[index] for index in sorted(found)]


def clipped(row: Row) -> list[int] | None:
    region = rfgraph.unit(result_of(row), row.tensor, row.index, row.input).regions[0]
    return None if region.clipped is None else list(region.clipped[row.axis])


def of_paths(row: Row) -> Any:
    key = row.key.removeprefix("paths.")
    found = distribution(row.model, row.input_shape, row.tensor, row.input)
    if key == "total":
        return str(found.total)
    if key == "depth":
        return [[depth, str(count)] for depth, count in found.depth.items()]
    axis = found.axes[row.axis]
    if key == "distinct":
        return len(axis.counts)
    if key in ("mean", "variance"):
        return rational(getattr(axis, key))
    return axis.to_dict()[key]


def of_field(row: Row) -> Any:
    found = field(row.model, row.input_shape, row.tensor, row.input)
    if row.key == "aligned":
        return found["aligned"]
    axis = found["axes"][row.axis]
    return axis["local"][row.key.removeprefix("local.")] if "." in row.key else axis[row.key]


SPECIAL: dict[str, Callable[[Row], Any]] = {
    "n": length,
    "before_global": before_global,
    "border_nodes": border_nodes,
    "clipped": clipped,
}


def observed(row: Row) -> Any:
    if row.key in SPECIAL:
        return SPECIAL[row.key](row)
    return of_paths(row) if row.key.startswith("paths.") else of_field(row)


# -- tests -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_expected_numbers(name):
    wrong = []
    for row in ROWS:
        if row.model == name:
            found = observed(row)
            if found != row.value:
                wrong.append(f"{row.tensor} axis {row.axis} {row.key}: {row.value} != {found}")
    assert not wrong, "\n".join(wrong[:20])
