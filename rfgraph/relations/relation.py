"""The relation algebra: what an output element reads, as data.

A relation is a short chain of steps from an input tensor to an output tensor. Along one axis a step
carries an *axis rule*, which says for an output position which input positions it reads. Rules know
no operator and no domain.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from rfgraph.relations.axis_rules import ReduceRule, Rows, Shape, Transposed, Window
from rfgraph.relations.steps import Pointwise, Reduce, Step, Taps, step_shape


@dataclass(frozen=True)
class Relation:
    """A chain of steps from a tensor of `in_shape` to one of `out_shape`.

    `spatial` are the input tensor's axes that the operator treats as spatial (the windowed axes of
    a Conv, a pool, a Resize, ...).
    """

    in_shape: Shape
    steps: tuple[Step, ...]
    spatial: tuple[int, ...] = ()
    shapes: tuple[Shape, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        shapes: tuple[Shape, ...] = (self.in_shape,)
        for step in self.steps:
            shapes += (step_shape(step, shapes[-1]),)
        object.__setattr__(self, "shapes", shapes)

    @property
    def out_shape(self) -> Shape:
        """The shape of the tensor that reads."""
        return self.shapes[-1]

    @cached_property
    def is_pointwise(self) -> bool:
        """Whether every element reads its own index, by broadcasting."""
        return all(isinstance(step, Pointwise) for step in self.steps)

    @cached_property
    def is_identity(self) -> bool:
        """Whether every element reads its own index of a tensor of the same shape."""
        return self.is_pointwise and self.in_shape == self.out_shape

    @cached_property
    def is_void(self) -> bool:
        """Whether a tensor on the way has no elements, so that nothing is read."""
        return any(0 in shape for shape in self.shapes)

    @cached_property
    def reduced(self) -> frozenset[int] | None:
        """The reduced axes if all steps are pointwise or weightless reductions, else None."""
        axes: set[int] = set()
        for step, shape in zip(self.steps, self.shapes, strict=False):
            if isinstance(step, Reduce) and not step.weighted:
                axes.update(axis for axis, _ in step.rules)
            elif not isinstance(step, Pointwise) or len(step.shape) != len(shape):
                return None
        return frozenset(axes) if axes else None

    @cached_property
    def plan(self) -> tuple[tuple[Step, Shape], ...]:
        """The steps with the shape each is applied to; a reduction goes before taps on other axes.

        The order does not matter to what is read, but a reduction merges what taps then do once.
        """
        steps = self.steps
        if len(steps) == 2 and isinstance(steps[0], Taps) and isinstance(steps[1], Reduce):
            tapped = {axis for axis, _ in steps[0].rules}
            if all(tapped.isdisjoint(_deciding_axes(axis, rule)) for axis, rule in steps[1].rules):
                between = step_shape(steps[1], self.in_shape)
                return (steps[1], self.in_shape), (steps[0], between)
        return tuple(zip(steps, self.shapes, strict=False))

    @cached_property
    def is_window(self) -> bool:
        """Whether it counts for `depth`: a window with extent > 1."""
        return any(
            isinstance(rule, (Window, Transposed)) and rule.extent > 1
            for step in self.steps
            if isinstance(step, Taps)
            for _, rule in step.rules
        )


def _deciding_axes(axis: int, rule: ReduceRule) -> tuple[int, ...]:
    """Return the axes whose positions say what a reduction of `axis` reads."""
    return (axis, *rule.axes) if isinstance(rule, Rows) else (axis,)
