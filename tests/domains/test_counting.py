"""Exact statistics, orders and bounds: what the counts of paths are made of."""

from __future__ import annotations

import math
import sys
from decimal import ROUND_FLOOR, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rfgraph
from fixtures.make import build
from oracle.examples import builder
from rfgraph.domains.paths import counting
from rfgraph.domains.paths.listing import Place
from rfgraph.domains.paths.statistics import quantile, root
from rfgraph.errors import BoundError
from rfgraph.wording.numbers import decimal

# -- statistics ------------------------------------------------------------------------------------


def nearest(value):
    """The double nearest to a square root: neither neighbour is nearer, by exact squares."""
    found = root(value)
    low = Fraction(math.nextafter(found, 0.0))
    high = Fraction(math.nextafter(found, math.inf))
    middle = Fraction(found)
    below, above = (low + middle) / 2, (middle + high) / 2
    return below**2 <= value <= above**2


FRACTIONS = st.fractions(min_value=0, max_value=10**40)


@given(FRACTIONS)
def test_a_root_is_correctly_rounded(value):
    assert nearest(value)


@given(st.integers(1, 10**30), st.integers(1, 10**30))
def test_a_root_of_a_square_is_exact_where_a_double_is(a, b):
    value = Fraction(a, b)
    assert root(value**2) == float(value)


@given(st.integers(-900, 900), st.integers(1, 2**53))
def test_roots_far_from_one(power, number):
    assert nearest(Fraction(number) * Fraction(2) ** power)


def test_a_root_of_nothing():
    assert root(Fraction(0)) == 0.0


@given(st.integers())
def test_small_integers_in_decimal(number):
    assert decimal(number) == str(number)


