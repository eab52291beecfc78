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
    from rfgraph.ops.node import Chain, Link, OpNode, Outcome, RuleError, UnresolvedError, Value
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
    from rfgraph.relations.graph import (
        AttributeChange,
        FileGraph,
        FileNode,
        MaskCut,
        Model,
        ModelInput,
        Operator,
        Revision,
        StoredMasks,
        Unanalysed,
    )
    from rfgraph.relations.how import How
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

_HOMES = {
    "ERF": "rfgraph.analysis.effective_field",
    "AttributeChange": "rfgraph.relations.graph",
    "Axis": "rfgraph.domains.fields.axis",
    "AxisHistogram": "rfgraph.analysis.statistics",
    "AxisRule": "rfgraph.relations.axis_rules",
    "Band": "rfgraph.relations.axis_rules",
    "Blocks": "rfgraph.relations.axis_rules",
    "Chain": "rfgraph.ops.node",
    "Diff": "rfgraph.analysis.differences",
    "Everything": "rfgraph.relations.steps",
    "ExporterProgram": "rfgraph.onnxfile.reading.model_source",
    "FileGraph": "rfgraph.relations.graph",
    "FileNode": "rfgraph.relations.graph",
    "Finding": "rfgraph.analysis.field",
    "Gathered": "rfgraph.relations.steps",
    "How": "rfgraph.relations.how",
    "Interior": "rfgraph.domains.fields.interior",
    "IrModel": "rfgraph.onnxfile.reading.model_source",
    "Link": "rfgraph.ops.node",
    "Listed": "rfgraph.relations.axis_rules",
    "MaskCut": "rfgraph.relations.graph",
    "Model": "rfgraph.relations.graph",
    "ModelInput": "rfgraph.relations.graph",
    "OpNode": "rfgraph.ops.node",
    "Operator": "rfgraph.relations.graph",
    "Outcome": "rfgraph.ops.node",
    "Output": "rfgraph.analysis.field",
    "Path": "rfgraph.analysis.paths",
    "PathHistogram": "rfgraph.analysis.histogram",
    "Permute": "rfgraph.relations.steps",
    "Pick": "rfgraph.relations.axis_rules",
    "Pointwise": "rfgraph.relations.steps",
    "Prefix": "rfgraph.relations.steps",
    "ReceptiveField": "rfgraph.analysis.field",
    "Reduce": "rfgraph.relations.steps",
    "Region": "rfgraph.analysis.unit",
    "Regroup": "rfgraph.relations.steps",
    "Relation": "rfgraph.relations.relation",
    "Repeat": "rfgraph.relations.axis_rules",
    "Report": "rfgraph.checks.run",
    "Resample": "rfgraph.relations.axis_rules",
    "Result": "rfgraph.analysis.result",
    "Revision": "rfgraph.relations.graph",
    "Rows": "rfgraph.relations.axis_rules",
    "Rule": "rfgraph.ops.registry",
    "RuleError": "rfgraph.ops.node",
    "Select": "rfgraph.relations.steps",
    "Settings": "rfgraph.checks.settings",
    "Shape": "rfgraph.relations.axis_rules",
    "Shift": "rfgraph.relations.axis_rules",
    "Source": "rfgraph.onnxfile.reading.model_source",
    "Step": "rfgraph.relations.steps",
    "StoredMasks": "rfgraph.relations.graph",
    "Streaming": "rfgraph.analysis.streaming",
    "Suggestion": "rfgraph.checks.suggestion",
    "Taps": "rfgraph.relations.steps",
    "Tile": "rfgraph.analysis.tiling",
    "Tiling": "rfgraph.analysis.tiling",
    "Transposed": "rfgraph.relations.axis_rules",
    "Unanalysed": "rfgraph.relations.graph",
    "Unit": "rfgraph.analysis.unit",
    "UnresolvedError": "rfgraph.ops.node",
    "Value": "rfgraph.ops.node",
    "Whole": "rfgraph.relations.axis_rules",
    "Window": "rfgraph.relations.axis_rules",
    "analyze": "rfgraph.analysis.result",
    "check": "rfgraph.checks.run",
    "check_many": "rfgraph.checks.run",
    "diff": "rfgraph.analysis.diff",
    "erf": "rfgraph.analysis.erf",
    "export": "rfgraph.reports.exports.write",
    "load": "rfgraph.analysis.loading",
    "make_settings": "rfgraph.checks.settings",
    "path_histogram": "rfgraph.analysis.histogram",
    "paths": "rfgraph.analysis.paths",
    "report": "rfgraph.reports.html.report",
    "simple_graph": "rfgraph.analysis.scalar_graph",
    "stream": "rfgraph.analysis.streaming",
    "suggest": "rfgraph.checks.suggest",
    "tiles": "rfgraph.analysis.tiling",
    "unit": "rfgraph.analysis.unit",
    "what_if": "rfgraph.analysis.what_if",
}

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
