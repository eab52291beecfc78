"""The mutation fuzzer: `python -m hostile.fuzz --count 100000` in tests/.

It mutates the small fixtures and the plain operators, asks each mutant everything that the Python
API answers, and reports what escaped, by exception and place, each with the seed that makes it
again: `python -m hostile.fuzz --seed 17 --show`.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import resource
import sys
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from hostile.bases import BASES
from hostile.mutate import mutated
from hostile.probe import Verdict, probe

FIXTURES = Path(__file__).resolve().parent.parent.parent / "fixtures"
LARGEST = 24_000  # bytes of a fixture that is mutated
SECONDS = 10.0  # for each question
MEMORY = 3 << 30  # address space of a worker, most of which the interpreter and NumPy take
CHUNK = 250


@functools.cache
def sources() -> tuple[bytes, ...]:
    """The files that are mutated, in an order that does not depend on the file system."""
    small = [
        path.read_bytes()
        for path in sorted(FIXTURES.rglob("*.onnx"))
        if path.stat().st_size <= LARGEST
    ]
    return (*small, *(base.build().SerializeToString() for base in BASES))


def mutant(seed: int) -> bytes:
    """Return the mutant of a number."""
    every = sources()
    return mutated(every[seed % len(every)], seed)


@dataclass
class Tally:
    """What came of many mutants: how many, and by exception and place what escaped."""

    count: int = 0
    loaded: int = 0
    refused: int = 0
    slowest: float = 0.0
    escapes: dict[str, list[int]] = field(default_factory=dict)

    def add(self, seed: int, verdict: Verdict) -> None:
        self.count += 1
        self.loaded += verdict.loaded
        self.refused += verdict.refusal is not None
        self.slowest = max(self.slowest, verdict.seconds)
        for part, error in verdict.escaped.items():
            self.escapes.setdefault(f"{place(error)} in {part.partition(' ')[0]}", []).append(seed)

    def merge(self, other: Tally) -> None:
        self.count += other.count
        self.loaded += other.loaded
        self.refused += other.refused
        self.slowest = max(self.slowest, other.slowest)
        for where, seeds in other.escapes.items():
            self.escapes.setdefault(where, []).extend(seeds)

    def __str__(self) -> str:
        lines = [
            f"{self.count} mutations: {self.loaded} analysed, {self.refused} refused, "
            f"slowest {self.slowest:.2f} s, {len(self.escapes)} distinct exceptions escaped"
        ]
        for where, seeds in sorted(self.escapes.items(), key=lambda item: -len(item[1])):
            lines.append(f"  {len(seeds)} x {where}, seeds {', '.join(map(str, seeds[:5]))}")
        return "\n".join(lines)


def place(error: BaseException) -> str:
    """Return the exception and the line of rfgraph that it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [
        frame for frame in frames if f"{Path('/')}rfgraph{Path('/')}" in frame.filename
    ] or frames
    where = f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "?"
    return f"{type(error).__name__} at {where}"


def fuzz(seeds: range, seconds: float = SECONDS) -> Tally:
    """Probe the mutants of `seeds`, one after the other."""
    tally = Tally()
    for seed in seeds:
        tally.add(seed, probe(mutant(seed), seconds))
    return tally


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def parallel(seeds: range, jobs: int) -> Tally:
    """Probe in processes of their own, whose memory is bounded."""
    tally = Tally()
    chunks = [seeds[at : at + CHUNK] for at in range(0, len(seeds), CHUNK)]
    context = multiprocessing.get_context("spawn")
    start = time.perf_counter()
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_limit) as pool:
        for found in pool.map(fuzz, chunks):
            tally.merge(found)
            passed = f"{time.perf_counter() - start:.0f} s, {len(tally.escapes)} escaped"
            print(f"\r{tally.count} of {len(seeds)}, {passed}", end="", file=sys.stderr)
            if found.escapes:
                print(f"\n{found}", file=sys.stderr)  # at once, for a long run may be ended
    print(file=sys.stderr)
    return tally


def main() -> int:
    """Run the fuzzer; exit code 1 if anything escaped."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=2000, help="how many mutants (2000)")
    parser.add_argument("--seed", type=int, default=0, help="the number of the first one (0)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (1)")
    parser.add_argument(
        "--show", action="store_true", help="the one mutant of --seed: what escapes, in full"
    )
    options = parser.parse_args()
    if options.show:
        return show(options.seed)
    tally = parallel(range(options.seed, options.seed + options.count), options.jobs)
    print(tally)
    return int(bool(tally.escapes))


def show(seed: int) -> int:
    """Print what one mutant does."""
    verdict = probe(mutant(seed))
    for part, text in verdict.refusals.items():
        print(f"{part}: {text}")
    for part, error in verdict.escaped.items():
        print(f"{part}:", *traceback.format_exception(error), sep="\n")
    counts = Counter(answered=len(verdict.answers), refused=len(verdict.refusals))
    print(dict(counts), f"{verdict.seconds:.2f} s")
    return int(bool(verdict.escaped))


if __name__ == "__main__":
    sys.exit(main())
