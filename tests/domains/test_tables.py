"""Tables of intervals against what each axis rule reads, counted out position by position."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import numpy as np
import pytest

import rfgraph
from oracle.examples import builder
from rfgraph.domains import regions
from rfgraph.domains import tables as table
from rfgraph.domains.fields import fitting
from rfgraph.domains.fields.pieces import Blur, Mapped, to_table
from rfgraph.domains.periodic import affine
from rfgraph.domains.tables import NOTHING, Table
from rfgraph.errors import BoundError
from rfgraph.relations import bounds
from rfgraph.relations.axis_rules import (
    Band,
    Blocks,
    Listed,
    Pick,
    Repeat,
    Resample,
    Shift,
    Transposed,
    Whole,
    Window,
)

# -- along an axis ---------------------------------------------------------------------------------

LENGTH = 6
# One row of intervals as they come, with a unit that reads nothing among them.
SPANS = [(3, 4), (0, 0), None, (7, 9), (2, 2), (5, 8)]


def padded(mode, before, after):
    """What NumPy says that a padded axis holds of each position; None beyond plain zeros."""
    if mode in ("pad", "absent"):
        return [at if 0 <= at < LENGTH else None for at in range(-before, LENGTH + after)]
    return np.pad(np.arange(LENGTH), (before, after), mode=mode).tolist()


def shift(mode, before=2, after=3):
    rule = Shift(-before, 1, LENGTH, before + LENGTH + after, mode)
    return rule, [[] if at is None else [at] for at in padded(mode, before, after)]


def band(before, after):
    low = [0 if before is None else o - before for o in range(LENGTH)]
    high = [LENGTH - 1 if after is None else o + after for o in range(LENGTH)]
    taps = [list(range(a, b + 1)) for a, b in zip(low, high, strict=True)]
    return Band(before, after, LENGTH, LENGTH), taps


EVERY = list(range(LENGTH))
CASES = [
    *map(shift, ("pad", "absent", "edge", "reflect", "wrap")),
    (Shift(5, -2, LENGTH, 3), [[5], [3], [1]]),
    (Repeat(LENGTH, 9), [[o % LENGTH] for o in range(9)]),
    (Pick((4, -1, 0), LENGTH), [[4], [], [0]]),
    (Listed(((1, 3), (), (-1, 9), (5,)), LENGTH), [[1, 3], [], [], [5]]),
    (Whole(LENGTH, 2), [EVERY, EVERY]),
    (Blocks(2, LENGTH, 4), [[0, 1, 2], [0, 1, 2], [3, 4, 5], [3, 4, 5]]),
    (Window(2, 3, 2, 1, LENGTH, 3), [[-1, 1], [2, 4], [5, 7]]),
    (Window(2, 1, 1, 3, LENGTH, 4), [[-3, -2], [-2, -1], [-1, 0], [0, 1]]),
    # Three apart with two taps each: o + 1 is 3i or 3i + 1.
    (Transposed(2, 3, 1, 1, LENGTH, 7), [[0], [], [1], [1], [], [2], [2]]),
    # Around o / 2 - 1/4; what lies outside is moved to the border, or dropped.
    (
        Resample(Fraction(1, 2), Fraction(-1, 4), "linear", LENGTH, 4),
        [[0], [0, 1], [0, 1], [1, 2]],
    ),
    (
        Resample(Fraction(1, 2), Fraction(-1, 4), "cubic", LENGTH, 2, None, False),
        [[0, 1], [0, 1, 2]],
    ),
    (
        Resample(Fraction(1, 2), Fraction(-1, 4), "linear", LENGTH, 2, None, True, True),
        [[], [0, 1]],
    ),
    band(1, 2),
    band(None, 0),
    band(None, -1),
    band(-2, None),
    band(None, None),
    band(-2, 3),
    # Nothing lies from 2 further on to 1 further on.
    band(-2, 1),
]  # fmt: skip


def hull(spans):
    found = [span for span in spans if span is not None]
    return (min(lo for lo, _ in found), max(hi for _, hi in found)) if found else None


def rows_of(made, count):
    """The intervals of the one row that varies, of the row beside it nothing is read."""
    lo, hi = (np.broadcast_to(side, (2, count, 1)) for side in made)
    assert (lo[1] == NOTHING).all()
    assert (hi[1] == -NOTHING).all()
    return [(a, b) if a <= b else None for a, b in zip(lo[0, :, 0], hi[0, :, 0], strict=True)]


@pytest.mark.parametrize(("rule", "taps"), CASES, ids=lambda item: type(item).__name__)
@pytest.mark.parametrize("varies", [True, False])
def test_what_a_rule_reads_of_a_table_is_the_hull_over_its_taps(rule, taps, varies):
    spans = SPANS if varies else [(2, 5)] * LENGTH
    made = table.from_spans(spans if varies else spans[:1], 3, 1)
    made = table.keep_where(made, np.array([True, False]).reshape(2, 1, 1))
    found = table.along(made, 1, rule, clipped=True)
    want = [hull(spans[tap] for tap in o if 0 <= tap < LENGTH) for o in taps]
    assert rows_of(found, rule.out_len) == want


@pytest.mark.parametrize(("rule", "taps"), CASES, ids=lambda item: type(item).__name__)
def test_a_position_reads_nothing_of_an_endless_axis_only_without_a_tap(rule, taps):
    made = table.from_spans([(2, 5)], 1, 0)
    found = table.along(made, 0, rule, clipped=False)
    absent = isinstance(rule, Shift) and rule.outside == "absent"
    if isinstance(rule, Shift) and not absent:
        taps = [[0]] * rule.out_len
    # A crop leaves the coordinate outside, which is no position that an endless axis lacks.
    if isinstance(rule, Resample) and rule.crop:
        taps = [[0]] * rule.out_len
    # A band without end on one side reads something wherever the other side lies.
    if isinstance(rule, Band) and None in (rule.before, rule.after):
        taps = [[0]] * rule.out_len
    if isinstance(rule, Listed):
        taps = [list(listed) for listed in rule.lists]
    want = [(2, 5) if o else None for o in taps]
    lo, hi = (np.broadcast_to(side, (rule.out_len,)) for side in found)
    assert [(a, b) if a <= b else None for a, b in zip(lo, hi, strict=True)] == want


# -- other shapes ----------------------------------------------------------------------------------


def test_a_branch_without_elements_adds_no_path():
    # What is cut to no rows, made flat and joined again reads nothing and is read by nobody.
    build, x = builder(1, 2, 9)
    once = build.same_conv(x, 2, 3)
    none = build.reshape(build.slice(once, [0], [0], [0]), (0,))
    joined = build.concat([once, build.reshape(none, (0, 2, 9))], 0)
    counted = [
        rfgraph.path_histogram(build.model(build.same_conv(last, 2, 3))).axes[2]
        for last in (once, joined)
    ]
    assert [item.counts for item in counted] == [{5: 1}, {5: 1}]
    assert [item.local for item in counted] == [1, 1]


# -- bounds ----------------------------------------------------------------------------------------


def test_positions_too_large_for_a_table_are_refused():
    far = table.MAX_VALUE
    made = table.from_spans([(-far, far), None], 1, 0)
    assert [side.tolist() for side in made] == [[-far, NOTHING], [far, -NOTHING]]
    with pytest.raises(BoundError, match="MAX_VALUE"):
        table.from_spans([None, (-far - 1, 0)], 1, 0)
    assert to_table(Mapped(0, affine(1, far, far + 1)), (3,)) == Blur(frozenset({0}))


def zeros(size):
    return table.keep_where(table.ramp((1,), 0), np.ones(size, dtype=bool))


def test_tables_are_counted_together_while_they_live_however_deep_the_question(monkeypatch):
    monkeypatch.setattr(bounds, "MAX_TABLED", 100)
    monkeypatch.setattr(bounds, "SMALL_TABLE", 10)
    with bounds.allowance():
        first = zeros(60)
        with bounds.allowance():
            second = zeros(40)
            small = [zeros(10) for _ in range(20)]
        with pytest.raises(BoundError, match=r"at once than MAX_TABLED \(100\)"):
            zeros(11)
        # A view lives in the table that it is of, and counts no more than that.
        view = table.broadcast(second, 3)
        del second
        with pytest.raises(BoundError, match="MAX_TABLED"):
            zeros(11)
        del view
        assert len(zeros(40).lo) == 40
    # Nothing is counted outside, nor carried over to the next question.
    assert len(zeros(101).lo) == 101
    with bounds.allowance():
        assert len(zeros(100).lo) == 100
    assert len(first.lo) + len(small) == 80


def test_all_that_is_ever_tabulated_is_bounded_too(monkeypatch):
    monkeypatch.setattr(bounds, "MAX_TABULATED", 100)
    monkeypatch.setattr(bounds, "SMALL_TABLE", 10)
    with bounds.allowance():
        zeros(50)
        zeros(50)
        with pytest.raises(BoundError, match=r"are made than MAX_TABULATED \(100\)"):
            zeros(11)


def test_tables_are_released_behind_their_last_reader(monkeypatch):
    build, x = builder(1, 1, 1000)
    y = x
    for _ in range(9):
        y = build.conv(y, 1, [3])
    build.node("Add", [y, build.crop(x, [982])], (1, 1, 982))
    model = build.model(y)
    result = rfgraph.analyze(model)
    made = regions.clipped_tables(result.graph, x, [y])
    assert list(made) == [y]
    assert set(regions.clipped_tables(result.graph, x)) == set(result.graph)
    monkeypatch.setattr(bounds, "SMALL_TABLE", 10)
    # Of a chain: a tensor's table, that of its reader, and what is joined in between.
    monkeypatch.setattr(bounds, "MAX_TABLED", 3000)
    tables = regions.clipped_tables(result.graph, x, [y])[y]
    assert regions.region(tables, (0, 0, 1))[2] == (1, 19)
    monkeypatch.setattr(bounds, "MAX_TABLED", 1900)
    with pytest.raises(BoundError, match=r"MAX_TABLED \(1900\)"):
        regions.clipped_tables(result.graph, x, [y])
    # A single unit takes none.
    assert rfgraph.unit(result, y, (0, 0, 1)).regions[0].clipped[2] == (1, 19)


# -- periods ---------------------------------------------------------------------------------------


def test_a_long_table_repeats_as_a_short_one_does():
    spans = [(0, 1), None, (3, 3)] * 2000
    moved = [None if span is None else (span[0] + o, span[1] + o) for o, span in enumerate(spans)]
    found = fitting.fit(table.from_spans(moved, 1, 0), 0)
    assert (found.p, found.q, tuple(found.spans)) == (3, 3, ((0, 1), None, (5, 5)))


@pytest.mark.parametrize(
    "spans", [[None] * 5, [(3, 4)], [(0, 1), None, None], [(0, 0), (5, 5), (6, 6)]], ids=str
)
def test_what_does_not_repeat_is_no_map(spans):
    assert fitting.fit(table.from_spans(spans, 1, 0), 0) is None


def test_what_repeats_is_the_map_of_least_period():
    spans = [(0, 2), None, (4, 6), None, (8, 10), None]
    found = fitting.fit(Table(*table.from_spans(spans, 2, 1)), 1)
    assert (found.p, found.q, found.spans) == (2, 4, ((0, 2), None))


@pytest.mark.parametrize("seed", range(20))
def test_the_least_period_is_the_one_that_trying_each_finds(seed):
    random = Random(seed)
    for _ in range(50):
        length, p, q = random.randint(1, 40), random.randint(1, 12), random.randint(-2, 2)
        phases = [random.choice([None, (0, 0), (0, 1), (1, 1)]) for _ in range(p)]
        spans = [_moved(phases[o % p], q * (o // p)) for o in range(length)]
        if random.random() < 0.4:
            spans[random.randrange(length)] = random.choice([None, (0, 1)])
        found = fitting.fit(table.from_spans(spans, 1, 0), 0)
        assert (None if found is None else (found.p, found.q)) == _least_period(spans)


def _moved(span, by):
    return None if span is None else (span[0] + by, span[1] + by)


def _least_period(spans):
    for p in range(1, max(2, (len(spans) + 1) // 2)):
        pairs = list(zip(spans, spans[p:], strict=False))
        moves = {there[0] - here[0] for here, there in pairs if here and there}
        if len(moves) == 1 and all(
            there == (_moved(here, *moves) if here else None) for here, there in pairs
        ):
            return p, moves.pop()
    return None
