"""Random data movement: each output element is traced by its value through onnxruntime.

The input holds 1, 2, 3, ...: the value of an output is the place that it reads, 0 if it reads none.
"""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.evaluate import Case, one_node, outcome, reads, relations
from oracle.perturb import session

EXAMPLES = 60
lengths = st.integers(1, 5)
shapes = st.lists(lengths, min_size=1, max_size=4).map(tuple)


def ints(values):
    return np.array(values, dtype=np.int64)


def check(case, slot=0):
    """Compare what the rule says of input `slot`, the only one not constant, with its values."""
    data = case.data()[slot]
    count = int(np.prod(data.shape))
    values = np.arange(1, count + 1, dtype=data.dtype).reshape(data.shape)
    (moved,) = session(one_node(case)).run(None, {f"x{slot}": values})
    assert outcome(case).shapes == (moved.shape,)
    linked = relations(case).get(slot, [])
    for index in np.ndindex(moved.shape):
        found = set().union(*(reads(relation, index) for relation in linked))
        place = int(moved[index])
        expected = {tuple(map(int, np.unravel_index(place - 1, data.shape)))} if place else set()
        assert found == expected, index


@st.composite
def slices(draw):
    shape = draw(shapes)
    axes = draw(st.lists(st.integers(0, len(shape) - 1), unique=True, min_size=1))
    bound = st.one_of(st.integers(-7, 7), st.sampled_from([2**63 - 1, -(2**63)]))
    step = st.integers(-3, 3).filter(bool)
    parts = [
        draw(st.lists(part, min_size=len(axes), max_size=len(axes)))
        for part in (bound, bound, step)
    ]
    signed = [axis - draw(st.sampled_from([0, len(shape)])) for axis in axes]
    return Case("Slice", [shape, ints(parts[0]), ints(parts[1]), ints(signed), ints(parts[2])])


@st.composite
def pads(draw):
    shape = draw(shapes)
    mode = draw(st.sampled_from(["constant", "edge", "reflect", "wrap"]))
    begins, ends = [], []
    for length in shape:
        begin = draw(st.integers(-length + 1, 3))
        end = draw(st.integers(-length + 1 - min(begin, 0), 3))
        kept = length + min(begin, 0) + min(end, 0)
        if mode == "reflect":
            begin, end = min(begin, kept - 1), min(end, kept - 1)
        begins.append(begin)
        ends.append(end)
    return Case("Pad", [shape, ints([*begins, *ends]), None], {"mode": mode}, version=19)


@st.composite
def gathers(draw):
    shape = draw(shapes)
    axis = draw(st.integers(0, len(shape) - 1))
    where = draw(st.lists(st.integers(1, 3), max_size=2))
    bound = st.integers(-shape[axis], shape[axis] - 1)
    count = int(np.prod(where))
    indices = ints(draw(st.lists(bound, min_size=count, max_size=count))).reshape(where)
    return Case("Gather", [shape, indices], {"axis": axis})


@st.composite
def gathers_of_elements(draw):
    shape = draw(shapes)
    axis = draw(st.integers(0, len(shape) - 1))
    where = [draw(st.integers(1, 3 if a == axis else n)) for a, n in enumerate(shape)]
    return Case("GatherElements", [shape, draw(indices_of(where, shape[axis]))], {"axis": axis})


@st.composite
def indices_of(draw, where, length):
    count = int(np.prod(where))
    bound = st.integers(-length, length - 1)
    return ints(draw(st.lists(bound, min_size=count, max_size=count))).reshape(where)


@st.composite
def tuples_of(draw, where, lead):
    """Index tuples into the axes `lead`, of shape `where`; all different."""
    count, total = int(np.prod(where)), int(np.prod(lead))
    flat = draw(st.lists(st.integers(0, total - 1), min_size=count, max_size=count, unique=True))
    found = np.stack(np.unravel_index(ints(flat), lead), -1)
    return (found - draw(st.sampled_from([0, 1])) * ints(lead)).reshape([*where, len(lead)])


@st.composite
def gathers_of_tuples(draw):
    shape = draw(shapes)
    depth = draw(st.integers(1, len(shape)))
    where = draw(st.sampled_from([[1], [1, 1]]))
    return Case("GatherND", [shape, draw(tuples_of(where, shape[:depth]))])


@st.composite
def gathers_of_boxes(draw):
    """GatherND as exporters write x[:, rows][:, :, columns]: every combination of positions."""
    shape = draw(shapes)
    depth = draw(st.integers(1, len(shape)))
    lists = [draw(st.lists(st.integers(-n, n - 1), min_size=1, max_size=4)) for n in shape[:depth]]
    return Case("GatherND", [shape, ints(np.stack(np.meshgrid(*lists, indexing="ij"), -1))])


