"""The public names: there, typed, documented, and enough to write a rule of one's own."""

import ast
import dataclasses
import importlib
import inspect
import subprocess
import sys
import typing
from pathlib import Path

import pytest

import rfgraph

ROOT = Path(__file__).resolve().parents[1]
SOURCE = (ROOT / "rfgraph/__init__.py").read_text(encoding="utf-8")


def typed_names():
    """The names by module that a type checker sees."""
    (block,) = [
        node
        for node in ast.parse(SOURCE).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    return {alias.name: entry.module for entry in block.body for alias in entry.names}


def test_a_type_checker_and_python_see_the_same_names():
    assert typed_names() == rfgraph._HOMES
    eager = {"BoundError", "ModelError", "RfgraphError", "UsageError", "__version__"}
    assert set(rfgraph.__all__) == {*rfgraph._HOMES, *eager}


@pytest.mark.parametrize("name", rfgraph.__all__)
def test_a_public_name_is_there_and_documented(name):
    found = getattr(rfgraph, name)
    if name in rfgraph._HOMES:
        assert found is getattr(importlib.import_module(rfgraph._HOMES[name]), name)
    # An alias says what it stands for; some of them call themselves classes.
    if typing.get_origin(found) is None and (inspect.isclass(found) or inspect.isfunction(found)):
        assert inspect.getdoc(found)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in rfgraph.__all__
        if isinstance(found := getattr(rfgraph, name), type) and typing.get_origin(found) is None
    ],
)
def test_what_a_public_class_has_is_documented(name):
    own = vars(getattr(rfgraph, name)).items()
    shown = [
        value.fget if isinstance(value, property) else value
        for key, value in own
        if not key.startswith("_") and (isinstance(value, property) or inspect.isfunction(value))
    ]
    assert [value.__qualname__ for value in shown if not value.__doc__] == []


def test_every_step_and_rule_is_public():
    parts = [*typing.get_args(rfgraph.Step), *typing.get_args(rfgraph.AxisRule)]
    assert len(parts) >= 19
    for part in parts:
        assert getattr(rfgraph, part.__name__) is part


def test_there_is_no_other_name():
    with pytest.raises(AttributeError, match="module 'rfgraph' has no attribute 'unknown_name'"):
        rfgraph.unknown_name  # noqa: B018


CALLER = """
import networkx as nx
import onnx

import rfgraph


def blur(node: rfgraph.OpNode) -> rfgraph.Outcome:
    shape: rfgraph.Shape = node.shape(0)
    if len(shape) != 3:
        raise rfgraph.UnresolvedError("the rank is not 3")
    window = rfgraph.Window(3, 1, 1, 1, shape[2], shape[2])
    step: rfgraph.Step = rfgraph.Taps(((2, window),))
    return rfgraph.Outcome((shape,), (rfgraph.Link(0, (step,), spatial=(2,)),))


rules: dict[tuple[str, str], rfgraph.Rule] = {("my.ops", "Blur"): blur}


def sizes(source: rfgraph.Source) -> list[int | None]:
    model: rfgraph.Model = rfgraph.load(source, rules=rules)
    graph = rfgraph.simple_graph(model)
    nx.write_graphml(graph, "graph.graphml")
    result: rfgraph.Result = rfgraph.analyze(model)
    outputs: tuple[rfgraph.Output, ...] = result.outputs
    field: rfgraph.ReceptiveField = result.receptive_field(outputs[0].name)
    histogram: rfgraph.PathHistogram = rfgraph.path_histogram(result)
    unit: rfgraph.Unit = rfgraph.unit(result, "y", (0, None, 3))
    regions: tuple[rfgraph.Region, ...] = unit.regions
    assert regions and histogram.axes[2].counts is not None
    return [axis.size for axis in field.axes.values()]


class Program:
    @property
    def model_proto(self) -> onnx.ModelProto:
        return onnx.ModelProto()


sizes(Program())
sizes(b"")
sizes(3)  # type: ignore[arg-type]
"""


def test_a_caller_is_typed(tmp_path):
    pytest.importorskip("mypy")
    file = tmp_path / "caller.py"
    file.write_text(CALLER, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_results_are_frozen_dataclasses():
    classes = [made for name in rfgraph.__all__ if inspect.isclass(made := getattr(rfgraph, name))]
    rooms = ("rfgraph.analysis", "rfgraph.checks", "rfgraph.domains.fields.axis")
    results = {one for one in classes if one.__module__.startswith(rooms)} - {rfgraph.Result}
    assert len(results) > 12
    assert all(map(dataclasses.is_dataclass, results))
    assert [one for one in results if not one.__dataclass_params__.frozen] == []


def test_axes_are_by_the_number_that_the_input_has_of_each():
    """Named in docs/contract.md for every result; of this net the spatial axes are 2 and 3."""
    model = ROOT / "fixtures/unet_nearest.onnx"
    difference = rfgraph.diff(model, model).outputs[0]
    assert difference.after is not None
    results = rfgraph.tiles(model), rfgraph.erf(model), rfgraph.path_histogram(model), difference
    for result in results:
        assert list(result.axes) == [2, 3], result
    for spatial in (rfgraph.tiles(model).axes, rfgraph.erf(model).axes):
        assert {axis: item.axis for axis, item in spatial.items()} == {2: 2, 3: 3}
    assert list(rfgraph.analyze(model).receptive_field().axes) == [0, 1, 2, 3]
    path = next(iter(rfgraph.paths(model)))
    assert list(path.axes) == [2, 3]
