"""Measuring: the best of several runs, whole processes and calls, with peak memory."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]


class Run(NamedTuple):
    """Wall and processor seconds, and peak memory in MB."""

    wall: float
    cpu: float
    peak: float


def process(command: Sequence[str], repeats: int = 5) -> Run:
    """Return the best of several runs of a command; its output is thrown away."""
    runs = []
    for _ in range(repeats):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        script = (
            "import resource,subprocess,sys;"
            "done=subprocess.run(sys.argv[1:],stdout=subprocess.DEVNULL,stderr=subprocess.DEVNULL);"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, done.returncode)"
        )
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-S", "-c", script, *command],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
        )
        wall = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        peak = int(done.stdout.split()[0]) / 1024
        runs.append(Run(wall, cpu, peak))
    return min(runs)


def call(function: Callable[[], object], repeats: int = 5) -> float:
    """Return the best wall time of several calls."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best


def once(function: Callable[[], T]) -> tuple[float, T]:
    """Return the processor time of one call, and what it returned."""
    start = time.process_time()
    made = function()
    return time.process_time() - start, made


def apart(module: str, *arguments: str) -> dict[str, float]:
    """Run a module of this package in a process of its own and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT / "tests",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def peak() -> float:
    """Return this process's peak memory in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
