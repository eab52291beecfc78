"""Tables fit their width, whatever they hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfgraph.reports.formats.style import Style
from rfgraph.reports.formats.table import lay_out
from rfgraph.wording.names import cells

HEADER = ("layer", "n", "size")


def test_columns_line_up():
    lines = lay_out(HEADER, [("conv1", "55", "11"), ("p", "7", "195")], Style())
    assert lines == ["layer   n  size", "conv1  55    11", "p       7   195"]


def test_names_give_way_to_numbers():
    lines = lay_out(HEADER, [("a_name_that_is_long", "55", "11")], Style(width=24))
    assert lines == ["layer            n  size", "a_name…is_long  55    11"]


def test_names_are_cut_where_they_still_differ():
    rows = [(f"encoder.block{i}.conv", "1", "1") for i in range(10)]
    lines = lay_out(("layer", "n", "size"), rows, Style(width=24))
    assert len(set(lines[1:])) == 10


def test_gaps_narrow_before_names_become_the_same():
    rows = [("stage1.a.conv", "1", "1"), ("stage1.b.conv", "1", "1")]
    lines = lay_out(HEADER, rows, Style(width=20))
    assert lines[1:] == ["stage1.a.conv 1    1", "stage1.b.conv 1    1"]


def test_a_name_stands_above_numbers_that_leave_no_room():
    lines = lay_out(HEADER, [("some_layer_of_a_net", "1" * 15, "2" * 15)], Style(width=40))
    assert lines[2:] == ["some_layer_of_a_net", f"{'1' * 15} {'2' * 15}"]


def test_numbers_that_leave_no_room_at_all_are_named():
    lines = lay_out(HEADER, [("conv", "1" * 25, "2" * 25)], Style(width=40))
    assert lines == ["conv", f"  n {'1' * 25},", f"  size {'2' * 25}"]


@given(
    st.lists(
        st.tuples(st.text(max_size=30), st.text("0123", max_size=9), st.text("/0", max_size=9))
    )
)
def test_every_line_fits(rows):
    for line in lay_out(HEADER, rows, Style(width=30)):
        assert cells(line) <= 30


@pytest.mark.parametrize("color", [False, True])
def test_colour_changes_nothing_but_colour(color):
    plain = lay_out(HEADER, [("a", "1", "2")], Style())
    lines = lay_out(HEADER, [("a", "1", "2")], Style(color=color))
    assert [line.replace("\x1b[1m", "").replace("\x1b[0m", "") for line in lines] == plain
    assert any("\x1b" in line for line in lines) is color
