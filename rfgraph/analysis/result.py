"""The public result of an analysis: what is measured, as values, as JSON and in a notebook."""

from __future__ import annotations

from typing import Any

from rfgraph.analysis.analysis import Result
from rfgraph.analysis.field import field_html
from rfgraph.analysis.loading import Source, load
from rfgraph.analysis.names import pick_input, pick_tensor
from rfgraph.domains.fields.closed_form import closed_forms
from rfgraph.errors import UsageError
from rfgraph.relations.graph import Model
from rfgraph.wording.names import for_html, quoted


def analyze(model: Model | Source, **binding: Any) -> Result:
    """Return the closed-form analysis of a model; a path is loaded with `binding` as by `load`."""
    loaded = model if isinstance(model, Model) else load(model, **binding)
    return Result(loaded, closed_forms(loaded.graph, [item.name for item in loaded.inputs]))


def reached(
    model: Model | Result | Source, tensor: str | None, input: str | None, **binding: Any
) -> tuple[Result, str, str]:
    """Return the analysis, and the input and the tensor meant; UsageError where it is not reached.

    A source is loaded with `binding` as by `load`.
    """
    result = model if isinstance(model, Result) else analyze(model, **binding)
    source = pick_input(result.model, input)
    name = pick_tensor(result.model, tensor)
    if name not in result.forms[source].states:
        raise UsageError(f"input {quoted(source)} does not reach tensor {quoted(name)}")
    return result, source, name


def result_html(result: Result) -> str:
    """Return an analysis as the tables of its outputs, or of what comes before a global one."""
    names: dict[str, None] = {}
    for output in result.outputs:
        names.update(dict.fromkeys(output.before_global or (output.name,)))
    fields = result.receptive_fields(list(names))
    return "".join([f"<p>{for_html(result.model.file)}</p>", *map(field_html, fields)])
