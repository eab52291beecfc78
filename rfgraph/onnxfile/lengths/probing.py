"""The lengths of dimensions that neither the user nor the file's arithmetic gives.

Where a graph refuses a length, the node that does so says what it may ask for (the lengths of its
weights, the numbers of its attributes), and the length for which it gets that is solved for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeAlias, TypeVar

from rfgraph.errors import ModelError
from rfgraph.onnxfile.lengths.refusal import Refusal
from rfgraph.onnxfile.lengths.solving import LONG, asked_lengths, differing
from rfgraph.wording.names import some_quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from rfgraph.onnxfile.lengths.dimensions import Dimension, Dimensions, Lengths
    from rfgraph.relations.graph import Graph


PROBES = (LONG, 224, 512, 1024)
# Where none of these fits and no node says what it asks for: what networks often do.
LENGTHS = (1, 3, 48, 32, 64, 28, 112, 128, 160, 16, 640)
# What others may be while one is solved for.
SHORT = (32, 1)
# Of each of these ways, and operators that are built in all.
MAX_TRIALS = 64
MAX_OPERATORS = 20_000
# Lengths that a dimension does not have if the file fixes it, beside its neighbours and its double.
OTHERS = (1, 2, 3, 64, 100, 256)


class HasGraph(Protocol):
    """What was built of a model: its graph."""

    @property
    def graph(self) -> Graph:
        """The graph."""


Built = TypeVar("Built", bound=HasGraph)
Keys: TypeAlias = "tuple[Dimension, ...]"


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
        self._build, self._dimensions, self._stated = build, dimensions, stated
        self._first = dimensions.first
        self._refusals: list[ModelError] = []
        # The first refusal, and the one before which most was built, with their lengths.
        start: tuple[Refusal, Lengths] = Refusal(ModelError(""), -1), {}
        self._refused_first = self._best = start
        self._operators = self._trials = 0
        # Dimensions that were given lengths together: others may fit as well.
        self._tied: set[Dimension] = set()

    def run(self) -> Choice[Built]:
        """Return what is built with the first lengths that fit; raise the first refusal if none do.

        All dimensions have one length at first, those of an axis 0 the length 1. Then those that
        are no axis 0 take the length that a node asks for, one at a time; then those of an axis 0
        are longer, too; and at last one at a time takes a length that networks often have.
        """
        inner = [key for key, at in self._first.items() if not at]
        steps = [lambda: self._alike(along_first=False), lambda: self._as_asked(inner)]
        if len(inner) < len(self._first):
            steps.append(lambda: self._alike(along_first=True))
            steps.append(lambda: self._as_asked(list(self._first)))
        for step in (*steps, self._one_by_one):
            self._trials = 0
            choice = step()
            if choice is not None:
                return self._with_fixed(choice)
        raise self._refused()

    def _alike(self, *, along_first: bool) -> Choice[Built] | None:
        """Give all dimensions one length; those of an axis 0, too, if they are `along_first`."""
        for number, probe in enumerate(PROBES if self._first else PROBES[:1]):
            lengths = self._dimensions.uniform(probe, along_first=along_first)
            found = self._tried(lengths)
            if not isinstance(found, Refusal):
                return Choice(found, lengths)
            if not number:
                self._refused_first = found, lengths
        return None

    def attempt(self, lengths: Lengths) -> Built | None:
        """Build with some lengths; None where that is refused."""
        found = self._tried(lengths)
        return None if isinstance(found, Refusal) else found

    def _tried(self, lengths: Lengths) -> Built | Refusal:
        found = self._build(lengths)
        if isinstance(found, Refusal):
            self._refusals.append(found.error)
            self._trials += 1
            self._operators += found.operators
            if found.operators > self._best[0].operators:
                self._best = found, lengths
        return found

    def _is_spent(self) -> bool:
        return self._trials >= MAX_TRIALS or self._operators >= MAX_OPERATORS

    # -- what a node asks for --------------------------------------------------------------------

    def _as_asked(self, among: Sequence[Dimension]) -> Choice[Built] | None:
        """Give dimensions the lengths that the node asks for which refuses them, node by node.

        Beginning with the first lengths that were refused, then with those that got farthest.
        """
        for refusal, lengths in (self._refused_first, self._best):
            choice = self._bettered_on(among, refusal, lengths)
            if choice is not None or refusal is self._best[0]:
                return choice
        return None

    def _bettered_on(
        self, among: Sequence[Dimension], refusal: Refusal, lengths: Lengths
    ) -> Choice[Built] | None:
        reasons: dict[Dimension, Reason] = {}
        while True:
            found = self._bettered(among, lengths, refusal)
            if found is None:
                return None
            keys, lengths, result = found
            reasons.update((key, Reason(f"asked for by {refusal.node}")) for key in keys)
            self._tied.update(keys if len(keys) > 1 else ())
            if not isinstance(result, Refusal):
                return Choice(result, lengths, reasons)
            refusal = result

    def _bettered(
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
            found = self._solved(keys, base, refusal)
            if found is not None:
                changed = tuple(key for key in among if found[0][key] != lengths[key])
                return changed or keys, *found
        return None

    def _solved(
        self, keys: Keys, lengths: Lengths, refusal: Refusal
    ) -> tuple[Lengths, Built | Refusal] | None:
        """Return lengths that differ in `keys` alone, and are alike there, that are accepted."""
        tried: dict[int, Refusal] = {}
        for length in asked_lengths(lengths[keys[0]], tried, alone=len(keys) == 1):
            if self._is_spent():
                return None
            taken = {**lengths, **dict.fromkeys(keys, length)}
            result = self._tried(taken)
            if not isinstance(result, Refusal) or result.operators > refusal.operators:
                return self._multiplied(keys, taken, result, refusal)
            tried[length] = result
        return None

    def _multiplied(
        self, keys: Keys, lengths: Lengths, result: Built | Refusal, refusal: Refusal
    ) -> tuple[Lengths, Built | Refusal]:
        """Return lengths that are as many times as long as the first probe, where these fit too."""
        times = PROBES[0] // lengths[keys[0]]
        if times > 1 and len(keys) == 1 and not self._first[keys[0]]:
            longer = {**lengths, keys[0]: times * lengths[keys[0]]}
            found = self._tried(longer)
            if not isinstance(found, Refusal) or (
                isinstance(result, Refusal) and found.operators > refusal.operators
            ):
                return longer, found
        return lengths, result

    # -- what the file fixes ---------------------------------------------------------------------

    def _with_fixed(self, choice: Choice[Built]) -> Choice[Built]:
        """Return a choice that says which lengths the file fixes, whatever the others are.

        Asked of those that a node asked for, and of those that may be what a constant has.
        """
        lengths = choice.lengths
        asked = [
            key
            for key, at in self._first.items()
            if key not in self._tied
            and (key in choice.reasons or (not at and self._may_be_stated(lengths[key])))
        ]
        doubled = {key: 2 * length for key, length in lengths.items()}
        if not asked or choice.is_large or self._accepts(doubled):
            return choice
        fixed = {key: node for key in asked if (node := self._fixing(key, lengths))}
        if not fixed or not self._accepts({**doubled, **{key: lengths[key] for key in fixed}}):
            return choice
        tied = {
            key
            for one, other in combinations(fixed, 2)
            if any(map(self._accepts, _traded(one, other, lengths)))
            for key in (one, other)
        }
        found = {
            key: Reason(f"fixed by {node}", fixed=True)
            for key, node in fixed.items()
            if key not in tied
        }
        return Choice(choice.built, lengths, {**choice.reasons, **found})

    def _may_be_stated(self, length: int) -> bool:
        return any(number % length == 0 for number in self._stated)

    def _accepts(self, lengths: Lengths) -> bool:
        return not isinstance(self._build(lengths), Refusal)

    def _fixing(self, key: Dimension, lengths: Lengths) -> str:
        """Return the node that accepts one length of a dimension, one that it states; "" if none.

        What the node gets for that is told from what it gets for two others.
        """
        length = lengths[key]
        near, far = (self._build({**lengths, key: n}) for n in (length + 1, 2 * length + 2))
        if not isinstance(near, Refusal) or not isinstance(far, Refusal):
            return ""
        given = [
            Fraction((length + 2) * near.found[place] - far.found[place], length + 1)
            for place in differing(near, far)
        ]
        others = {length - 1, 2 * length, *OTHERS}.difference((0, length))
        if not any(one in near.stated for one in given):
            return ""
        refused = not any(self._accepts({**lengths, key: n}) for n in sorted(others))
        return near.node if refused else ""

    # -- what networks often do ------------------------------------------------------------------

    def _one_by_one(self) -> Choice[Built] | None:
        bases = [self._dimensions.uniform(probe) for probe in PROBES]
        before = self._best[0].operators
        while bases:
            for lengths in _neighbours(bases):
                if self._is_spent():
                    return None
                found = self.attempt(lengths)
                if found is not None:
                    return Choice(found, lengths)
                if self._best[0].operators > before:
                    break
            bases = [self._best[1]] if self._best[0].operators > before else []
            before = self._best[0].operators
        return None

    def _refused(self) -> ModelError:
        """Return the first refusal, and what to bind where others were in other words."""
        refusal = self._refusals[0]
        if len(set(map(str, self._refusals))) == 1:
            return refusal
        names = [key if isinstance(key, str) else f"{key[0]}:{key[1]}" for key in self._first]
        return ModelError(
            f"{refusal} (no length tried fits the open dimensions {some_quoted(names, 4)}: "
            "give them by --input-shape or --dim)"
        )


def _traded(one: Dimension, other: Dimension, lengths: Lengths) -> Iterator[Lengths]:
    """Yield lengths by which one dimension makes up for another: product, or sum, is kept."""
    for more, less in ((one, other), (other, one)):
        yield {**lengths, more: lengths[one] * lengths[other], less: 1}
        if lengths[less] % 2 == 0:
            yield {**lengths, more: 2 * lengths[more], less: lengths[less] // 2}
        if lengths[less] > 1:
            yield {**lengths, more: lengths[more] + 1, less: lengths[less] - 1}


def _neighbours(bases: Sequence[Lengths]) -> Iterator[Lengths]:
    """Yield lengths that differ in one dimension from some of `bases`."""
    for length in LENGTHS:
        for base in bases:
            yield from ({**base, key: length} for key in base if base[key] != length)
