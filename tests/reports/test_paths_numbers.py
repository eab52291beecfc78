"""Numbers for people, of any magnitude."""

from fractions import Fraction

import pytest

from rfgraph.wording.numbers import amount, figure, log10, power, share, short, whole


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (65536, "65,536"),
        (2**98, "316,912,650,057,057,350,374,175,801,344 (about 3.17 * 10^29)"),
        (10**50, "about 1.00 * 10^50"),
        (10**13 - 1, "9,999,999,999,999"),
        (99999 * 10**10, "999,990,000,000,000 (about 1.00 * 10^15)"),
    ],
)
def test_amounts(number, text):
    assert amount(number) == text


def test_amounts_that_python_does_not_print():
    assert amount(2**20000) == "about 3.98 * 10^6020"  # 20000 * log10(2) = 6020.5999


def test_short_counts():
    assert (short(9_999_999), short(10_000_000)) == ("9,999,999", "1.00 * 10^7")


@pytest.mark.parametrize("exponent", [0, 1, 14, 15, 16, 22, 23, 40, 4999])
def test_powers_at_their_borders(exponent):
    assert power(10**exponent) == f"1.00 * 10^{exponent}"
    assert power(10 ** (exponent + 5) - 1) == f"1.00 * 10^{exponent + 5}"


def test_logarithms_of_long_integers():
    assert log10(10**3000) == pytest.approx(3000, abs=1e-9)
    assert log10(1) == 0


@pytest.mark.parametrize(
    ("part", "total", "text"),
    [
        (0, 5, "0 %"),
        (5, 5, "100 %"),
        (1, 3, "33.33 %"),
        (1, 10**9, "less than 0.01 %"),
        (10**9 - 1, 10**9, "more than 99.99 %"),
        (2**400 - 1, 2**400, "more than 99.99 %"),
        (1, 8, "12.5 %"),
        (2, 3, "66.66 %"),
        (9999, 10_000, "99.99 %"),
        (Fraction(4_999_999, 10_000_000), 1, "49.99 %"),
        (Fraction(1), 1, "100 %"),
    ],
)
def test_a_share_is_cut_off_and_none_or_all_only_where_it_is(part, total, text):
    assert share(part, total) == text


def test_statistics():
    assert (figure(Fraction(45)), figure(Fraction(1, 3), 4), figure(None)) == ("45", "0.3333", "-")
    assert figure(Fraction(10**400)) == "1.00 * 10^400"
    assert (whole(None), whole(87), whole(10**40)) == ("-", "87", "1.00 * 10^40")
