"""The findings of `rfgraph check` for people: one line for each, and one for the whole."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rfgraph.wording.names import printable, quote
from rfgraph.wording.numbers import count_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.analysis.field import Finding
    from rfgraph.checks.run import Report
    from rfgraph.reports.formats.style import Style


def as_text(reports: Sequence[Report], style: Style) -> str:
    """Return the lines of what fails, and how many models hold, fail or could not be checked."""
    lines = [line for report in reports for line in _report_lines(report, style)]
    masked = sum(report.masks is not None and bool(report.masks.cut) for report in reports)
    if masked:
        lines.append(f"stored masks cut in {count_of(masked, 'model')} (--masks)")
    return "\n".join([*lines, summary(reports)]) + "\n"


def _report_lines(report: Report, style: Style) -> Iterator[str]:
    file = style.bold(printable(report.file, 300))
    for finding in report.findings:
        severity = style.severity(finding.severity)
        yield f"{file}: {finding.code} {severity}: {located_message(finding)}"
    yield from (f"  {line}" for line in advice_lines(report))


def advice_lines(report: Report) -> Iterator[str]:
    """Yield what would make the model pass, where that was asked for, after why others do not."""
    if report.advice is not None:
        yield from (f"note: {note}" for note in report.advice.notes)
        yield from (f"try: {item.text}" for item in report.advice.suggestions)


def located_message(finding: Finding) -> str:
    """Return the message, with the operator where the message does not name it."""
    if finding.node is None or quote(finding.node) in finding.message:
        return finding.message
    return f"{finding.message} (at {quote(finding.node)})"


def summary(reports: Sequence[Report]) -> str:
    """Return how many models hold, fail or could not be checked, and which rules are meant."""
    broken = sum(report.error is not None for report in reports)
    failing = [report for report in reports if report.failing]
    rest = {item.code for report in reports for item in set(report.findings) - set(report.failing)}
    checked = count_of(len(reports), "model")
    codes = ", ".join(_asked_codes(reports))
    if not broken and not failing and not rest:
        return f"{checked}: {f'every rule holds ({codes})' if codes else 'no rule is selected'}"
    parts = []
    if failing:
        codes_that_fail = sorted({finding.code for report in failing for finding in report.failing})
        parts.append(
            f"{len(failing)} fail{'s' if len(failing) == 1 else ''} ({', '.join(codes_that_fail)})"
        )
    if broken:
        parts.append(f"{broken} could not be checked")
    holding = len(reports) - len(failing) - broken
    if holding:
        parts.append(f"{holding} hold{'s' if holding == 1 else ''}")
    below = f"; reported below --fail-on: {', '.join(sorted(rest))}" if rest else ""
    return f"{checked}: {', '.join(parts)}{below}"


def _asked_codes(reports: Sequence[Report]) -> Iterator[str]:
    """Yield the codes that were asked, with the number of models where it was not of all."""
    asked = Counter(code for report in reports for code in report.codes)
    for code, count in sorted(asked.items()):
        yield code if count == len(reports) else f"{code} of {count}"
