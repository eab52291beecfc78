"""What the units of a model are seen to read: change one slab of an input, compare all outputs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from ops.backend.cases import Array, Feeds, Runtime, changed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_SLABS = 150
STEPS = (0.5, -0.75, 1e3)
TEXTS = np.array(["a", "zz", "Thursday", "1.5"], object)
# A change within the rounding of a sum is no dependence: onnxruntime's LRN keeps a running one.
ROUNDING = {"float32": 1e-5, "float64": 1e-12}


@dataclass
class Seen:
    """The box that every unit of an output is seen to read of an input: lo > hi is nothing."""

    lo: Array
    hi: Array
    read: Array

    @classmethod
    def nothing(cls, shape: tuple[int, ...], read: tuple[int, ...]) -> Seen:
        lo = np.zeros((*shape, len(read)), np.int64) + np.array(read, np.int64)
        return cls(lo, np.full_like(lo, -1), np.zeros(shape, bool))

    def box(self, index: tuple[int, ...]) -> tuple[tuple[int, int], ...] | None:
        if not self.read[index]:
            return None
        return tuple(zip(self.lo[index].tolist(), self.hi[index].tolist(), strict=True))

    def mark(self, axis: int | None, at: int, moved: Array) -> None:
        self.read |= moved
        if axis is not None:
            self.lo[..., axis][moved] = np.minimum(self.lo[..., axis][moved], at)
            self.hi[..., axis][moved] = np.maximum(self.hi[..., axis][moved], at)


class Probes:
    """What the units of all outputs read of one input.

    `steps` is what certainly is read: a finite change shows, by more than rounding. `all` holds
    what else may be: NaN and infinity show it, which a factor of zero does not stop, or rounding;
    and of an input of one element what makes the outputs have other shapes, or the model refuse.
    """

    def __init__(self, run: Runtime, feeds: Feeds, name: str, constants: Sequence[str]) -> None:
        self.run, self.name = run, name
        self.random = np.random.default_rng(0)
        self.feeds, self.constants = feeds, constants
        self.shape, self.dtype = feeds[name].shape, feeds[name].dtype
        self.outputs = run(feeds)
        self.complete = max(sum(self.shape), 1) <= MAX_SLABS
        self.steps = [Seen.nothing(value.shape, self.shape) for value in self.outputs]
        self.all = [Seen.nothing(value.shape, self.shape) for value in self.outputs]
        self.rounds = 0
        self._probe(feeds, self.outputs)

    def again(self) -> None:
        """Probe from another start: other numbers, or the same ones in another order."""
        self.rounds += 1
        moved = {
            name: value if name in self.constants else self._moved(value)
            for name, value in self.feeds.items()
        }
        found = self._attempt(moved, self.outputs)
        if found is not None:
            self._probe(moved, found)

    def _moved(self, value: Array) -> Array:
        ordered = self.random.permutation(value.reshape(-1)).reshape(value.shape)
        if value.dtype.kind in "iu" and self.rounds % 2:
            far = value.size == 1 and self.rounds % 4 == 1
            return self._integers(value, value, 3 if far else self.rounds // 2)
        if not _is_float(value) or self.rounds % 3 == 2:
            return ordered
        sign = 1.0 if self.rounds % 3 else self.random.choice([-1.0, 1.0], value.shape)
        shift = self.random.uniform(0.1, 0.4, value.shape)
        return np.asarray(sign * (ordered.astype(np.float64) + shift)).astype(value.dtype)

    def _probe(self, feeds: Feeds, before: list[Array]) -> None:
        for axis, at, slab in self._slabs(self.shape):
            for certain, after in self._changes(feeds, before, slab):
                for output, old in enumerate(before):
                    self._compare(output, axis, at, old, after, certain)

    def _compare(
        self, output: int, axis: int | None, at: int, old: Array, after: Any, certain: bool
    ) -> None:
        if after is None:
            if self.feeds[self.name].size == 1:
                self.all[output].mark(axis, at, np.ones(old.shape, bool))
            return
        self.all[output].mark(axis, at, changed(old, after[output]))
        if certain:
            self.steps[output].mark(axis, at, _moved_for_sure(old, after[output]))

    def _attempt(self, feeds: Feeds, like: list[Array]) -> list[Array] | None:
        """Return the outputs; None where the runtime refuses or their shapes are others."""
        try:
            found = self.run(feeds)
        except Exception:
            return None
        same = all(np.shape(a) == np.shape(b) for a, b in zip(found, like, strict=True))
        return found if same else None

    def _slabs(self, shape: tuple[int, ...]) -> Iterator[tuple[int | None, int, Any]]:
        if not shape:
            yield None, 0, ()
        for axis, length in enumerate(shape):
            for at in self._positions(length):
                yield axis, at, (slice(None),) * axis + (slice(at, at + 1),)

    def _positions(self, length: int) -> Sequence[int]:
        if self.complete:
            return range(length)
        return sorted({0, length - 1, length // 2, *self.random.integers(0, length, 3).tolist()})

    def _changes(
        self, feeds: Feeds, before: list[Array], slab: Any
    ) -> Iterator[tuple[bool, list[Array] | None]]:
        likewise = ((True, other[slab]) for other in self._alike(feeds))
        # The value of another input in the same place: what compares the two sees that.
        for certain, value in chain(self._pokes(feeds[self.name], slab), likewise):
            poked = feeds[self.name].copy()
            poked[slab] = value
            if changed(poked, feeds[self.name]).any():
                yield certain, self._attempt({**feeds, self.name: poked}, before)

    def _alike(self, feeds: Feeds) -> Iterator[Array]:
        """Yield the other inputs of the type, in this one's shape, that broadcast together."""
        for name, other in feeds.items():
            if name == self.name or other.dtype != self.dtype or not other.size:
                continue
            rank = len(self.shape)
            if other.shape[other.ndim - rank :] == self.shape and other.ndim >= rank:
                rows = other.reshape(-1, *self.shape)
                at = int(self.random.integers(len(rows)))
                yield rows[at : at + 1].reshape(self.shape)
            elif other.ndim <= rank and all(
                a in (1, b) for a, b in zip(other.shape[::-1], self.shape[::-1], strict=False)
            ):
                yield np.broadcast_to(other, self.shape)

    def _pokes(self, whole: Array, slab: Any) -> Iterator[tuple[bool, Any]]:
        value = np.asarray(whole[slab], whole.dtype)
        kind = value.dtype.kind
        if kind in "iu":
            yield from ((True, self._integers(whole, value, mode)) for mode in range(4))
        elif kind == "b":
            yield True, ~value
            yield True, self.random.integers(0, 2, value.shape).astype(bool)
        elif kind in "OUS":
            yield from ((True, np.full_like(value, text)) for text in TEXTS)
        else:
            yield from self._floats(whole, value)

    def _floats(self, whole: Array, value: Array) -> Iterator[tuple[bool, Any]]:
        for step in STEPS:
            noise = self.random.uniform(0.5, 1.5, value.shape)
            moved = _wide(value) + step * noise
            yield True, _kept(moved, value)
        # A value that is there already: what compares for equality sees it.
        yield True, self.random.choice(whole.reshape(-1), value.shape)
        if value.dtype.kind == "f" or value.dtype.name == "bfloat16":
            yield False, np.full_like(value, np.nan)
            yield False, np.full_like(value, np.inf)
            yield False, np.full_like(value, -np.inf)

    def _integers(self, whole: Array, value: Array, mode: int) -> Array:
        """Draw integers: those that are there, those between them, and then farther ones.

        No zero to divide by, which would end the process, unless there is one.
        """
        kind = np.iinfo(whole.dtype)
        least, most = int(whole.min()), int(whole.max())
        far = max(abs(least), abs(most))
        low, high = {
            0: (least, most),
            1: (least - 2, most + 2),
            2: (min(least, 0), 2 * max(most, 1)),
            3: (-far - 9, 2 * far + 9) if whole.size == 1 else (least, most + 1),
        }[mode % 4]
        if kind.bits == 8 and mode % 4 == 2:
            low, high = kind.min, kind.max
        low, high = max(low, kind.min), min(high, kind.max)
        drawn = self.random.integers(low, high, value.shape, whole.dtype, endpoint=True)
        if mode % 4 == 0 and self.random.integers(2):
            drawn = self.random.choice(whole.reshape(-1), value.shape)
        if self.run.divides and 0 not in whole:
            drawn = np.where(drawn == 0, whole.max(), drawn)
        return np.asarray(drawn, whole.dtype)


def _is_float(value: Array) -> bool:
    """Whether an array holds numbers with a fraction, the narrow types of ml_dtypes included."""
    return value.dtype.kind not in "iubOUS"


def _wide(value: Array) -> Array:
    return value.astype(np.complex128 if value.dtype.kind == "c" else np.float64)


def _kept(moved: Array, value: Array) -> Array:
    """Return numbers in a type; where the type cannot hold a change, the number as it was."""
    with np.errstate(all="ignore"):
        found = moved.astype(value.dtype)
    if value.dtype.kind == "c":
        return found
    lost = ~np.isfinite(found.astype(np.float64))
    return np.where(lost, value, found)


def _moved_for_sure(before: Array, after: Array) -> Array:
    moved = changed(before, after)
    rounding = ROUNDING.get(before.dtype.name)
    if rounding is None:
        return moved
    with np.errstate(all="ignore"):
        size = np.maximum(abs(before), abs(after))
        small = abs(after - before) <= rounding * size
    return np.asarray(moved & ~small)
