"""Sizes of effective fields in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rfgraph.analysis.effective_field import ERF, EffectiveAxis
    from rfgraph.domains.effective.adjoint import Kind

KINDS: Mapping[Kind, str] = {
    "random": "expected at initialisation, no weights read",
    "uniform": "each operator shares evenly, no weights read",
    "paths": "number of paths, no weights read",
    "stored": "by the file's own weights, expected over their signs",
}


def nothing_text(found: ERF) -> str:
    """Say what an empty map means."""
    if found.unknown:
        return "what it reads is not known"
    return "lets nothing through" if found.kind == "stored" else "reads nothing"


def sizes_text(values: Sequence[float | None]) -> str:
    """Return lengths along the axes as 189 x 189; a dash where there is none."""
    return " x ".join(_number(value) for value in values)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, int):
        return str(value)
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def endless_sizes(axes: Sequence[EffectiveAxis]) -> str:
    """Return the effective sizes without borders."""
    return sizes_text([None if axis.unclipped is None else axis.unclipped.size for axis in axes])


def ratio_text(axes: Sequence[EffectiveAxis]) -> str:
    """Return the ratios of effective to theoretical sizes, once where they agree."""
    ratios = dict.fromkeys("-" if a.ratio is None else f"{a.ratio:.0%}" for a in axes)
    return " x ".join(text.replace("%", " %") for text in ratios)
