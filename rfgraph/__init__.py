"""Receptive fields of ONNX models, exactly: the public names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rfgraph.errors import BoundError, ModelError, RfgraphError, UsageError
from rfgraph.version import __version__

if TYPE_CHECKING:
    from rfgraph.analysis.analysis import Result
    from rfgraph.analysis.field import Finding, ReceptiveField
    from rfgraph.analysis.histogram import AxisHistogram, PathHistogram, path_histogram
    from rfgraph.analysis.loading import load
    from rfgraph.analysis.paths import Path, paths
    from rfgraph.analysis.result import analyze
    from rfgraph.analysis.streaming import Stream, stream
    from rfgraph.analysis.tiling import Tile, Tiles, tiles
    from rfgraph.analysis.unit import Region, Unit, unit
    from rfgraph.checks.run import Report, check, check_many
    from rfgraph.checks.settings import Settings, make_settings
    from rfgraph.domains.fields.axis import Axis
    from rfgraph.ops.node import Link, OpNode, Outcome
    from rfgraph.relations.graph import Model

_HOMES = {
    "Axis": "rfgraph.domains.fields.axis",
    "AxisHistogram": "rfgraph.analysis.histogram",
    "Finding": "rfgraph.analysis.field",
    "Link": "rfgraph.ops.node",
    "Model": "rfgraph.relations.graph",
    "OpNode": "rfgraph.ops.node",
    "Outcome": "rfgraph.ops.node",
    "Path": "rfgraph.analysis.paths",
    "PathHistogram": "rfgraph.analysis.histogram",
    "ReceptiveField": "rfgraph.analysis.field",
    "Region": "rfgraph.analysis.unit",
    "Report": "rfgraph.checks.run",
    "Result": "rfgraph.analysis.analysis",
    "Settings": "rfgraph.checks.settings",
    "Stream": "rfgraph.analysis.streaming",
    "Tile": "rfgraph.analysis.tiling",
    "Tiles": "rfgraph.analysis.tiling",
    "Unit": "rfgraph.analysis.unit",
    "analyze": "rfgraph.analysis.result",
    "check": "rfgraph.checks.run",
    "check_many": "rfgraph.checks.run",
    "load": "rfgraph.analysis.loading",
    "make_settings": "rfgraph.checks.settings",
    "path_histogram": "rfgraph.analysis.histogram",
    "paths": "rfgraph.analysis.paths",
    "stream": "rfgraph.analysis.streaming",
    "tiles": "rfgraph.analysis.tiling",
    "unit": "rfgraph.analysis.unit",
}

__all__ = [
    "Axis",
    "AxisHistogram",
    "BoundError",
    "Finding",
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
    "Stream",
    "Tile",
    "Tiles",
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
    "stream",
    "tiles",
    "unit",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that `import rfgraph` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'rfgraph' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
