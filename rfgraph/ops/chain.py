"""A builder of steps: what rules say of an input, one step after the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rfgraph.ops.node import Link
from rfgraph.relations.axis_rules import Band, Shift, Whole
from rfgraph.relations.reading import is_identity
from rfgraph.relations.steps import (
    Permute,
    Pointwise,
    Prefix,
    Reduce,
    Regroup,
    Select,
    Step,
    Taps,
    step_shape,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rfgraph.relations.axis_rules import Shape, TapRule
    from rfgraph.relations.how import How


@dataclass(slots=True)
class Chain:
    """A builder of steps that knows the shape it has reached."""

    shape: Shape
    steps: list[Step] = field(default_factory=list)

    def add(self, *steps: Step) -> Chain:
        """Append steps and return the chain itself."""
        for step in steps:
            self.steps.append(step)
            self.shape = step_shape(step, self.shape)
        return self

    def reshape(self, target: Shape) -> Chain:
        """Append a Reshape to `target`; one that changes nothing is pointwise."""
        return self.add(Pointwise(target) if self.shape == target else Regroup(target))

    def regroup(self, target: Shape) -> Chain:
        """Append a Reshape to `target`, unless the shape is that already."""
        return self if self.shape == target else self.add(Regroup(target))

    def permute(self, *perm: int) -> Chain:
        """Append that axis number i is the one that was perm[i]."""
        return self.add(Permute(perm))

    def broadcast(self, target: Shape) -> Chain:
        """Append that every element of `target` reads the one that is broadcast to it."""
        return self.add(Pointwise(target))

    def select(self, shifts: Iterable[tuple[int, Shift]]) -> Chain:
        """Append a slice, crop, pad or concat by axis; one that changes nothing is pointwise."""
        rules = tuple((axis, shift) for axis, shift in shifts if not is_identity(shift))
        return self.add(Select(rules) if rules else Pointwise(self.shape))

    def take(self, axis: int, start: int, length: int) -> Chain:
        """Append that `length` positions of an axis are taken, from `start` on."""
        return self.select([(axis, Shift(start, 1, self.shape[axis], length))])

    def put(self, axis: int, start: int, total: int) -> Chain:
        """Append that an axis lies in one of length `total`, from `start` on, around it nothing."""
        return self.select([(axis, Shift(-start, 1, self.shape[axis], total, "absent"))])

    def reduce(
        self, axes: Iterable[int], weighted: bool = False, to: int = 1, unknown: bool = False
    ) -> Chain:
        """Append that each of `axes`, if there is any, is read as a whole by `to` positions.

        `unknown`: or what of it is read depends on data.
        """
        rules = tuple((axis, Whole(self.shape[axis], to, unknown)) for axis in axes)
        return self.add(Reduce(rules, weighted)) if rules else self

    def band(self, axis: int, before: int | None, after: int | None) -> Chain:
        """Append that position i of an axis reads those in [i - before, i + after]; None: all."""
        length = self.shape[axis]
        return self.add(Prefix(((axis, Band(before, after, length, length)),)))

    def taps(self, axis: int, rule: TapRule) -> Chain:
        """Append that an axis is read by a rule of several positions."""
        return self.add(Taps(((axis, rule),)))

    def copy(self) -> Chain:
        """Return a chain of the same steps that goes on by itself."""
        return Chain(self.shape, list(self.steps))

    def link(
        self,
        source: int,
        output: int = 0,
        spatial: Iterable[int] = (),
        how: How | None = None,
    ) -> Link:
        """Return the link from input `source` to `output` that the steps so far make.

        Without any it is pointwise.
        """
        steps = tuple(self.steps) or (Pointwise(self.shape),)
        return Link(source, steps, output, tuple(spatial), how)
