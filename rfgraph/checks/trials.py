"""A gate asked again of a changed model, and the smallest change with which it holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rfgraph.analysis.result import Result, analyze
from rfgraph.analysis.what_if import revised_here
from rfgraph.checks.candidates import MOST
from rfgraph.checks.subject import Subject, subject_of
from rfgraph.errors import RfgraphError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from fractions import Fraction
    from types import ModuleType

    from rfgraph.checks.candidates import Move, Vector
    from rfgraph.checks.settings import Settings
    from rfgraph.checks.subject import Measurement
    from rfgraph.relations.beside import Changes


# How often a model is changed and asked again for one suggestion.
MAX_TRIALS = 48


@dataclass(slots=True)
class Gate:
    """What one rule asks of a model, and of the same model with other attributes."""

    result: Result
    settings: Settings
    rule: ModuleType
    _measured: dict[tuple[Any, ...], tuple[Measurement, ...]] = field(default_factory=dict)

    def change(self, changes: Changes) -> Result | None:
        """Return the changed model's analysis, None where the model does not allow the change."""
        try:
            return analyze(revised_here(self.result.model, changes))
        except RfgraphError:
            return None

    def measure(self, changes: Changes) -> tuple[Measurement, ...]:
        """Return what the rule says of the changed model, nothing where that cannot be told."""
        key = tuple(sorted(changes.items(), key=repr))
        if key not in self._measured:
            result = self.change(changes) if changes else self.result
            try:
                said = () if result is None else self.rule.measurements(self.subject(result))
                self._measured[key] = tuple(said)
            except RfgraphError:
                self._measured[key] = ()
        return self._measured[key]

    def subject(self, result: Result) -> Subject:
        """Return a model under the check."""
        return subject_of(result, self.settings)

    def short(self, changes: Changes) -> tuple[Measurement, ...]:
        """Return what falls short of the changed model."""
        return tuple(item for item in self.measure(changes) if not item.holds)

    def holds(self, changes: Changes) -> bool:
        """Whether something is asked of the changed model, and nothing of it falls short."""
        return bool(self.measure(changes)) and not self.short(changes)

    def least_reached(self, changes: Changes) -> Fraction | int | None:
        """Return the least that the statistic is on an axis of the changed model."""
        reached = (item.found for item in self.measure(changes) if item.found is not None)
        return min(reached, default=None)


def smallest(
    gate: Gate, move: Move, guess: Mapping[int, int], places: Mapping[int, int]
) -> Vector | None:
    """Return the least number of steps for each spatial axis with which the gate holds.

    `guess` are the steps that arithmetic expects, by the input's axis, of those that fall short; of
    others no step is made. `places` say where among the spatial axes each stands. None where the
    most steps, or MAX_TRIALS trials, are not enough.
    """
    search = _Search(move, guess, places)
    before = _least_short(gate.short({}))
    for trial in range(MAX_TRIALS):
        steps = search.steps()
        if steps is None:
            return None
        changes = move.changes(steps)
        short = gate.short(changes)
        if not gate.measure(changes) or not search.learn({item.axis for item in short}):
            return None
        if not trial and short and _least_short(short).items() <= before.items():
            return None  # a layer whose window does not matter
        if search.done and not short:
            return steps
    return None


def _least_short(short: Iterable[Measurement]) -> dict[tuple[str | None, int], object]:
    """Return what the statistic is where it falls short."""
    return {(item.tensor, item.axis): item.found for item in short}


class _Search:
    """Halves what lies between steps that do not hold and steps that do, all axes at once.

    Axes that only grow together are one group.
    """

    def __init__(self, move: Move, guess: Mapping[int, int], places: Mapping[int, int]) -> None:
        self._move, self._places = move, places
        self._groups = [tuple(guess)] if move.kind == "layer" else [(axis,) for axis in guess]
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
        if max(self._tried) > MOST[self._move.kind]:
            return None
        values = [0] * len(self._move.first.places)
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
