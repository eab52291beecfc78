"""The lengths that are tried for dimensions that neither the file nor the user gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from rfgraph.errors import ModelError
from rfgraph.wording.names import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rfgraph.onnxfile.building.inputs import Dimension, Lengths


PROBES = (256, 224, 512, 1024)
# Where none of these fits: what networks often ask for, one dimension at a time.
LENGTHS = (1, 3, 48, 32, 64, 28, 112, 128, 160, 16, 640)
MAX_TRIALS = 64
MAX_OPERATORS = 20_000

Built = TypeVar("Built")


class Search(Generic[Built]):
    """The search for lengths of the open dimensions that a graph accepts.

    `build` builds the graph with some lengths; it returns what was built, or the error, and how
    many operators were built by then. `first` says of each dimension whether it is an axis 0.
    """

    def __init__(
        self,
        build: Callable[[Lengths], tuple[Built | ModelError, int]],
        first: dict[Dimension, bool],
    ) -> None:
        self._build, self._first = build, first
        self._refusals: list[ModelError] = []
        self._best: tuple[int, Lengths] = (-1, {})
        self._operators = 0

    def run(self) -> Built:
        """Return what is built with the first lengths that fit; raise the first refusal if none do.

        All dimensions have one length at first, those of an axis 0 the length 1. Then one at a time
        takes another, and keeps it if more of the graph accepts it.
        """
        for probe in PROBES:
            found = self._attempt(self._uniform(probe))
            if found is not None:
                return found
            if not self._first:
                break
        found = self._one_by_one()
        if found is not None:
            return found
        raise self._refused()

    def _attempt(self, lengths: Lengths) -> Built | None:
        """Build with some lengths; None where that is refused."""
        found, operators = self._build(lengths)
        if not isinstance(found, ModelError):
            return found
        self._refusals.append(found)
        self._operators += operators
        if operators > self._best[0]:
            self._best = operators, lengths
        return None

    def _one_by_one(self) -> Built | None:
        bases = [self._uniform(probe) for probe in PROBES]
        before = self._best[0]
        while bases:
            for lengths in _neighbours(bases):
                if len(self._refusals) >= MAX_TRIALS or self._operators >= MAX_OPERATORS:
                    return None
                found = self._attempt(lengths)
                if found is not None:
                    return found
                if self._best[0] > before:
                    break
            bases = [self._best[1]] if self._best[0] > before else []
            before = self._best[0]
        return None

    def _uniform(self, probe: int) -> Lengths:
        return {key: 1 if at else probe for key, at in self._first.items()}

    def _refused(self) -> ModelError:
        """Return the first refusal, and what to bind where others were in other words."""
        refusal = self._refusals[0]
        if len(set(map(str, self._refusals))) == 1:
            return refusal
        names = [key if isinstance(key, str) else f"{key[0]}:{key[1]}" for key in self._first]
        tried = ", ".join(map(quoted, names[:4]))
        more = f" and {len(names) - 4} more" if len(names) > 4 else ""
        return ModelError(
            f"{refusal} (no length tried fits the open dimensions {tried}{more}: "
            "give them by --input-shape)"
        )


def _neighbours(bases: Sequence[Lengths]) -> Iterator[Lengths]:
    """Yield lengths that differ in one dimension from some of `bases`."""
    for length in LENGTHS:
        for base in bases:
            yield from ({**base, key: length} for key in base if base[key] != length)
