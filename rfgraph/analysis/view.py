"""What of a result is shown: which tensors, which inputs, and the facts that renderers share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from rfgraph.analysis.names import pick_input, pick_tensors
from rfgraph.errors import BoundError, UsageError
from rfgraph.wording.names import quote, some_names, some_quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rfgraph.analysis.analysis import Analysis
    from rfgraph.analysis.field import ReceptiveField
    from rfgraph.relations.beside import StoredMasks
    from rfgraph.relations.graph import ModelInput


# Fields, and distributions over paths, that are listed one by one.
MAX_FIELDS = 1 << 21


class View(NamedTuple):
    """A result and what was asked of it; `tensors` is None where the default is meant."""

    result: Analysis
    inputs: tuple[str, ...]
    tensors: tuple[str, ...] | None = None

    @property
    def model_inputs(self) -> tuple[ModelInput, ...]:
        """The inputs that were asked for."""
        chosen = set(self.inputs)
        return tuple(item for item in self.result.model.inputs if item.name in chosen)

    def fields(self) -> Iterator[ReceptiveField]:
        """Return the fields that were asked for: of all tensors, by default."""
        return self.result.receptive_fields(self.tensors, self.inputs)

    def require_listable(self) -> None:
        """Raise BoundError, with how to ask for less, for more fields than a report may list."""
        model = self.result.model
        tensors = model.graph if self.tensors is None else self.tensors
        number = len(self.inputs) * len(model.outputs if self.tensors is None else self.tensors)
        number += sum(len(group.inputs) for name in tensors for group in self.result.groups(name))
        if len(self.inputs) > 1 and number > MAX_FIELDS:
            raise BoundError(
                f"{number} pairs of a tensor and an input that it reads are more than MAX_FIELDS "
                f"({MAX_FIELDS}), which a report lists: ask for some by --tensor or --input"
            )

    def fields_of(self, tensor: str) -> list[ReceptiveField]:
        """Return the fields of one tensor on the inputs that reach it."""
        return list(self.result.receptive_fields([tensor], self.inputs))

    def alike_fields(self, tensor: str) -> list[tuple[ReceptiveField, tuple[str, ...]]]:
        """Return the fields of one tensor, each with the inputs on which it is the same."""
        every = self.result.alike_inputs(tensor)
        if len(self.inputs) < len(self.result.forms):
            chosen = set(self.inputs)
            every = [tuple(filter(chosen.__contains__, names)) for names in every]
        return [(self.result.receptive_field(tensor, names[0]), names) for names in every if names]

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield the tensors asked for, else the outputs, with each input that reaches them."""
        for tensor in self.tensors or self.result.model.outputs:
            for source in self.inputs:
                if tensor in self.result.forms[source]:
                    yield tensor, source

    def spatial_axes(self, field: ReceptiveField) -> tuple[int, ...]:
        """Return the spatial axes of the input that the field lies on."""
        return self.result.forms[field.input].spatial_axes

    def length(self, field: ReceptiveField, axis: int) -> int | None:
        """Return n: how many units lie on the tensor's axis that carries the input's `axis`.

        None where no axis carries it (after a global pool), or several do.
        """
        if field.shape is None:
            return None
        classes = self.result.forms[field.input][field.tensor].classes
        local = (layout for layout in classes if layout.is_local([axis]))
        lengths = {_length(field.shape, layout.along[axis]) for layout in local}
        return lengths.pop() if len(lengths) == 1 else None


def _length(shape: Sequence[int], carrier: frozenset[int]) -> int | None:
    if len(carrier) > 1:
        return None
    return shape[next(iter(carrier))] if carrier else 1


def view(
    result: Analysis,
    input_name: str | None = None,
    tensors: Sequence[str] | None = None,
    *,
    reached: bool = True,
) -> View:
    """Return the view asked for; UsageError for a name that does not exist.

    And, where they must be `reached`, for a tensor that no input reaches.
    """
    names = tuple(item.name for item in result.model.inputs)
    inputs = names if input_name is None else (pick_input(result.model, input_name),)
    picked = None if tensors is None else pick_tensors(result.model, tensors)
    for name in picked or () if reached else ():
        if not any(name in result.forms[item] for item in inputs):
            raise UsageError(f"tensor {quote(name)} reads nothing of input {some_quoted(inputs)}")
    return View(result, inputs, picked)


def masks_sentence(masks: StoredMasks) -> str:
    """Say what stored masks were taken to cut."""
    if not masks.cut:
        said = "Stored masks were to cut (--masks), and cut nothing."
    else:
        least = max(masks.cut, key=lambda item: item.highest)
        where = some_names([item.operator.label for item in masks.cut])
        what = "minus infinity" if math.isinf(least.highest) else f"{least.highest:g}"
        said = f"Stored masks cut (--masks) at {where}; the least of them is {what}."
    if masks.left:
        reasons: dict[str, list[str]] = {}
        for operator, reason in masks.left:
            reasons.setdefault(reason, []).append(operator.label)
        said += "".join(f" At {some_names(at)}, {reason}." for reason, at in reasons.items())
    return said


def open_lengths(item: ModelInput) -> Iterator[tuple[int, str]]:
    """Yield the axes that the file leaves open, with their lengths and why they have them."""
    for axis in sorted({**item.probed, **item.determined}):
        length = item.shape[axis]
        why = f" ({item.reasons[axis]})" if axis in item.reasons else ""
        yield axis, f"taken as {length}{why}" if axis in item.probed else f"{length}{why}"


def input_lengths(item: ModelInput) -> Mapping[int, int | None]:
    """Return the input's length by axis, None where it was probed."""
    return {axis: None if axis in item.probed else length for axis, length in enumerate(item.shape)}
