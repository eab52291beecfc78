"""A gate asked again of a changed model, and the smallest change with which it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from rfgraph.analysis.result import Result, analyze
from rfgraph.analysis.what_if import revised_here
from rfgraph.checks.subject import Subject
from rfgraph.checks.together import together
from rfgraph.errors import RfgraphError

if TYPE_CHECKING:
    from types import ModuleType

    from rfgraph.checks.settings import Settings
    from rfgraph.checks.subject import Measurement
    from rfgraph.relations.graph import Changes, Setting


Vector: TypeAlias = tuple[int, ...]
Made: TypeAlias = dict[tuple[str, str], "Setting"]
# Where among the spatial axes an axis of the input stands.
Places: TypeAlias = Mapping[int, int]

# How often a model is changed and asked again for one suggestion.
MAX_TRIALS = 48


class Steps(Protocol):
    """A change that is made in steps, so many along each spatial axis, of which `places` tells."""

    @property
    def places(self) -> Sequence[int]:
        """One entry for each spatial axis."""

    @property
    def most(self) -> int:
        """How many steps there are at most."""

    @property
    def is_joint(self) -> bool:
        """Whether a step is one along all axes."""

    def changes(self, steps: Vector) -> Made:
        """Return what `what_if` takes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What falls short of a changed model, and the least that the statistic is anywhere."""

    short: tuple[Measurement, ...]
    reached: Fraction | int | None


@dataclass(slots=True)
class Gate:
    """What one rule asks of a model, and of the same model with other attributes."""

    result: Result
    settings: Settings
    rule: ModuleType
    _answers: dict[tuple[Any, ...], Answer | None] = field(default_factory=dict)

    def changed(self, changes: Changes) -> Result | None:
        """Return the changed model's analysis, None where the model does not allow the change."""
        try:
            return analyze(revised_here(self.result.model, changes))
        except RfgraphError:
            return None

    def subject(self, result: Result) -> Subject:
        """Return a model under the check."""
        return Subject(result, self.settings, together(result))

    def answer(self, changes: Changes) -> Answer | None:
        """Return what the rule says of the changed model, None where that cannot be told."""
        key = tuple(sorted(changes.items(), key=repr))
        if key not in self._answers:
            self._answers[key] = self._asked(changes)
        return self._answers[key]

    def _asked(self, changes: Changes) -> Answer | None:
        result = self.changed(changes) if changes else self.result
        if result is None:
            return None
        try:
            found = list(self.rule.measurements(self.subject(result)))
        except RfgraphError:
            return None
        if not found:
            return None  # nothing is read any more, of which nothing is asked
        numbers = [item.found for item in found if item.found is not None]
        short = tuple(item for item in found if not item.holds)
        return Answer(short, min(numbers) if numbers else None)

    def holds(self, changes: Changes) -> bool:
        """Whether nothing of the changed model falls short."""
        answer = self.answer(changes)
        return answer is not None and not answer.short

    def reached(self, changes: Changes) -> Fraction | int | None:
        """Return the least that the statistic is on an axis of the changed model."""
        answer = self.answer(changes)
        return None if answer is None else answer.reached


def smallest(gate: Gate, move: Steps, guess: Mapping[int, int], places: Places) -> Vector | None:
    """Return the least number of steps for each spatial axis with which the gate holds.

    `guess` are the steps that arithmetic expects, by the input's axis, of those that fall short; of
    others no step is made. None where the most steps, or MAX_TRIALS trials, are not enough.
    """
    search = _Search(move, guess, places)
    before = _found(gate.answer({}))
    for trial in range(MAX_TRIALS):
        steps = search.steps()
        if steps is None:
            return None
        answer = gate.answer(move.changes(steps))
        if answer is None or not search.learn({item.axis for item in answer.short}):
            return None
        if not trial and answer.short and _found(answer).items() <= before.items():
            return None  # a layer whose window does not matter
        if search.done and not answer.short:
            return steps
    return None


def _found(answer: Answer | None) -> dict[tuple[str | None, int], object]:
    """Return what the statistic is where it falls short."""
    short = () if answer is None else answer.short
    return {(item.tensor, item.axis): item.found for item in short}


class _Search:
    """Halves what lies between steps that do not hold and steps that do, all axes at once.

    Axes that only grow together are one group.
    """

    def __init__(self, move: Steps, guess: Mapping[int, int], places: Places) -> None:
        self._move, self._places = move, places
        self._groups = [tuple(guess)] if move.is_joint else [(axis,) for axis in guess]
        self._guess = [max(guess[axis] for axis in group) for group in self._groups]
        self._low = [0] * len(self._groups)
        self._high: list[int | None] = [None] * len(self._groups)
        self._tried: list[int] = []

    @property
    def done(self) -> bool:
        """Whether of each group the least is known."""
        return all(high == low + 1 for low, high in zip(self._low, self._high, strict=True))

    def steps(self) -> Vector | None:
        """Return what to try next; None beyond the most."""
        self._tried = [self._next(number) for number in range(len(self._groups))]
        if max(self._tried) > self._move.most:
            return None
        values = [0] * len(self._move.places)
        for group, value in zip(self._groups, self._tried, strict=True):
            for axis in group:
                values[self._places[axis]] = value
        return tuple(values)

    def _next(self, number: int) -> int:
        low, high, guess = self._low[number], self._high[number], self._guess[number]
        if high is None:
            return guess if low < guess else 2 * low
        if high == low + 1:
            return high
        # The guess is mostly exact: what is one less is tried before the middle.
        return high - 1 if high == guess else (low + high) // 2

    def learn(self, failing: set[int]) -> bool:
        """Note which groups hold; False where other axes fail, or what held before does not."""
        if not failing <= {axis for group in self._groups for axis in group}:
            return False
        for number, (group, value) in enumerate(zip(self._groups, self._tried, strict=True)):
            high = self._high[number]
            if failing.intersection(group):
                self._low[number] = max(self._low[number], value)
            else:
                self._high[number] = value if high is None else min(high, value)
        pairs = zip(self._low, self._high, strict=True)
        return all(high is None or high > low for low, high in pairs)
