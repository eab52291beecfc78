"""The public result of an analysis: what is measured, as values, as JSON and in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.analysis.analysis import Result
from rfgraph.analysis.field import field_html
from rfgraph.analysis.loading import load, refuse_binding
from rfgraph.arguments import keywords_named
from rfgraph.domains.fields.closed_form import closed_forms
from rfgraph.relations.graph import Model
from rfgraph.wording.names import for_html

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike

    from rfgraph.onnxfile.reading.model_source import Source
    from rfgraph.ops.registry import Rule


@keywords_named
def analyze(
    model: Model | Source,
    *,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    input_values: Mapping[str, ArrayLike] | None = None,
    dims: Mapping[str, int] | None = None,
    rules: Mapping[tuple[str, str], Rule] | None = None,
    masks: bool = False,
) -> Result:
    """Return the closed-form analysis of a model.

    A source is loaded first, and the keywords are those of `load`. UsageError where one is given
    for a model that is loaded already.
    """
    if isinstance(model, Model):
        refuse_binding(
            input_shapes=input_shapes,
            input_values=input_values,
            dims=dims,
            rules=rules,
            masks=masks,
        )
        loaded = model
    else:
        loaded = load(
            model,
            input_shapes=input_shapes,
            input_values=input_values,
            dims=dims,
            rules=rules,
            masks=masks,
        )
    return Result(loaded, closed_forms(loaded.graph, [item.name for item in loaded.inputs]))


def result_html(result: Result) -> str:
    """Return an analysis as the tables of its outputs, or of what comes before a global one."""
    names: dict[str, None] = {}
    for output in result.outputs:
        names.update(dict.fromkeys(output.before_global or (output.name,)))
    fields = result.receptive_fields(list(names))
    return "".join([f"<p>{for_html(result.model.file)}</p>", *map(field_html, fields)])
