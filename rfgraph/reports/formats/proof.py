"""What a run of parts beside the whole gave, for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.wording.names import printable
from rfgraph.wording.numbers import axes_text, count_of, figure, shape_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.analysis.proof import Less, Proof

DIGITS = 3


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
    alike: dict[tuple[str, str], list[int]] = {}
    for item in proof.less:
        alike.setdefault((item.what, _less(proof, item)), []).append(item.axis)
    for (what, said), axes in alike.items():
        less = _LESS.get(what) or f"one grid step less {what} ({axes_text(axes)})"
        yield f"{less}: {said}"


_LESS = {"delay": "one unit less of delay", "context": "one grid step less of context"}


def _less(proof: Proof, item: Less) -> str:
    if item.difference is None:
        return printable(item.why or "")
    if item.difference <= (proof.difference or 0):
        return "no difference that rounding leaves to see"
    return f"{figure(item.difference, DIGITS)} off"
