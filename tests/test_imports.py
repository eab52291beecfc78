"""What an import costs, and where names may be imported from."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "rfgraph").rglob("*.py"))

IMPORT_PACKAGE = "import rfgraph"
PRINT_VERSION = """
import runpy
sys.argv = ["rfgraph", "--version"]
try:
    runpy.run_module("rfgraph", run_name="__main__")
except SystemExit as end:
    assert not end.code, end.code
"""


ANALYZE = """
import onnx.parser
import rfgraph
rfgraph.analyze(onnx.parser.parse_model('''
<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
m (float[1, 3, 9, 9] x) => (float[N, C, H, W] y) <float[4, 3, 3, 3] w = {{{weights}}}> {{ {body} }}
'''))
"""
WEIGHTS = ", ".join("0" * 108)


def modules_loaded_by(statements: str) -> set[str]:
    """The names in sys.modules after the statements, in a fresh interpreter."""
    script = f"import sys\n{statements}\nprint('\\n', *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def loaded_by(statements: str) -> set[str]:
    """The top-level names in sys.modules after the statements, in a fresh interpreter."""
    return {name.partition(".")[0] for name in modules_loaded_by(statements)}


def test_importing_the_package_is_free():
    loaded = loaded_by(IMPORT_PACKAGE)
    assert "rfgraph" in loaded
    assert loaded.isdisjoint({"onnx", "networkx", "matplotlib", "rich"})


def test_printing_the_version_needs_no_dependency():
    loaded = loaded_by(PRINT_VERSION)
    assert "rfgraph" in loaded
    assert loaded.isdisjoint({"onnx", "networkx", "numpy", "matplotlib", "rich"})


def test_the_parsers_of_all_commands_need_no_dependency():
    """A shell asks for the completion at its start, and each command for its parser."""
    loaded = modules_loaded_by("from rfgraph.cli.completion import commands\nlist(commands())")
    assert "rfgraph.cli.export" in loaded
    assert loaded.isdisjoint({"onnx", "networkx", "numpy", "matplotlib", "rich"})


@pytest.mark.parametrize(
    ("body", "families"),
    [
        ("y = Conv (x, w)", {"standard.windows"}),
        ("t = Conv (x, w) y = Relu (t)", {"standard.windows", "standard.elementwise"}),
        ("y = com.microsoft.FusedConv (x, w)", {"contrib.windows", "contrib.operands"}),
    ],
)
def test_only_the_modules_of_the_operators_that_a_model_has_are_imported(body, families):
    loaded = modules_loaded_by(ANALYZE.format(weights=WEIGHTS, body=body))
    ops = {name.removeprefix("rfgraph.ops.") for name in loaded if name.startswith("rfgraph.ops.")}
    assert {name for name in ops if "." in name} == families


def test_what_most_models_do_not_have_is_not_imported():
    loaded = modules_loaded_by(ANALYZE.format(weights=WEIGHTS, body="y = Conv (x, w)"))
    assert "rfgraph.onnxfile.builder" in loaded
    assert loaded.isdisjoint(
        {
            "onnx.reference",
            "rfgraph.onnxfile.building.own_rules",
            "rfgraph.onnxfile.building.stored_masks",
            "rfgraph.onnxfile.control.loops",
            "rfgraph.onnxfile.control.sequences",
        }
    )


def test_the_measurement_sees_an_import():
    assert "numpy" in loaded_by("import numpy.linalg")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_submodules_import_the_defining_module_never_the_package(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert "rfgraph" not in [alias.name for alias in node.names], node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module == "rfgraph":
            assert [alias.name for alias in node.names] == ["__version__"], node.lineno


GRAPH_AND_WRITER = ("rfgraph/relations/graph.py", "rfgraph/onnxfile/building/writer.py")


def untyped_access(path: Path) -> list[int]:
    """The lines on which a module takes nodes or edges of the graph as dictionaries."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (
            isinstance(node, ast.Attribute)
            and node.attr in ("nodes", "edges")
            and ast.unparse(node.value).endswith("graph")
        )
        or (
            isinstance(node, ast.Subscript)
            and isinstance(node.slice, ast.Constant)
            and node.slice.value in ("producer", "relation")
        )
    ]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_the_graph_holds_is_read_through_its_typed_access(path):
    if path.relative_to(ROOT).as_posix() not in GRAPH_AND_WRITER:
        assert not untyped_access(path)


def test_untyped_access_would_be_seen():
    assert untyped_access(ROOT / GRAPH_AND_WRITER[0])
