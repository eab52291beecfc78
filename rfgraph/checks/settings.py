"""What a check asks, validated: the same for Python, command line and configuration."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from rfgraph.arguments import dims as checked_dims
from rfgraph.arguments import keywords_named, mapping, sequence, shapes, texts
from rfgraph.checks.ahead import Ahead, ahead_of, exact, positions, value_text
from rfgraph.checks.registry import (
    DEFAULT,
    SEVERITIES,
    Severity,
    all_codes,
    check_of,
    codes_that_need,
)
from rfgraph.errors import UsageError

if TYPE_CHECKING:
    from rfgraph.analysis.paths import Count
    from rfgraph.checks.baseline import Baseline
    from rfgraph.checks.description import Described


Stored: TypeAlias = "Baseline | str | os.PathLike[str] | Mapping[str, Any]"
Word = TypeVar("Word", bound=str)

STATS = ("min", "max", "union", "median", "mean")

COUNTS: tuple[Count, ...] = ("routes", "paths")

AUTO = "auto"
OUTPUT = "output"
BEFORE_GLOBAL = "before-global"

_EFFECTIVE = re.compile(r"erf(\d{1,2}(?:\.\d{1,6})?)", re.ASCII)
_PERCENTILE = re.compile(r"p(\d{1,3}(?:\.\d{1,6})?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Settings:
    """What to ask of a model; made by `make_settings`, which validates.

    `min_rf` is None for the input's own lengths, else input positions: one number for all spatial
    axes or one for each. `at` is "auto" (each output or, where it has no local path, its
    before_global tensors), "output" or a tensor. `tensors` are those compared with the baseline
    (default: its outputs). `halo` is the one in use, one number for all spatial axes or one for
    each, or what a description says, and `ahead` what may be read ahead. `fail_on` is the least
    severity that fails.
    `input_shapes`, `input_values`, `dims` and `masks` are what `load` takes when a file is loaded.
    With `suggest`, a report says what would make the model pass.
    """

    select: tuple[str, ...] = DEFAULT
    min_rf: tuple[int, ...] | None = None
    stat: str | None = "min"
    at: str = AUTO
    min_covering: Fraction | None = None
    inputs: tuple[str, ...] = ()
    count: Count = "routes"
    baseline: Baseline | None = None
    tensors: tuple[str, ...] = ()
    halo: tuple[int, ...] | Described | None = None
    ahead: Ahead | None = None
    fail_on: Severity = "warning"
    input_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    input_values: Mapping[str, Any] = field(default_factory=dict)
    dims: Mapping[str, int] = field(default_factory=dict)
    masks: bool = False
    suggest: bool = False


@keywords_named
def make_settings(
    *,
    min_rf: object = None,
    stat: str | None = None,
    at: str | None = None,
    min_covering: object = None,
    select: str | Sequence[str] | None = None,
    ignore: str | Sequence[str] = (),
    inputs: str | Sequence[str] = (),
    count: str = "routes",
    baseline: Stored | None = None,
    tensors: str | Sequence[str] = (),
    halo: object = None,
    rdf: str | os.PathLike[str] | None = None,
    causal: bool = False,
    max_lookahead: object = None,
    rate: object = None,
    axis: int | None = None,
    fail_on: str = "warning",
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    input_values: Mapping[str, Any] | None = None,
    dims: Mapping[str, int] | None = None,
    masks: bool = False,
) -> Settings:
    """Return validated settings; UsageError names the setting, what it requires and what was found.

    A `baseline` is the file of a stored result, the `to_dict()` of one, or a `Baseline`.
    Without `stat`, the smallest path is asked for, unless a share of paths is (`min_covering`).
    Without `select`, RF001 is selected. A baseline adds RF007, the comparison with it, to whatever
    is selected, `halo` or `rdf` (the file of a bioimage.io description) RF008, and `causal` or
    `max_lookahead` (positions, or "40ms" with a `rate` per second, along `axis`) RF009; they take
    nothing away.
    """
    ahead = ahead_of(causal=causal, most=max_lookahead, rate=rate, axis=axis)
    in_use = _halo_in_use(halo, rdf)
    given = {"baseline": baseline, "halo": in_use, "ahead": ahead}
    covering = None if min_covering is None else share(min_covering)
    return Settings(
        select=_selection(select, ignore, [key for key in given if given[key] is not None]),
        min_rf=lengths(min_rf),
        stat=("min" if covering is None else None) if stat is None else statistic(stat),
        at=place(at),
        min_covering=covering,
        inputs=_names(inputs),
        count=_one_of("count", COUNTS, "routes or paths", count),
        baseline=_baseline_of(baseline),
        tensors=_names(tensors),
        halo=in_use,
        ahead=ahead,
        fail_on=severity(fail_on),
        input_shapes=shapes(input_shapes),
        input_values=dict(mapping("input_values", input_values)),
        dims=checked_dims(dims),
        masks=masks,
    )


def _names(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(texts("inputs or tensors", value))


def _halo_in_use(
    halo: object, rdf: str | os.PathLike[str] | None
) -> tuple[int, ...] | Described | None:
    """Return the halo that is said, in positions or by a description."""
    if rdf is None:
        return None if halo is None else positions("halo", halo)
    if halo is not None:
        raise UsageError("the halo in use requires halo or rdf, found both")
    from rfgraph.checks.description import read

    return read(os.fspath(rdf))


def _baseline_of(value: Stored | None) -> Baseline | None:
    """Return a stored result to compare with; UsageError says what is wrong with it."""
    if value is None:
        return None
    from rfgraph.checks import baseline

    if isinstance(value, baseline.Baseline):
        return value
    if isinstance(value, str | os.PathLike):
        return baseline.read(Path(value))
    return baseline.parse(value)


def _selection(
    select: str | Sequence[str] | None, ignore: str | Sequence[str], given: Iterable[str]
) -> tuple[str, ...]:
    """Return the codes to run, by number; what is given is always compared with."""
    wanted = set(DEFAULT if select is None else codes("select", select))
    for setting in given:
        wanted.update(codes_that_need(setting))
    chosen = wanted - set(codes("ignore", ignore))
    return tuple(code for code in all_codes() if code in chosen)


def codes(name: str, value: str | Sequence[object]) -> tuple[str, ...]:
    """Return the codes of "RF001,RF003" or of a sequence.

    "all" stands for every one; what needs a setting is selected by one that is given, not by it.
    """
    every = all_codes()
    chosen: list[str] = []
    for item in value.split(",") if isinstance(value, str) else sequence(name, value):
        code = item.strip().upper() if isinstance(item, str) else ""
        if code == "ALL":
            chosen.extend(item for item in every if name == "ignore" or not check_of(item).needs)
        elif code in every:
            chosen.append(code)
        else:
            known = ", ".join(every)
            raise UsageError(f"{name} requires codes of {known}, or all; found {value_text(item)}")
    return tuple(dict.fromkeys(chosen))


def lengths(value: object) -> tuple[int, ...] | None:
    """Return the required lengths in input positions, None for "input", the input's own."""
    return None if value in (None, "input") else positions("min-rf", value, 1, "input, ")


