"""The results of a comparison of two models: what differs, and what of it is worse or better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from rfgraph.analysis.layers import WINDOW
from rfgraph.errors import UsageError
from rfgraph.frozen import FrozenDict
from rfgraph.version import HEAD
from rfgraph.wording.names import quote
from rfgraph.wording.records import Record, entry_of, plain

if TYPE_CHECKING:
    from rfgraph.analysis.comparison import Change
    from rfgraph.analysis.layers import Layer
    from rfgraph.analysis.measurement import Measured, MeasuredAxis
    from rfgraph.domains.fields.axis import Json
    from rfgraph.relations.graph import Model


Kind: TypeAlias = Literal["smaller", "global", "unaligned", "lookahead", "missing"]

# What a pipeline may be asked to fail on; a tensor without a partner counts as each of them.
KINDS: tuple[Kind, ...] = ("smaller", "global", "unaligned", "lookahead")
# What is not read differently where only these are.
_HOW = ("effective",)


def kinds_of(words: Sequence[str]) -> tuple[Kind, ...]:
    """Return ways to be worse; UsageError for a word that is none, with those that are."""
    kinds = tuple(kind for kind in KINDS if kind in words)
    for word in words:
        if word not in KINDS:
            raise UsageError(f"fail-on requires some of {', '.join(KINDS)}, found {quote(word)}")
    return kinds


@dataclass(frozen=True, slots=True)
class Verdict(Record):
    """One way in which an output got worse or better; `axis` is the new model's, None for all."""

    kind: str
    tensor: str
    input: str | None
    axis: int | None
    key: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class AxisDiff:
    """One spatial axis of an input in both models, and what differs on it."""

    before: MeasuredAxis
    after: MeasuredAxis

    @property
    def changes(self) -> tuple[Change, ...]:
        """What differs."""
        return tuple(self.before.changes(self.after))

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        return {
            "axis": self.after.axis,
            "old": _values(self.before),
            "new": _values(self.after),
            "changes": {
                change.key: [plain(change.before), plain(change.after)] for change in self.changes
            },
        }


@dataclass(frozen=True, slots=True)
class TensorDiff:
    """A tensor on an input in both models; None in the one that lacks it.

    `feeds` is the output that the tensor feeds, where that is global itself.
    """

    before: Measured | None
    after: Measured | None
    feeds: str | None = None

    @property
    def axes(self) -> Mapping[int, AxisDiff]:
        """The spatial axes that both have, by the number that the new model's input has of each."""
        old, new = self.before, self.after
        pairs = zip(old.axes if old else (), new.axes if new else (), strict=False)
        return FrozenDict({other.axis: AxisDiff(one, other) for one, other in pairs})

    @property
    def aligned(self) -> tuple[bool | None, bool | None]:
        """Whether its paths are aligned, before and after."""
        return self._both("aligned")

    @property
    def routes(self) -> tuple[int | None, int | None]:
        """How many routes lead to it, before and after; None where that is not counted."""
        return self._both("routes")

    def _both(self, key: str) -> tuple[Any, Any]:
        return getattr(self.before, key, None), getattr(self.after, key, None)

    @property
    def same(self) -> bool:
        """Whether nothing that is read differs."""
        return (
            self.before is not None
            and self.after is not None
            and len(self.before.axes) == len(self.after.axes)
            and all(change.key in _HOW for axis in self.axes.values() for change in axis.changes)
            and _equal(*self.aligned)
            and _equal(*self.routes)
        )

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        old, new = self._both("tensor")
        return {
            "old": old,
            "new": new,
            "input": list(self._both("input")),
            "feeds": self.feeds,
            "aligned": list(self.aligned),
            "routes": [None if count is None else str(count) for count in self.routes],
            "axes": [axis.to_dict() for axis in self.axes.values()],
        }


@dataclass(frozen=True, slots=True)
class LayerDiff:
    """A layer in both models, None in the one that lacks it; `changes` by key, per spatial axis."""

    before: Layer | None
    after: Layer | None
    changes: Mapping[str, tuple[Any, Any]]

    @property
    def own(self) -> bool:
        """Whether the layer itself is another, not only what it is fed with."""
        return None in (self.before, self.after) or any(key in self.changes for key in _OWN)

    @property
    def has_window(self) -> bool:
        """Whether either has a window: what else there is may be written in many ways."""
        return any(layer is not None and layer.window for layer in (self.before, self.after))

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        changes = {key: [plain(was), plain(now)] for key, (was, now) in self.changes.items()}
        return {
            "old": getattr(self.before, "label", None),
            "new": getattr(self.after, "label", None),
            "changes": changes,
        }


_OWN = ("kind", *WINDOW)


@dataclass(frozen=True, slots=True)
class Diff:
    """What differs between two models; `worse` and `better` are ways in which outputs do."""

    old: Model
    new: Model
    outputs: tuple[TensorDiff, ...]
    layers: tuple[LayerDiff, ...]
    worse: tuple[Verdict, ...]
    better: tuple[Verdict, ...]

    @property
    def same(self) -> bool:
        """Whether there is no difference in what is read, at the outputs and on the way."""
        return self.same_outputs and not any(it.own and it.has_window for it in self.layers)

    @property
    def same_outputs(self) -> bool:
        """Whether there is no difference in what the outputs read."""
        return all(item.same for item in self.outputs)

    def failing(self, kinds: Sequence[str] = KINDS) -> tuple[Verdict, ...]:
        """Return what got worse in one of some ways; UsageError for a word that is none."""
        wanted = {*kinds_of(kinds), "missing"} if kinds else set()
        return tuple(item for item in self.worse if item.kind in wanted)

    def to_dict(self) -> Json:
        """Return the JSON report."""
        return {
            **HEAD,
            "old": entry_of(self.old, "file", "nodes"),
            "new": entry_of(self.new, "file", "nodes"),
            **entry_of(self, "same", "outputs", "layers", "worse", "better"),
        }


def _values(axis: MeasuredAxis) -> Json:
    return {"axis": axis.axis, **{key: plain(value) for key, value in axis.values().items()}}


def _equal(before: object, after: object) -> bool:
    return None in (before, after) or before == after
