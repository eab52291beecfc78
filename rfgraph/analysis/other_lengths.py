"""A model at other lengths of its inputs, as long as one analysis is asked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from rfgraph.errors import RfgraphError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.graph import Model, ModelInput


Shapes: TypeAlias = "tuple[tuple[str, Shape], ...]"

# So many models at other lengths are kept: each tensor is asked about the same.
RECENT = 8


@dataclass(frozen=True, slots=True)
class OtherLengths:
    """What gives a model at other lengths: the last that were made are kept, and what it refuses.

    `made` is None for a model that was built by hand, which has no others.
    """

    model: Model
    made: Callable[[Shapes], Model] | None
    refused: set[Shapes]

    def at(self, source: ModelInput, lengths: Mapping[int, int]) -> Model | None:
        """Return the model with axes of an input at other lengths; None where it refuses them.

        Axes of one symbol keep one length, those of other inputs too.
        """
        symbols = {source.symbolic.get(axis, "?"): length for axis, length in lengths.items()}
        symbols.pop("?", None)
        shapes = {}
        for item in self.model.inputs:
            own = lengths if item.name == source.name else {}
            shapes[item.name] = tuple(
                own.get(axis, symbols.get(item.symbolic.get(axis, "?"), length))
                for axis, length in enumerate(item.shape)
            )
        return self.at_shapes(shapes)

    def at_shapes(self, shapes: Mapping[str, Shape]) -> Model | None:
        """Return the model at shapes of all its inputs; None where it refuses them."""
        key = tuple(shapes.items())
        if self.made is None or key in self.refused:
            return None
        try:
            return self.made(key)
        except RfgraphError:
            self.refused.add(key)
            return None


def other_lengths(model: Model) -> OtherLengths:
    """Return what gives a model at other lengths."""
    at = model.at
    made = None if at is None else lru_cache(RECENT)(lambda shapes: at(dict(shapes)))
    return OtherLengths(model, made, set())
