"""Receptive fields of ONNX models, exactly: the public names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rfgraph.errors import BoundError, ModelError, RfgraphError, UsageError
from rfgraph.version import __version__

if TYPE_CHECKING:
    from rfgraph.analysis.diff import diff
    from rfgraph.analysis.differences import Diff
    from rfgraph.analysis.effective_field import ERF
    from rfgraph.analysis.erf import erf
    from rfgraph.analysis.field import Finding, Output, ReceptiveField
    from rfgraph.analysis.histogram import PathHistogram, path_histogram
    from rfgraph.analysis.loading import load
    from rfgraph.analysis.paths import Path, paths
    from rfgraph.analysis.result import Result, analyze
    from rfgraph.analysis.scalar_graph import simple_graph
    from rfgraph.analysis.statistics import AxisHistogram
    from rfgraph.analysis.streaming import Streaming, stream
    from rfgraph.analysis.tiling import Tile, Tiling, tiles
    from rfgraph.analysis.unit import Region, Unit, unit
    from rfgraph.analysis.what_if import what_if
    from rfgraph.checks.run import Report, check, check_many
    from rfgraph.checks.settings import Settings, make_settings
    from rfgraph.checks.suggest import suggest
    from rfgraph.checks.suggestion import Suggestion
    from rfgraph.domains.fields.axis import Axis
    from rfgraph.domains.fields.interior import Interior
    from rfgraph.onnxfile.reading.model_source import ExporterProgram, IrModel, Source
    from rfgraph.ops.chain import Chain
    from rfgraph.ops.node import Link, OpNode, Outcome, RuleError, UnresolvedError, Value
    from rfgraph.ops.registry import Rule
    from rfgraph.relations.axis_rules import (
        AxisRule,
        Band,
        Blocks,
        Listed,
        Pick,
        Repeat,
        Resample,
        Rows,
        Shape,
        Shift,
        Transposed,
        Whole,
        Window,
    )
    from rfgraph.relations.beside import (
        AttributeChange,
        FileGraph,
        FileNode,
        MaskCut,
        Revision,
        StoredMasks,
        Unanalysed,
    )
    from rfgraph.relations.graph import Model, ModelInput
    from rfgraph.relations.how import How
    from rfgraph.relations.operator import Operator
    from rfgraph.relations.relation import Relation
    from rfgraph.relations.steps import (
        Everything,
        Gathered,
        Permute,
        Pointwise,
        Prefix,
        Reduce,
        Regroup,
        Select,
        Step,
        Taps,
    )
    from rfgraph.reports.exports.write import export
    from rfgraph.reports.html.report import report

# By module, what is imported when it is first asked for.
_NAMES = {
    "analysis.diff": "diff",
    "analysis.differences": "Diff",
    "analysis.effective_field": "ERF",
    "analysis.erf": "erf",
    "analysis.field": "Finding Output ReceptiveField",
    "analysis.histogram": "PathHistogram path_histogram",
    "analysis.loading": "load",
    "analysis.paths": "Path paths",
    "analysis.result": "Result analyze",
    "analysis.scalar_graph": "simple_graph",
    "analysis.statistics": "AxisHistogram",
    "analysis.streaming": "Streaming stream",
    "analysis.tiling": "Tile Tiling tiles",
    "analysis.unit": "Region Unit unit",
    "analysis.what_if": "what_if",
    "checks.run": "Report check check_many",
    "checks.settings": "Settings make_settings",
    "checks.suggest": "suggest",
    "checks.suggestion": "Suggestion",
    "domains.fields.axis": "Axis",
    "domains.fields.interior": "Interior",
    "onnxfile.reading.model_source": "ExporterProgram IrModel Source",
    "ops.chain": "Chain",
    "ops.node": "Link OpNode Outcome RuleError UnresolvedError Value",
    "ops.registry": "Rule",
    "relations.axis_rules": (
        "AxisRule Band Blocks Listed Pick Repeat Resample Rows Shape Shift Transposed Whole Window"
    ),
    "relations.beside": (
        "AttributeChange FileGraph FileNode MaskCut Revision StoredMasks Unanalysed"
    ),
    "relations.graph": "Model ModelInput",
    "relations.operator": "Operator",
    "relations.how": "How",
    "relations.relation": "Relation",
    "relations.steps": (
        "Everything Gathered Permute Pointwise Prefix Reduce Regroup Select Step Taps"
    ),
    "reports.exports.write": "export",
    "reports.html.report": "report",
}
_HOMES = {name: f"rfgraph.{home}" for home, names in _NAMES.items() for name in names.split()}

__all__ = [
    "ERF",
    "AttributeChange",
    "Axis",
    "AxisHistogram",
    "AxisRule",
    "Band",
    "Blocks",
    "BoundError",
    "Chain",
    "Diff",
    "Everything",
    "ExporterProgram",
    "FileGraph",
    "FileNode",
    "Finding",
    "Gathered",
    "How",
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
    "Revision",
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
    "Streaming",
    "Suggestion",
    "Taps",
    "Tile",
    "Tiling",
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
    "diff",
    "erf",
    "export",
    "load",
    "make_settings",
    "path_histogram",
    "paths",
    "report",
    "simple_graph",
    "stream",
    "suggest",
    "tiles",
    "unit",
    "what_if",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that `import rfgraph` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'rfgraph' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
