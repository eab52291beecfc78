"""What is said of parts of an input beside the whole: exact, blocked, run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.wording.grouping import group
from rfgraph.wording.names import printable, some_names
from rfgraph.wording.numbers import axes_text, count_of, figure, shape_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.analysis.blocking import Blocker
    from rfgraph.analysis.proof import Less, Proof
    from rfgraph.analysis.tiling import Recommended, Tiling


NOTHING = "Nothing is read: no input reaches the tensors."
DIGITS = 3
_LESS = {"delay": "one unit less of delay", "context": "one grid step less of context"}


def cost_text(tile: Recommended) -> str:
    """Say how many positions are read for each that is kept."""
    cost = figure(tile.overhead, 3)
    return f"{cost} position{' is' if cost == '1' else 's are'} read for each kept"


def exact_text(item: Tiling) -> str:
    """Say that tiles are exact, and at which lengths where others are accepted too."""
    if not item.axes:
        return "The input has no axis along which it could be cut."
    some = item.plan is None and any(
        axis.lengths.loses_some and not axis.lengths.loses(axis.size) for axis in item.axes.values()
    )
    where = " at lengths that lose nothing to strides (--image says of any other)" if some else ""
    rounding = item.geometry.rounding
    but = "bit for bit"
    if rounding:
        but = f"but for rounding where points lie between positions, at {some_names(rounding)}"
    return f"Tiles are exact{where}: put together, they are the whole, {but}."


def blocker_lines(blockers: Sequence[Blocker]) -> Iterator[str]:
    """Yield a line for each reason: the operators and the axes."""
    reasons = group(((item.op_type, item.why), item) for item in blockers)
    for (kind, why), alike in reasons.items():
        nodes = list(dict.fromkeys(item.node for item in alike))
        axes = axes_text(sorted({item.axis for item in alike}))
        yield f"{printable(kind)} at {some_names(nodes)}: {why} ({axes})"


def proof_lines(proof: Proof, noun: str) -> Iterator[str]:
    """Yield what was run and by how much it differs, then what a grid step less gives."""
    if proof.difference is None:
        yield f"not verified: {printable(proof.why)}"
        return
    weights = "random weights" if proof.random_weights else "the file's weights"
    what = f"{count_of(proof.parts, noun)} and the whole of {shape_text(proof.shape)}"
    if proof.within:
        what += ", which the file fixes: of it, other noise where nothing is read"
    yield f"{what}; random input, {weights}: {_difference(proof)}"
    if not proof.scale:
        yield "every value is 0: such a run says nothing"
    yield from _less_lines(proof)


def _difference(proof: Proof) -> str:
    if not proof.difference:
        return "the same, bit for bit"
    largest = f"{figure(proof.difference, DIGITS)}, of values up to {figure(proof.scale, DIGITS)}"
    if proof.holds:
        return f"the same up to rounding (largest difference {largest})"
    return f"NOT the same: the largest difference is {largest}"


def _less_lines(proof: Proof) -> Iterator[str]:
    alike = group(((item.what, _less(proof, item)), item.axis) for item in proof.less)
    for (what, said), axes in alike.items():
        less = _LESS.get(what) or f"one grid step less {what} ({axes_text(axes)})"
        yield f"{less}: {said}"


def _less(proof: Proof, item: Less) -> str:
    if item.difference is None:
        return printable(item.why or "")
    if item.difference <= (proof.difference or 0):
        return "no difference that rounding leaves to see"
    return f"{figure(item.difference, DIGITS)} off"
