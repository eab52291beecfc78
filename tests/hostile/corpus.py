"""The corpus: every hostile file that the tests know. `python -m hostile.corpus` in tests/.

It asks each file everything that the Python API answers and prints, by class: how many files there
are, how many came to a safe end, and how many refusals name the node or tensor that is to blame.
`python -m hostile.corpus quick values large` says which parts; by default the first two.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hostile import graphs, kinds, names, recursion, scale, wires
from hostile.apart import Outcome, apart
from hostile.probe import Verdict, probe

if TYPE_CHECKING:
    from hostile.cases import Case, Cases

QUICK = (wires.cases, graphs.cases, graphs.bases, kinds.cases, names.cases, recursion.cases)
SHARE = 16  # every so many of the values are in the default suite


def quick() -> Cases:
    """All but the operators' values, of which there are thousands, and the large graphs."""
    return (case for make in QUICK for case in make() if not case.heavy)


def values(every: int = 1) -> Cases:
    """Every attribute and constant of every plain operator made extreme, one at a time."""
    return itertools.islice(graphs.changed(), 0, None, every)


def large() -> Cases:
    """Graphs of many nodes, wide ones, long axes, huge fields and counts; each apart."""
    yield from scale.cases()
    yield from (case for case in recursion.cases() if case.heavy)


def large_names() -> list[str]:
    """Return the names of the large cases, none of which is made for it."""
    heavy = [f"{recursion.GROUP}: {name}" for name in sorted(recursion.HEAVY)]
    return [*(f"{scale.GROUP}: {name}" for name in scale.LARGE), *heavy]


PARTS = {"quick": quick, "values": values, "large": large}


def names_culprit(case: Case, message: str) -> bool:
    """Whether a refusal names what is wrong; True where there is no one place to name."""
    named = [word in message for word in case.culprit]
    return all(named) if case.refused else any(named) or not named


def problems(case: Case, found: Verdict | Outcome) -> list[str]:
    """Return in what way the outcome of a case is not what it must be; nothing if it is."""
    wrong = [f"{part}: {error!r} escaped" for part, error in found.escaped.items()]
    if case.refused is True and found.refusal is None:
        wrong.append("answered, not refused")
    if case.refused is False and found.refusal is not None:
        wrong.append(f"refused: {found.refusal}")
    if found.refusal is not None and not names_culprit(case, found.refusal):
        wrong.append(f"none of {case.culprit} named: {found.refusal}")
    return wrong


@dataclass
class Row:
    """The outcomes of one class of files."""

    cases: int = 0
    safe: int = 0
    refused: int = 0
    place: int = 0
    named: int = 0

    def add(self, case: Case, found: Verdict | Outcome) -> None:
        self.cases += 1
        self.safe += not found.escaped
        if found.refusal is not None:
            self.refused += 1
            self.place += bool(case.culprit)
            self.named += bool(case.culprit) and names_culprit(case, found.refusal)

    def __str__(self) -> str:
        named = f"{self.named / self.place:8.1%}" if self.place else "       -"
        return (
            f"{self.cases:6} {self.safe / max(1, self.cases):8.1%} "
            f"{self.refused:8} {self.place:9} {named}"
        )


def main() -> int:
    """Print the table and whatever is not as it must be; exit code 1 if anything is not."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)} (quick values)")
    chosen = parser.parse_args().parts or ["quick", "values"]
    if not set(chosen) <= set(PARTS):
        parser.error(f"the parts are {', '.join(PARTS)}")
    rows: dict[str, Row] = {}
    wrong = 0
    for part in chosen:
        for case in PARTS[part]():
            found = apart(case) if case.heavy else probe(case.make(), 60)
            rows.setdefault(case.group, Row()).add(case, found)
            for text in problems(case, found):
                wrong += 1
                print(f"{case.id}: {text}", flush=True)
            if case.heavy and isinstance(found, Outcome):
                end = "refused" if found.refusal else "answered"
                print(f"{case.id}: {end}, {found.seconds:.1f} s, {found.peak:.0f} MB", flush=True)
    print(f"{'class':12}  files     safe  refused  to blame    named")
    total = Row()
    for group, row in rows.items():
        print(f"{group:12} {row}")
        for key, count in vars(row).items():
            setattr(total, key, getattr(total, key) + count)
    print(f"{'all':12} {total}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
