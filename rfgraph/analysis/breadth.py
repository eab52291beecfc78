"""About how wide the effective field of every tensor is, in one pass and without any map."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rfgraph.analysis.lossy import without_lossy
from rfgraph.domains.effective.drift import drifts
from rfgraph.domains.effective.weighing import weigh
from rfgraph.domains.fields.axis import numbers

if TYPE_CHECKING:
    from rfgraph.analysis.analysis import Analysis
    from rfgraph.analysis.field import ReceptiveField
    from rfgraph.domains.effective.drift import Line

_EXCESS = (-2.0, -1.2, -0.6, 0.0, 1.0, 4.0)
_DEVIATIONS = (2.9, 3.29, 4.23, 5.54, 6.6, 8.6)


def breadths(result: Analysis, source: str) -> dict[str, dict[int, int]]:
    """Return by tensor and spatial axis of an input about how many positions hold 95 % of a map.

    The map is that of `rfgraph.erf` ("random"), without borders and over local paths; what is
    returned follows from four moments of its squares. For the networks of `fixtures/` it is within
    a tenth of what the map itself gives, or one position. An axis is left out where the tensor has
    no local path, or paths whose strides differ.
    """
    form = result.forms[source]
    if not form.spatial_axes:
        return {}
    weighing = without_lossy(form, weigh(result.graph, list(result.graph), "random"))
    by_tensor: dict[str, dict[int, int]] = {}
    for tensor, lines in drifts(result.graph, weighing, source).items():
        field = result.receptive_field(tensor, source)
        sizes = {}
        for axis in form.spatial_axes:
            most = _theoretical(field, axis)
            if axis in lines and most:
                sizes[axis] = max(min(breadth(lines[axis]), most), 1)
        by_tensor[tensor] = sizes
    return by_tensor


def _theoretical(field: ReceptiveField, axis: int) -> int | None:
    local = numbers(field.axes[axis])
    return None if local is None else local.size


def breadth(squares: Line) -> int:
    """Return how many positions hold 95 % of the root of a density of these moments.

    In deviations of the density: 5.54 (2 * 1.96 * the root of 2) for a Gaussian, 4.23 for the sum
    of two windows, 3.29 for one, whose root is one; between and beyond these by the kurtosis, from
    which the square of the skewness is taken, as two heaps have the least kurtosis for their skew.
    """
    # A position is as wide as the distance to the next, as the windows of the sums above are.
    variance = squares.variance + 1 / 12
    excess = (squares.fourth - 3 * squares.variance**2 - 1 / 120) / variance**2
    excess -= squares.third**2 / variance**3
    return math.ceil(float(np.interp(excess, _EXCESS, _DEVIATIONS)) * math.sqrt(variance) - 1e-9)
