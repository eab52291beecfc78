"""What is exported of a tensor: its field along the spatial axes of each input that reaches it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from rfgraph.analysis.breadth import breadths
from rfgraph.domains.fields.axis import numbers
from rfgraph.reports.exports import METRICS
from rfgraph.wording.names import printable
from rfgraph.wording.numbers import fraction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from rfgraph.analysis.analysis import Analysis
    from rfgraph.analysis.field import ReceptiveField

PREFIX = "rfgraph."
KEYS = ("size", "stride", "start", "scope", "effective")
# Up to here every reader of a number has it exactly.
_EXACT = 1 << 53


class Along(NamedTuple):
    """A field along one axis; of one that is not local, the numbers of its local paths.

    `effective` is about how many positions hold 95 % of what counts. None is what is not known.
    """

    axis: int
    size: int | None
    stride: Fraction | None
    start: int | None
    scope: str
    effective: int | None


@dataclass(frozen=True, slots=True)
class Values:
    """The field of a tensor on `input`, along each of its spatial axes."""

    input: str
    along: tuple[Along, ...]

    @property
    def largest(self) -> Along:
        """The axis with the largest size, the first of several."""
        return max(self.along, key=lambda one: one.size or 0)

    def attributes(self) -> dict[str, str | int | float]:
        """Return what is known of the axis with the largest size, of one type for each key."""
        known: dict[str, str | int | float] = dict(self.numbers())
        known |= {key: float(known[key]) for key in ("stride", "start") if key in known}
        source = printable(self.input, len(self.input))
        return {"input": source, "axis": self.largest.axis, **known, "scope": self.largest.scope}

    def texts(self) -> dict[str, str]:
        """Return what is known by key: once where the axes agree, else for each, with commas."""
        texts = {}
        for key in KEYS:
            told = [_text(getattr(one, key)) for one in self.along]
            if any(text != "-" for text in told):
                texts[key] = told[0] if len(set(told)) == 1 else ", ".join(told)
        return texts

    def numbers(self) -> dict[str, int | float]:
        """Return the numbers of the axis with the largest size, as far as a float holds them."""
        every = {key: getattr(self.largest, key) for key in METRICS}
        return {
            key: int(number) if number == int(number) else float(number)
            for key, number in every.items()
            if number is not None and abs(number) <= _EXACT
        }


def _text(value: object) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else fraction(value)  # type: ignore[arg-type]


def values_of(result: Analysis) -> dict[str, tuple[Values, ...]]:
    """Return by tensor its fields on the inputs that reach it, in the file's order of inputs.

    Inputs without a spatial axis are left out.
    """
    fields: dict[str, list[Values]] = {name: [] for name in result.graph}
    for source, form in result.forms.items():
        if not form.spatial_axes:
            continue
        sizes = breadths(result, source)
        for tensor in form:
            field = result.receptive_field(tensor, source)
            effective = sizes.get(tensor, {})
            along = [_along(field, axis, effective.get(axis)) for axis in form.spatial_axes]
            fields[tensor].append(Values(source, tuple(along)))
    return {name: tuple(values) for name, values in fields.items()}


def _along(field: ReceptiveField, axis: int, effective: int | None) -> Along:
    own = field.axes[axis]
    local = numbers(own)
    if local is None:
        return Along(axis, None, None, None, own.scope, None)
    return Along(axis, local.size, local.stride, local.start, own.scope, effective)


def named_texts(values: Sequence[Values], *, several: bool) -> dict[str, str]:
    """Return what is known of a tensor by key.

    Keys begin with `PREFIX`. Where the model has `several` inputs, rfgraph.input says whose the
    plain keys are, the first that reaches the tensor; those of others have its name in brackets.
    """
    texts: dict[str, str] = {}
    for number, one in enumerate(values):
        if several and not number:
            texts[f"{PREFIX}input"] = one.input
        mark = f"[{one.input}]" if number else ""
        texts.update((f"{PREFIX}{key}{mark}", text) for key, text in one.texts().items())
    return texts
