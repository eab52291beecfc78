"""Numbers and lists for the one line of a message."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

MAX_RANGES = 6


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


def exact_text(value: Fraction | int) -> str:
    """Return an exact number: with decimals where three of them hold it, else as a fraction."""
    return rational_text(value) if 1000 % value.denominator == 0 else str(value)


def percent(share: Fraction) -> str:
    """Return a share in per cent, cut off after one decimal; 0 only if it is nothing."""
    tenths = share * 1000 // 1
    if not tenths and share:
        return "less than 0.1 %"
    return f"{tenths // 10} %" if tenths % 10 == 0 else f"{tenths // 10}.{tenths % 10} %"


def joined(items: Sequence[str], word: str = "and") -> str:
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
