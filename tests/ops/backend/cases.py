"""onnx's node tests, each with its inputs by name, and the runtime that gives what it expects.

A model runs under onnxruntime, or under onnx's reference where onnxruntime has no kernel or cannot
be fed; it counts only if that gives the outputs that the test expects, and the same ones twice.
"""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from oracle.perturb import session

Array = np.ndarray[Any, Any]
Feeds = Mapping[str, Array]

# What the reference computes wrongly in some settings, the expected outputs with it.
REFERENCE_WRONG = frozenset("AveragePool ConvTranspose LpPool LRN MaxPool Softmax".split())
# Inputs that steer though they are no integers, by operator and slot.
STEERING = {
    ("Compress", 1), ("Dropout", 1), ("Dropout", 2), ("If", 0), ("Loop", 1),
    ("Resize", 1), ("Resize", 2), ("Upsample", 1),
}  # fmt: skip


@dataclass(frozen=True)
class Trial:
    """A model of onnx's node tests with its inputs and what it must give."""

    name: str
    model: onnx.ModelProto
    feeds: Feeds
    expected: Sequence[Any]
    tolerance: tuple[float, float]

    @property
    def operators(self) -> set[tuple[str, str]]:
        """The operators of the model and of its subgraphs, by (domain, operator)."""
        found, graphs = set(), [self.model.graph]
        while graphs:
            for node in graphs.pop().node:
                found.add(("" if node.domain == "ai.onnx" else node.domain, node.op_type))
                graphs += [a.g for a in node.attribute if a.type == onnx.AttributeProto.GRAPH]
        return found

    @property
    def steering(self) -> tuple[str, ...]:
        """The inputs that may steer what is read, in their order: all integers, and some others."""
        (*_, node) = self.model.graph.node or [onnx.NodeProto()]
        names = {name for name, value in self.feeds.items() if value.dtype.kind in "iu"}
        names |= {n for slot, n in enumerate(node.input) if (node.op_type, slot) in STEERING}
        return tuple(name for name in self.feeds if name in names)

    @property
    def empty(self) -> tuple[str, ...]:
        """The inputs that have no element, which can be no data."""
        return tuple(name for name, value in self.feeds.items() if value.size == 0)


class SkippedError(Exception):
    """Why a test cannot be run."""


def modules() -> list[str]:
    """Return the names of the modules that define onnx's node tests."""
    from onnx.backend.test.case import node as cases

    start = f"{cases.__name__}."
    found = pkgutil.walk_packages(cases.__path__, start)
    return sorted(module.name.removeprefix(start) for module in found)


def collected(wanted: Sequence[str] = ()) -> list[Any]:
    """Return the node tests that some modules of onnx define, by default all there are."""
    return [case for module in wanted or modules() for case in _defined(module)]


@cache
def _defined(module: str) -> tuple[Any, ...]:
    """Return the node tests of one module, which it defines when it is imported."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        from onnx.backend.test.case import node as cases

        before = len(cases._NodeTestCases)
        importlib.import_module(f"{cases.__name__}.{module}")
        return tuple(cases._NodeTestCases[before:])


def trial(case: Any) -> Trial:
    """Return a test with its inputs by name; raise SkippedError for inputs that are not tensors."""
    inputs, outputs = case.data_sets[0]
    declared = case.model.graph.input
    feeds = {}
    for value, given in zip(declared, inputs, strict=False):
        if not value.type.HasField("tensor_type"):
            raise SkippedError("an input is a sequence or optional")
        feeds[value.name] = _array(given)
    return Trial(case.name, case.model, feeds, outputs, (case.rtol, case.atol))


def _array(value: Any) -> Array:
    if isinstance(value, onnx.TensorProto):
        return onnx.numpy_helper.to_array(value)
    return np.asarray(value, object if isinstance(value, str) else None)


class Runtime:
    """A model made ready to run, all outputs at once."""

    def __init__(self, tried: Trial) -> None:
        self.outputs = [value.name for value in tried.model.graph.output]
        self.divides = bool({"Div", "Mod"} & {name for _, name in tried.operators})
        if any(not value.type.HasField("tensor_type") for value in tried.model.graph.output):
            raise SkippedError("an output is a sequence or optional")
        reasons = []
        for make in (self._onnxruntime, self._reference):
            try:
                self._run = make(tried)
                found = self(tried.feeds)
            except Exception as error:
                reasons.append(f"{make.__name__[1:]}: {_reason(error)}")
                continue
            self.name = make.__name__[1:]
            self._check(tried, found)
            return
        raise SkippedError("; ".join(reasons))

    def _onnxruntime(self, tried: Trial) -> Any:
        run = session(tried.model)
        return lambda feeds: run.run(self.outputs, dict(feeds))

    def _reference(self, tried: Trial) -> Any:
        if REFERENCE_WRONG & {name for _, name in tried.operators}:
            raise SkippedError("it is known to be wrong for the operator")
        evaluator = ReferenceEvaluator(tried.model)
        return lambda feeds: evaluator.run(self.outputs, dict(feeds))

    def _check(self, tried: Trial, found: list[Array]) -> None:
        again = self(tried.feeds)
        if any(changed(first, second).any() for first, second in zip(found, again, strict=True)):
            raise SkippedError("it is random")
        rtol, atol = tried.tolerance
        for value, wanted in zip(found, tried.expected, strict=True):
            if not _close(value, _array(wanted), rtol, atol):
                raise SkippedError(f"{self.name} does not give the expected outputs")

    def __call__(self, feeds: Feeds) -> list[Array]:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return [_array(value) for value in self._run(feeds)]


def _reason(error: Exception) -> str:
    if isinstance(error, SkippedError):
        return str(error)
    text = f"{type(error).__name__} {error}"
    for known in ("NOT_IMPLEMENTED", "INVALID_GRAPH", "INVALID_ARGUMENT", "NotImplemented"):
        if known in text:
            return f"no kernel ({known})"
    return f"refused ({type(error).__name__})"


def _close(value: Array, wanted: Array, rtol: float, atol: float) -> bool:
    if value.shape != wanted.shape:
        return False
    if value.dtype.kind in "OUS" or wanted.dtype.kind in "OUS":
        return bool((value == wanted).all())
    wide = np.complex128 if value.dtype.kind == "c" else np.float64
    first, second = value.astype(wide), wanted.astype(wide)
    return bool(np.allclose(first, second, max(rtol, 1e-3), max(atol, 1e-3), equal_nan=True))


def changed(before: Array, after: Array) -> Array:
    """Return where two arrays of one shape differ; NaN equals NaN."""
    same = np.asarray(before == after)
    with np.errstate(all="ignore"):
        same = same | (np.asarray(before != before) & np.asarray(after != after))
    return np.asarray(~same.astype(bool))
