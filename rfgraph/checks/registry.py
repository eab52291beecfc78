"""The findings that there are: code, severity and title of each, from its own module."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Every code there is, and what it finds; the module of that name says the rest.
CODES: Mapping[str, str] = {
    "RF001": "The receptive field does not reach what is required",
    "RF002": "Paths that merge are not aligned",
    "RF003": "Input positions are never read, or the region has gaps",
    "RF004": "Unproductive layer: what it reads already covers the input",
    "RF005": "An operator without a rule, or whose positions depend on data",
    "RF006": "The receptive field is off-centre",
    "RF007": "The receptive field is smaller than in the baseline",
    "RF008": "The halo that is used is smaller than needed, or off the grid",
    "RF009": "More is read ahead than allowed, or anything at all",
    "RF010": "The kernel of a transposed convolution is no multiple of its stride",
}

LEVELS = {
    "RF001": "error",
    "RF002": "warning",
    "RF003": "warning",
    "RF004": "warning",
    "RF005": "warning",
    "RF006": "note",
    "RF007": "error",
    "RF008": "error",
    "RF009": "error",
    "RF010": "note",
}
