"""Over which edges paths stop being local on a spatial axis."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rfgraph.domains.fields.layout import carriers
from rfgraph.relations.axis_rules import Band, Rows, Whole
from rfgraph.relations.steps import (
    Everything,
    Gathered,
    Permute,
    Pointwise,
    Prefix,
    Reduce,
    Regroup,
    regroup_plan,
)

if TYPE_CHECKING:
    from rfgraph.domains.effective.adjoint import Weighing
    from rfgraph.domains.fields.layout import ClosedForm
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.graph import Edge
    from rfgraph.relations.steps import Step


def is_lossy(form: ClosedForm, edge: Edge) -> bool:
    """Whether an edge ends local paths: it reads all, or one side, of an axis that is spatial."""
    if not form.loses_at(edge):
        return False
    state = form[edge.source]
    axes = frozenset().union(*(carriers(state.classes, axis) for axis in form.spatial_axes))
    for step, shape in zip(edge.relation.steps, edge.relation.shapes, strict=False):
        if isinstance(step, Everything) or _ends(step, axes):
            return True
        axes = _axes_behind(step, shape, axes)
    return False


def without_lossy(form: ClosedForm, weighing: Weighing) -> Weighing:
    """Return a weighing without the edges over which local paths end."""
    edges = {
        name: tuple(edge for edge in many if not is_lossy(form, edge))
        for name, many in weighing.edges.items()
    }
    return replace(weighing, edges=edges)


def _ends(step: Step, axes: frozenset[int]) -> bool:
    if not isinstance(step, Reduce | Prefix):
        return False
    return any(
        axis in axes and (isinstance(rule, Whole | Rows) or _is_open(rule))
        for axis, rule in step.rules
    )


def _is_open(rule: object) -> bool:
    return isinstance(rule, Band) and None in (rule.before, rule.after)


def _axes_behind(step: Step, shape: Shape, axes: frozenset[int]) -> frozenset[int]:
    """Return where axes lie behind a step."""
    if isinstance(step, Permute):
        return frozenset(place for place, axis in enumerate(step.perm) if axis in axes)
    if isinstance(step, Pointwise):
        return frozenset(axis + len(step.shape) - len(shape) for axis in axes)
    if isinstance(step, Regroup):
        groups = regroup_plan(shape, step.shape)
        return frozenset(a for before, after in groups if axes.intersection(before) for a in after)
    if isinstance(step, Gathered):
        return frozenset(
            place
            for axis in axes
            for place, length in enumerate(step.places[axis].shape)
            if length > 1
        )
    return axes
