"""The result of an analysis: what is measured, as values, as JSON and in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rfgraph.analysis.analysis import Analysis, forms_of
from rfgraph.analysis.distributions import pairs, quick_distribution
from rfgraph.analysis.document import contents
from rfgraph.analysis.loading import load, refuse_binding
from rfgraph.analysis.names import pick_tensors
from rfgraph.analysis.view import View
from rfgraph.arguments import keywords_named
from rfgraph.relations.graph import Model
from rfgraph.wording.names import for_html

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike

    from rfgraph.domains.fields.axis import Json
    from rfgraph.onnxfile.reading.model_source import Source
    from rfgraph.ops.registry import Rule


# Distributions that a notebook shows of a result.
MAX_SHOWN = 4


class Result(Analysis):
    """The analysis of one model; fields are measured when they are asked for.

    `outputs` and `findings` are values; `receptive_field` gives one field, `receptive_fields` all
    of them in topological order.
    """

    def to_dict(self, tensors: Sequence[str] | None = None) -> Json:
        """Return the JSON report of `rfgraph MODEL`, or that of `tensors` as by its `--tensor`.

        The paths to them are counted for it; `receptive_fields` alone counts none. Raises
        UsageError, with the nearest names, for a tensor that does not exist.
        """
        inputs = tuple(item.name for item in self.model.inputs)
        names = None if tensors is None else pick_tensors(self.model, tensors)
        return contents(View(self, inputs, names))

    def _repr_html_(self) -> str:
        """Return tables of the outputs, or of what comes before a global one, and of the paths."""
        names: dict[str, None] = {}
        for output in self.outputs:
            names.update(dict.fromkeys(output.before_global or (output.name,)))
        tables = (field._repr_html_() for field in self.receptive_fields(list(names)))
        view = View(self, tuple(item.name for item in self.model.inputs))
        counted = [quick_distribution(self, *pair).histogram for pair in pairs(view)[:MAX_SHOWN]]
        paths = [histogram._repr_html_() for histogram in counted if histogram is not None]
        return "".join([f"<p>{for_html(self.model.file)}</p>", *tables, *paths])


@keywords_named
def analyze(
    model: Model | Source,
    *,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    input_values: Mapping[str, ArrayLike] | None = None,
    dims: Mapping[str, int] | None = None,
    rules: Mapping[tuple[str, str], Rule] | None = None,
    masks: bool = False,
    override_shapes: Mapping[str, Sequence[int]] | None = None,
) -> Result:
    """Return the closed-form analysis of a model.

    A source is loaded first, and the keywords are those of `load`. UsageError where one is given
    for a model that is loaded already.
    """
    binding: dict[str, Any] = {
        "input_shapes": input_shapes,
        "input_values": input_values,
        "dims": dims,
        "rules": rules,
        "masks": masks,
        "override_shapes": override_shapes,
    }
    if isinstance(model, Model):
        refuse_binding(**binding)
    else:
        model = load(model, **binding)
    return Result(model, forms_of(model))
