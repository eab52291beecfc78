"""Inputs and outputs of which the same is to be said: of a great many, findings name one of each.

Three thousand inputs that reach three thousand outputs alike are one finding, not nine million.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rfgraph.relations.graph import shape_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rfgraph.analysis.analysis import Analysis


# So many pairs of input and output are each told by name.
MAX_PAIRS = 1 << 12


class Named(NamedTuple):
    """The inputs and the outputs that are told by name, and for how many each of them stands."""

    inputs: Mapping[str, int]
    outputs: Mapping[str, int]


def named_pairs(result: Analysis) -> Named:
    """Return the inputs and outputs that findings name: all, unless they are too many."""
    inputs, outputs = list(result.forms), result.model.outputs
    if len(inputs) * len(outputs) <= MAX_PAIRS:
        return Named(dict.fromkeys(inputs, 1), dict.fromkeys(outputs, 1))
    parts = {output: result.alike_inputs(output) for output in outputs}
    said: dict[str, list[tuple[int, int]]] = {name: [] for name in inputs}
    kinds = {tuple(map(id, alike)): alike for alike in parts.values()}
    for number, alike in enumerate(kinds.values()):
        for place, names in enumerate(alike):
            for name in names:
                said[name].append((number, place))
    return Named(
        _first_of_each((name, tuple(key)) for name, key in said.items()),
        _first_of_each((output, _output_key(result, output)) for output in outputs),
    )


def _output_key(result: Analysis, output: str) -> object:
    """Return what is the same of outputs that are alike on every input."""
    groups = result.groups(output)
    read = tuple((g.inputs, id(g.classes), id(g.apart), g.through) for g in groups)
    return shape_of(result.graph, output), read


def _first_of_each(keys: Iterable[tuple[str, object]]) -> dict[str, int]:
    """Return the first name of each key, and how many have that key."""
    first: dict[object, str] = {}
    numbers: dict[str, int] = {}
    for name, key in keys:
        one = first.setdefault(key, name)
        numbers[one] = numbers.get(one, 0) + 1
    return numbers
