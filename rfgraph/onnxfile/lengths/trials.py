"""The lengths that were tried: what was built with them, or why they were refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

from rfgraph.errors import ModelError
from rfgraph.onnxfile.lengths.refusal import Refusal
from rfgraph.wording.names import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rfgraph.onnxfile.lengths.dimensions import Dimension, Lengths
    from rfgraph.relations.graph import Graph


# Of each way to find lengths, and operators that are built in all.
MAX_TRIALS = 64
MAX_OPERATORS = 20_000


class HasGraph(Protocol):
    """What was built of a model: its graph."""

    @property
    def graph(self) -> Graph:
        """The graph."""


Built = TypeVar("Built", bound=HasGraph)


class Reason(NamedTuple):
    """Why an open dimension was given its length, and whether the file leaves no other."""

    text: str
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Choice(Generic[Built]):
    """What was built, with which lengths of the open dimensions, and why with those."""

    built: Built
    lengths: Lengths
    reasons: dict[Dimension, Reason] = field(default_factory=dict)

    @property
    def is_large(self) -> bool:
        """Whether it is too large to be built for a question alone."""
        return len(self.built.graph) > MAX_OPERATORS


class Trials(Generic[Built]):
    """Builds a graph with some lengths, counts that, and keeps what was refused.

    `build` returns what was built, or the refusal; `best` is the refusal before which most was
    built, with its lengths.
    """

    def __init__(self, build: Callable[[Lengths], Built | Refusal]) -> None:
        self._build = build
        self._refusals: list[ModelError] = []
        self._operators = self._trials = 0
        self.best: tuple[Refusal, Lengths] = Refusal(ModelError(""), -1), {}

    def begin(self) -> None:
        """Begin another way to find lengths."""
        self._trials = 0

    def run(self, lengths: Lengths) -> Built | Refusal:
        """Build with some lengths, as a trial."""
        result = self._build(lengths)
        if isinstance(result, Refusal):
            self._refusals.append(result.error)
            self._trials += 1
            self._operators += result.operators
            if result.operators > self.best[0].operators:
                self.best = result, lengths
        return result

    def is_spent(self) -> bool:
        """Whether as much was tried as may be."""
        return self._trials >= MAX_TRIALS or self._operators >= MAX_OPERATORS

    def ask(self, lengths: Lengths) -> Built | Refusal:
        """Build with some lengths for a question alone, which counts as no trial."""
        return self._build(lengths)

    def accepts(self, lengths: Lengths) -> bool:
        """Whether the graph can be built with some lengths; asked as no trial."""
        return not isinstance(self._build(lengths), Refusal)

    def error(self, dimensions: Iterable[Dimension]) -> ModelError:
        """Return the first refusal, and what to bind where others were in other words."""
        refusal = self._refusals[0]
        if len(set(map(str, self._refusals))) == 1:
            return refusal
        names = [key if isinstance(key, str) else f"{key[0]}:{key[1]}" for key in dimensions]
        tried = ", ".join(map(quote, names[:4]))
        more = f" and {len(names) - 4} more" if len(names) > 4 else ""
        return ModelError(
            f"{refusal} (no length tried fits the open dimensions {tried}{more}: "
            "give them by --input-shape or --dim)"
        )
