"""What units read against what rfgraph says they read, for one node test."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import rfgraph
from ops.backend.probes import Probes
from rfgraph.ops.registry import all_rules
from rfgraph.reports.operators import operator_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ops.backend.cases import Runtime, Trial

UNITS = 6
ROUNDS = 20

MODELLED = {(row.domain, row.operator): row.modelled for row in operator_rows(all_rules().values())}


class Claim(NamedTuple):
    """The box that rfgraph says a unit reads, and whether it is known on every axis."""

    box: tuple[tuple[int, int], ...] | None
    known: bool


class Unit(NamedTuple):
    """A unit whose box is not what was seen."""

    tensor: str
    index: tuple[int, ...]
    input: str
    said: Any
    seen: Any

    def __str__(self) -> str:
        return f"{self.tensor}{list(self.index)} of {self.input}: {self.said}, seen {self.seen}"


@dataclass
class Verdict:
    """What came of one test under one choice of constants."""

    name: str
    constants: tuple[str, ...] = ()
    runtime: str = ""
    exact: bool = False
    units: int = 0
    equal: int = 0
    unknown: int = 0
    unsound: list[Unit] = field(default_factory=list)
    inexact: list[Unit] = field(default_factory=list)
    shapes: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        constants = f" with {', '.join(self.constants)} constant" if self.constants else ""
        return self.name + constants

    @property
    def wrong(self) -> list[str]:
        """What is unsound, in words."""
        return [f"{self.title}: {item}" for item in (*self.unsound, *self.shapes)]


def readings(tried: Trial) -> list[tuple[str, ...]]:
    """Return the choices of inputs that are constants, what can be no data always among them.

    All are data; or all but those that may steer; or that, and the first is data all the same. A
    choice that leaves no data is left out.
    """
    names = list(tried.feeds)
    steering = tried.steering
    choices = ((), steering, [name for name in steering if name != names[0]])
    found = [tuple(n for n in names if n in chosen or n in tried.empty) for chosen in choices]
    return [choice for choice in dict.fromkeys(found) if len(choice) < len(names)]


def judge(
    tried: Trial,
    run: Runtime,
    constants: Sequence[str] = (),
    rules: Mapping[tuple[str, str], Any] | None = None,
) -> Verdict:
    """Compare what sampled units read with what rfgraph says, `constants` being no data.

    `rules` take the place of rfgraph's own.
    """
    found = Verdict(tried.name, tuple(constants), run.name)
    found.exact = all(MODELLED.get(key, "exact") == "exact" for key in tried.operators)
    model = rfgraph.load(
        tried.model.SerializeToString(),
        input_shapes={n: v.shape for n, v in tried.feeds.items() if n not in constants},
        input_values={n: _numbers(tried.feeds[n]) for n in constants},
        rules=rules,
    )
    result = rfgraph.analyze(model)
    for name in tried.feeds:
        if name not in constants:
            _judge_input(found, result, Probes(run, tried.feeds, name, constants))
    return found


def _numbers(value: Any) -> Any:
    """Return an input as numbers that can be given; a narrow type matters to no index."""
    return value if value.dtype.kind in "biuf" else value.astype(np.float32)


def _judge_input(found: Verdict, result: Any, probes: Probes) -> None:
    claims: dict[tuple[int, tuple[int, ...]], Claim] = {}
    for number, tensor in enumerate(probes.run.outputs):
        shape = result.model.graph.nodes[tensor]["shape"]
        seen = probes.outputs[number].shape
        if shape is not None and shape != seen:
            found.shapes.append(f"{tensor}: shape {shape}, {probes.run.name} {seen}")
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
    steps = probes.steps[number].box(index)
    unit = Unit(probes.run.outputs[number], index, probes.name, claim.box, steps)
    found.units += 1
    if not _within(steps, claim.box):
        found.unsound.append(unit)
    elif not claim.known or not probes.complete:
        found.unknown += 1
    elif _equal(probes, number, index, claim):
        found.equal += 1
    else:
        found.inexact.append(unit)


def _equal(probes: Probes, number: int, index: tuple[int, ...], claim: Claim) -> bool:
    """Whether a box is what was seen: by steps, or between that and all that may be read."""
    return not probes.complete or _within(claim.box, probes.all[number].box(index))


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
    if not regions or regions[0].empty:
        return Claim(None, known=True)
    return Claim(regions[0].clipped, "unknown" not in regions[0].scopes)


def _within(seen: Any, said: Any) -> bool:
    if seen is None or said is None:
        return seen is None
    return all(a <= c and d <= b for (a, b), (c, d) in zip(said, seen, strict=True))
