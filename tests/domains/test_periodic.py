"""Periodic maps, against what they read position by position."""

from __future__ import annotations

import pickle
import random
from fractions import Fraction

import numpy as np
import pytest

from rfgraph.domains.fields.fitting import continue_past
from rfgraph.domains.periodic import PeriodicMap, affine, constant, join, reduce_period
from rfgraph.domains.tables import NOTHING, Table
from rfgraph.relations.axis_rules import Repeat, Resample, Shift, Transposed, Window


def bumpy(p, seed):
    """A map of rate 1 that repeats after `p` positions and, in general, no sooner."""
    draw = random.Random(seed)
    spans = [(o - draw.randrange(5), o + draw.randrange(5)) for o in range(p)]
    return PeriodicMap(p, p, tuple(span if draw.random() < 0.8 else None for span in spans))


def positions(span):
    return set() if span is None else {span[0], span[1]}


def union(*spans):
    ends = set().union(*map(positions, spans))
    return (min(ends), max(ends)) if ends else None


@pytest.mark.parametrize("far", [0, 1 << 61], ids=["near", "far"])
@pytest.mark.parametrize(("p", "q"), [(1, 1), (2, 3), (4, 6), (7, 9), (63, 64)])
def test_a_union_reads_what_either_map_reads(p, q, far):
    first, second = (bumpy(length, length).move_ends(far, far) for length in (p, q))
    united = join(first, second)
    for o in range(-p * q, p * q):
        assert united.at(o) == union(first.at(o), second.at(o))


def test_a_union_of_too_long_a_period_is_none():
    # 64 * 65 = 4160 phases, and no fewer would say it.
    assert join(bumpy(64, 1), bumpy(65, 2)) is None


@pytest.mark.parametrize("span", [(-2, 3), None])
def test_what_reads_nothing_adds_nothing_to_a_union(span):
    nothing, some = constant(None), constant(span)
    assert join(nothing, some) == some
    assert join(some, nothing) == some


@pytest.mark.parametrize(
    "mapped",
    [affine(2, -1, 1), affine(-3, 0, 2), constant((4, 5)), constant(None), bumpy(3, 5)],
    ids=["forth", "back", "still", "nothing", "bumpy"],
)
@pytest.mark.parametrize("taps", [range(0), range(2, 3), range(-4, 9), range(1, 40, 7)])
def test_a_hull_is_that_of_every_tap(mapped, taps):
    assert mapped.hull(taps) == union(*map(mapped.at, taps))


def test_a_window_over_what_reads_nothing_reads_nothing():
    made = constant(None).through(Window(3, 2, 1, 1, 9, 5))
    assert [made.at(o) for o in range(5)] == [None] * 5


@pytest.mark.parametrize(
    ("spans", "least"),
    [
        # Empty phases repeat as others do.
        ((None, (0, 1), None, (2, 3)), 2),
        ((None, None, (0, 1), None), 4),
        ((None, (0, 1), None, (2, 4)), 4),
        (((0, 0), (1, 1), (2, 2), (3, 3)), 1),
    ],
)
def test_the_least_period_says_the_same(spans, least):
    full = PeriodicMap(4, 4, spans)
    found = reduce_period(4, 4, spans)
    assert found.p == least
    assert found.rate == full.rate
    assert [found.at(o) for o in range(-9, 9)] == [full.at(o) for o in range(-9, 9)]


RULES = [
    Window(3, 1, 7, 5, 99, 99),
    Window(5, 2, 1, 2, 99, 50),
    Window(9, 40, 20, 0, 999, 9),
    Transposed(2, 5, 1, 1, 9, 45),
    Transposed(5, 4, 2, 1, 9, 45),
    Resample(Fraction(3, 7), Fraction(-2, 7), "linear", 30, 70),
    Shift(8, -1, 9, 9),
    Repeat(40, 80),
]


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("far", [0, 1 << 61, 1 << 70], ids=["near", "far", "farther"])
@pytest.mark.parametrize("p", [5, 64])
def test_what_reads_a_map_of_many_phases_reads_the_hulls_of_its_taps(p, far, rule):
    read = bumpy(p, 3).move_ends(far, far)
    made = read.through(rule)
    assert [made.at(o) for o in range(-99, 999)] == [
        union(*map(read.at, rule.taps(o))) for o in range(-99, 999)
    ]


@pytest.mark.parametrize("far", [0, 1 << 61], ids=["near", "far"])
def test_a_map_of_many_phases_says_what_few_would(far):
    few, many = (bumpy(p, 7).move_ends(far, far + 9) for p in (7, 7))
    spans = [few.at(o) for o in range(70)]
    many = PeriodicMap(70, 70, spans)
    there = [(o, span) for o, span in enumerate(spans) if span is not None]
    assert list(many.spans) == spans
    assert [many.at(o) for o in range(-9, 99)] == [few.at(o) for o in range(-9, 99)]
    assert many.spans[3:40] == PeriodicMap(37, 37, spans[3:40]).spans
    assert many.first == few.first == there[0][1]
    assert many.longest == few.longest == max(hi - lo for _, (lo, hi) in there)
    assert many.lag == few.lag
    assert not many.is_empty
    assert reduce_period(70, 70, many.spans) == few
    assert many == PeriodicMap(70, 70, tuple(spans)) != few
    assert hash(many) == hash(PeriodicMap(70, 70, tuple(spans)))
    assert pickle.loads(pickle.dumps(many)) == many
    assert many.spans != many.move_ends(1, 1).spans
    assert many.spans != tuple(spans) or far


def test_a_window_too_wide_for_a_table_is_read_tap_by_tap():
    read, far = bumpy(40, 1), Window(3, 1, 1 << 23, 0, 1 << 30, 9)
    made = read.through(far)
    assert made.at(7) == union(*map(read.at, far.taps(7)))


def test_many_phases_that_read_nothing_are_empty():
    assert PeriodicMap(64, 1, (None,) * 64).is_empty
    assert constant(None).is_empty


@pytest.mark.parametrize("step", [1, 1 << 59])
def test_the_intervals_at_some_positions(step):
    """Many are read from arrays, unless positions are too large for them."""
    found = PeriodicMap(2, 2 * step, ((-1, 1), None))
    places = [*range(-20, 20), 3, 1]
    assert list(found.at_each(places)) == [found.at(o) for o in places]
    assert list(found.at_each(places[:3])) == [found.at(o) for o in places[:3]]


def test_a_table_goes_on_by_the_period_that_all_its_columns_have():
    """Two columns of steps of 3 and of 2 units: after 6 units both read 4 positions further."""
    unit = np.arange(-6, 30)[:, None]
    lo = np.concatenate((2 * (unit // 3), 4 * (unit // 6) + unit % 2), axis=1)
    whole = Table(lo, lo + 1)
    given = Table(lo[6:24], lo[6:24] + 1)
    made = continue_past(given, 0, range(-6, 30))
    assert made is not None
    assert all(map(np.array_equal, made, whole))


@pytest.mark.parametrize(
    "columns",
    [
        (np.arange(12), 2 * np.arange(12)),
        (np.arange(12) ** 2,),
        (np.where(np.arange(12) == 5, NOTHING, np.arange(12)),),
        (np.arange(12) // 3, np.arange(12) % 4 + np.arange(12) // 4 * 4),
    ],
    ids=["of two rates", "of no period", "with a gap", "too long a period"],
)
def test_a_table_without_one_period_does_not_go_on(columns):
    lo = np.stack(columns, axis=1)
    hi = np.where(lo == NOTHING, -NOTHING, lo)
    assert continue_past(Table(lo, hi), 0, range(-1, 13)) is None
