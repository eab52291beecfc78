"""Effective sizes and coarse maps of the layers, as many as take a few seconds."""

from __future__ import annotations

import math
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from rfgraph.analysis.erf import candidates, erf
from rfgraph.domains.effective.statistics import as_floats, coarse_means
from rfgraph.errors import RfgraphError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from rfgraph.analysis.analysis import Analysis
    from rfgraph.analysis.effective_field import ERF

# Edges times positions of all maps together, which take some seconds, and the least of one map.
MAX_WEIGHED, LEAST = 1 << 30, 5000
# Cells of a coarse map along each axis, and its levels, each a character.
CELLS, LEVELS = 24, "0123456789abcdefghijklmnopqrstuvwxyz"


def effective_fields(
    result: Analysis, layers: Mapping[str, Sequence[str]]
) -> Iterator[tuple[tuple[str, str], ERF]]:
    """Yield by input and tensor the fields of the middle unit over local paths.

    Of what outputs read, then of the layers of each input. Layers are taken evenly, and inputs in
    turn, until MAX_WEIGHED is spent.
    """
    left = MAX_WEIGHED
    for source, name in _in_turn(result, layers):
        left -= result.edges * (LEAST + _positions(result, source, name))
        if left < 0:
            return
        try:
            field = erf(result, name, input=source, local=not _is_local(result, source, name))
        except RfgraphError:
            continue
        if not field.empty:
            yield (source, name), field


def _in_turn(result: Analysis, layers: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """Yield each input with the first tensor of its own, then each with its second."""
    tensors = (
        dict.fromkeys((*candidates(result, source), *_evenly(names)))
        for source, names in layers.items()
    )
    for turn in zip_longest(*tensors):
        yield from (
            (source, name) for source, name in zip(layers, turn, strict=True) if name is not None
        )


def _is_local(result: Analysis, source: str, name: str) -> bool:
    field = result.receptive_field(name, source)
    return all(field.axes[axis].scope == "local" for axis in result.forms[source].spatial_axes)


def _positions(result: Analysis, source: str, name: str) -> int:
    field = result.receptive_field(name, source)
    lengths = result.input(source).shape
    axes = (
        field.axes[axis].local or field.axes[axis] for axis in result.forms[source].spatial_axes
    )
    return math.prod(min(axis.size or lengths[axis.axis], lengths[axis.axis]) for axis in axes)


def _evenly(names: Sequence[str]) -> list[str]:
    """Return names from the last on so that any first part of them is spread over all."""
    width = max(len(names) - 1, 0).bit_length()
    places = (int(f"{number:0{width}b}"[::-1], 2) for number in range(1 << width))
    return [names[-1 - place] for place in places if place < len(names)]


def coarse_map(found: ERF) -> dict[str, Any]:
    """Return a map as a picture of few cells: the box that they part, and a level for each.

    Along the last two spatial axes, summed over others. Levels go by the root of a cell's mean, of
    the largest: what counts a hundredth is a tenth as dark.
    """
    values = as_floats(found.map)
    axes = list(found.axes)[-2:]
    values = values.sum(axis=tuple(range(values.ndim - len(axes))))
    box = [_extent(values, place) for place in range(values.ndim)]
    inside = values[tuple(slice(first, last + 1) for first, last in box)]
    for place in range(inside.ndim):
        inside = coarse_means(inside, place, CELLS)
    levels = np.rint(np.sqrt(inside / inside.max()) * (len(LEVELS) - 1)).astype(int)
    text = "".join(LEVELS[level] for level in levels.ravel())
    return {"axes": axes, "box": box, "cells": list(levels.shape), "levels": text}


def _extent(values: NDArray[np.float64], place: int) -> list[int]:
    others = tuple(axis for axis in range(values.ndim) if axis != place)
    read = np.flatnonzero(values.any(axis=others))
    return [int(read[0]), int(read[-1])]
