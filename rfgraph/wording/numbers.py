"""Numbers of any magnitude for people: counts that no float holds, means, shares."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


_DIGITS_AT_ONCE = 4000

MAX_RANGES = 6


def decimal(number: int) -> str:
    """Return an integer of any length in decimal digits, whatever the interpreter's limit."""
    if number < 0:
        return "-" + decimal(-number)
    if number.bit_length() < _DIGITS_AT_ONCE * 3:
        return str(number)
    half = number.bit_length() * 30103 // 200000
    high, low = divmod(number, 10**half)
    return decimal(high) + decimal(low).rjust(half, "0")


def rational(value: Fraction | int | None) -> int | str | None:
    """Return a rational number as JSON has it: a number when integral, else "p/q"."""
    if value is None:
        return None
    if value.denominator == 1:
        return value.numerator
    return f"{value.numerator}/{value.denominator}"


# Integers of more digits are given by their order of magnitude alone, which is added from the
# first of these numbers of digits on.
_ADDED, _ALONE = 13, 40
_LOG10_2 = math.log10(2)


def log10(number: int) -> float:
    """Return the decimal logarithm of a positive integer of any length."""
    more = max(number.bit_length() - 64, 0)
    return math.log10(number >> more) + more * _LOG10_2


def amount(number: int) -> str:
    """Return a count: all its digits, its order of magnitude, or both."""
    if number < 10**_ADDED:
        return f"{number:,}"
    if number < 10**_ALONE:
        return f"{number:,} (about {power(number)})"
    return f"about {power(number)}"


def short(number: int) -> str:
    """Return a count in few characters: 65,536, 3.17 * 10^29."""
    return f"{number:,}" if number < 10**7 else power(number)


def power(number: int) -> str:
    """Return a positive integer as 3.17 * 10^29."""
    exponent = math.floor(log10(number))
    # The digits are taken from the number itself, for its logarithm is rounded.
    scaled = Fraction(number, 10 ** max(exponent - 4, 0))
    mantissa = float(scaled / 10 ** min(exponent, 4))
    if round(mantissa, 2) >= 10:
        return f"1.00 * 10^{exponent + 1}"
    return f"{mantissa:.2f} * 10^{exponent}"


def figure(value: Fraction | float | None, digits: int = 6) -> str:
    """Return a statistic to some digits; "-" where there is none."""
    if value is None:
        return "-"
    try:
        return f"{float(value):.{digits}g}"
    except OverflowError:
        return power(int(value))


def whole(value: int | None) -> str:
    """Return a size; "-" where there is none."""
    if value is None:
        return "-"
    return decimal(value) if value.bit_length() < 100 else power(value)


def share(part: Fraction | int, total: int = 1) -> str:
    """Return a part of a total in per cent, cut off after two decimals.

    It never looks larger than it is, and says 0 and 100 only where it is nothing or all.
    """
    if not part or part == total:
        return "100 %" if part else "0 %"
    hundredths = Fraction(10_000 * part, total)
    if hundredths < 1:
        return "less than 0.01 %"
    if hundredths > 9_999:
        return "more than 99.99 %"
    return f"{rational_text(Fraction(math.floor(hundredths), 100))} %"


def fraction(value: Fraction | int | None) -> str:
    """Return an exact number: 7, 7.5, 7/3, with at most three decimals; "-" where there is none."""
    if value is None:
        return "-"
    return rational_text(value) if 1000 % value.denominator == 0 else str(value)


def whole_up(value: Fraction | int | None) -> str:
    """Return the next whole number of positions; "-" where there is none."""
    return "-" if value is None else str(math.ceil(value))


def span(least: int | None, most: int | None) -> str:
    """Return two sizes for people: 7, or 3..7 where they differ."""
    if most is None:
        return "-"
    return str(most) if least in (None, most) else f"{least}..{most}"


def times(values: Sequence[object]) -> str:
    """Return one value per axis as people write them: 224 x 224."""
    return " x ".join(map(str, values))


def count_of(number: int, noun: str) -> str:
    """Return how many there are of what a noun names: 1 node, 2 nodes."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def shape_text(shape: Sequence[int] | None) -> str:
    """Return a shape for people."""
    if shape is None:
        return "of unknown shape"
    return times(shape) if shape else "a scalar"


def axes_text(axes: Sequence[int]) -> str:
    """Return axis numbers for people."""
    if not axes:
        return "no axes"
    listed = ", ".join(map(str, axes))
    return f"axis {listed}" if len(axes) == 1 else f"axes {listed}"


def rational_text(value: Fraction | int) -> str:
    """Return a number with three decimals at most, cut off: it never looks larger than it is."""
    sign, value = ("-", -value) if value < 0 else ("", value)
    whole = value.numerator // value.denominator
    if whole.bit_length() > 100:
        return f"{sign}about 2^{whole.bit_length() - 1}"
    if value.denominator == 1:
        return f"{sign}{whole}"
    thousandths = value.numerator * 1000 // value.denominator % 1000
    return f"{sign}{whole}.{f'{thousandths:03}'.rstrip('0') or '0'}"


def join(items: Sequence[str], word: str = "and") -> str:
    """Return items as people list them: a, b and c."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {word} {items[-1]}"


def ranges(positions: Sequence[int]) -> str:
    """Return ascending positions as ranges, the first few of them: 0..2, 5, 7..9."""
    spans: list[tuple[int, int]] = []
    for at in positions:
        if spans and spans[-1][1] == at - 1:
            spans[-1] = (spans[-1][0], at)
        else:
            spans.append((at, at))
    listed = [str(lo) if lo == hi else f"{lo}..{hi}" for lo, hi in spans[:MAX_RANGES]]
    more = len(spans) - MAX_RANGES
    return ", ".join(listed) + (f" and {more} more" if more > 0 else "")
