"""Sets of positions against sets counted out one by one."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rfgraph.domains import positions
from rfgraph.errors import BoundError
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

FAR = 1 << 61
LENGTH = 12
SETS = st.sets(st.integers(0, LENGTH - 1), min_size=1)


def chosen(members):
    mask = np.zeros(LENGTH, dtype=bool)
    mask[list(members)] = True
    return positions.positions(mask)


def members(found, length=LENGTH):
    return set(np.flatnonzero(positions.flags(found, length)).tolist())


@given(SETS, SETS)
@example({1, 3}, {1, 2, 3})
@example({2, 3, 7}, {2, 7})
def test_sets_are_united_and_compared_as_sets(first, second):
    one, other = chosen(first), chosen(second)
    assert members(one) == first
    assert positions.ends(one) == (min(first), max(first))
    assert members(positions.union(one, other)) == first | second
    assert positions.is_within(one, other) == (first <= second)


RULES = [
    Window(3, 1, 1, 1, LENGTH, LENGTH),
    Window(3, 1, 3, 3, LENGTH, LENGTH),
    Window(2, 4, 2, 1, 50, LENGTH),
    Window(3, 4, 1, 2, 50, LENGTH),
    Window(3, 3, 1, 40, 9, LENGTH),
    Transposed(3, 2, 1, 1, 7, LENGTH),
    Resample(Fraction(1, 2), Fraction(-1, 4), "linear", 6, LENGTH),
    Shift(3, 1, 20, LENGTH),
    Shift(LENGTH - 1, -1, LENGTH, LENGTH),
    Shift(-4, 1, 6, LENGTH, "absent"),
    Shift(-4, 2, 9, LENGTH),
    Shift(-3, 1, 6, LENGTH, "reflect"),
    Repeat(5, LENGTH),
    Pick((3, -1, 2, 2, 0, 9, 1, 3, 3, -1, -1, 4), 10),
    Listed(((1, 2), (), (7,)) * 4, 8),
    Whole(9, LENGTH),
    Blocks(3, 6, LENGTH),
    Blocks(LENGTH, 2 * LENGTH, LENGTH),
    Band(2, 1, LENGTH, LENGTH),
    Band(None, -1, LENGTH, LENGTH),
    Band(0, None, 9, LENGTH),
    Band(-1, 0, LENGTH, LENGTH),
]


def read(rule, o):
    """What one position reads, of what exists, by the words of the rules' definitions."""
    match rule:
        case Whole():
            return set(range(rule.in_len))
        case Blocks():
            size = rule.in_len // rule.groups
            block = o // (rule.out_len // rule.groups)
            return set(range(block * size, (block + 1) * size))
        case Band():
            low = 0 if rule.before is None else o - rule.before
            high = rule.in_len - 1 if rule.after is None else o + rule.after
            return {i for i in range(rule.in_len) if low <= i <= high}
        case Pick():
            return {rule.indices[o]} - {-1}
        case Listed():
            return set(rule.lists[o])
        case Shift() if rule.outside == "reflect":
            at = abs(rule.start + o)
            return {min(at, 2 * (rule.in_len - 1) - at)}
        case Resample():
            return {min(max(i, 0), rule.in_len - 1) for i in rule.taps(o)}
    return {i for i in rule.taps(o) if 0 <= i < rule.in_len}


@pytest.mark.parametrize("rule", RULES, ids=repr)
@given(SETS)
@example({0})
@example({LENGTH - 1})
@example(set(range(LENGTH)))
@example({2, 4, 6, 8})
@example({1, 2, 3})
@example({1, 2, 6})
@settings(max_examples=20)
def test_what_positions_read_is_what_each_of_them_does(rule, some):
    want = set().union(*(read(rule, o) for o in some))
    assert members(positions.read_by(rule, chosen(some)), rule.in_len) == want


def test_an_axis_of_any_length_costs_nothing():
    window = Window(3, 2, 4, 1, 2 * FAR, FAR)
    assert positions.read_by(window, range(7, 8)) == range(13, 22, 4)
    assert positions.read_by(window, range(1, FAR)) == range(1, 2 * FAR, 2)
    assert positions.read_by(Shift(FAR, 1, 2 * FAR, FAR), range(5, 9)) == range(FAR + 5, FAR + 9)
    assert positions.read_by(Whole(FAR, 1), range(1)) == range(FAR)
    assert positions.union(range(FAR), range(FAR, 2 * FAR)) == range(2 * FAR)
    assert positions.is_within(range(FAR), range(FAR + 1))
    with pytest.raises(BoundError, match="MAX_TABLE"):
        positions.union(range(1), range(FAR, FAR + 1))
