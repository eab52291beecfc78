"""The findings of `rfgraph check` as annotations of a GitHub Actions log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rfgraph.reports.findings.text import advice_lines, located_message, summary
from rfgraph.wording.names import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.checks.run import Report


LEVELS = {"error": "error", "warning": "warning", "note": "notice"}


def as_github(reports: Sequence[Report]) -> str:
    """Return one workflow command for each finding and each model that could not be checked."""
    lines = []
    for report in reports:
        if report.error is not None:
            lines.append(_command("error", report.file, "rfgraph", report.error))
        for finding in report.findings:
            title = f"rfgraph {finding.code}"
            lines.append(
                _command(LEVELS[finding.severity], report.file, title, located_message(finding))
            )
        lines += [
            _command("notice", report.file, "rfgraph suggests", text)
            for text in advice_lines(report)
        ]
    return "\n".join([*lines, summary(reports)]) + "\n"


def _command(level: str, file: str, title: str, message: str) -> str:
    """Return a command that nothing in a name can end early, or begin a second one."""
    name = Path(file).as_posix()
    shown = name if name.isprintable() else printable(name, 4096)
    return f"::{level} file={_property(shown)},title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
