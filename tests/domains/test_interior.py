"""The interior of irregular fields on tables made by hand, and by brute force."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from rfgraph.domains.fields import interior
from rfgraph.domains.fields.interior import Interior, irregular, repeating_map
from rfgraph.domains.fields.pieces import Blur, Mapped, Tabled
from rfgraph.domains.fields.stacking import splice, unite_standing
from rfgraph.domains.periodic import constant
from rfgraph.domains.tables import NOTHING, Table
from rfgraph.relations import bounds

LONG = 10**6


def table(*channels):
    """The table of units of these channels; None reads nothing."""
    spans = [[span or (NOTHING, -NOTHING) for span in channel] for channel in channels]
    lo, hi = np.moveaxis(np.array(spans, np.int64), -1, 0)
    return Table(lo[None], hi[None])


def found(*channels, length=LONG):
    return irregular(table(*channels), 2, length)


def stream(units, before, first=0):
    """A causal stream: what lies before the first position is not there."""
    return [(max(first, o - before), o) for o in range(units)]


def test_a_stream_is_whole_where_its_past_is_there():
    want = Interior((5, 19), (1, 1), 6, 6, Fraction(5), Fraction(0), (5, 0))
    assert found(stream(20, 5), length=20) == (want, 5, 0)


def test_units_that_wrap_around_read_more_and_are_at_the_border():
    ring = [(0, 29), *((o - 1, o + 1) for o in range(1, 29)), (0, 29)]
    assert found(ring, length=30)[0] == (
        Interior((1, 28), (1, 1), 3, 3, Fraction(1), Fraction(1), (1, 1))
    )


def test_units_that_differ_far_from_a_border_leave_no_interior():
    halves = [(o, o) if o < 20 else (o - 5, o + 5) for o in range(30)]
    assert found(halves, length=60) == (None, None, None)


def test_a_side_that_repeats_alone_has_its_number():
    past = [(0, 4 * (o // 4) + 3) for o in range(24)]
    assert found(past, length=24) == (None, None, 3)
    future = [(2 * o, 47) for o in range(24)]
    assert found(future, length=48) == (None, 0, None)


def test_reach_is_a_fraction_where_the_stride_is_one():
    # Two units to a position, and a cache in front.
    doubled = [(max(0, o // 2 - 3), o // 2) for o in range(40)]
    inner = found(doubled, length=20)[0]
    assert (inner.units, inner.period) == ((6, 39), (2, 1))
    assert (inner.before, inner.after) == (Fraction(7, 2), 0)


def test_units_that_read_nothing_belong_to_the_period():
    sparse = [None if o % 3 else (max(0, o // 3 - 2), o // 3) for o in range(40)]
    inner = found(sparse, length=14)[0]
    assert (inner.units, inner.period, inner.size, inner.size_min) == ((4, 39), (3, 1), 3, 0)


def test_channels_move_on_together():
    near, far = stream(40, 2), stream(40, 9)
    nothing = [None] * 40
    inner = found(near, far, near, nothing, length=40)[0]
    assert (inner.units, inner.size, inner.size_min, inner.before) == ((9, 39), 10, 0, 9)
    still = [(7, 7)] * 40
    assert found(far, still, length=40) == (None, None, None)


def test_what_does_not_move_is_no_interior():
    assert found([(0, 9)] * 12 + [(3, 9)], length=10) == (None, None, None)


def test_what_lies_outside_the_input_is_not_seen_to_repeat():
    ahead = [(o - 50, o + 50) if o else (0, 0) for o in range(20)]
    assert found(ahead, length=20) == (None, None, None)


def test_a_stretch_of_few_among_many_is_not_looked_for():
    random = np.random.default_rng(0)
    noise = [(0, int(end)) for end in random.permutation(400)]
    assert found(noise[:390] + [(o, o) for o in range(390, 400)], length=LONG)[0] is None


def test_of_a_longer_axis_the_middle_says_the_period(monkeypatch):
    monkeypatch.setattr(interior, "MAX_LETTERS", 16)
    assert found(stream(60, 5), length=60)[0].units == (5, 59)


def longest(spans):
    """The only longest stretch of more than two periods that moves on, by trying all of them."""
    found = {}
    for p in range(len(spans) // 2, 0, -1):
        shifts = [
            far[0] - near[0] if far[1] - far[0] == near[1] - near[0] else None
            for near, far in zip(spans, spans[p:], strict=False)
        ]
        ends = [0, *(k for k, (a, b) in enumerate(pairwise(shifts), 1) if a != b), len(shifts)]
        for begin, end in pairwise(ends):
            count = end - begin + p
            if shifts[begin] and count > 2 * p:
                found.setdefault(count, {})[begin, end - 1 + p] = (p, shifts[begin])
    most = found[max(found)] if found else {}
    return next(iter(most.items())) if len(most) == 1 else None


def stretch_of(spans):
    lo, hi = (np.array(column, np.int64)[:, None] for column in zip(*spans, strict=True))
    stretch = interior._longest(Table(lo, hi))
    return None if stretch is None else (stretch[:2], stretch[2:])


@pytest.mark.parametrize("seed", range(200))
def test_the_stretch_is_the_longest_that_brute_force_finds(seed):
    random = np.random.default_rng(seed)
    p, q = (int(n) for n in random.integers(1, 6, 2))
    head, tail, turns = (
        int(random.integers(12)),
        int(random.integers(12)),
        int(random.integers(4, 9)),
    )
    units = p * turns + int(random.integers(p))
    starts, sizes = np.sort(random.integers(0, q + 1, p)), random.integers(1, 5, p)
    spans = [(100, 100 + int(random.integers(90))) for _ in range(head)]
    for o in range(units):
        lo = 200 + int(starts[o % p]) + o // p * q
        spans.append((lo, lo + int(sizes[o % p]) - 1))
    spans += [(900, 900 + int(random.integers(90))) for _ in range(tail)]
    want = longest(spans)
    assert want is not None
    assert stretch_of(spans) == want


@pytest.mark.parametrize("seed", range(200))
def test_of_several_stretches_as_long_there_is_none(seed):
    """Channels one after the other, some alike, some of other periods or a unit shorter."""
    random = np.random.default_rng(seed)
    most, spans = int(random.integers(12, 24)), []
    for _ in range(int(random.integers(2, 5))):
        p, q, size = (int(n) for n in random.integers(1, 4, 3))
        base, units = int(random.integers(60)), most - int(random.integers(4) == 0)
        starts = [base + o // p * q + (o % p) * q // p for o in range(units)]
        spans += [(lo, lo + size - 1) for lo in starts]
    assert stretch_of(spans) == longest(spans)


def test_depthwise_channels_in_one_axis_have_no_interior(monkeypatch):
    # As many stretches as channels, though but two of three lie in the middle that is looked at.
    channel = [(o - 1, o + 1) for o in range(20)]
    assert found(channel * 4, length=20) == (None, None, None)
    assert repeating_map(table(channel * 4), 2, 20) is None
    monkeypatch.setattr(interior, "MAX_LETTERS", 30)
    assert found(channel * 3, length=20) == (None, None, None)


# -- positions put side by side --------------------------------------------------------------------


def at(place, *span):
    return Mapped(None, constant(span), ((1, 1 << place),))


def test_positions_put_side_by_side_are_read_by_place():
    (piece,) = unite_standing([at(place, place, place) for place in range(6)], (1, 6, 2))
    assert isinstance(piece, Mapped)
    assert (piece.carrier, piece.map.p, piece.map.q, piece.map.at(0)) == (1, 1, 1, (0, 0))
    (piece,) = unite_standing([at(place, 0, place) for place in range(6)], (1, 6, 2))
    assert isinstance(piece, Tabled)
    assert piece.axes == {1}


def test_two_positions_side_by_side_say_no_stride():
    (piece,) = unite_standing([at(0, 16, 30), at(1, 17, 31)], (1, 2, 1))
    assert isinstance(piece, Tabled)
    (piece,) = unite_standing([at(0, 16, 30), at(1, 17, 31), at(2, 18, 32)], (1, 3, 1))
    assert (piece.carrier, piece.map.q) == (1, 1)


def test_positions_that_read_alike_stay_as_they_are():
    pieces = (at(0, 3, 4), at(2, 3, 4), Mapped(1, constant((0, 9))))
    assert unite_standing(pieces, (1, 6, 2)) == pieces


def test_too_many_positions_side_by_side_are_a_blur(monkeypatch):
    monkeypatch.setattr(bounds, "MAX_TABLE", 5)
    assert unite_standing([at(0, 0, 0), at(1, 1, 1)], (1, 6, 2)) == (Blur(frozenset({1})),)
    along = [Mapped(0, constant((k, k)), ((0, 1 << k), (1, 1))) for k in range(2)]
    monkeypatch.setattr(bounds, "MAX_TABLE", 3)
    assert unite_standing(along, (2, 2, 2)) == (Blur(frozenset({0, 1})),)


def test_one_map_on_parts_of_an_axis_is_one_piece():
    parts = (at(0, 3, 4), at(1, 3, 4), at(0, 5, 5))
    assert splice(parts, (1, 3)) == (Mapped(None, constant((3, 4)), ((1, 0b011),)), at(0, 5, 5))
    assert splice((*parts, at(2, 3, 4)), (1, 3)) == (Mapped(None, constant((3, 4))), at(0, 5, 5))
    twice = Mapped(2, constant((3, 4)), ((0, 1), (1, 1)))
    blur = Blur(frozenset({1}))
    assert splice((twice, blur, twice), (1, 3, 2)) == (twice, blur, twice)


# -- as a map --------------------------------------------------------------------------------------


def test_what_repeats_is_a_map_of_its_phases():
    """Chunks of 2 that see one chunk back; the first has none."""
    chunks = [(max(o // 2 * 2 - 2, 0), o // 2 * 2 + 1) for o in range(12)]
    assert repeating_map(table(chunks), 2, 12) == ((2, 2, ((-2, 1), (-2, 1))), True)


def test_a_phase_that_reads_nothing_is_none_and_columns_are_their_hull():
    every_second = [None if o % 2 else (o, o) for o in range(12)]
    wider = [None if o % 2 else (o, o + 1) for o in range(12)]
    assert repeating_map(table(every_second, wider), 2, 14) == ((2, 2, ((0, 1), None)), True)


def test_of_what_has_no_end_before_it_the_map_has_the_other():
    past = [(0, 4 * (o // 4) + 3) for o in range(24)]
    assert repeating_map(table(past), 2, 24) == ((4, 4, ((3, 3),) * 4), False)


def test_what_does_not_repeat_has_no_map():
    assert repeating_map(table([(0, 23)] * 24), 2, 24) is None


@pytest.mark.parametrize("first", [(0, 29), (28, 29)])
def test_what_wraps_around_has_no_map(first):
    ring = [first, *((o - 1, o + 1) for o in range(1, 29)), (0, 29)]
    assert irregular(table(ring), 2, 30)[0] is not None
    assert repeating_map(table(ring), 2, 30) is None