@st.composite
def gathers_within_batches(draw):
    shape = draw(st.lists(lengths, min_size=2, max_size=4).map(tuple))
    batch = draw(st.integers(1, len(shape) - 1))
    depth = draw(st.integers(1, len(shape) - batch))
    where = [*shape[:batch], *draw(st.sampled_from([[], [2]]))]
    count = int(np.prod(where))
    parts = [
        draw(st.lists(st.integers(-n, n - 1), min_size=count, max_size=count))
        for n in shape[batch : batch + depth]
    ]
    indices = ints(np.stack(parts, -1)).reshape([*where, depth])
    return Case("GatherND", [shape, indices], {"batch_dims": batch})


@st.composite
def scatters(draw):
    """The data of ScatterND (the updates are zeros) or its updates (the data are zeros)."""
    shape = draw(shapes)
    depth = draw(st.integers(1, len(shape)))
    count = draw(st.integers(1, int(np.prod(shape[:depth]))))
    indices = draw(tuples_of([count], shape[:depth]))
    updates = (count, *shape[depth:])
    if draw(st.booleans()):
        return Case("ScatterND", [shape, indices, np.zeros(updates, np.float32)]), 0
    return Case("ScatterND", [np.zeros(shape, np.float32), indices, updates]), 2


@st.composite
def scatters_of_boxes(draw):
    """ScatterND as exporters write x[a:b, ::2] = v: every combination of positions per axis."""
    shape = draw(shapes)
    lists = []
    for length in shape[: draw(st.integers(1, len(shape)))]:
        start = draw(st.integers(0, length - 1))
        lists.append(range(start, draw(st.integers(start + 1, length)), draw(st.integers(1, 2))))
    indices = ints(np.stack(np.meshgrid(*lists, indexing="ij"), -1))
    updates = (*indices.shape[:-1], *shape[len(lists) :])
    if draw(st.booleans()):
        return Case("ScatterND", [shape, indices, np.zeros(updates, np.float32)]), 0
    return Case("ScatterND", [np.zeros(shape, np.float32), indices, updates]), 2


@st.composite
def scatters_of_elements(draw):
    shape = draw(shapes)
    axis = draw(st.integers(0, len(shape) - 1))
    where = [draw(st.integers(1, n)) for n in shape]
    line = st.permutations(range(shape[axis])).map(lambda order: order[: where[axis]])
    lines = int(np.prod(where)) // where[axis]
    found = [draw(line)] * lines if draw(st.booleans()) else [draw(line) for _ in range(lines)]
    moved = [n for a, n in enumerate(where) if a != axis]
    indices = np.moveaxis(ints(found).reshape([*moved, where[axis]]), -1, axis)
    if draw(st.booleans()):
        inputs = [shape, indices, np.zeros(where, np.float32)]
        return Case("ScatterElements", inputs, {"axis": axis}), 0
    inputs = [np.zeros(shape, np.float32), indices, tuple(where)]
    return Case("ScatterElements", inputs, {"axis": axis}), 2


@st.composite
def masks(draw):
    shape = draw(shapes)
    own = [draw(st.sampled_from([1, n])) for n in shape]
    flags = draw(st.lists(st.booleans(), min_size=int(np.prod(own)), max_size=int(np.prod(own))))
    mask = np.array(flags).reshape(own)
    return Case("Where", [mask, shape, np.zeros((), np.float32)], version=16), 1


@st.composite
def moves(draw):
    shape = draw(shapes)
    kind = draw(st.sampled_from(["Transpose", "Reshape", "Tile", "Expand", "Compress"]))
    if kind == "Transpose":
        return Case(kind, [shape], {"perm": list(draw(st.permutations(range(len(shape)))))})
    if kind == "Reshape":
        total = int(np.prod(shape))
        first = draw(st.sampled_from([d for d in range(1, total + 1) if total % d == 0]))
        return Case(kind, [shape, ints([first, -1])])
    if kind == "Tile":
        return Case(kind, [shape, ints([draw(st.integers(0, 3)) for _ in shape])])
    if kind == "Compress":
        flags = draw(st.lists(st.booleans(), min_size=1, max_size=shape[-1]))
        return Case(kind, [shape, np.array(flags)], {"axis": -1})
    return Case(kind, [(*shape, 1), ints([2, *shape, draw(lengths)])])


@given(st.one_of(slices(), pads(), gathers(), gathers_of_elements()))
@settings(max_examples=4 * EXAMPLES)
def test_what_is_cut_padded_or_picked(case):
    check(case)


@given(st.one_of(gathers_of_tuples(), gathers_of_boxes(), gathers_within_batches()))
@settings(max_examples=3 * EXAMPLES)
def test_what_index_tuples_pick(case):
    check(case)


@given(moves())
@settings(max_examples=EXAMPLES)
def test_what_is_moved_or_repeated(case):
    check(case)


@given(st.one_of(masks(), scatters(), scatters_of_boxes(), scatters_of_elements()))
@settings(max_examples=4 * EXAMPLES)
def test_what_is_masked_or_overwritten(case_and_slot):
    check(*case_and_slot)
