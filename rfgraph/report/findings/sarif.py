"""The findings of `rfgraph check` as SARIF 2.1.0, which code scanning services read."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from rfgraph.checks.registry import CODES, LEVELS
from rfgraph.checks.run import explanation
from rfgraph.report.findings.text import located
from rfgraph.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.analysis.field import Finding
    from rfgraph.checks.run import Report
    from rfgraph.domains.fields.axis import Json


SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)

_ESCAPES = str.maketrans({"\\": "\\\\", "[": "\\[", "]": "\\]", "{": "{{", "}": "}}"})


def render(reports: Sequence[Report]) -> str:
    """Return the log, with one run."""
    run = {
        "tool": {
            "driver": {
                "name": "rfgraph",
                "semanticVersion": __version__,
                "rules": [_rule(code) for code in CODES],
            }
        },
        "invocations": [_invocation(reports)],
        "results": [_result(report, item) for report in reports for item in report.findings],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def _rule(code: str) -> Json:
    text = explanation(code)
    return {
        "id": code,
        "shortDescription": {"text": f"{CODES[code]}."},
        "fullDescription": {"text": text.partition("\n\n")[2].partition("\n\n")[0]},
        "help": {"text": text},
        "defaultConfiguration": {"level": LEVELS[code]},
    }


def _invocation(reports: Sequence[Report]) -> Json:
    broken = [report for report in reports if report.error is not None]
    return {
        "executionSuccessful": not broken,
        "toolExecutionNotifications": [
            {
                "level": "error",
                "message": {"text": _message(report.error or "")},
                "locations": [{"physicalLocation": _place(report.file)}],
            }
            for report in broken
        ],
    }


def _result(report: Report, finding: Finding) -> Json:
    location: Json = {"physicalLocation": _place(report.file)}
    named = [("function", finding.node), ("variable", finding.tensor)]
    logical = [{"kind": kind, "name": name} for kind, name in named if name is not None]
    if logical:
        location["logicalLocations"] = logical
    return {
        "ruleId": finding.code,
        "ruleIndex": list(CODES).index(finding.code),
        "level": finding.severity,
        "message": {"text": _message(located(finding))},
        "locations": [location],
        "partialFingerprints": {"rfgraph/v1": _fingerprint(report, finding)},
    }


def _place(file: str) -> Json:
    """Return where a model is: a URI, relative to the folder of the run where the path is."""
    path = Path(file)
    name = quote(os.fsencode(path.as_posix()))
    if path.is_absolute():
        artifact = {"uri": f"file://{'' if name.startswith('/') else '/'}{name}"}
    else:
        # A first segment with a colon would read as a scheme; quote() has escaped it.
        artifact = {"uri": name, "uriBaseId": "%SRCROOT%"}
    return {"artifactLocation": artifact, "region": {"startLine": 1}}


def _message(text: str) -> str:
    """Return text without what SARIF takes for a link or a placeholder."""
    return text.translate(_ESCAPES)


def _fingerprint(report: Report, finding: Finding) -> str:
    """Return what makes a finding the same one in the next run, whatever its numbers."""
    start = finding.message.partition(":")[0]
    parts = (Path(report.file).as_posix(), finding.code, finding.node, finding.tensor, start)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
