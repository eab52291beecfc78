"""The findings of `rfgraph check` as JUnit XML: a suite for each model, a case for each rule."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from rfgraph.checks.registry import CODES
from rfgraph.report.findings.text import located
from rfgraph.wording.names import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.checks.run import Report


# The schema of Ant's JUnit task requires time, place and duration. They say nothing here, for the
# report of a file is the same whenever and wherever it is made.
_FIXED = 'timestamp="1970-01-01T00:00:00" hostname="localhost" time="0"'


def render(reports: Sequence[Report]) -> str:
    """Return the XML document."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>"]
    for number, report in enumerate(reports):
        lines.extend(_suite(number, report))
    return "\n".join([*lines, "</testsuites>"]) + "\n"


def _suite(number: int, report: Report) -> Iterator[str]:
    name = quoteattr(_text(report.file) or "-")
    errors = 0 if report.error is None else len(report.codes)
    failures = len({finding.code for finding in report.findings})
    yield (
        f'<testsuite name={name} id="{number}" package="rfgraph" tests="{len(report.codes)}" '
        f'failures="{failures}" errors="{errors}" {_FIXED}>'
    )
    yield "<properties/>"
    for code in report.codes:
        inside = "".join(_outcome(report, code))
        yield (
            f"<testcase name={quoteattr(f'{code} {CODES[code]}')} classname={name} "
            f'time="0">{inside}</testcase>'
        )
    yield "<system-out/>"
    yield "<system-err/>"
    yield "</testsuite>"


def _outcome(report: Report, code: str) -> Iterator[str]:
    if report.error is not None:
        message = _text(report.error)
        yield f'<error type="error" message={quoteattr(message)}>{escape(message)}</error>'
        return
    found = [finding for finding in report.findings if finding.code == code]
    if found:
        messages = [_text(located(finding)) for finding in found]
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        body = "\n".join(map(escape, messages))
        yield (
            f'<failure type="{found[0].severity}" message={quoteattr(messages[0] + more)}>'
            f"{body}</failure>"
        )


def _text(text: str) -> str:
    """Return text without the characters that XML cannot hold, or that act on a terminal."""
    return text if text.isprintable() else printable(text, 4096)
