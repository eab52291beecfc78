"""The whole report of a model as one JSON value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rfgraph.analysis.distributions import pairs, quick_distribution
from rfgraph.version import HEAD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.analysis.analysis import Analysis
    from rfgraph.analysis.field import ReceptiveField
    from rfgraph.analysis.view import View
    from rfgraph.relations.graph import ModelInput


def contents(view: View) -> dict[str, Any]:
    """Return the JSON of `rfgraph MODEL`."""
    made = parts(view)
    return {key: list(part) if isinstance(part, Iterator) else part for key, part in made.items()}


def parts(view: View, fields: Sequence[ReceptiveField] | None = None) -> dict[str, Any]:
    """Return the same with iterators over the entries of its long lists, made when taken.

    `fields` are those asked for, where not all are.
    """
    view.require_listable()
    result, model = view.result, view.result.model
    return {
        **HEAD,
        "model": {
            "file": model.file,
            "ir_version": model.ir_version,
            "opsets": dict(model.opsets),
            "producer": model.producer,
            "nodes": model.nodes,
        },
        "inputs": [_input(result, item) for item in model.inputs],
        "outputs": [output.to_dict() for output in result.outputs],
        **({} if model.masks is None else {"masks": model.masks.to_dict()}),
        "receptive_fields": (
            field.to_dict() for field in (view.fields() if fields is None else fields)
        ),
        "paths": (quick_distribution(result, *pair).to_dict() for pair in pairs(view)),
        "findings": [finding.to_dict() for finding in result.findings],
    }


def _input(result: Analysis, item: ModelInput) -> dict[str, Any]:
    return {
        "name": item.name,
        "shape": list(item.shape),
        "symbolic": {str(axis): name for axis, name in item.symbolic.items()},
        "probed": {str(axis): length for axis, length in item.probed.items()},
        "determined": {str(axis): length for axis, length in item.determined.items()},
        "reasons": {str(axis): why for axis, why in item.reasons.items()},
        **({"declared": {str(a): n for a, n in item.replaced.items()}} if item.replaced else {}),
        "spatial_axes": list(result.forms[item.name].spatial_axes),
    }
