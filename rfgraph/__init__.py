"""Receptive fields of ONNX models, exactly: the public names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rfgraph.errors import BoundError, ModelError, RfgraphError, UsageError

if TYPE_CHECKING:
    from rfgraph.analysis import Result, analyze, load
    from rfgraph.checks.run import Report, check, check_many
    from rfgraph.checks.settings import Settings, make_settings
    from rfgraph.distribution import AxisHistogram, Path, PathHistogram, path_histogram, paths
    from rfgraph.domains.interior import Interior
    from rfgraph.fields import Axis, Finding, ReceptiveField
    from rfgraph.graph import Model
    from rfgraph.ops.node import Link, OpNode, Outcome
    from rfgraph.units import Region, Unit, unit

__version__ = "0.1.0"

_HOMES = {
    "Axis": "rfgraph.fields",
    "AxisHistogram": "rfgraph.distribution",
    "Finding": "rfgraph.fields",
    "Interior": "rfgraph.domains.interior",
    "Link": "rfgraph.ops.node",
    "Model": "rfgraph.graph",
    "OpNode": "rfgraph.ops.node",
    "Outcome": "rfgraph.ops.node",
    "Path": "rfgraph.distribution",
    "PathHistogram": "rfgraph.distribution",
    "ReceptiveField": "rfgraph.fields",
    "Region": "rfgraph.units",
    "Report": "rfgraph.checks.run",
    "Result": "rfgraph.analysis",
    "Settings": "rfgraph.checks.settings",
    "Unit": "rfgraph.units",
    "analyze": "rfgraph.analysis",
    "check": "rfgraph.checks.run",
    "check_many": "rfgraph.checks.run",
    "load": "rfgraph.analysis",
    "make_settings": "rfgraph.checks.settings",
    "path_histogram": "rfgraph.distribution",
    "paths": "rfgraph.distribution",
    "unit": "rfgraph.units",
}

__all__ = [
    "Axis",
    "AxisHistogram",
    "BoundError",
    "Finding",
    "Interior",
    "Link",
    "Model",
    "ModelError",
    "OpNode",
    "Outcome",
    "Path",
    "PathHistogram",
    "ReceptiveField",
    "Region",
    "Report",
    "Result",
    "RfgraphError",
    "Settings",
    "Unit",
    "UsageError",
    "__version__",
    "analyze",
    "check",
    "check_many",
    "load",
    "make_settings",
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
