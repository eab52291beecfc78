"""The lengths of dimensions that neither the user nor the file's arithmetic gives.

Where a graph refuses a length, the node that does so says what it may ask for (the lengths of its
weights, the numbers of its attributes), and the length for which it gets that is solved for.
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Generic, TypeAlias

from rfgraph.onnxfile.lengths.fixed import with_fixed
from rfgraph.onnxfile.lengths.refusal import Refusal
from rfgraph.onnxfile.lengths.solving import LONG, asked_lengths
from rfgraph.onnxfile.lengths.trials import Built, Choice, Reason, Trials

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from rfgraph.onnxfile.lengths.dimensions import Dimension, Dimensions, Lengths


PROBES = (LONG, 224, 512, 1024)
# Of every kind of lengths that lie as far apart as networks often ask for, some.
NEAR = (255, 257, 254, 258, 253, 259, 252, 260, 251, 261, 250, 262, 249, 263, 248, 264)
# Where none of these fits and no node says what it asks for: what networks often do.
LENGTHS = (1, 3, 48, 32, 64, 28, 112, 128, 160, 16, 640)
# What others may be while one is solved for.
SHORT = (32, 1)

# By how much lengths that networks accept lie apart, beside what they are multiples of.
STEPS = (2, 3, 4, 5, 6, 8, 16, 32)

Keys: TypeAlias = "tuple[Dimension, ...]"


class Search(Generic[Built]):
    """The search for lengths of the open dimensions that a graph accepts.

    `build` builds the graph with some lengths; it returns what was built, or the refusal. `stated`
    are the lengths that the file's constants have and hold.
    """

    def __init__(
        self,
        build: Callable[[Lengths], Built | Refusal],
        dimensions: Dimensions,
        stated: Collection[int] = (),
    ) -> None:
        self._trials = Trials(build)
        self._dimensions, self._stated = dimensions, stated
        self._first = dimensions.first
        # The first refusal, with its lengths.
        self._refused_first: tuple[Refusal, Lengths] = self._trials.best
        # Dimensions that were given lengths together: others may fit as well.
        self._tied: set[Dimension] = set()

    def run(self) -> Choice[Built]:
        """Return what is built with the first lengths that fit; raise the first refusal if none do.

        All dimensions have one length at first, those of an axis 0 the length 1. Then those that
        are no axis 0 take the length that a node asks for, one at a time, or one near the first
        probe; then those of an axis 0 are longer, too; and at last one at a time takes a length
        that networks often have.
        """
        inner = [key for key, at in self._first.items() if not at]
        steps = [
            lambda: self._try_alike(PROBES, along_first=False),
            lambda: self._ask_nodes(inner),
            lambda: self._try_alike(takewhile(self._may_try, NEAR), along_first=False),
        ]
        if len(inner) < len(self._first):
            steps.append(lambda: self._try_alike(PROBES, along_first=True))
            steps.append(lambda: self._ask_nodes(list(self._first)))
        for step in (*steps, self._try_one_by_one):
            self._trials.begin()
            choice = step()
            if choice is not None:
                return with_fixed(choice, self._may_be_fixed(choice), self._trials)
        raise self._trials.error(self._first)

    def _may_try(self, _: int) -> bool:
        return bool(self._first) and not self._trials.is_spent()

    def _try_alike(self, probes: Iterable[int], *, along_first: bool) -> Choice[Built] | None:
        """Give all dimensions one length; those of an axis 0, too, if they are `along_first`."""
        for probe in probes:
            lengths = self._dimensions.uniform(probe, along_first=along_first)
            result = self._trials.run(lengths)
            if not isinstance(result, Refusal):
                return Choice(result, lengths)
            if probe == LONG:
                self._refused_first = result, lengths
            if not self._first:
                break
        return None

    def attempt(self, lengths: Lengths) -> Built | None:
        """Build with some lengths; None where that is refused."""
        result = self._trials.run(lengths)
        return None if isinstance(result, Refusal) else result

    def _may_be_fixed(self, choice: Choice[Built]) -> list[Dimension]:
        """Return the dimensions that a node asked for, or whose length a constant may have."""
        return [
            key
            for key, at in self._first.items()
            if key not in self._tied
            and (key in choice.reasons or (not at and self._is_stated(choice.lengths[key])))
        ]

    def _is_stated(self, length: int) -> bool:
        return any(number % length == 0 for number in self._stated)

    def _ask_nodes(self, among: Sequence[Dimension]) -> Choice[Built] | None:
        """Give dimensions the lengths that the node asks for which refuses them, node by node.

        Beginning with the first lengths that were refused, then with those that got farthest.
        """
        for refusal, lengths in (self._refused_first, self._trials.best):
            choice = self._follow_nodes(among, refusal, lengths)
            if choice is not None or refusal is self._trials.best[0]:
                return choice
        return None

    def _follow_nodes(
        self, among: Sequence[Dimension], refusal: Refusal, lengths: Lengths
    ) -> Choice[Built] | None:
        reasons: dict[Dimension, Reason] = {}
        while True:
            better = self._better(among, lengths, refusal)
            if better is None:
                return None
            keys, lengths, result = better
            reasons.update((key, Reason(f"asked for by {refusal.node}")) for key in keys)
            self._tied.update(keys if len(keys) > 1 else ())
            if not isinstance(result, Refusal):
                return Choice(result, lengths, reasons)
            refusal = result

    def _better(
        self, among: Sequence[Dimension], lengths: Lengths, refusal: Refusal
    ) -> tuple[Keys, Lengths, Built | Refusal] | None:
        """Return which dimensions to change, and how, so that more of the graph accepts them.

        One at a time; then all together that are no axis 0; then one while the others are short.
        """
        together = tuple(key for key in among if not self._first[key])
        ways: list[tuple[Keys, Lengths]] = [((key,), lengths) for key in among]
        if len(together) > 1:
            ways.append((together, lengths))
            ways += [
                ((key,), {**lengths, **dict.fromkeys(together, length), key: lengths[key]})
                for length in SHORT
                for key in together
            ]
        for keys, base in ways:
            solution = self._solve(keys, base, refusal)
            if solution is not None:
                changed = tuple(key for key in among if solution[0][key] != lengths[key])
                return changed or keys, *solution
        return None

    def _solve(
        self, keys: Keys, lengths: Lengths, refusal: Refusal
    ) -> tuple[Lengths, Built | Refusal] | None:
        """Return lengths that differ in `keys` alone, and are alike there, that are accepted."""
        tried: dict[int, Refusal] = {}
        for length in asked_lengths(lengths[keys[0]], tried, alone=len(keys) == 1):
            if self._trials.is_spent():
                return None
            taken = {**lengths, **dict.fromkeys(keys, length)}
            result = self._trials.run(taken)
            if not isinstance(result, Refusal) or result.operators > refusal.operators:
                return self._lengthen(keys, taken, result, refusal)
            tried[length] = result
        return None

    def _lengthen(
        self, keys: Keys, lengths: Lengths, result: Built | Refusal, refusal: Refusal
    ) -> tuple[Lengths, Built | Refusal]:
        """Return a length of its kind near the first probe, where one fits too.

        From a short one, in which no unit is away from the ends, little can be told.
        """
        short = lengths[keys[0]]
        if 2 * short > PROBES[0] or len(keys) > 1 or self._first[keys[0]]:
            return lengths, result
        for step in (short, *(step for step in STEPS if step != short)):
            longer = {**lengths, keys[0]: short + (PROBES[0] - short) // step * step}
            built = self._trials.run(longer)
            if not isinstance(built, Refusal) or (
                isinstance(result, Refusal) and built.operators > refusal.operators
            ):
                return longer, built
        return lengths, result

    def _try_one_by_one(self) -> Choice[Built] | None:
        bases = [self._dimensions.uniform(probe) for probe in PROBES]
        before = self._trials.best[0].operators
        while bases:
            for lengths in _neighbours(bases):
                if self._trials.is_spent():
                    return None
                built = self.attempt(lengths)
                if built is not None:
                    return Choice(built, lengths)
                if self._trials.best[0].operators > before:
                    break
            bases = [self._trials.best[1]] if self._trials.best[0].operators > before else []
            before = self._trials.best[0].operators
        return None


def _neighbours(bases: Sequence[Lengths]) -> Iterator[Lengths]:
    """Yield lengths that differ in one dimension from some of `bases`."""
    for length in LENGTHS:
        for base in bases:
            yield from ({**base, key: length} for key in base if base[key] != length)