def statistic(value: object) -> str:
    """Return the name of a statistic: min, max, union, median, mean, p0 to p100, erf1 to erf99."""
    if isinstance(value, str) and (
        value in STATS or percentile(value) is not None or effective_share(value) is not None
    ):
        return value
    raise UsageError(
        f"stat requires {', '.join(STATS)}, p0 to p100 or erf1 to erf99, found {value_text(value)}"
    )


def effective_share(stat: str) -> float | None:
    """Return the share of the effective field that erfNN stands for, None for another statistic."""
    match = _EFFECTIVE.fullmatch(stat)
    return float(match[1]) / 100 if match is not None and float(match[1]) else None


def percentile(stat: str) -> Fraction | None:
    """Return the share that pNN stands for, None for another statistic."""
    match = _PERCENTILE.fullmatch(stat)
    if match is None or Fraction(match[1]) > 100:
        return None
    return Fraction(match[1]) / 100


def share(value: object) -> Fraction:
    """Return a share of paths exactly: 0.9 is nine tenths, whatever a float makes of it."""
    number = exact(value)
    if number is None or not 0 <= number <= 1:
        raise UsageError(f"min-covering requires a share from 0 to 1, found {value_text(value)}")
    return number


def severity(value: object) -> Severity:
    """Return the least severity that fails: "note", "warning" or "error"."""
    return _one_of("fail-on", SEVERITIES, "note, warning or error", value)


def place(value: object) -> str:
    """Return where to ask: "auto", "output" or the name of a tensor."""
    if value is None or value == BEFORE_GLOBAL:
        return AUTO
    if not isinstance(value, str) or not value:
        raise UsageError(
            f"at requires output, before-global or a tensor, found {value_text(value)}"
        )
    return value


def _one_of(name: str, words: Sequence[Word], said: str, value: object) -> Word:
    for word in words:
        if value == word:
            return word
    raise UsageError(f"{name} requires {said}, found {value_text(value)}")
