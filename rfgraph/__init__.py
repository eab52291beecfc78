"""Receptive fields of ONNX models, exactly: the public names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rfgraph.errors import BoundError as BoundError
from rfgraph.errors import ModelError as ModelError
from rfgraph.errors import RfgraphError as RfgraphError
from rfgraph.errors import UsageError as UsageError
from rfgraph.version import __version__ as __version__

if TYPE_CHECKING:
    from rfgraph.analysis.diff import diff as diff
    from rfgraph.analysis.differences import Diff as Diff
    from rfgraph.analysis.effective_field import ERF as ERF
    from rfgraph.analysis.erf import erf as erf
    from rfgraph.analysis.field import Finding as Finding
    from rfgraph.analysis.field import Output as Output
    from rfgraph.analysis.field import ReceptiveField as ReceptiveField
    from rfgraph.analysis.histogram import PathHistogram as PathHistogram
    from rfgraph.analysis.histogram import path_histogram as path_histogram
    from rfgraph.analysis.loading import load as load
    from rfgraph.analysis.paths import Path as Path
    from rfgraph.analysis.paths import paths as paths
    from rfgraph.analysis.result import Result as Result
    from rfgraph.analysis.result import analyze as analyze
    from rfgraph.analysis.scalar_graph import simple_graph as simple_graph
    from rfgraph.analysis.statistics import AxisHistogram as AxisHistogram
    from rfgraph.analysis.streaming import Streaming as Streaming
    from rfgraph.analysis.streaming import stream as stream
    from rfgraph.analysis.tiling import Tile as Tile
    from rfgraph.analysis.tiling import Tiling as Tiling
    from rfgraph.analysis.tiling import tiles as tiles
    from rfgraph.analysis.unit import Region as Region
    from rfgraph.analysis.unit import Unit as Unit
    from rfgraph.analysis.unit import unit as unit
    from rfgraph.analysis.what_if import what_if as what_if
    from rfgraph.checks.run import Report as Report
    from rfgraph.checks.run import check as check
    from rfgraph.checks.run import check_many as check_many
    from rfgraph.checks.settings import Settings as Settings
    from rfgraph.checks.settings import make_settings as make_settings
    from rfgraph.checks.suggest import suggest as suggest
    from rfgraph.checks.suggestion import Suggestion as Suggestion
    from rfgraph.domains.fields.axis import Axis as Axis
    from rfgraph.domains.fields.interior import Interior as Interior
    from rfgraph.onnxfile.reading.model_source import ExporterProgram as ExporterProgram
    from rfgraph.onnxfile.reading.model_source import IrModel as IrModel
    from rfgraph.onnxfile.reading.model_source import Source as Source
    from rfgraph.ops.chain import Chain as Chain
    from rfgraph.ops.node import Link as Link
    from rfgraph.ops.node import OpNode as OpNode
    from rfgraph.ops.node import Outcome as Outcome
    from rfgraph.ops.node import RuleError as RuleError
    from rfgraph.ops.node import UnresolvedError as UnresolvedError
    from rfgraph.ops.node import Value as Value
    from rfgraph.ops.registry import Rule as Rule
    from rfgraph.relations.axis_rules import AxisRule as AxisRule
    from rfgraph.relations.axis_rules import Band as Band
    from rfgraph.relations.axis_rules import Blocks as Blocks
    from rfgraph.relations.axis_rules import Listed as Listed
    from rfgraph.relations.axis_rules import Pick as Pick
    from rfgraph.relations.axis_rules import Repeat as Repeat
    from rfgraph.relations.axis_rules import Resample as Resample
    from rfgraph.relations.axis_rules import Rows as Rows
    from rfgraph.relations.axis_rules import Shape as Shape
    from rfgraph.relations.axis_rules import Shift as Shift
    from rfgraph.relations.axis_rules import Transposed as Transposed
    from rfgraph.relations.axis_rules import Whole as Whole
    from rfgraph.relations.axis_rules import Window as Window
    from rfgraph.relations.beside import AttributeChange as AttributeChange
    from rfgraph.relations.beside import FileGraph as FileGraph
    from rfgraph.relations.beside import FileNode as FileNode
    from rfgraph.relations.beside import MaskCut as MaskCut
    from rfgraph.relations.beside import Revision as Revision
    from rfgraph.relations.beside import StoredMasks as StoredMasks
    from rfgraph.relations.beside import Unanalysed as Unanalysed
    from rfgraph.relations.graph import Model as Model
    from rfgraph.relations.graph import ModelInput as ModelInput
    from rfgraph.relations.how import How as How
    from rfgraph.relations.operator import Operator as Operator
    from rfgraph.relations.relation import Relation as Relation
    from rfgraph.relations.steps import Everything as Everything
    from rfgraph.relations.steps import Gathered as Gathered
    from rfgraph.relations.steps import Permute as Permute
    from rfgraph.relations.steps import Pointwise as Pointwise
    from rfgraph.relations.steps import Prefix as Prefix
    from rfgraph.relations.steps import Reduce as Reduce
    from rfgraph.relations.steps import Regroup as Regroup
    from rfgraph.relations.steps import Select as Select
    from rfgraph.relations.steps import Step as Step
    from rfgraph.relations.steps import Taps as Taps
    from rfgraph.reports.exports.write import export as export
    from rfgraph.reports.html.report import report as report

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

__all__ = ["BoundError", "ModelError", "RfgraphError", "UsageError", "__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that `import rfgraph` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'rfgraph' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
