"""A change with which a gate holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, TypeAlias

from rfgraph.frozen import FrozenDict
from rfgraph.wording.records import entry_of, plain

if TYPE_CHECKING:
    from rfgraph.domains.fields.axis import Json
    from rfgraph.relations.beside import Setting


Kind: TypeAlias = Literal["dilation", "kernel", "layer", "stride", "causal", "removal"]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The smallest change of its kind with which the gate holds, tried on the model.

    `changes` are what `what_if` takes. `required` and `reached` are in input positions: what the
    gate asks for, and what its statistic then is. `cost` is how many weights the model has more
    (fewer where it is below 0). `text` says it in one line.
    """

    kind: Kind
    changes: Mapping[tuple[str, str], Setting]
    required: Fraction | int | None
    reached: Fraction | int | None
    cost: int
    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "changes", FrozenDict(self.changes))

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        changes = [
            {"node": node, "attribute": name, "value": plain(value)}
            for (node, name), value in self.changes.items()
        ]
        return {**entry_of(self), "changes": changes}


def setting_text(value: Setting) -> str:
    """Return a value as --set of `rfgraph whatif` takes it."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
