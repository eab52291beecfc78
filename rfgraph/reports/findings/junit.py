"""The findings of `rfgraph check` as JUnit XML: a suite for each model, a case for each rule."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from rfgraph.checks.registry import check_of
from rfgraph.reports.findings.text import advice_lines, located_message
from rfgraph.wording.names import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.checks.run import Report


# The schema of Ant's JUnit task requires time, place and duration. They say nothing here, for the
# report of a file is the same whenever and wherever it is made.
_FIXED = 'timestamp="1970-01-01T00:00:00" hostname="localhost" time="0"'


def as_junit(reports: Sequence[Report]) -> str:
    """Return the XML document."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>"]
    for number, report in enumerate(reports):
        lines.extend(_suite(number, report))
    return "\n".join([*lines, "</testsuites>"]) + "\n"


def _suite(number: int, report: Report) -> Iterator[str]:
    name = quoteattr(_text(report.file) or "-")
    cases = list(_cases(report))
    failures = len({finding.code for finding in report.failing})
    yield (
        f'<testsuite name={name} id="{number}" package="rfgraph" tests="{len(cases)}" '
        f'failures="{failures}" errors="{int(report.error is not None)}" {_FIXED}>'
    )
    yield "<properties/>"
    for case, inside in cases:
        yield f'<testcase name={quoteattr(case)} classname={name} time="0">{inside}</testcase>'
    advice = "\n".join(escape(_text(line)) for line in advice_lines(report))
    yield f"<system-out>{advice}</system-out>" if advice else "<system-out/>"
    yield "<system-err/>"
    yield "</testsuite>"


def _cases(report: Report) -> Iterator[tuple[str, str]]:
    """Yield what each case is called and what it holds; a model that cannot be checked is one."""
    if report.error is not None:
        message = _text(report.error)
        error = f'<error type="error" message={quoteattr(message)}>{escape(message)}</error>'
        yield "The model can be checked", error
        return
    for code in report.codes:
        yield f"{code} {check_of(code).title}", "".join(_outcome(report, code))


def _outcome(report: Report, code: str) -> Iterator[str]:
    """Yield what fails, then what is only reported."""
    failing = [item for item in report.failing if item.code == code]
    if failing:
        messages = [_text(located_message(item)) for item in failing]
        more = f" (and {len(failing) - 1} more)" if len(failing) > 1 else ""
        body = "\n".join(map(escape, messages))
        yield (
            f'<failure type="{failing[0].severity}" message={quoteattr(messages[0] + more)}>'
            f"{body}</failure>"
        )
    rest = [item for item in report.findings if item.code == code and item not in failing]
    if rest:
        said = "\n".join(
            f"{item.severity}: {escape(_text(located_message(item)))}" for item in rest
        )
        yield f"<system-out>{said}</system-out>"


def _text(text: str) -> str:
    """Return text without the characters that XML cannot hold, or that act on a terminal."""
    return text if text.isprintable() else printable(text, 4096)
