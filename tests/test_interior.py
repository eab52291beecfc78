"""The reach of irregular fields: what is said of the units between the borders, by perturbation.

By default a few random networks of each kind. All 400, which takes about 2 minutes:
`python -m pytest tests/test_interior.py -m slow -n 0`.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import rfgraph
from oracle.builder import Builder
from oracle.irregular_models import KINDS, WIDE, Net, conv, read, stored
from rfgraph.domains.regions import clipped_tables


def measured(net):
    result = rfgraph.analyze(net.model, masks=True)
    return result, result.receptive_field(input=net.input).axes[net.axis]


def hulls(reads):
    """First and last position that each unit reads."""
    return reads.argmax(axis=1), reads.shape[1] - 1 - reads[:, ::-1].argmax(axis=1)


def judge(kind, seed):
    make = KINDS[kind]
    net, longer = (make(np.random.default_rng([7, seed]), scale) for scale in (1, 2))
    result, axis = measured(net)
    lo, hi = hulls(read(net))
    output = result.model.outputs[0]
    table = clipped_tables(result.graph, net.input, [output])[output][net.axis]
    units = [(slice(None) if at == net.axis else 0) for at in range(table.lo.ndim)]
    assert (table.lo[tuple(units)] == lo).all()
    assert (table.hi[tuple(units)] == hi).all()
    length = result.model.inputs[0].shape[net.axis]
    _, other = measured(longer)
    if axis.regular:
        check_regular(lo, hi, length, axis)
        return
    assert axis.stride is axis.start is axis.center is axis.period is None
    assert (axis.before, axis.after) == (other.before, other.after)
    if net.unbounded:
        check_ahead(lo, hi, axis)
    else:
        check_between(lo, hi, length, axis)
        assert axis.interior[1:6] == other.interior[1:6]


def check_regular(lo, hi, length, axis):
    """All units that lie in the input with their reach move on by the period."""
    p, q = axis.period
    assert axis.interior is None
    for unit in range(len(lo) - p):
        near, far = axis.stride * unit - axis.before, axis.stride * (unit + p) + axis.after
        if near >= 0 and far < length:
            assert (lo[unit + p] - lo[unit], hi[unit + p] - hi[unit]) == (q, q)
            assert axis.size_min <= hi[unit] - lo[unit] + 1 <= axis.size


def check_ahead(lo, hi, axis):
    """Each unit reads all that came before, and so far ahead."""
    steps = set(np.diff(hi).tolist())
    assert len(steps) == 1
    assert set(lo.tolist()) == {lo[0]}
    assert (axis.interior, axis.before, axis.after) == (None, None, hi[0])


def check_between(lo, hi, length, axis):
    """One period fits the units of the interior, not the one before; the reach holds for all."""
    first, last = axis.interior.units
    p, q = axis.interior.period
    own = [Fraction(q, p) * unit for unit in range(len(lo))]
    inside = [
        own[unit] - axis.before >= 0 and own[unit] + axis.after < length for unit in range(len(lo))
    ]
    whole = [unit for unit in range(first, last + 1) if inside[unit]]
    assert len(whole) > 2 * p
    sizes = (hi - lo + 1)[whole]
    assert (axis.interior.size_min, axis.interior.size) == (sizes.min(), sizes.max())
    assert axis.before == max(own[unit] - lo[unit] for unit in whole)
    assert axis.after == max(hi[unit] - own[unit] for unit in whole)
    for unit in whole[:-p]:
        if unit + p in whole:
            assert (lo[unit + p] - lo[unit], hi[unit + p] - hi[unit]) == (q, q)
    for unit, there in enumerate(inside):
        if there:
            assert own[unit] - axis.before <= lo[unit]
            assert hi[unit] <= own[unit] + axis.after
    if first and inside[first - 1]:
        assert (lo[first - 1 + p] - lo[first - 1], hi[first - 1 + p] - hi[first - 1]) != (q, q)
    assert axis.interior.beside == (first, len(lo) - 1 - last) != (0, 0)


def test_a_running_sum_over_a_stream_keeps_its_look_ahead():
    # A unit of the second convolution reads one ahead, and the sum all that came before.
    build = Builder(18, 0)
    x, cache = build.input((1, WIDE, 30)), build.input((1, WIDE, 4))
    made = conv(build, build.concat([cache, x], 2), 5, (0, 0))
    made = conv(build, build.same("Add", made, x), 3, (1, 1))
    made = build.one("CumSum", [made, stored(build, np.array(2))], build.shapes[made])
    net = Net(build.model(made), x, 2, unbounded=True)
    _, axis = measured(net)
    lo, hi = hulls(read(net))
    assert set(lo.tolist()) == {0}
    assert hi.tolist() == [min(unit + 1, 29) for unit in range(30)]
    assert (axis.scope, axis.before, axis.after) == ("one-sided", None, 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_what_is_said_of_units_between_the_borders(kind, seed):
    judge(kind, seed)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_said_of_units_between_the_borders_at_length(kind):
    for seed in range(100):
        judge(kind, seed)
