"""Histograms of characters: nothing appears or vanishes, and columns hold equally many sizes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfgraph.reports.formats.histogram import ASCII_DENSITY, BLOCKS, bins_of, chart, levels, line

HISTOGRAMS = st.dictionaries(st.integers(0, 2000), st.integers(1, 10**40), min_size=1, max_size=60)


@given(counts=HISTOGRAMS, columns=st.integers(1, 80))
def test_bins_keep_every_path(counts, columns):
    bins = bins_of(counts, columns)
    assert len(bins.counts) <= columns
    assert sum(bins.counts) == sum(counts.values())
    for size in counts:
        assert bins.counts[bins.column(size)] >= counts[size]


@given(counts=HISTOGRAMS)
def test_what_is_not_zero_is_seen(counts):
    numbers = list(bins_of(counts, 40).counts)
    heights = levels(numbers, 8)
    assert max(heights) == 8
    assert [height > 0 for height in heights] == [number > 0 for number in numbers]


def test_columns_hold_equally_many_sizes():
    # Odd numbers to 99, 50 of them, in at most 20 columns: three to a column, two in the last.
    assert list(bins_of(dict.fromkeys(range(1, 100, 2), 1), 20).counts) == [3] * 16 + [2]


def test_heights_are_in_proportion():
    assert levels([0, 1, 50, 100, 99], 8) == [0, 1, 4, 8, 8]


def test_counts_of_any_length_are_drawn():
    assert levels([10**400, 2 * 10**400], 8) == [4, 8]


def test_a_line_by_hand():
    assert line({3: 1, 7: 4, 15: 8}, 9, blocks=True) == "3 ▁▄ █ 15"
    assert line({3: 1, 7: 4, 15: 8}, 9, blocks=False) == "3 .= @ 15"


def test_a_chart_by_hand():
    assert chart({1: 1, 2: 8, 4: 16}, 4, 2, blocks=True, mark=2) == [
        "   █",
        "▁█ █",
        "1  4",
        " ^ input 2",
    ]
    assert chart({1: 1, 2: 8, 4: 16}, 4, 2, blocks=False) == ["   #", ".# #", "1  4"]


@pytest.mark.parametrize(("mark", "pointed"), [(0, False), (10, True), (19, True), (20, False)])
def test_an_input_beyond_the_sizes_is_not_pointed_at(mark, pointed):
    drawn = chart({10: 1, 19: 3}, 40, 3, blocks=True, mark=mark)
    assert any("input" in text for text in drawn) == pointed


@given(counts=HISTOGRAMS, columns=st.integers(20, 80), blocks=st.booleans())
def test_a_chart_fits_and_uses_its_glyphs_alone(counts, columns, blocks):
    drawn = chart(counts, columns, 4, blocks=blocks)
    assert len(drawn) == 5
    assert all(len(text) <= columns for text in drawn)
    glyphs = set("".join(drawn[:-1]))
    assert glyphs <= set(BLOCKS if blocks else " .:#")


@given(counts=HISTOGRAMS, columns=st.integers(20, 80))
def test_a_line_fits(counts, columns):
    text = line(counts, columns, blocks=False)
    assert len(text) <= columns
    assert text.isascii()
    drawn = text.removeprefix(str(min(counts))).removesuffix(str(max(counts)))
    assert set(drawn) <= set(ASCII_DENSITY)