@pytest.mark.parametrize("bits", [12_000, 14_285, 50_000, 100_003])
def test_integers_beyond_the_interpreters_limit_in_decimal(bits):
    for number in (1 << bits, (1 << bits) - 1, 10 ** (bits * 3 // 10), -(3**bits)):
        with pytest.raises(ValueError, match="digits"):
            str(3**200_000)
        limit = sys.get_int_max_str_digits()
        sys.set_int_max_str_digits(0)
        try:
            assert decimal(number) == str(number)
        finally:
            sys.set_int_max_str_digits(limit)


HISTOGRAMS = st.dictionaries(st.integers(1, 50), st.integers(1, 6), min_size=1, max_size=8)


@given(HISTOGRAMS, st.fractions(min_value=0, max_value=1))
def test_a_quantile_is_the_first_of_the_sorted_sizes_with_that_share(counts, share):
    listed = sorted(size for size, count in counts.items() for _ in range(count))
    needed = max(math.ceil(share * len(listed)), 1)
    assert quantile(counts, share) == listed[needed - 1]


def test_a_quantile_without_paths():
    assert quantile({}, Fraction(1, 2)) is None


# -- histograms ------------------------------------------------------------------------------------


def distribution(name, **options):
    result = rfgraph.analyze(build(name))
    outputs = result.outputs[0]
    tensor = outputs.before_global[0] if outputs.before_global else outputs.name
    return rfgraph.path_histogram(result, tensor=tensor, **options)


def listed(found):
    axes = {axis: dict(item.counts) for axis, item in found.axes.items()}
    return found.total, dict(found.depth), axes


@pytest.mark.parametrize("name", ["densenet121", "unet_transposed", "inception_v3", "se_gate"])
def test_packed_and_sparse_counts_are_equal(name, monkeypatch):
    packed = listed(distribution(name))
    monkeypatch.setattr(counting, "MAX_PACKED_BITS", 0)
    assert listed(distribution(name)) == packed
    monkeypatch.undo()
    assert packed[0] == sum(packed[1].values())


def shortcuts(blocks, kernel):
    """Residual blocks whose sizes are all different: kernel, twice, four times as wide, ..."""
    build, x = builder(1, 1, 8)
    for block in range(blocks):
        x = build.same("Add", x, build.same_conv(x, 1, kernel, 2**block))
    return build.model(x)


def test_sizes_beyond_the_bound_are_not_listed_but_the_rest_is_exact(monkeypatch):
    model = rfgraph.load(shortcuts(6, 3))
    full = rfgraph.path_histogram(model, joint=True)
    # 2^6 paths of 2^6 sizes: 1 + 2k for k below 64.
    assert dict(full.axes[2].counts) == {1 + 2 * k: 1 for k in range(64)}
    monkeypatch.setattr(counting, "MAX_SIZES", 63)
    found = rfgraph.path_histogram(model, joint=True)
    axis = found.axes[2]
    assert (found.listed, axis.counts, axis.median, axis.covering) == (False, None, None, None)
    assert (found.total, axis.min, axis.max) == (64, 1, 127)
    assert (axis.mean, axis.variance) == (64, Fraction(4 * (64**2 - 1), 12))
    assert found.joint is None
    again = rfgraph.path_histogram(model, full=True, joint=True)
    assert again.listed
    assert again.joint == full.joint
    assert dict(again.axes[2].counts) == dict(full.axes[2].counts)


def test_a_joint_list_may_be_too_long_where_those_of_the_axes_are_not(monkeypatch):
    # Three blocks that grow along one axis, three along the other: 8 sizes on each, 64 together.
    build, x = builder(1, 1, 64, 64)
    for kernel in ([1, 3], [3, 1]):
        for block in range(3):
            apart = [2**block, 2**block]
            pads = [(k // 2) * d for k, d in zip(kernel, apart, strict=True)]
            wide = build.conv(x, 1, kernel, dilations=apart, pads=[*pads, *pads])
            x = build.same("Add", x, wide)
    model = rfgraph.load(build.model(x))
    sizes = range(1, 16, 2)
    expected = {(a, b): 1 for a in sizes for b in sizes}
    assert rfgraph.path_histogram(model, joint=True).joint == expected
    monkeypatch.setattr(counting, "MAX_SIZES", 8)
    found = rfgraph.path_histogram(model, joint=True)
    assert found.listed
    assert dict(found.axes[3].counts) == dict.fromkeys(sizes, 8)
    assert (found.joint, found.to_dict()["joint"]) == (None, None)
    assert rfgraph.path_histogram(model, joint=True, full=True).joint == expected


def test_few_sizes_far_apart_are_listed(monkeypatch):
    # Two blocks, 1 + {0, 2} + {0, 200}: four sizes among the 102 odd numbers up to 203.
    build, x = builder(1, 1, 8)
    for dilation in (1, 100):
        x = build.same("Add", x, build.same_conv(x, 1, 3, dilation))
    model = rfgraph.load(build.model(x))
    monkeypatch.setattr(counting, "MAX_SIZES", 4)
    assert dict(rfgraph.path_histogram(model).axes[2].counts) == {1: 1, 3: 1, 201: 1, 203: 1}
    monkeypatch.setattr(counting, "MAX_SIZES", 3)
    assert not rfgraph.path_histogram(model).listed


def test_sizes_that_span_too_far_for_a_set_of_bits_are_not_listed():
    # 2^24 paths of as many sizes, 1 + 2k: not counted one by one either.
    axis = rfgraph.path_histogram(rfgraph.load(shortcuts(24, 3))).axes[2]
    assert axis.counts is None
    assert (axis.local, axis.min, axis.max, axis.mean) == (2**24, 1, 2**25 - 1, 2**24)


def test_even_in_full_the_list_is_bounded(monkeypatch):
    # 2^40 sizes, and 2^6 of them one by one.
    endless = rfgraph.load(shortcuts(40, 3))
    with pytest.raises(BoundError, match=r"sizes to list are more than MAX_FULL \(2097152\)"):
        rfgraph.path_histogram(endless, full=True)
    monkeypatch.setattr(counting, "MAX_FULL", 64)
    assert (
        len(rfgraph.path_histogram(rfgraph.load(shortcuts(6, 3)), full=True).axes[2].counts) == 64
    )
    with pytest.raises(BoundError, match=r"more than MAX_FULL \(64\)"):
        rfgraph.path_histogram(rfgraph.load(shortcuts(7, 3)), full=True)


def test_digits_beyond_the_bound_are_not_listed(monkeypatch):
    model = rfgraph.load(shortcuts(6, 3))
    monkeypatch.setattr(counting, "MAX_DIGITS", 63)
    assert not rfgraph.path_histogram(model).listed
    monkeypatch.setattr(counting, "MAX_DIGITS", 64)
    assert rfgraph.path_histogram(model).listed


def test_a_mean_and_a_deviation_are_rounded_once():
    axis = rfgraph.path_histogram(rfgraph.load(shortcuts(3, 5))).axes[2]
    # Sizes 1 + 4k for k below 8: mean 15, variance 16 * (8^2 - 1) / 12 = 84.
    assert (axis.mean, axis.variance) == (15, 84)
    with localcontext() as context:
        context.prec = 40
        context.rounding = ROUND_FLOOR
        assert axis.std == float(Decimal(84).sqrt())


@pytest.mark.parametrize(
    ("share", "size"), [(0, 1), (0.125, 1), (0.126, 5), (0.25, 5), (Fraction(1, 3), 9), (1, 29)]
)
def test_quantiles_of_eight_equal_sizes(share, size):
    # 1, 5, ..., 29, one path each.
    axis = rfgraph.path_histogram(rfgraph.load(shortcuts(3, 5))).axes[2]
    assert axis.quantile(share) == size


def test_a_tenth_of_ten_paths_is_one_of_them():
    build, x = builder(1, 1, 30)
    parts = [build.same_conv(x, 1, 2 * k + 1) for k in range(10)]
    axis = rfgraph.path_histogram(rfgraph.load(build.model(build.concat(parts)))).axes[2]
    assert dict(axis.counts) == {2 * k + 1: 1 for k in range(10)}
    # 0.1, 0.3 and 0.7 are no doubles: what was written counts.
    assert [axis.quantile(share) for share in (0.1, 0.3, 0.7, 0.9)] == [1, 5, 13, 17]


# -- the order of paths ----------------------------------------------------------------------------

SEQUENCES = st.lists(st.lists(st.integers(0, 2), max_size=12), min_size=2, max_size=12)


@given(SEQUENCES)
def test_places_compare_as_lists_do(sequences):
    start = Place()
    places = [start.then(sequence) for sequence in sequences]
    for mine, first in zip(sequences, places, strict=True):
        for theirs, second in zip(sequences, places, strict=True):
            assert (first < second) == (mine < theirs)
            assert (first is second) == (mine == theirs)


def test_long_places_that_differ_at_the_start_or_the_end():
    start = Place()
    same = [0] * 5000
    assert start.then([0, *same]) < start.then([1, *same])
    assert start.then([*same, 0]) < start.then([*same, 1])
    assert start.then(same) < start.then([*same, 0])
    assert not start.then(same) < start.then(same)
    assert start.then(same).beginning(1234) is start.then(same[:1234])
