"""The distribution along one axis, and its statistics: one entry of `STATISTICS` for each.

Every format reads `STATISTICS`: JSON has the keys, Markdown and a notebook have the columns, text
has the rows, a picture has those that it has room for. CSV has the distribution itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from rfgraph.arguments import describe, fraction
from rfgraph.domains.paths.statistics import quantile, root
from rfgraph.errors import UsageError
from rfgraph.wording.numbers import decimal, figure, short, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from fractions import Fraction

    import numpy as np
    from numpy.typing import NDArray

    from rfgraph.domains.fields.axis import Json


@dataclass(frozen=True, slots=True)
class AxisHistogram:
    """The distribution along one input axis.

    `counts` maps the size (largest over phases, in input positions) of paths that are local on this
    axis to their exact number, or is None beyond the bounds on listing; `local`, `one_sided`,
    `global_` and `unknown` count all paths by scope. `min`, `max`, `mean`, `variance` are exact
    over the local paths whether or not they are listed, None if there are none. `covering` counts
    local paths at least as large as the input.
    """

    axis: int
    local: int
    one_sided: int
    global_: int
    unknown: int
    counts: Mapping[int, int] | None
    min: int | None
    max: int | None
    mean: Fraction | None
    variance: Fraction | None
    covering: int | None

    @property
    def not_local(self) -> Mapping[str, int]:
        """How many paths are one-sided, global or unknown, where there are such."""
        counts = {"one-sided": self.one_sided, "global": self.global_, "unknown": self.unknown}
        return {scope: count for scope, count in counts.items() if count}

    @property
    def std(self) -> float | None:
        """The standard deviation, correctly rounded; None without local paths."""
        return None if self.variance is None else _float(root, self.variance)

    @property
    def median(self) -> int | None:
        """The smallest size with at least half of the paths at or below it."""
        return self.quantile(0.5)

    def quantile(self, share: float | Fraction) -> int | None:
        """Return the smallest size with at least `share` of the local paths at or below it.

        None if the histogram is not listed or empty; UsageError if `share` is not in [0, 1].
        """
        exact = fraction(share)
        if exact is None or not 0 <= exact <= 1:
            raise UsageError(f"a quantile requires a share from 0 to 1, found {describe(share)}")
        return None if self.counts is None else quantile(self.counts, exact)

    def to_arrays(self) -> tuple[NDArray[np.int64 | np.object_], NDArray[np.object_]]:
        """Return sizes and exact counts (Python integers) as arrays, for a Series or a plot.

        Sizes beyond 64 bits are Python integers as well. UsageError if the histogram is not listed.
        """
        import numpy as np

        if self.counts is None:
            raise UsageError("the histogram is beyond the bounds on listing: ask for it in full")
        fits = max(self.counts, default=0) < 1 << 63
        sizes = np.array(list(self.counts), dtype=np.int64 if fits else object)
        counts = np.empty(len(sizes), dtype=object)
        counts[:] = list(self.counts.values())
        return sizes, counts

    def to_dict(self, *, listed: bool = True) -> Json:
        """Return the entry of the JSON report; without `listed`, nothing that needs the sizes."""
        pairs = None
        if listed and self.counts is not None:
            pairs = [[size, decimal(count)] for size, count in self.counts.items()]
        shown = {
            item.key: item.json(self) if listed or not item.needs_sizes else None
            for item in sorted(STATISTICS, key=lambda item: not item.is_end)
        }
        return {
            "axis": self.axis,
            "local": decimal(self.local),
            "one_sided": decimal(self.one_sided),
            "global": decimal(self.global_),
            "unknown": decimal(self.unknown),
            "histogram": pairs,
            **shown,
        }


def _float(convert: Callable[[Fraction], float], value: Fraction) -> float | None:
    try:
        return convert(value)
    except OverflowError:
        return None


# -- statistics ------------------------------------------------------------------------------------


class Notation(NamedTuple):
    """How a kind of number is written: in JSON, and for people to some digits."""

    json: Callable[[Any], int | float | str | None]
    text: Callable[[Any, int], str]


SIZE = Notation(lambda size: int(size), lambda size, _: whole(size))
MEASURE = Notation(lambda value: _float(float, value), figure)
COUNT = Notation(decimal, lambda count, _: short(count))


class Statistic(NamedTuple):
    """A statistic of the local paths: its names, its value, and what each format does with it.

    `key` names it in JSON, `column` in tables and pictures. `row` is the label of the row of a text
    that has it, of several statistics if their labels are the same; there it reads `sentence`.
    `needs_sizes`: it is not known where the sizes are not listed. `is_end`: one of the two ends of
    the distribution, which people are told as a span. `is_drawn`: a picture has it.
    """

    key: str
    column: str
    value: Callable[[AxisHistogram], int | float | Fraction | None]
    notation: Notation
    row: str | None = None
    sentence: str = "{}"
    needs_sizes: bool = False
    is_end: bool = False
    is_drawn: bool = False

    def json(self, axis: AxisHistogram) -> int | float | str | None:
        """Return the value in JSON, None where there is none."""
        value = self.value(axis)
        return None if value is None else self.notation.json(value)

    def text(self, axis: AxisHistogram, digits: int = 6) -> str:
        """Return the value for people; "-" where there is none."""
        value = self.value(axis)
        return "-" if value is None else self.notation.text(value, digits)


MEAN = Statistic("mean", "mean", lambda axis: axis.mean, MEASURE, row="mean", is_drawn=True)

# In the order of a table; JSON has the ends first.
STATISTICS = (
    Statistic("min", "smallest", lambda axis: axis.min, SIZE, is_end=True),
    MEAN,
    Statistic(
        "median", "median", lambda axis: axis.median, SIZE, row="median", needs_sizes=True
    ),
    Statistic("max", "largest", lambda axis: axis.max, SIZE, is_end=True),
    Statistic(
        "std", "std", lambda axis: axis.std, MEASURE,
        row="mean", sentence="standard deviation {}", is_drawn=True,
    ),
    Statistic("covering", "local covering", lambda axis: axis.covering, COUNT, needs_sizes=True),
)  # fmt: skip
