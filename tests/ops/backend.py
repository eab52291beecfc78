"""onnx's own node tests, each run and probed: what every sampled unit is seen to read.

A model runs under onnxruntime, or under onnx's reference where onnxruntime has no kernel; a runtime
counts only if it gives the outputs that the test expects.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

import rfgraph
from oracle.perturb import session

Array = np.ndarray[Any, Any]
Feeds = Mapping[str, Array]

MAX_SLABS = 150
UNITS = 6
STEPS = (0.5, -0.75, 1e3)
TEXTS = np.array(["a", "zz", "Thursday", "1.5"], object)


@dataclass(frozen=True)
class Trial:
    """A model of onnx's node tests with its inputs and what it must give."""

    name: str
    model: onnx.ModelProto
    feeds: Feeds
    expected: Sequence[Any]
    tolerance: tuple[float, float]


class Skipped(Exception):
    """Why a test cannot be run."""


def collected(modules: Sequence[str] = ()) -> list[Any]:
    """Return the node tests that some modules of onnx define, or all there are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.case import node as cases

        if not modules:
            return list(cases.collect_testcases())
        for module in modules:
            importlib.import_module(f"{cases.__name__}.{module}")
        # collect_testcases would import the other modules, which takes many seconds.
        return list(cases._NodeTestCases)


def trial(case: Any) -> Trial:
    """Return a test with its inputs by name; raise Skipped for inputs that are not tensors."""
    inputs, outputs = case.data_sets[0]
    names = [value.name for value in case.model.graph.input]
    feeds = {}
    for name, value in zip(names, inputs, strict=False):
        if not isinstance(value, np.ndarray | np.generic):
            raise Skipped("an input is no tensor")
        feeds[name] = np.asarray(value)
        if feeds[name].size == 0:
            raise Skipped("an input has no element")
    return Trial(case.name, case.model, feeds, outputs, (case.rtol, case.atol))


# -- runtimes --------------------------------------------------------------------------------------


class Runtime:
    """A model made ready to run, all outputs at once."""

    def __init__(self, tried: Trial) -> None:
        self.outputs = [value.name for value in tried.model.graph.output]
        reasons = []
        for make in (self._onnxruntime, self._reference):
            try:
                self._run = make(tried.model)
                self._check(tried)
            except Exception as error:  # noqa: BLE001 - a runtime may raise anything
                reasons.append(f"{make.__name__[1:]}: {_reason(error)}")
                continue
            self.name = make.__name__[1:]
            return
        raise Skipped("; ".join(reasons))

    def _onnxruntime(self, model: onnx.ModelProto) -> Any:
        run = session(model)
        return lambda feeds: run.run(self.outputs, dict(feeds))

    def _reference(self, model: onnx.ModelProto) -> Any:
        evaluator = ReferenceEvaluator(model)
        return lambda feeds: evaluator.run(self.outputs, dict(feeds))

    def _check(self, tried: Trial) -> None:
        found = self(tried.feeds)
        if not all(isinstance(value, np.ndarray | np.generic) for value in found):
            raise Skipped("an output is no tensor")
        again = self(tried.feeds)
        if any(changed(first, second).any() for first, second in zip(found, again, strict=True)):
            raise Skipped("it is random")
        rtol, atol = tried.tolerance
        for value, wanted in zip(found, tried.expected, strict=True):
            if not _close(np.asarray(value), np.asarray(wanted), rtol, atol):
                raise Skipped("it does not give the expected outputs")

    def __call__(self, feeds: Feeds) -> list[Array]:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return [
                value if isinstance(value, list) else np.asarray(value)
                for value in self._run(feeds)
            ]


def _reason(error: Exception) -> str:
    if isinstance(error, Skipped):
        return str(error)
    text = f"{type(error).__name__} {error}"
    for known in ("NOT_IMPLEMENTED", "INVALID_GRAPH", "INVALID_ARGUMENT", "NotImplemented"):
        if known in text:
            return f"no kernel ({known})"
    return type(error).__name__


def _close(value: Array, wanted: Array, rtol: float, atol: float) -> bool:
    if value.shape != wanted.shape:
        return False
    if value.dtype.kind in "OUS" or wanted.dtype.kind in "OUS":
        return bool((value == wanted).all())
    first, second = value.astype(np.complex128), wanted.astype(np.complex128)
    return bool(np.allclose(first, second, max(rtol, 1e-3), max(atol, 1e-3), equal_nan=True))


def changed(before: Array, after: Array) -> Array:
    """Return where two arrays of one shape differ; NaN equals NaN."""
    same = np.asarray(before == after)
    with np.errstate(all="ignore"):
        same = same | (np.asarray(before != before) & np.asarray(after != after))
    return np.asarray(~same.astype(bool))


# -- probes ----------------------------------------------------------------------------------------


@dataclass
class Seen:
    """The box that every unit of an output is seen to read of an input: lo > hi is nothing."""

    lo: Array
    hi: Array
    read: Array

    def box(self, index: tuple[int, ...]) -> tuple[tuple[int, int], ...] | None:
        if not self.read[index]:
            return None
        return tuple(zip(self.lo[index].tolist(), self.hi[index].tolist(), strict=True))


class Probes:
    """What the units of all outputs read of one input, by small steps, and by NaN beside them."""

    def __init__(self, run: Runtime, feeds: Feeds, name: str, constants: Sequence[str]) -> None:
        self.run, self.name = run, name
        self.random = np.random.default_rng(0)
        shape = feeds[name].shape
        outputs = run(feeds)
        moved = {
            other: value if other in constants else self._rearranged(value)
            for other, value in feeds.items()
        }
        again = self._attempt(moved, outputs)
        self.starts = [(feeds, outputs)] + ([] if again is None else [(moved, again)])
        self.complete = max(sum(shape), 1) <= MAX_SLABS
        self.steps = [self._empty(value.shape, shape) for value in outputs]
        self.all = [self._empty(value.shape, shape) for value in outputs]
        for axis, at, slab in self._slabs(shape):
            for kind, found in self._changes(slab):
                targets = (self.all,) if kind == "nan" else (self.all, self.steps)
                for seen in targets:
                    for output, moved in enumerate(found):
                        _mark(seen[output], axis, at, moved)

    def _rearranged(self, value: Array) -> Array:
        if value.dtype.kind == "f":
            return np.asarray(value + self.random.uniform(0.1, 0.4, value.shape), value.dtype)
        return self.random.permutation(value.reshape(-1)).reshape(value.shape)

    def _attempt(self, feeds: Feeds, like: list[Array]) -> list[Array] | None:
        """Return the outputs; None where the runtime refuses or their shapes are others."""
        try:
            found = self.run(feeds)
        except Exception:  # noqa: BLE001 - a changed index may be out of range
            return None
        same = all(np.shape(a) == np.shape(b) for a, b in zip(found, like, strict=True))
        return found if same else None

    @staticmethod
    def _empty(shape: tuple[int, ...], read: tuple[int, ...]) -> Seen:
        lo = np.zeros((*shape, len(read)), np.int64) + np.array(read, np.int64)
        return Seen(lo, np.full_like(lo, -1), np.zeros(shape, bool))

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

    def _changes(self, slab: Any) -> Iterator[tuple[str, list[Array]]]:
        for feeds, before in self.starts:
            for kind, value in self._pokes(feeds[self.name][slab]):
                poked = feeds[self.name].copy()
                poked[slab] = value
                after = self._attempt({**feeds, self.name: poked}, before)
                if after is not None:
                    yield kind, [changed(a, b) for a, b in zip(before, after, strict=True)]

    def _pokes(self, value: Array) -> Iterator[tuple[str, Any]]:
        kind, whole = value.dtype.kind, self.starts[0][0][self.name]
        if kind in "fV" or value.dtype.name.startswith(("bfloat", "float")):
            for step in STEPS:
                noise = self.random.uniform(0.5, 1.5, value.shape)
                yield "step", (value.astype(np.float64) + step * noise).astype(value.dtype)
            if kind == "f":
                yield "nan", np.full_like(value, np.nan)
        elif kind == "b":
            yield "step", ~value
            yield "step", self.random.integers(0, 2, value.shape).astype(bool)
        elif kind in "iu":
            low, high = int(whole.min(initial=0)), int(whole.max(initial=1))
            for _ in range(4):
                yield "step", self.random.integers(low, high + 1, value.shape).astype(value.dtype)
            if high < np.iinfo(value.dtype).max:
                yield "step", value + np.ones((), value.dtype)
        else:
            for text in TEXTS:
                yield "step", np.full_like(value, text)


def _mark(seen: Seen, axis: int | None, at: int, moved: Array) -> None:
    seen.read |= moved
    if axis is not None:
        seen.lo[..., axis][moved] = np.minimum(seen.lo[..., axis][moved], at)
        seen.hi[..., axis][moved] = np.maximum(seen.hi[..., axis][moved], at)


# -- comparison ------------------------------------------------------------------------------------


@dataclass
class Verdict:
    """What came of one test under one choice of constants."""

    name: str
    runtime: str = ""
    skipped: str = ""
    units: int = 0
    equal: int = 0
    unknown: int = 0
    unsound: Sequence[str] = ()
    inexact: Sequence[str] = ()
    leaks: int = 0


def judge(tried: Trial, run: Runtime, constants: Sequence[str] = ()) -> Verdict:
    """Compare what sampled units read with what rfgraph says, `constants` being no data."""
    found = Verdict(tried.name, run.name)
    shapes = {name: value.shape for name, value in tried.feeds.items()}
    model = rfgraph.load(
        tried.model.SerializeToString(),
        input_shapes={name: shape for name, shape in shapes.items() if name not in constants},
        input_values={name: tried.feeds[name] for name in constants},
    )
    result = rfgraph.analyze(model)
    unsound, inexact = [], []
    before = run(tried.feeds)
    for name in tried.feeds:
        if name in constants:
            continue
        probes = Probes(run, tried.feeds, name, constants)
        for number, tensor in enumerate(run.outputs):
            shape = model.graph.nodes[tensor]["shape"]
            if shape is None:
                continue
            if shape != before[number].shape:
                unsound.append(f"{tensor}: shape {shape}, {run.name} {before[number].shape}")
                continue
            for index in _sample(shape):
                said, known = _said(result, tensor, index, name)
                steps, every = probes.steps[number].box(index), probes.all[number].box(index)
                where = f"{tensor}{list(index)} of {name}: {said}, seen {steps}"
                found.units += 1
                if not _within(steps, said):
                    unsound.append(where)
                elif not known:
                    found.unknown += 1
                elif probes.complete and said not in (steps, every):
                    inexact.append(where)
                else:
                    found.equal += probes.complete
                found.leaks += not _within(every, said)
    found.unsound, found.inexact = unsound, inexact
    return found


def _sample(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return corners, the centre and a few random indices of a tensor."""
    if 0 in shape:
        return []
    random = np.random.default_rng(1)
    found = [tuple(0 for _ in shape), tuple(n - 1 for n in shape), tuple(n // 2 for n in shape)]
    found += [tuple(int(random.integers(n)) for n in shape) for _ in range(UNITS - 3)]
    return list(dict.fromkeys(found))


def _said(
    result: Any, tensor: str, index: tuple[int, ...], name: str
) -> tuple[tuple[tuple[int, int], ...] | None, bool]:
    """Return the box that rfgraph gives, and whether it claims to know it."""
    regions = rfgraph.unit(result, tensor, index, input=name).regions
    if not regions:
        return None, True
    return regions[0].clipped, "unknown" not in regions[0].scopes


def _within(seen: Any, said: Any) -> bool:
    if seen is None or said is None:
        return seen is None
    return all(a <= c and d <= b for (a, b), (c, d) in zip(said, seen, strict=True))
