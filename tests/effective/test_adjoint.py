"""The adjoint of every kind of step against what the step does, written out by definition."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

from rfgraph.domains.effective.adjoint import Adjoint, Weighing
from rfgraph.domains.effective.mass import Mass, expand, repeats, rescale, unit_mass
from rfgraph.relations.axis_rules import (
    Band,
    Blocks,
    Listed,
    Pick,
    Repeat,
    Resample,
    Rows,
    Shift,
    Transposed,
    Whole,
    Window,
)
from rfgraph.relations.relation import Relation
from rfgraph.relations.steps import (
    Everything,
    Gathered,
    Permute,
    Pointwise,
    Prefix,
    Reduce,
    Regroup,
    Select,
    Taps,
    step_shape,
)

# -- what a step does, by definition ---------------------------------------------------------------


def read_at(rule, o):
    """The input positions, with repetition, that output position o reads."""
    return [i for i in READS[type(rule)](rule, o) if 0 <= i < rule.in_len]


def block_of(rule, o):
    block, size = o // (rule.out_len // rule.groups), rule.in_len // rule.groups
    return range(block * size, block * size + size)


def band_of(rule, o):
    low = 0 if rule.before is None else o - rule.before
    high = rule.in_len - 1 if rule.after is None else o + rule.after
    return range(low, high + 1)


def transposed_taps(rule, o):
    pairs = itertools.product(range(rule.in_len), range(rule.kernel))
    return [i for i, t in pairs if o + rule.pad_begin - i * rule.stride == t * rule.dilation]


def shifted(rule, o):
    at, last = rule.start + o * rule.step, rule.in_len - 1
    if rule.outside == "edge":
        return [min(max(at, 0), last)]
    if rule.outside == "wrap":
        return [at % rule.in_len]
    while rule.outside == "reflect" and not 0 <= at <= last:
        at = -at if at < 0 else 2 * last - at
    return [at]


READS = {
    Whole: lambda rule, o: range(rule.in_len),
    Blocks: block_of,
    Band: band_of,
    Pick: lambda rule, o: [rule.indices[o]],
    Listed: lambda rule, o: rule.lists[o],
    Repeat: lambda rule, o: [o % rule.in_len],
    Window: lambda rule, o: [
        o * rule.stride - rule.pad_begin + t * rule.dilation for t in range(rule.kernel)
    ],
    Transposed: transposed_taps,
    Shift: shifted,
}


def apply_along(x, axis, rule):
    if isinstance(rule, Rows):
        return rows_apart(x, axis, rule)
    x = np.moveaxis(x, axis, 0)
    found = np.zeros((rule.out_len, *x.shape[1:]))
    for o in range(rule.out_len):
        for i in read_at(rule, o):
            found[o] += x[i]
    return np.moveaxis(found, 0, axis)


def rows_apart(x, axis, rule):
    shape = list(x.shape)
    shape[axis] = 1
    found = np.zeros(shape)
    flags = rule.flags()
    for index in itertools.product(*map(range, x.shape)):
        row = 0
        for a, length in zip(rule.axes, rule.lengths, strict=True):
            row = row * length + index[a]
        to = list(index)
        to[axis] = 0
        found[tuple(to)] += flags[row, index[axis]] * x[index]
    return found


def apply(step, x):
    if isinstance(step, Pointwise):
        return np.broadcast_to(x, step.shape)
    if isinstance(step, Permute):
        return x.transpose(step.perm)
    if isinstance(step, Regroup):
        return x.reshape(step.shape)
    if isinstance(step, Everything):
        return np.full(step.shape, x.sum())
    if isinstance(step, Gathered):
        return rearranged(step, x)
    for axis, rule in step.rules:
        x = apply_along(x, axis, rule)
    return x


def rearranged(step, x):
    found = np.zeros(step.shape)
    for index in np.ndindex(*step.shape):
        at = tuple(int(np.broadcast_to(place, step.shape)[index]) for place in step.places)
        found[index] = x[at] if at[0] >= 0 else 0
    return found


def gathered(new, old, seed=0, constant=()):
    """Random places, a quarter of which read nothing, constant along some axes."""
    random = np.random.default_rng(seed)
    lengths = tuple(1 if axis in constant else length for axis, length in enumerate(new))
    there = random.random(lengths) < 0.75
    places = (np.where(there, random.integers(0, n, lengths), -1) for n in old)
    return Gathered(new, tuple(places))


def rows(axes, lengths, n, seed=0):
    kept = np.random.default_rng(seed).integers(0, 2, (int(np.prod(lengths)), n)).astype(bool)
    return Rows(axes, lengths, np.packbits(kept.reshape(-1)).tobytes(), n)


CASES = {
    "pointwise": ((2, 5, 6), [Pointwise((2, 5, 6))]),
    "broadcast": ((1, 5, 1), [Pointwise((3, 2, 5, 4))]),
    "permute": ((2, 5, 6), [Permute((2, 0, 1))]),
    "merge": ((2, 3, 4), [Regroup((6, 4))]),
    "split": ((6, 4), [Regroup((2, 3, 1, 4))]),
    "regroup": ((4, 6), [Regroup((3, 8))]),
    "window": ((2, 9), [Taps(((1, Window(3, 1, 1, 1, 9, 9)),))]),
    "strided": ((2, 9), [Taps(((1, Window(3, 2, 2, 3, 9, 5)),))]),
    "long window": ((2, 4), [Taps(((1, Window(7, 1, 1, 3, 4, 4)),))]),
    "gaps": ((9,), [Taps(((0, Window(1, 3, 1, 0, 9, 3)),))]),
    "transposed": ((2, 4), [Taps(((1, Transposed(3, 2, 1, 1, 4, 8)),))]),
    "transposed, dilated": ((2, 4), [Taps(((1, Transposed(2, 3, 2, 0, 4, 12)),))]),
    "listed": ((5,), [Taps(((0, Listed(((0, 3), (), (1, 2, 4)), 5)),))]),
    "slice": ((8, 2), [Select(((0, Shift(1, 2, 8, 3)),))]),
    "reversed": ((8, 2), [Select(((0, Shift(7, -1, 8, 8)),))]),
    "backward by three": ((8,), [Select(((0, Shift(7, -3, 8, 3)),))]),
    "padded": ((4,), [Select(((0, Shift(-2, 1, 4, 9)),))]),
    "beside": ((4,), [Select(((0, Shift(-2, 1, 4, 9, "absent")),))]),
    "edge": ((4,), [Select(((0, Shift(-2, 1, 4, 9, "edge")),))]),
    "reflect": ((4,), [Select(((0, Shift(-2, 1, 4, 9, "reflect")),))]),
    "wrap": ((4,), [Select(((0, Shift(-2, 1, 4, 9, "wrap")),))]),
    "one position again and again": ((4,), [Select(((0, Shift(2, 0, 4, 3)),))]),
    "repeat": ((3, 2), [Select(((0, Repeat(3, 7)),))]),
    "repeat evenly": ((3, 2), [Select(((0, Repeat(3, 6)),))]),
    "pick": ((5,), [Select(((0, Pick((4, -1, 0, 0), 5)),))]),
    "whole": ((3, 4), [Reduce(((0, Whole(3, 2)),))]),
    "blocks": ((6, 2), [Reduce(((0, Blocks(2, 6, 4)),))]),
    "rows": ((4, 5), [Reduce(((1, rows((0,), (4,), 5)),))]),
    "rows before": ((5, 4), [Reduce(((0, rows((1,), (4,), 5)),))]),
    "rows of two axes": ((2, 5, 3), [Reduce(((1, rows((2, 0), (3, 2), 5)),))]),
    "band": ((6,), [Prefix(((0, Band(1, 2, 6, 6)),))]),
    "before": ((6,), [Prefix(((0, Band(None, 0, 6, 6)),))]),
    "strictly before": ((6,), [Prefix(((0, Band(None, -1, 6, 6)),))]),
    "after": ((6,), [Prefix(((0, Band(0, None, 6, 6)),))]),
    "strictly after": ((6,), [Prefix(((0, Band(-1, None, 6, 6)),))]),
    "no end": ((6,), [Prefix(((0, Band(None, None, 6, 6)),))]),
    "gathered": ((3, 4), [gathered((2, 7), (3, 4))]),
    "gathered, constant along axes": ((4, 3), [gathered((2, 3, 5), (4, 3), 1, (0, 2))]),
    "gathered into a scalar": ((3,), [Gathered((), (np.array(2),))]),
    "everything": ((2, 3), [Everything((4,))]),
    "convolution": (
        (1, 4, 7, 6),
        [
            Taps(((2, Window(3, 2, 1, 1, 7, 4)), (3, Window(3, 1, 1, 1, 6, 6)))),
            Reduce(((1, Blocks(2, 4, 6)),), weighted=True),
        ],
    ),
    "statistics": ((2, 3, 4), [Reduce(((1, Whole(3, 1)), (2, Whole(4, 1)))), Pointwise((2, 3, 4))]),
}


def relation(case):
    shape, steps = CASES[case]
    return Relation(shape, tuple(steps))


def matrix(found):
    """How often each input element is read by each output element."""
    columns = []
    for index in np.ndindex(*found.in_shape):
        x = np.zeros(found.in_shape)
        x[index] = 1
        for step in found.steps:
            x = apply(step, x)
        columns.append(x.reshape(-1))
    return np.array(columns).T


def written_out(mass):
    for axis in range(len(mass.shape)):
        mass = expand(mass, axis)
    assert repeats(mass) == 1
    return np.ldexp(mass.values, mass.exponent)


def mass_of(values):
    return Mass(values, (0,) * values.ndim, values.shape)


PATHS = Weighing("paths", {}, {}, {})
RANDOM = Weighing("random", {}, {}, {})


@pytest.mark.parametrize("weighing", [PATHS, RANDOM], ids=["paths", "random"])
@pytest.mark.parametrize("case", CASES)
def test_the_adjoint_is_the_transposed_matrix(case, weighing):
    found = relation(case)
    y = np.random.default_rng(1).integers(1, 9, found.out_shape).astype(float)
    got = written_out(Adjoint(weighing).carry(mass_of(y), found))
    want = (matrix(found).T @ y.reshape(-1)).reshape(found.in_shape)
    np.testing.assert_allclose(got, want, rtol=1e-14, atol=0)


@pytest.mark.parametrize("case", CASES)
def test_a_mass_that_is_constant_along_axes_is_as_one_written_out(case):
    found = relation(case)
    rank = len(found.out_shape)
    for constant in itertools.product((True, False), repeat=rank):
        index = [None if c else n // 2 for c, n in zip(constant, found.out_shape, strict=True)]
        unit = unit_mass(found.out_shape, index, float)
        got = Adjoint(PATHS).carry(unit, found)
        want = matrix(found).T @ written_out(unit).reshape(-1)
        np.testing.assert_array_equal(written_out(got), want.reshape(found.in_shape))


@pytest.mark.parametrize("case", CASES)
def test_integers_are_carried_as_floats_are(case):
    found = relation(case)
    unit = unit_mass(found.out_shape, [0] * len(found.out_shape), object)
    large = unit._replace(values=np.asarray(unit.values * 3**50, dtype=object))
    got = written_out_exactly(Adjoint(PATHS, exact=True).carry(large, found))
    column = matrix(found)[0].astype(int)
    assert [int(v) for v in got] == [int(v) * 3**50 for v in column]


def written_out_exactly(mass):
    for axis in range(len(mass.shape)):
        mass = expand(mass, axis)
    return mass.values.reshape(-1)


def test_a_permuted_tensor_gives_its_axes_back():
    found = Relation((2, 3, 4), (Permute((2, 0, 1)),))
    y = np.arange(24.0).reshape(4, 2, 3)
    got = written_out(Adjoint(PATHS).carry(mass_of(y), found))
    np.testing.assert_array_equal(got, y.transpose(1, 2, 0))


def test_exact_counts_of_a_scalar_are_added():
    one = unit_mass((), (), object)
    large = one._replace(values=np.array(3**50, dtype=object))
    total = Adjoint(PATHS, exact=True).join(large, large)
    assert written_out_exactly(total).tolist() == [2 * 3**50]


# -- interpolation ---------------------------------------------------------------------------------

LINEAR = Resample(Fraction(1, 2), Fraction(-1, 4), "linear", 4, 8)


def test_linear_interpolation_weighs_by_distance_and_clamps_before_squaring():
    # Doubling: outputs lie at -1/4, 1/4, 3/4, 5/4, ... and the first is all of position 0.
    found = Relation((4,), (Taps(((0, LINEAR),)),))
    want = np.zeros((8, 4))
    for o in range(8):
        x = o / 2 - 0.25
        low = int(np.floor(x))
        for i, share in ((low, low + 1 - x), (low + 1, x - low)):
            want[o, min(max(i, 0), 3)] += share
    y = np.arange(1.0, 9.0)
    uniform = Adjoint(Weighing("uniform", {}, {}, {})).carry(mass_of(y), found)
    np.testing.assert_allclose(written_out(uniform), want.T @ y, rtol=1e-15)
    squares = Adjoint(RANDOM).carry(mass_of(y), found)
    np.testing.assert_allclose(written_out(squares), (want**2).T @ y, rtol=1e-15)
    paths = Adjoint(PATHS).carry(mass_of(y), found)
    np.testing.assert_array_equal(written_out(paths), (want != 0).T @ y)


@pytest.mark.parametrize(
    ("mode", "more"),
    [
        ("linear", {}),
        ("cubic", {}),
        ("cubic", {"cubic_coeff_a": -0.5}),
        ("cubic", {"exclude_outside": 1}),
        ("linear", {"antialias": 1}),
        ("cubic", {"antialias": 1}),
        ("linear", {"coordinate_transformation_mode": "align_corners"}),
        ("nearest", {}),
    ],
)
@pytest.mark.parametrize("side", [3, 5, 16, 17])
def test_the_weights_of_a_resize_are_those_that_onnxruntime_uses(mode, more, side):
    import onnx
    import onnxruntime
    from onnx import helper, numpy_helper

    import rfgraph
    from rfgraph.domains.effective.interpolation import taps

    n = 9
    sizes = numpy_helper.from_array(np.array([1, 1, side, side], np.int64), "s")
    node = helper.make_node("Resize", ["x", "", "", "s"], ["y"], mode=mode, **more)
    x, y = (
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 1, m, m])
        for name, m in (("x", n), ("y", side))
    )
    graph = helper.make_graph([node], "g", [x], [y], [sizes])
    opset = helper.make_opsetid("", 18)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    want = np.zeros((side, n))
    for i in range(n):
        data = np.zeros((1, 1, n, n), np.float32)
        data[:, :, i, :] = 1
        want[:, i] = session.run(None, {"x": data})[0][0, 0, :, 0]
    ((_, _, edge),) = rfgraph.load(model).graph.edges(data=True)
    (step,) = edge["relation"].steps
    position, weight = taps(dict(step.rules)[2])
    got = np.zeros((side, n))
    for o in range(side):
        np.add.at(got[o], position[o], weight[o])
    np.testing.assert_allclose(got, want, atol=2e-6)


# -- scale -----------------------------------------------------------------------------------------


def test_masses_keep_their_scale_at_any_size():
    small = mass_of(np.array([1.0, 2.0]))._replace(exponent=-3000)
    large = mass_of(np.array([1.0, 4.0]))._replace(exponent=-2998)
    joined = Adjoint(PATHS).join(small, large)
    assert np.ldexp(joined.values, joined.exponent + 3000).tolist() == [5.0, 18.0]


def test_an_axis_that_is_too_long_is_an_error():
    import rfgraph

    found = Relation((1 << 23,), (Taps(((0, Window(3, 1, 1, 1, 1 << 23, 1 << 23)),)),))
    unit = unit_mass(found.out_shape, [None], float)
    with pytest.raises(rfgraph.BoundError, match="MAX_TABLE"):
        Adjoint(PATHS).carry(unit, found)


def test_a_unit_of_a_long_axis_costs_what_it_reads():
    found = Relation((1 << 40,), (Taps(((0, Window(3, 1, 1, 1, 1 << 40, 1 << 40)),)),))
    unit = unit_mass(found.out_shape, [1 << 39], float)
    mass = Adjoint(PATHS).carry(unit, found)
    assert mass.values.tolist() == [1, 1, 1]
    assert mass.origin == ((1 << 39) - 1,)


def test_the_shapes_of_all_cases_are_what_the_steps_say():
    for shape, steps in CASES.values():
        x = np.ones(shape)
        for step in steps:
            want = step_shape(step, x.shape)
            x = apply(step, x)
            assert x.shape == want


# -- lags ------------------------------------------------------------------------------------------


def test_lags_follow_the_steps_of_windows():
    from rfgraph.domains.effective import lags

    lag = np.linspace(1, 0, lags.REACH + 1)
    strided = lags.lags_before(Window(3, 2, 1, 1, 16, 8), lag)
    assert strided[:4].tolist() == [1, 0, lag[1], 0]
    gathered = lags.lags_before(Transposed(2, 2, 1, 0, 8, 16), lag)
    assert gathered[:3].tolist() == [1, lag[2], lag[4]]
    assert lags.lags_before(Transposed(2, 2, 1, 0, 8, 16), None) is None
    assert lags.smooth(Window(3, 1, 1, -20, 16, 2), None) == (1.0, None)


def test_a_cropped_resize_reads_nothing_outside():
    from rfgraph.domains.effective.interpolation import taps

    rule = Resample(Fraction(1), Fraction(-1), "linear", 4, 6, crop=True)
    assert taps(rule)[1].sum(axis=1).tolist() == [0, 1, 1, 1, 1, 0]


def test_what_lies_in_the_padding_alone_reads_nothing():
    found = Relation((4,), (Taps(((0, Window(2, 1, 1, 5, 4, 13)),)),))
    unit = unit_mass(found.out_shape, [0], float)
    adjoint = Adjoint(PATHS)
    assert adjoint.is_nothing(adjoint.carry(unit, found))
    assert rescale(adjoint.carry(unit, found)).values.size == 0
