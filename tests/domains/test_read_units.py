"""What single units read, carried backward: against elements counted out, and against tables."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import parser

import rfgraph
from oracle import random_models
from oracle.examples import output
from rfgraph.domains import padding, positions, read_units, regions
from rfgraph.domains.continued import edges_to
from rfgraph.errors import BoundError
from rfgraph.relations.axis_rules import Rows, Shift, Window
from rfgraph.relations.graph import shape_of
from rfgraph.relations.relation import Relation
from rfgraph.relations.steps import (
    Everything,
    Gathered,
    Permute,
    Pointwise,
    Reduce,
    Regroup,
    Select,
    Taps,
)
from sweeps import at_length

FIXTURES = Path(__file__).parents[2] / "fixtures"
SHAPE = (2, 4, 6)


# -- one relation ----------------------------------------------------------------------------------


def numbered(shape):
    """The elements of a tensor, each a set of itself."""
    made = np.empty(shape, dtype=object)
    for at in np.ndindex(*shape):
        made[at] = frozenset([at])
    return made


def gathered(shape):
    """Every second element of the last axis, turned by its row, and nothing in the first row."""
    rows, columns = np.mgrid[: shape[1], : shape[2] // 2]
    column = (2 * columns + rows) % shape[2]
    places = np.where(rows == 0, -1, rows)[None], np.where(rows == 0, -1, column)[None]
    return Gathered(
        (shape[0], *rows.shape),
        (np.where(places[0] < 0, -1, np.arange(shape[0])[:, None, None]), *places),
    )


def turned(step):
    """What each element behind a Gathered reads."""
    made = np.empty(step.shape, dtype=object)
    places = [np.broadcast_to(place, step.shape) for place in step.places]
    for at in np.ndindex(*step.shape):
        read = tuple(int(place[at]) for place in places)
        made[at] = frozenset([read] if read[0] >= 0 else [])
    return made


KEPT = np.random.default_rng(3).random((8, 6)) < 0.5


def rows():
    """What each element reads behind a reduction of which each row keeps something."""
    own = numbered(SHAPE)
    made = np.empty((2, 4, 1), dtype=object)
    for a, b in np.ndindex(2, 4):
        made[a, b, 0] = frozenset().union(*own[a, b][KEPT[4 * a + b]])
    return made


def taps():
    """Windows of two, one apart, of the last axis, then its first two positions."""
    own = numbered(SHAPE)
    made = np.empty((2, 4, 2), dtype=object)
    for a, b, c in np.ndindex(2, 4, 2):
        made[a, b, c] = own[a, b, c] | own[a, b, c + 2]
    return made


ROWS = Rows((0, 1), (2, 4), np.packbits(KEPT).tobytes(), 6)
CASES = {
    "permute": (Relation(SHAPE, (Permute((2, 0, 1)),)), numbered(SHAPE).transpose(2, 0, 1)),
    "merge": (Relation(SHAPE, (Regroup((8, 6)),)), numbered(SHAPE).reshape(8, 6)),
    "part": (Relation(SHAPE, (Regroup((2, 4, 2, 3)),)), numbered(SHAPE).reshape(2, 4, 2, 3)),
    "mix": (Relation(SHAPE, (Regroup((3, 16)),)), numbered(SHAPE).reshape(3, 16)),
    "broadcast": (
        Relation((4, 1), (Pointwise((3, 4, 5)),)),
        np.broadcast_to(numbered((4, 1)), (3, 4, 5)),
    ),
    "turn": (Relation(SHAPE, (gathered(SHAPE),)), turned(gathered(SHAPE))),
    "rows": (Relation(SHAPE, (Reduce(((2, ROWS),)),)), rows()),
    "taps": (
        Relation(
            SHAPE,
            (Taps(((2, Window(2, 1, 2, 0, 6, 4)),)), Select(((2, Shift(0, 1, 4, 2, "absent")),))),
        ),
        taps(),
    ),
    "everything": (
        Relation(SHAPE, (Everything((2,)),)),
        np.array([frozenset(np.ndindex(*SHAPE))] * 2, dtype=object),
    ),
}


def elements(products, shape):
    return {
        at
        for one in products
        for at in itertools.product(
            *(
                np.flatnonzero(positions.flags(here, length)).tolist()
                for here, length in zip(one, shape, strict=True)
            )
        )
    }


@pytest.mark.parametrize("name", CASES)
@given(st.randoms(use_true_random=False))
@settings(max_examples=15)
def test_units_read_what_each_of_their_elements_does(name, draw):
    relation, read = CASES[name]
    chosen = []
    for _ in range(draw.randint(1, 3)):
        sets = [draw.sample(range(n), draw.randint(1, n)) for n in relation.out_shape]
        masks = [np.isin(np.arange(n), some) for n, some in zip(read.shape, sets, strict=True)]
        chosen.append(tuple(map(positions.positions, masks)))
    want = frozenset().union(*(read[at] for at in elements(chosen, read.shape)))
    found = read_units.ReadUnits().carry(tuple(chosen), relation)
    assert elements(found, relation.in_shape) == want
    along = read_units.ReadUnits(by_axis=True).carry(tuple(chosen[:1]), relation)
    first = frozenset().union(*(read[at] for at in elements(chosen[:1], read.shape)))
    by_axis = itertools.product(*map(set, zip(*first, strict=True))) if first else ()
    assert elements(along, relation.in_shape) == set(by_axis)


# -- models ----------------------------------------------------------------------------------------


def some_index(draw, shape):
    """A unit, a range or the whole of each axis."""
    index = []
    for length in shape:
        first, end = sorted(draw.sample(range(length + 1), 2))
        index.append(
            draw.choice([draw.randrange(length), draw.randrange(length), (first, end), None])
        )
    return tuple(index)


def chosen(flags, index):
    """Whether a flag is set of those at an index."""
    flags = flags[
        tuple(
            slice(None)
            if at is None or length == 1
            else slice(*at)
            if isinstance(at, tuple)
            else at
            for at, length in zip(index, flags.shape, strict=True)
        )
    ]
    return bool(np.any(flags))


def touched_as_tabulated(graph, item, tensor, index):
    """Compare which padding touches units with the flags of all of them."""
    for axis in range(2, len(item.shape)):
        units = padding.Padding(graph, item.name, axis, tensor, edges_to(graph, tensor))
        table = units.flags()
        if table is not None:
            want = tuple(chosen(side, index) for side in table)
            assert units.at(index) == want, f"{tensor}{list(index)}, axis {axis} of {item.name}"


def count_equal(model, tensors, draw, questions):
    """Compare units of each tensor with its tables; return how many were answered by products."""
    loaded = rfgraph.load(model)
    answered = 0
    for tensor in tensors(loaded.graph):
        tables = {
            item.name: regions.clipped_tables(loaded.graph, item.name, [tensor]).get(tensor)
            for item in loaded.inputs
            if item.shape
        }
        for _ in range(questions):
            index = some_index(draw, shape_of(loaded.graph, tensor))
            try:
                read = read_units.boxes_read(
                    loaded.graph, tensor, index, tables, edges_to(loaded.graph, tensor)
                )
            except BoundError:
                continue
            answered += 1
            for item in loaded.inputs:
                touched_as_tabulated(loaded.graph, item, tensor, index)
            for name, table in tables.items():
                want = None if table is None else regions.region(table, index)
                assert read.get(name) == want, f"{tensor}{list(index)} reads {name}"
    return answered


def tensors_of(graph, draw, count):
    """Some tensors that have elements."""
    names = [name for name in graph if shape_of(graph, name) and 0 not in shape_of(graph, name)]
    return draw.sample(names, min(count, len(names)))


@given(random_models.wide_models(nodes=12), st.randoms(use_true_random=False))
@settings(max_examples=25)
def test_units_read_what_the_tables_say(model, draw):
    assert count_equal(model, lambda graph: [output(model)], draw, 4)


@pytest.mark.slow
@given(random_models.wide_models(nodes=14), st.randoms(use_true_random=False))
@at_length(1500)
def test_units_read_what_the_tables_say_at_length(model, draw):
    assert count_equal(model, lambda graph: [output(model)], draw, 4)


@pytest.mark.parametrize(
    "name", ["unet_bilinear", "exports/swin_computed_ts", "exports/shuffle_ts"]
)
def test_units_of_files_read_what_the_tables_say(name):
    draw = random.Random(name)
    path = str(FIXTURES / f"{name}.onnx")
    assert count_equal(path, lambda graph: tensors_of(graph, draw, 3), draw, 3)


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(FIXTURES.glob("**/*.onnx")), ids=lambda path: path.stem)
def test_units_of_all_files_read_what_the_tables_say(path):
    draw = random.Random(path.stem)
    assert count_equal(str(path), lambda graph: tensors_of(graph, draw, 10), draw, 5)


# -- bounds ----------------------------------------------------------------------------------------

TURNED = """
<ir_version: 8, opset_import: ["": 17]>
g (float[1, 1, 40, 40] x) => (float[1, 1, 40, 40] y) {
    flat = Constant<value = int64[2] {40, 40}>()
    back = Constant<value = int64[4] {1, 1, 40, 40}>()
    rows = Reshape(x, flat)
    kept = Trilu<upper = 0>(rows)
    y = Reshape(kept, back)
}
"""


def test_units_of_too_many_products_are_looked_up_in_tables(monkeypatch):
    model = parser.parse_model(TURNED)
    want = rfgraph.unit(model, "y", (0, 0, slice(3, 9), None))
    monkeypatch.setattr(read_units, "MAX_PRODUCTS", 0)
    graph = rfgraph.load(model).graph
    with pytest.raises(BoundError, match=r"more products than MAX_PRODUCTS \(0\)"):
        read_units.boxes_read(graph, "y", (0, 0, None, None), ["x"])
    assert rfgraph.unit(model, "y", (0, 0, slice(3, 9), None)) == want


FAR = """
<ir_version: 8, opset_import: ["": 17]>
g (float[1, 4611686018427387904] x) => (float[1, 4611686018427387904] y) {
    first = Constant<value = int64[1] {7}>()
    last = Constant<value = int64[1] {4611686018427387904}>()
    axis = Constant<value = int64[1] {1}>()
    y = Relu(x)
}
"""


def test_a_unit_of_an_axis_of_any_length_costs_nothing():
    (found,) = rfgraph.unit(parser.parse_model(FAR), "y", (0, 1 << 61)).regions
    assert found.clipped == ((0, 0), (1 << 61, 1 << 61))
