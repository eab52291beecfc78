"""A process of its own in which a model runs on parts of an input and on the whole.

It reads a job from stdin and writes what it found to stdout, both as JSON; see `verification`.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from rfgraph.errors import RfgraphError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    Array = NDArray[Any]
    Net = Callable[[Array], Array]

_NUMBERS = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}


def main() -> None:
    """Run the job on stdin."""
    job = json.load(sys.stdin)
    try:
        _limit(job["most_bytes"], job["most_seconds"])
        outcome = _run(job)
    except MemoryError:
        outcome = {"error": f"it needs more than {job['most_bytes']} bytes"}
    except RfgraphError as error:
        outcome = {"error": str(error)}
    except Exception as error:
        # Whatever a runtime raises for a model that it does not run.
        outcome = {"error": " ".join(str(error).split())}
    json.dump(outcome, sys.stdout)


def _limit(memory: int, seconds: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has none: there only the time is limited, by who waits.
        return
    for kind, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, 2 * seconds)):
        _, hard = resource.getrlimit(kind)
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (least, hard))


def _run(job: Mapping[str, Any]) -> dict[str, Any]:
    net, dtype, is_random = _network(job)
    random = np.random.default_rng(0)
    x, noise = _draw(random, job["shape"], dtype), _draw(random, job["shape"], dtype)
    whole = net(x)
    if job["out"] and list(whole.shape) != job["out"]:
        raise RfgraphError(f"the output of the whole is {list(whole.shape)}, not {job['out']}")
    within = noise if job["within"] else None
    sizes = np.abs(whole.astype(np.float64))
    return {
        "scale": float(sizes.max(initial=0, where=np.isfinite(sizes))),
        "epsilon": float(np.finfo(whole.dtype).eps) if whole.dtype.kind == "f" else 0.0,
        "random_weights": is_random,
        "plans": [_compare(plan, net, x, whole, within) for plan in job["plans"]],
    }


def _network(job: Mapping[str, Any]) -> tuple[Net, Any, bool]:
    """Return the function from the input to the tensor, its type, and if weights were drawn."""
    import onnxruntime  # type: ignore[import-untyped]

    from rfgraph.onnxfile.runnable import runnable

    content, is_random = runnable(job["file"], job["tensor"], job["input"], job["opened"])
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    # As the file says it: what an optimizer makes of a layout depends on lengths.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    kinds = {item.name: _NUMBERS.get(item.type) for item in session.get_inputs()}
    if None in kinds.values():
        raise RfgraphError("an input is neither a number nor a boolean")
    random = np.random.default_rng(1)
    beside = {
        name: np.asarray(job["values"][name], kinds[name])
        if name in job["values"]
        else _draw(random, job["beside"][name], kinds[name])
        for name in kinds
        if name != job["input"]
    }

    def net(x: Array) -> Array:
        made: Array = session.run(None, {**beside, job["input"]: np.ascontiguousarray(x)})[0]
        return made

    return net, kinds[job["input"]], is_random


def _draw(random: np.random.Generator, shape: Sequence[int], dtype: Any) -> Array:
    if np.dtype(dtype).kind == "f":
        return random.normal(size=shape).astype(dtype)
    most = 256 if dtype is np.uint8 else 2
    return random.integers(0, most, shape).astype(dtype)


def _compare(
    plan: Sequence[Mapping[str, Any]], net: Net, x: Array, whole: Array, noise: Array | None
) -> dict[str, Any]:
    """Return the largest difference of what parts give from the whole, or why there is none."""
    largest = 0.0
    for part in plan:
        read, write, crop = (tuple(slice(*pair) for pair in part[key]) for key in _RANGES)
        there = whole[write]
        try:
            made = net(x[read])[crop] if noise is None else net(_within(x, noise, read))[write]
        except MemoryError:
            raise
        except Exception as error:
            return {"error": "refused: " + " ".join(str(error).split())}
        if made.shape != there.shape:
            return {"error": "its output ends before that"}
        largest = max(largest, difference(made, there))
    return {"difference": largest}


def difference(one: Array, other: Array) -> float:
    """Return the largest difference, infinite where one alone is no number or is infinite."""
    left, right = one.astype(np.float64), other.astype(np.float64)
    differs = (left != right) & ~(np.isnan(left) & np.isnan(right))
    apart = np.abs(left[differs] - right[differs])
    return float(np.nan_to_num(apart, nan=np.inf, posinf=np.inf).max(initial=0))


_RANGES = ("read", "write", "crop")


def _within(x: Array, noise: Array, read: tuple[slice, ...]) -> Array:
    made = noise.copy()
    made[read] = x[read]
    return made


if __name__ == "__main__":
    main()
