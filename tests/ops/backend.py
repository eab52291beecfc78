"""onnx's own node tests, each run and probed: what every sampled unit is seen to read.

A model runs under onnxruntime, or under onnx's reference where onnxruntime has no kernel; a runtime
counts only if it gives the outputs that the test expects.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

import rfgraph
from oracle.perturb import session

Array = np.ndarray[Any, Any]
Feeds = Mapping[str, Array]

MAX_SLABS = 150
UNITS = 6
ROUNDS = 12
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


class SkippedError(Exception):
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
    """Return a test with its inputs by name; raise SkippedError for inputs that are not tensors."""
    inputs, outputs = case.data_sets[0]
    names = [value.name for value in case.model.graph.input]
    feeds = {}
    for name, value in zip(names, inputs, strict=False):
        if isinstance(value, onnx.TensorProto):
            value = onnx.numpy_helper.to_array(value)
        if not isinstance(value, np.ndarray | np.generic | str):
            raise SkippedError("an input is no tensor")
        feeds[name] = np.asarray(value, object if isinstance(value, str) else None)
        if feeds[name].size == 0:
            raise SkippedError("an input has no element")
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
            except Exception as error:
                reasons.append(f"{make.__name__[1:]}: {_reason(error)}")
                continue
            self.name = make.__name__[1:]
            return
        raise SkippedError("; ".join(reasons))

    def _onnxruntime(self, model: onnx.ModelProto) -> Any:
        run = session(model)
        return lambda feeds: run.run(self.outputs, dict(feeds))

    def _reference(self, model: onnx.ModelProto) -> Any:
        evaluator = ReferenceEvaluator(model)
        return lambda feeds: evaluator.run(self.outputs, dict(feeds))

    def _check(self, tried: Trial) -> None:
        found = self(tried.feeds)
        if not all(isinstance(value, np.ndarray | np.generic) for value in found):
            raise SkippedError("an output is no tensor")
        again = self(tried.feeds)
        if any(changed(first, second).any() for first, second in zip(found, again, strict=True)):
            raise SkippedError("it is random")
        rtol, atol = tried.tolerance
        for value, wanted in zip(found, tried.expected, strict=True):
            if not _close(np.asarray(value), np.asarray(wanted), rtol, atol):
                raise SkippedError("it does not give the expected outputs")

    def __call__(self, feeds: Feeds) -> list[Array]:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return [
                value if isinstance(value, list) else np.asarray(value)
                for value in self._run(feeds)
            ]


def _reason(error: Exception) -> str:
    if isinstance(error, SkippedError):
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
        self.feeds, self.constants = feeds, constants
        self.shape = feeds[name].shape
        self.outputs = run(feeds)
        self.complete = max(sum(self.shape), 1) <= MAX_SLABS
        self.steps = [self._empty(value.shape, self.shape) for value in self.outputs]
        self.all = [self._empty(value.shape, self.shape) for value in self.outputs]
        self._probe(feeds, self.outputs)

    def again(self) -> None:
        """Probe from another start: the same values in another order, numbers a little larger."""
        moved = {
            name: value if name in self.constants else self._rearranged(value)
            for name, value in self.feeds.items()
        }
        found = self._attempt(moved, self.outputs)
        if found is not None:
            self._probe(moved, found)

    def _probe(self, feeds: Feeds, before: list[Array]) -> None:
        for axis, at, slab in self._slabs(self.shape):
            for kind, found in self._changes(feeds, before, slab):
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
        except Exception:
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

    def _changes(
        self, feeds: Feeds, before: list[Array], slab: Any
    ) -> Iterator[tuple[str, list[Array]]]:
        for kind, value in self._pokes(feeds[self.name][slab]):
            poked = feeds[self.name].copy()
            poked[slab] = value
            after = self._attempt({**feeds, self.name: poked}, before)
            if after is not None:
                yield kind, [changed(a, b) for a, b in zip(before, after, strict=True)]

    def _pokes(self, value: Array) -> Iterator[tuple[str, Any]]:
        kind = value.dtype.kind
        if kind in "iu":
            yield from self._integers(value)
        elif kind == "b":
            yield "step", ~value
            yield "step", self.random.integers(0, 2, value.shape).astype(bool)
        elif kind == "O":
            yield from (("step", np.full_like(value, text)) for text in TEXTS)
        else:
            for step in STEPS:
                noise = self.random.uniform(0.5, 1.5, value.shape)
                yield "step", (value.astype(np.float64) + step * noise).astype(value.dtype)
            if kind == "f":
                yield "nan", np.full_like(value, np.nan)

    def _integers(self, value: Array) -> Iterator[tuple[str, Any]]:
        """Give values that are there and their successors, but no zero to divide by."""
        there = np.unique(self.feeds[self.name])
        choice = np.union1d(there, np.minimum(there, np.iinfo(there.dtype).max - 1) + 1)
        choice = choice.astype(there.dtype)
        choice = choice if 0 in there else choice[choice != 0]
        for _ in range(4):
            yield "step", self.random.choice(choice, value.shape)


def _mark(seen: Seen, axis: int | None, at: int, moved: Array) -> None:
    seen.read |= moved
    if axis is not None:
        seen.lo[..., axis][moved] = np.minimum(seen.lo[..., axis][moved], at)
        seen.hi[..., axis][moved] = np.maximum(seen.hi[..., axis][moved], at)


# -- comparison ------------------------------------------------------------------------------------


class Claim(NamedTuple):
    """The box that rfgraph says a unit reads, and whether it is known on every axis."""

    box: tuple[tuple[int, int], ...] | None
    known: bool


@dataclass
class Verdict:
    """What came of one test under one choice of constants."""

    name: str
    runtime: str = ""
    skipped: str = ""
    units: int = 0
    equal: int = 0
    unknown: int = 0
    unsound: list[str] = field(default_factory=list)
    inexact: list[str] = field(default_factory=list)
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
    for name in tried.feeds:
        if name not in constants:
            _judge_input(found, result, Probes(run, tried.feeds, name, constants))
    return found


def _judge_input(found: Verdict, result: Any, probes: Probes) -> None:
    claims: dict[tuple[int, tuple[int, ...]], Claim] = {}
    for number, tensor in enumerate(probes.run.outputs):
        shape = result.model.graph.nodes[tensor]["shape"]
        seen = probes.outputs[number].shape
        if shape is not None and shape != seen:
            found.unsound.append(f"{tensor}: shape {shape}, {probes.run.name} {seen}")
        elif shape is not None:
            for index in _sample(shape):
                claims[number, index] = _claim(result, tensor, index, probes.name)
    for _ in range(ROUNDS):
        if all(_equal(probes, *at, claim) for at, claim in claims.items() if claim.known):
            break
        probes.again()
    for at, claim in claims.items():
        _count(found, probes, *at, claim)


def _count(
    found: Verdict, probes: Probes, number: int, index: tuple[int, ...], claim: Claim
) -> None:
    steps, every = probes.steps[number].box(index), probes.all[number].box(index)
    unit = f"{probes.run.outputs[number]}{list(index)} of {probes.name}"
    found.units += 1
    found.leaks += not _within(every, claim.box)
    if not _within(steps, claim.box):
        found.unsound.append(f"{unit}: {claim.box}, seen {steps}")
    elif not claim.known or not probes.complete:
        found.unknown += 1
    elif _equal(probes, number, index, claim):
        found.equal += 1
    else:
        found.inexact.append(f"{unit}: {claim.box}, seen {steps}")


def _equal(probes: Probes, number: int, index: tuple[int, ...], claim: Claim) -> bool:
    """Whether a box is what was seen: by steps, or between that and what NaN leaks into."""
    steps, every = probes.steps[number].box(index), probes.all[number].box(index)
    return not probes.complete or claim.box == steps or _within(claim.box, every)


def _sample(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return corners, the centre and a few random indices of a tensor."""
    if 0 in shape:
        return []
    random = np.random.default_rng(1)
    found = [tuple(0 for _ in shape), tuple(n - 1 for n in shape), tuple(n // 2 for n in shape)]
    found += [tuple(int(random.integers(n)) for n in shape) for _ in range(UNITS - 3)]
    return list(dict.fromkeys(found))


def _claim(result: Any, tensor: str, index: tuple[int, ...], name: str) -> Claim:
    regions = rfgraph.unit(result, tensor, index, input=name).regions
    if not regions:
        return Claim(None, known=True)
    return Claim(regions[0].clipped, "unknown" not in regions[0].scopes)


def _within(seen: Any, said: Any) -> bool:
    if seen is None or said is None:
        return seen is None
    return all(a <= c and d <= b for (a, b), (c, d) in zip(said, seen, strict=True))
