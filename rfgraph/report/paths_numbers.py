"""Numbers of any magnitude for people: counts that no float holds, means, shares."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from rfgraph.domains.paths.statistics import decimal

if TYPE_CHECKING:
    from collections.abc import Callable

    from rfgraph.distribution import AxisHistogram

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


def share(part: int, total: int) -> str:
    """Return a share of paths in percent that says 0 and 100 only where it is none or all."""
    if not part or part == total:
        return "100 %" if part else "0 %"
    hundredths = Fraction(10_000 * part, total)
    if hundredths < 1:
        return "less than 0.01 %"
    if hundredths > 9_999:
        return "more than 99.99 %"
    return f"{float(hundredths) / 100:.4g} %"


def covering(number: int, local: int) -> str:
    """Return in words how many of the local paths are at least as long as the input."""
    if number in (0, local):
        return "all cover the input" if number else "none covers the input"
    return f"{share(number, local)} cover the input"


def others(axis: AxisHistogram, said: Callable[[int], str] = short) -> list[str]:
    """Return in words, with counts as `said`, how many paths are not local on an axis."""
    found = (
        (axis.one_sided, "one-sided"),
        (axis.global_, "global"),
        (axis.unknown, "unknown"),
    )
    return [f"{said(count)} {word}" for count, word in found if count]
