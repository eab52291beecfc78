"""The corpus: every hostile file that the tests know, by group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostile import graphs, kinds, names, recursion, scale, wires

if TYPE_CHECKING:
    from hostile.cases import Case, Cases

QUICK = (wires.cases, graphs.cases, graphs.bases, kinds.cases, names.cases, recursion.cases)


def quick() -> Cases:
    """All but the operators' values, of which there are thousands, and the large graphs."""
    for make in QUICK:
        yield from make()


def values() -> Cases:
    """Every attribute and constant of every plain operator made extreme, one at a time."""
    yield from graphs.changed()


def large() -> Cases:
    """Graphs of many nodes, wide ones, long axes, huge fields and counts."""
    yield from scale.cases()


def names_culprit(case: Case, message: str) -> bool:
    """Whether a refusal names what is wrong; True where there is no one place to name."""
    named = [word in message for word in case.culprit]
    return all(named) if case.refused else any(named) or not named
