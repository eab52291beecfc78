"""What is asked of an axis rule, against its definition, position by position."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfgraph.relations import bounds
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
from rfgraph.relations.reading import is_identity, positions_read, reads_all, reads_any

LENGTHS = st.integers(1, 6)
STEPS = st.integers(1, 3)
PADS = st.integers(-2, 3)
PLACES = st.integers(-1, 5)


def windowed(rule, o):
    return {o * rule.stride - rule.pad_begin + t * rule.dilation for t in range(rule.kernel)}


def transposed(rule, o):
    shifted = {o + rule.pad_begin - t * rule.dilation for t in range(rule.kernel)}
    return {at // rule.stride for at in shifted if at % rule.stride == 0}


def resampled(rule, o):
    """By "floor", clamped at the borders."""
    at = math.floor(o * rule.ratio + rule.offset)
    return {min(max(at, 0), rule.in_len - 1)}


def banded(rule, o):
    least = 0 if rule.before is None else o - rule.before
    most = rule.in_len - 1 if rule.after is None else o + rule.after
    return set(range(least, most + 1))


def block(rule, o):
    size_in, size_out = rule.in_len // rule.groups, rule.out_len // rule.groups
    first = o // size_out * size_in
    return set(range(first, first + size_in))


READ_BY = {
    Window: windowed,
    Transposed: transposed,
    Resample: resampled,
    Shift: lambda rule, o: {rule.start + o * rule.step},
    Repeat: lambda rule, o: {o % rule.in_len},
    Pick: lambda rule, o: {rule.indices[o]},
    Listed: lambda rule, o: set(rule.lists[o]),
    Band: banded,
    Blocks: block,
    Whole: lambda rule, o: set(range(rule.in_len)),
}


def existing(rule, o):
    return READ_BY[type(rule)](rule, o) & set(range(rule.in_len))


BLOCKS = st.builds(lambda groups, i, o: Blocks(groups, groups * i, groups * o), STEPS, STEPS, STEPS)
RULES = st.one_of(
    st.builds(Window, STEPS, STEPS, STEPS, PADS, LENGTHS, LENGTHS),
    st.builds(Transposed, STEPS, STEPS, STEPS, PADS, LENGTHS, LENGTHS),
    st.builds(
        lambda i, o, offset: Resample(Fraction(i, o), Fraction(offset, 2), "floor", i, o),
        LENGTHS,
        LENGTHS,
        PADS,
    ),
    st.builds(Shift, PADS, st.sampled_from([-2, -1, 1, 2]), LENGTHS, LENGTHS),
    st.builds(Repeat, LENGTHS, LENGTHS),
    st.builds(Pick, st.lists(PLACES, min_size=1, max_size=6).map(tuple), st.just(6)),
    st.builds(
        Listed,
        st.lists(st.lists(PLACES, max_size=3).map(tuple), min_size=1, max_size=6).map(tuple),
        st.just(6),
    ),
    st.builds(Band, st.one_of(st.none(), PADS), st.one_of(st.none(), PADS), LENGTHS, LENGTHS),
    st.builds(Whole, LENGTHS, LENGTHS),
    BLOCKS,
)


@given(RULES, st.data())
def test_positions_read_are_those_of_the_chosen_outputs(rule, data):
    chosen = data.draw(st.sets(st.integers(0, rule.out_len - 1)))
    mask = np.isin(np.arange(rule.out_len), list(chosen))
    want = set().union(*(existing(rule, o) for o in chosen))
    assert set(np.flatnonzero(positions_read(rule, mask))) == want


@given(RULES)
def test_all_is_read_where_every_position_is(rule):
    want = set().union(*(existing(rule, o) for o in range(rule.out_len)))
    assert reads_all(rule) == (len(want) == rule.in_len)


def test_what_takes_too_long_to_tell_is_not_all_read(monkeypatch):
    rule = Shift(0, 1, 5, 5)
    assert reads_all(rule)
    monkeypatch.setattr(bounds, "MAX_TABLE", 4)
    assert not reads_all(rule)


@given(RULES)
def test_outputs_read_something_where_a_position_that_they_read_exists(rule):
    reads = reads_any(rule, clipped=True)
    want = [bool(existing(rule, o)) for o in range(rule.out_len)]
    assert all(want) if reads is None else list(reads) == want


@given(RULES)
def test_the_identity_reads_its_own_position_and_no_other(rule):
    own = all(existing(rule, o) <= {o} for o in range(rule.out_len))
    if is_identity(rule):
        assert own
        assert rule.in_len == rule.out_len


@pytest.mark.parametrize(
    "rule",
    [
        Window(1, 1, 3, 0, 4, 4),
        Transposed(1, 1, 3, 0, 4, 4),
        Shift(0, 1, 4, 4),
        Blocks(4, 4, 4),
        Band(0, 0, 4, 4),
        Pick((0, -1, 2), 3),
        Listed(((0,), (), (2,)), 3),
        Repeat(4, 4),
    ],
    ids=lambda rule: type(rule).__name__,
)
def test_the_identity_is_known(rule):
    assert is_identity(rule)


@pytest.mark.parametrize("rule", [Whole(1, 1), Rows((1,), (1,), b"\x80", 1)])
def test_a_reduction_is_not_the_identity_even_of_one_position(rule):
    assert not is_identity(rule)


@given(PADS, st.sampled_from([-2, -1, 1, 2]), LENGTHS, LENGTHS)
def test_the_ends_of_a_shift_are_its_least_and_largest_position(start, step, in_len, out_len):
    rule = Shift(start, step, in_len, out_len)
    read = [start + o * step for o in range(out_len)]
    assert rule.ends == (min(read), max(read))
    assert rule.is_inside == all(0 <= at < in_len for at in read)


def test_a_shift_of_no_outputs_leaves_the_axis_nowhere():
    assert Shift(0, 1, 4, 0).is_inside
