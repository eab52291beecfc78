"""Receptive fields of ONNX models, exactly: the public names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rfgraph.errors import BoundError, ModelError, RfgraphError, UsageError

if TYPE_CHECKING:
    from rfgraph.analysis import Axis, Finding, ReceptiveField, Result, analyze, load
    from rfgraph.distribution import AxisHistogram, Path, PathHistogram, path_histogram, paths
    from rfgraph.graph import Model
    from rfgraph.units import Region, Unit, unit

__version__ = "0.1.0"

_HOMES = {
    "Axis": "rfgraph.analysis",
    "AxisHistogram": "rfgraph.distribution",
    "Finding": "rfgraph.analysis",
    "Model": "rfgraph.graph",
    "Path": "rfgraph.distribution",
    "PathHistogram": "rfgraph.distribution",
    "ReceptiveField": "rfgraph.analysis",
    "Region": "rfgraph.units",
    "Result": "rfgraph.analysis",
    "Unit": "rfgraph.units",
    "analyze": "rfgraph.analysis",
    "load": "rfgraph.analysis",
    "path_histogram": "rfgraph.distribution",
    "paths": "rfgraph.distribution",
    "unit": "rfgraph.units",
}

__all__ = [
    "Axis",
    "AxisHistogram",
    "BoundError",
    "Finding",
    "Model",
    "ModelError",
    "Path",
    "PathHistogram",
    "ReceptiveField",
    "Region",
    "Result",
    "RfgraphError",
    "Unit",
    "UsageError",
    "__version__",
    "analyze",
    "load",
    "path_histogram",
    "paths",
    "unit",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that `import rfgraph` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'rfgraph' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
