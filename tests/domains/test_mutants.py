"""The brute force is itself tested: each of these rules is wrong, and must not go unseen."""

from __future__ import annotations

import pytest

from domains.test_closed_form import check_numbers, check_paths
from domains.test_exact import check_positions, check_tables
from domains.test_paths import check_plain
from oracle.examples import builder, chain
from rfgraph.domains import positions as sets
from rfgraph.domains import read_units as reads
from rfgraph.domains import tables as table
from rfgraph.domains.fields import axis_field, meter, sizes, support
from rfgraph.domains.paths import counting, routes, states
from rfgraph.domains.periodic import PeriodicMap
from rfgraph.relations import reading as positions
from rfgraph.relations.axis_rules import Resample, Transposed, Window

# -- models ----------------------------------------------------------------------------------------


def dilated():
    return chain(30, (3, 1, 1, 1), (3, 2, 2, 2), (3, 1, 4, 4))


def upsampled():
    build, x = builder(1, 1, 12)
    x = build.transposed(build.same_conv(x, 1, 3), 1, [3], strides=[2], pads=[1, 0])
    return build.model(build.resize(x, [36], [1.5], mode="linear"))


def unequal_upsampling():
    """The second phase of the deep branch reads more than the first."""
    build, x = builder(1, 1, 12)
    down = build.pool("MaxPool", x, [2], strides=[2])
    up = build.resize(build.same_conv(down, 1, 3), [12], None, mode="nearest")
    return build.model(build.conv(build.concat([x, up]), 1, [2]))


def halves():
    build, x = builder(1, 1, 12)
    first, _ = build.split(
        build.concat([build.same_conv(x, 1, 3), build.same_conv(x, 1, 5)]), [1, 1]
    )
    return build.model(first)


def gated():
    """A channel softmax, which adds no route, and one over positions, which does."""
    build, x = builder(1, 3, 8)
    x = build.same("Softmax", build.same_conv(x, 3, 3), axis=1)
    return build.model(build.same("Softmax", build.same_conv(x, 3, 3), axis=2))


def off_centre():
    build, x = builder(1, 1, 12)
    return build.model(build.same("Add", x, build.conv(x, 1, [3], pads=[2, 0])))


# -- wrong rules -----------------------------------------------------------------------------------


def undilated(rule, o):
    first = o * rule.stride - rule.pad_begin
    return range(first, first + rule.kernel)


def unpadded(rule, o):
    return range(o * rule.stride, o * rule.stride + rule.extent, rule.dilation)


def all_phases(rule, o):
    last = (o + rule.pad_begin) // rule.stride
    return range(last - (rule.kernel - 1) // rule.stride, last + 1)


def nearest(rule, o):
    at = round(rule.coordinate(o))
    return range(at, at + 1)


def too_fast(self, rule):
    period, shift = rule.period()
    spans = tuple(self.hull(rule.taps(o)) for o in range(period))
    return PeriodicMap(period, self.q * shift + 1, spans)


def undilated_table(rule, length):
    first, _, count = progressions(rule, length)
    return first, 1, count


progressions = positions.progressions


def first_only(rule, chosen):
    first, _ = sets.ends(sets.read_by(rule, chosen))
    return range(first, first + 1)


def none_but_pointwise(edge, form):
    return frozenset() if edge.relation.is_pointwise else None


def other_axes_alone(edge, form):
    if edge.relation.is_pointwise:
        return frozenset()
    return frozenset((None,)) if edge.relation.reduced else None


def cases(check, *wrong):
    return [
        pytest.param(check, *case, id=f"{check.__name__}-{case[1]}-{k}")
        for k, case in enumerate(wrong)
    ]


def check_all_positions(model):
    check_positions(model, (None, None, None), exactly=True)


WRONG = [
    *cases(
        check_numbers,
        (Window, "taps", undilated, dilated),
        (Window, "taps", unpadded, dilated),
        (Transposed, "taps", all_phases, upsampled),
        (Resample, "taps", nearest, upsampled),
        (PeriodicMap, "through", too_fast, dilated),
        (support, "after", lambda bits, rule: None, halves),
        (axis_field, "join", lambda first, second: first, off_centre),
    ),
    *cases(
        check_paths,
        (sizes, "excess", lambda piece: 0, unequal_upsampling),
        (meter, "are_aligned", lambda spreads, shape: True, off_centre),
    ),
    *cases(
        check_plain,
        (counting, "excess", lambda piece: 0, unequal_upsampling),
        (routes, "reduced_by", none_but_pointwise, gated),
        (routes, "reduced_by", other_axes_alone, gated),
        (support, "after", lambda bits, rule: None, halves),
        (states, "excess", lambda piece: 0, unequal_upsampling),
        (counting, "_shift_bits", lambda bits, places: bits, off_centre),
    ),
    *cases(
        check_tables,
        (positions, "progressions", undilated_table, dilated),
        (table, "reads_any", lambda rule, clipped: None, halves),
    ),
    *cases(
        check_all_positions,
        (reads, "read_by", first_only, dilated),
        (Window, "taps", undilated, dilated),
    ),
]


@pytest.mark.parametrize(("check", "where", "name", "wrong", "model"), WRONG)
def test_a_wrong_rule_is_caught(check, where, name, wrong, model, monkeypatch):
    made = model()
    check(made)
    support.after.cache_clear()
    monkeypatch.setattr(where, name, wrong)
    with pytest.raises(AssertionError):
        check(made)
