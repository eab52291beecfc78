"""All node tests, judged: what ran, what was skipped and why, what is wrong, what is listed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ops.backend.cases import Runtime, SkippedError, trial
from ops.backend.exceptions import EXCEPTIONS, Exempt
from ops.backend.judge import Verdict, judge, readings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass
class Outcome:
    """One node test: a verdict for each way to read its inputs, or why it was skipped."""

    name: str
    skipped: str = ""
    verdicts: list[Verdict] = field(default_factory=list)


def run(cases: Iterable[Any]) -> Iterator[Outcome]:
    """Yield the outcome of each case."""
    return map(_outcome, cases)


def _outcome(case: Any) -> Outcome:
    try:
        tried = trial(case)
        ready = Runtime(tried)
        verdicts = [judge(tried, ready, constants) for constants in readings(tried)]
    except SkippedError as error:
        return Outcome(case.name, str(error))
    return Outcome(case.name, "" if verdicts else "it has no data input", verdicts)


def wrong(outcomes: Iterable[Outcome]) -> list[str]:
    """Return what is unsound, in words."""
    return [text for verdict in _verdicts(outcomes) for text in verdict.wrong]


def unlisted(outcomes: Iterable[Outcome], listed: Iterable[Exempt] = EXCEPTIONS) -> list[str]:
    """Return the units that operators marked exact do not read exactly, unless that is listed."""
    listed = list(listed)
    return [
        f"{verdict.title}: {unit}"
        for verdict in _verdicts(outcomes)
        if verdict.exact
        for unit in verdict.inexact
        if not any(item.covers(verdict, unit) for item in listed)
    ]


def stale(outcomes: Iterable[Outcome], listed: Iterable[Exempt] = EXCEPTIONS) -> list[Exempt]:
    """Return the listed exceptions that no unit needs."""
    found = [(v, unit) for v in _verdicts(outcomes) if v.exact for unit in v.inexact]
    return [item for item in listed if not any(item.covers(v, unit) for v, unit in found)]


def _verdicts(outcomes: Iterable[Outcome]) -> Iterator[Verdict]:
    for outcome in outcomes:
        yield from outcome.verdicts


def report(outcomes: list[Outcome]) -> Iterator[str]:
    """Yield the counts, and what is wrong."""
    verdicts = list(_verdicts(outcomes))
    ran = [outcome for outcome in outcomes if outcome.verdicts]
    yield f"{len(outcomes)} node tests: {len(ran)} run, {len(outcomes) - len(ran)} skipped"
    runtimes = Counter(outcome.verdicts[0].runtime for outcome in ran)
    yield "run under " + ", ".join(f"{name} {count}" for name, count in sorted(runtimes.items()))
    for reason, count in Counter(o.skipped for o in outcomes if o.skipped).most_common():
        names = [outcome.name for outcome in outcomes if outcome.skipped == reason]
        more = ", ..." if len(names) > 6 else ""
        yield f"skipped {count:4}  {reason}: {', '.join(names[:6])}{more}"
    yield (
        f"{len(verdicts)} readings, {sum(bool(v.constants) for v in verdicts)} of them with "
        f"constants; {sum(v.units for v in verdicts)} pairs of a unit and an input"
    )
    yield f"unsound {len(wrong(outcomes))}"
    for kind, exact in (("exact", True), ("an upper bound or unknown in part", False)):
        some = [verdict for verdict in verdicts if verdict.exact is exact]
        counts = (
            len(some), sum(v.units for v in some), sum(v.equal for v in some),
            sum(len(v.inexact) for v in some), sum(v.unknown for v in some),
        )  # fmt: skip
        yield "operators marked {}: {} readings, {} pairs, {} equal, {} wider, {} unknown".format(
            kind, *counts
        )
    for item in EXCEPTIONS:
        hits = [(v.title, u) for v in verdicts for u in v.inexact if item.covers(v, u) and v.exact]
        yield f"listed {len(hits):4}  {item.cases} of {item.inputs}: {item.reason}"
    yield from (f"UNSOUND {text}" for text in wrong(outcomes))
    yield from (f"NOT LISTED {text}" for text in unlisted(outcomes))
    yield from (f"STALE {item.cases} of {item.inputs}" for item in stale(outcomes))
