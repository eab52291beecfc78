"""The findings of `rfgraph check` as SARIF 2.1.0, which code scanning services read."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from rfgraph.checks.registry import all_codes, check_of, explanation
from rfgraph.reports.findings.text import advice_lines, located_message
from rfgraph.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rfgraph.analysis.field import Finding
    from rfgraph.checks.run import Report
    from rfgraph.domains.fields.axis import Json


SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
ROOT = "%SRCROOT%"
REPOSITORY = ".git"

_ESCAPES = str.maketrans({"\\": "\\\\", "[": "\\[", "]": "\\]", "{": "{{", "}": "}}"})


def as_sarif(reports: Sequence[Report]) -> str:
    """Return the log, with one run; files in the repository of the run are named from its root."""
    here = Path.cwd()
    root = next(
        (folder for folder in (here, *here.parents) if (folder / REPOSITORY).exists()), None
    )
    what = "The folder that rfgraph was run in." if root is None else "The root of the repository."
    places = {report.file: _place(report.file, root or here) for report in reports}
    run = {
        "tool": {
            "driver": {
                "name": "rfgraph",
                "semanticVersion": __version__,
                "rules": [_rule(code) for code in all_codes()],
            }
        },
        "automationDetails": {"id": "rfgraph/"},
        "originalUriBaseIds": {ROOT: {"description": {"text": what}}},
        "invocations": [_invocation(reports, places)],
        "results": [item for report in reports for item in _results(report, places[report.file])],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def _rule(code: str) -> Json:
    check, text = check_of(code), explanation(code)
    return {
        "id": code,
        "shortDescription": {"text": f"{check.title}."},
        "fullDescription": {"text": text.partition("\n\n")[2].partition("\n\n")[0]},
        "help": {"text": text},
        "defaultConfiguration": {"level": check.severity},
    }


def _invocation(reports: Sequence[Report], places: Mapping[str, Json]) -> Json:
    said = [
        (level, text, places[report.file]) for report in reports for level, text in _notices(report)
    ]
    return {
        "executionSuccessful": all(report.error is None for report in reports),
        "toolExecutionNotifications": [
            {
                "level": level,
                "message": {"text": _message(text)},
                "locations": [{"physicalLocation": place}],
            }
            for level, text, place in said
        ],
    }


def _notices(report: Report) -> Iterator[tuple[str, str]]:
    """Yield what is said of a model beside its findings, and how severe it is."""
    if report.error is not None:
        yield "error", report.error
    for line in advice_lines(report):
        yield "note", line


def _results(report: Report, place: Json) -> Iterator[Json]:
    codes = all_codes()
    seen: Counter[str] = Counter()
    for finding in report.findings:
        location: Json = {"physicalLocation": place}
        named = [("function", finding.node), ("variable", finding.tensor)]
        logical = [{"kind": kind, "name": name} for kind, name in named if name is not None]
        if logical:
            location["logicalLocations"] = logical
        fingerprint = _fingerprint(finding)
        seen[fingerprint] += 1
        yield {
            "ruleId": finding.code,
            "ruleIndex": codes.index(finding.code),
            "level": finding.severity,
            "message": {"text": _message(located_message(finding))},
            "locations": [location],
            "partialFingerprints": {
                "primaryLocationLineHash": f"{fingerprint}:{seen[fingerprint]}"
            },
        }


def _place(file: str, root: Path) -> Json:
    """Return where a model is: a URI, relative to the root where it lies below."""
    path = Path(os.path.abspath(file))  # noqa: PTH100 - absolute() leaves ".." in place
    if path.is_relative_to(root):
        # A first segment with a colon would read as a scheme; quote() has escaped it.
        name = quote(os.fsencode(path.relative_to(root).as_posix()))
        artifact = {"uri": name, "uriBaseId": ROOT}
    else:
        name = quote(os.fsencode(path.as_posix()))
        artifact = {"uri": f"file://{'' if name.startswith('/') else '/'}{name}"}
    return {"artifactLocation": artifact, "region": {"startLine": 1}}


def _message(text: str) -> str:
    """Return text without what SARIF takes for a link or a placeholder."""
    return text.translate(_ESCAPES)


def _fingerprint(finding: Finding) -> str:
    """Return what makes a finding the same one in the next run, whatever its numbers."""
    parts = (finding.code, finding.tensor, finding.input, finding.axes)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
