"""The findings of `rfgraph check` for people: one line for each, and one for the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.wording.names import printable, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.analysis.field import Finding
    from rfgraph.checks.run import Report
    from rfgraph.report.formats.style import Style


def render(reports: Sequence[Report], style: Style) -> str:
    """Return the lines of what fails, and how many models hold, fail or could not be checked."""
    lines = [
        f"{style.bold(printable(report.file, 300))}: {finding.code} "
        f"{style.severity(finding.severity)}: {located(finding)}"
        for report in reports
        for finding in report.findings
    ]
    masked = sum(report.masks is not None and bool(report.masks.cut) for report in reports)
    if masked:
        lines.append(f"stored masks cut in {masked} model{'' if masked == 1 else 's'} (--masks)")
    return "\n".join([*lines, summary(reports)]) + "\n"


def located(finding: Finding) -> str:
    """Return the message, with the operator where the message does not name it."""
    if finding.node is None or quoted(finding.node) in finding.message:
        return finding.message
    return f"{finding.message} (at {quoted(finding.node)})"


def summary(reports: Sequence[Report]) -> str:
    """Return how many models hold, fail or could not be checked, and which rules are meant."""
    broken = sum(report.error is not None for report in reports)
    failing = [report for report in reports if report.findings]
    checked = f"{len(reports)} model{'' if len(reports) == 1 else 's'}"
    codes = ", ".join(sorted({code for report in reports for code in report.codes}))
    if not broken and not failing:
        return f"{checked}: {f'every rule holds ({codes})' if codes else 'no rule is selected'}"
    parts = []
    if failing:
        found = sorted({finding.code for report in failing for finding in report.findings})
        parts.append(f"{len(failing)} fail{'s' if len(failing) == 1 else ''} ({', '.join(found)})")
    if broken:
        parts.append(f"{broken} could not be checked")
    holding = len(reports) - len(failing) - broken
    if holding:
        parts.append(f"{holding} hold{'s' if holding == 1 else ''}")
    return f"{checked}: {', '.join(parts)}"
