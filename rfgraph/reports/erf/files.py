"""The map itself as a file: .npy, or .csv with a row for each position."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from rfgraph.analysis.effective_field import rounded
from rfgraph.domains.effective.statistics import as_floats
from rfgraph.reports.formats.csv import csv_text

if TYPE_CHECKING:
    from rfgraph.analysis.effective_field import ERF


def as_npy(found: ERF) -> bytes:
    """Return the map as float64 in NumPy's format, never pickled."""
    out = io.BytesIO()
    np.save(out, as_floats(found.map), allow_pickle=False)
    return out.getvalue()


def as_csv(found: ERF) -> bytes:
    """Return a row for each position: its index on each spatial axis, and its value."""
    header = [*(f"axis {axis}" for axis in found.axes), "value"]
    exact = found.map.dtype == object
    rows = (
        [*index, value if exact else rounded(float(value))]
        for index, value in np.ndenumerate(found.map)
    )
    return csv_text(header, rows).encode()
