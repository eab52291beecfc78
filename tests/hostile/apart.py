"""One case of the corpus in a process of its own, whose memory and time are bounded.

`python -m hostile.apart "scale: 1,000 inputs"` in tests/ prints what came of it as JSON.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hostile.cases import Case

TESTS = Path(__file__).resolve().parent.parent
MEMORY = 6 << 30  # address space, of which the interpreter and NumPy take one
SECONDS = 120.0  # of processor time, for each question
PATIENCE = 1800  # seconds of wall-clock time, for all


@dataclass
class Outcome:
    """What a process said of its case: as a verdict, with the peak of its memory in MB."""

    refusal: str | None = None
    loaded: bool = False
    escaped: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    peak: float = 0.0


def apart(case: Case, memory: int = MEMORY, seconds: float = SECONDS) -> Outcome:
    """Probe a case by its name in another process; one that ends otherwise has escaped."""
    command = [sys.executable, "-m", "hostile.apart", case.id, str(memory), str(seconds)]
    try:
        done = subprocess.run(
            command,
            cwd=TESTS,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},  # each reserves address space
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Outcome(escaped={"process": f"more than {PATIENCE} s"})
    if done.returncode != 0:
        return Outcome(escaped={"process": f"ended with {done.returncode}: {done.stderr[-2000:]}"})
    return Outcome(**json.loads(done.stdout))


def peak() -> float:
    """Return the most memory that this process held, in MB.

    `ru_maxrss` of a started process is at least what the process that started it held.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    (held,) = (line.split()[1] for line in status.read_text().splitlines() if "VmHWM" in line)
    return int(held) / 1024


def main(name: str, memory: str = str(MEMORY), seconds: str = str(SECONDS)) -> None:
    """Probe the case of that name and print the outcome."""
    from hostile import corpus
    from hostile.probe import probe

    case = next(case for case in corpus.large() if case.id == name)
    data = case.make()
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    verdict = probe(data, float(seconds))
    escaped = {part: f"{type(error).__name__}: {error}" for part, error in verdict.escaped.items()}
    found = Outcome(verdict.refusal, verdict.loaded, escaped, verdict.seconds, peak())
    print(json.dumps(vars(found)))


if __name__ == "__main__":
    main(*sys.argv[1:])
