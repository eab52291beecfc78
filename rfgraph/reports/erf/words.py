"""What is said of an effective field, in every format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.reports.formats.effective import sizes_text
from rfgraph.wording.names import some_names
from rfgraph.wording.numbers import shape_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.analysis.effective_field import ERF


def index_text(index: Sequence[int | None]) -> str:
    """Return an index as `--unit` takes it."""
    return "[" + ", ".join("*" if at is None else str(at) for at in index) + "]"


def unit_text(index: Sequence[int | None], shape: Sequence[int]) -> str:
    """Return which unit is meant, by the axes on which it is one."""
    named = [(at, n) for at, n in zip(index, shape, strict=True) if at is not None]
    if not named:
        return f"all units of {shape_text(shape)}"
    return f"unit {[at for at, _ in named]} of {sizes_text([n for _, n in named])}"


def sides_text(found: ERF) -> str:
    """Return the squares around the middle of the input that hold shares of the map."""
    half = found.area_ratio(0.5)
    if half is None:
        return "-"
    middle = " x ".join(str(min(half.side, length)) for length in found.map.shape)
    others = []
    for share in (0.2, 0.3, 0.99):
        area = found.area_ratio(share)
        others.append(f"{share * 100:g} %: {area.side if area else '-'}")
    return f"within {middle} ({half.ratio:.0%} of the input); ".replace("%", " %") + ", ".join(
        others
    )


def caveats(found: ERF) -> Iterator[str]:
    """Yield sentences on what the numbers are not."""
    if found.kind == "random":
        yield (
            "What training does to it is not known here: trained ResNets, ResNeXts and DenseNets "
            "were within 8 % of sigma on ImageNet, gated and attention networks within 11 %."
        )
    if found.kind == "stored":
        yield (
            "The signs of the weights count as random, and activations let through what they do at "
            "initialisation: beside measured gradients of two trained detectors it lay right, but "
            "was too narrow where shallow paths meet deep ones."
        )
    if found.approximate:
        yield f"Approximate, at {some_names(found.approximate)}: see rfgraph explain erf."
    if found.assumed and found.kind == "stored":
        yield (
            "Taken as at initialisation, for want of numbers in the file or of a rule: "
            f"{some_names(found.assumed)}."
        )
    elif found.assumed:
        yield f"Assumed to share evenly, for want of a rule: {some_names(found.assumed)}."
    if found.unknown:
        yield (
            f"Left out, for what they read is not known: {some_names(found.unknown)}; "
            "the field may be larger."
        )
