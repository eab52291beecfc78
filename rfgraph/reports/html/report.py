"""The report of a model: one interactive page, in one file."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import TYPE_CHECKING

from rfgraph.analysis.distributions import pairs, quick_distribution
from rfgraph.analysis.result import Result
from rfgraph.analysis.view import View
from rfgraph.checks.registry import all_codes, check_of
from rfgraph.checks.run import check
from rfgraph.errors import RfgraphError, UsageError
from rfgraph.reports.formats.file import write_file
from rfgraph.reports.html.data import page_data
from rfgraph.reports.html.effective import effective_fields
from rfgraph.reports.html.lengths import other_lengths
from rfgraph.reports.html.page import page, template
from rfgraph.reports.html.words import answers, facts, findings_list
from rfgraph.reports.layers.rows import layers
from rfgraph.version import __version__
from rfgraph.wording.names import for_html

if TYPE_CHECKING:
    from rfgraph.analysis.effective_field import ERF
    from rfgraph.analysis.field import Finding


def report(result: Result, path: str | os.PathLike[str]) -> None:
    """Write the interactive report of a model to `path`: one HTML file that needs nothing else.

    It answers whether the model sees enough, shows graph, fields, paths and layers, and holds
    `Result.to_dict()` as JSON in the script element `rfgraph-data`. RfgraphError where the file
    cannot be written.
    """
    if not isinstance(result, Result):
        raise UsageError(
            f"a report requires a Result, as analyze returns, found {type(result).__name__}"
        )
    write_file(path, [html_report(result).encode()])


def html_report(result: Result) -> str:
    """Return the page: the same text for the same file."""
    model = result.model
    view = View(result, tuple(item.name for item in model.inputs))
    effective = _effective(view)
    findings = all_findings(result)
    counted = [
        quick_distribution(view.result, source, tensor)
        for source, tensor in pairs(view)
        if tensor in result.forms[source]
    ]
    data = page_data(result, findings, effective, counted)
    name = PurePath(model.file).name or model.file
    body = template(
        file=for_html(name),
        facts=facts(model),
        answer="".join(answers(view, effective, counted)),
        more=other_lengths(result),
        findings=findings_list(findings, data["page"]["findings"]),
        version=__version__,
    )
    return page(f"rfgraph report: {name}", body, data)


def _effective(view: View) -> dict[tuple[str, str], ERF]:
    tensors = {at: [row.field.tensor for row in layers(view, at)] for at in view.inputs}
    return dict(effective_fields(view.result, tensors))


def all_findings(result: Result) -> list[Finding]:
    """Return what every check says that needs no setting and can be asked of this model."""
    findings: list[Finding] = []
    for code in all_codes():
        if check_of(code).needs is None:
            try:
                findings.extend(check(result, select=code))
            except RfgraphError:
                # A length is open that this check needs: the answer says which.
                continue
    return list(dict.fromkeys(findings))
