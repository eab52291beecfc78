"""What of a model is changed, and what is read then, in each format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.analysis.diff import diff
from rfgraph.analysis.document import contents
from rfgraph.analysis.result import analyze
from rfgraph.analysis.view import view
from rfgraph.relations.beside import Revision
from rfgraph.reports.diff import output_lines, output_parts
from rfgraph.reports.formats.json import dumps
from rfgraph.reports.formats.markdown import table
from rfgraph.reports.formats.table import lay_out
from rfgraph.reports.model import fields
from rfgraph.wording.names import for_markdown, safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.analysis.differences import Diff
    from rfgraph.relations.beside import AttributeChange, Setting
    from rfgraph.relations.graph import Model
    from rfgraph.reports.formats.style import Style


HEADER = ("node", "attribute", "in the file", "instead")


def as_text(
    given: Model, model: Model, tensors: Sequence[str] | None, source: str | None, style: Style
) -> str:
    """Return what is changed, and what differs then in what is read."""
    changes = lay_out(HEADER, _rows(model), style)
    differences = _compare(given, model, tensors, source)
    lines = [style.bold(safe(model.file)), "", *changes, *output_lines(differences, style)]
    return "\n".join(lines) + "\n"


def as_markdown(
    given: Model, model: Model, tensors: Sequence[str] | None, source: str | None
) -> str:
    """Return the same as Markdown."""
    title, changes = f"### What if: {for_markdown(model.file)}", table(HEADER, _rows(model))
    differences = _compare(given, model, tensors, source)
    return "\n\n".join([title, changes, *output_parts(differences)]) + "\n"


def _compare(given: Model, model: Model, tensors: Sequence[str] | None, source: str | None) -> Diff:
    return diff(given, model, tensors={name: name for name in tensors or ()}, input=source)


def as_json(given: Model, model: Model, tensors: Sequence[str] | None, source: str | None) -> str:
    """Return the JSON of `rfgraph MODEL`, with what was changed and what to mind."""
    revision = model.revision or Revision(())
    changes = [change.to_dict() for change in revision.changes]
    said = {"changes": changes, "warnings": list(revision.warnings)}
    return dumps({**contents(view(analyze(model), source, tensors)), **said})


def as_csv(given: Model, model: Model, tensors: Sequence[str] | None, source: str | None) -> str:
    """Return the CSV of `rfgraph MODEL`."""
    return fields.as_csv(view(analyze(model), source, tensors))


def _rows(model: Model) -> Iterator[tuple[str, str, str, str]]:
    """Yield node, attribute, its value in the file and the other one."""
    for change in model.revision.changes if model.revision else ():
        follows = f" ({_reason(change)})" if change.follows else ""
        after = f"{_setting(change.after)}{follows}"
        yield safe(change.node), safe(change.attribute), _setting(change.before), after


def _reason(change: AttributeChange) -> str:
    """Return why an attribute changed that was not asked for."""
    if change.after is None:
        return "auto_pad is in its place"
    return "pads are in its place" if change.attribute == "auto_pad" else "follows the extent"


def _setting(value: Setting | None) -> str:
    """Return a value as it is given to --set; "-" without one."""
    if value is None:
        return "-"
    return safe(",".join(map(str, value)) if isinstance(value, tuple) else str(value))
