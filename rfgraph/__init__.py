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
    from rfgraph.fields import Axis, Finding, Output, ReceptiveField
    from rfgraph.graph import MaskCut, Model, ModelInput, Operator, StoredMasks, Unanalysed
    from rfgraph.ops.node import Chain, Link, OpNode, Outcome, RuleError, UnresolvedError, Value
    from rfgraph.ops.registry import Rule
    from rfgraph.relations import (
        AxisRule,
        Band,
        Blocks,
        Everything,
        Gathered,
        Listed,
        Permute,
        Pick,
        Pointwise,
        Prefix,
        Reduce,
        Regroup,
        Relation,
        Repeat,
        Resample,
        Rows,
        Select,
        Shape,
        Shift,
        Step,
        Taps,
        Transposed,
        Whole,
        Window,
    )
    from rfgraph.scalar_graph import simple_graph
    from rfgraph.sources import ExporterProgram, IrModel, Source
    from rfgraph.units import Region, Unit, unit

__version__ = "0.1.0"

_HOMES = {
    "Axis": "rfgraph.fields",
    "AxisHistogram": "rfgraph.distribution",
    "AxisRule": "rfgraph.relations",
    "Band": "rfgraph.relations",
    "Blocks": "rfgraph.relations",
    "Chain": "rfgraph.ops.node",
    "Everything": "rfgraph.relations",
    "ExporterProgram": "rfgraph.sources",
    "Finding": "rfgraph.fields",
    "Gathered": "rfgraph.relations",
    "Interior": "rfgraph.domains.interior",
    "IrModel": "rfgraph.sources",
    "Link": "rfgraph.ops.node",
    "Listed": "rfgraph.relations",
    "MaskCut": "rfgraph.graph",
    "Model": "rfgraph.graph",
    "ModelInput": "rfgraph.graph",
    "OpNode": "rfgraph.ops.node",
    "Operator": "rfgraph.graph",
    "Outcome": "rfgraph.ops.node",
    "Output": "rfgraph.fields",
    "Path": "rfgraph.distribution",
    "PathHistogram": "rfgraph.distribution",
    "Permute": "rfgraph.relations",
    "Pick": "rfgraph.relations",
    "Pointwise": "rfgraph.relations",
    "Prefix": "rfgraph.relations",
    "ReceptiveField": "rfgraph.fields",
    "Reduce": "rfgraph.relations",
    "Region": "rfgraph.units",
    "Regroup": "rfgraph.relations",
    "Relation": "rfgraph.relations",
    "Repeat": "rfgraph.relations",
    "Report": "rfgraph.checks.run",
    "Resample": "rfgraph.relations",
    "Result": "rfgraph.analysis",
    "Rows": "rfgraph.relations",
    "Rule": "rfgraph.ops.registry",
    "RuleError": "rfgraph.ops.node",
    "Select": "rfgraph.relations",
    "Settings": "rfgraph.checks.settings",
    "Shape": "rfgraph.relations",
    "Shift": "rfgraph.relations",
    "Source": "rfgraph.sources",
    "Step": "rfgraph.relations",
    "StoredMasks": "rfgraph.graph",
    "Taps": "rfgraph.relations",
    "Transposed": "rfgraph.relations",
    "Unanalysed": "rfgraph.graph",
    "Unit": "rfgraph.units",
    "UnresolvedError": "rfgraph.ops.node",
    "Value": "rfgraph.ops.node",
    "Whole": "rfgraph.relations",
    "Window": "rfgraph.relations",
    "analyze": "rfgraph.analysis",
    "check": "rfgraph.checks.run",
    "check_many": "rfgraph.checks.run",
    "load": "rfgraph.analysis",
    "make_settings": "rfgraph.checks.settings",
    "path_histogram": "rfgraph.distribution",
    "paths": "rfgraph.distribution",
    "simple_graph": "rfgraph.scalar_graph",
    "unit": "rfgraph.units",
}

__all__ = [
    "Axis",
    "AxisHistogram",
    "AxisRule",
    "Band",
    "Blocks",
    "BoundError",
    "Chain",
    "Everything",
    "ExporterProgram",
    "Finding",
    "Gathered",
    "Interior",
    "IrModel",
    "Link",
    "Listed",
    "MaskCut",
    "Model",
    "ModelError",
    "ModelInput",
    "OpNode",
    "Operator",
    "Outcome",
    "Output",
    "Path",
    "PathHistogram",
    "Permute",
    "Pick",
    "Pointwise",
    "Prefix",
    "ReceptiveField",
    "Reduce",
    "Region",
    "Regroup",
    "Relation",
    "Repeat",
    "Report",
    "Resample",
    "Result",
    "RfgraphError",
    "Rows",
    "Rule",
    "RuleError",
    "Select",
    "Settings",
    "Shape",
    "Shift",
    "Source",
    "Step",
    "StoredMasks",
    "Taps",
    "Transposed",
    "Unanalysed",
    "Unit",
    "UnresolvedError",
    "UsageError",
    "Value",
    "Whole",
    "Window",
    "__version__",
    "analyze",
    "check",
    "check_many",
    "load",
    "make_settings",
    "path_histogram",
    "paths",
    "simple_graph",
    "unit",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that `import rfgraph` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'rfgraph' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
