"""Every JSON report is one that rfgraph.schema.json describes, key by key."""

from __future__ import annotations

import importlib
import json
from importlib.resources import files

import pytest
from jsonschema import Draft202012Validator

from reports import models
from reports.published import FOLDER
from rfgraph.cli import main
from rfgraph.cli.parser import COMMANDS

SCHEMA = json.loads(files("rfgraph").joinpath("rfgraph.schema.json").read_text("utf-8"))
EXPORTS = FOLDER / "exports"

REPORTS = [
    ("model", str(FOLDER / "se_gate.onnx")),
    ("model", str(EXPORTS / "swin_ts.onnx"), "--tensor", "/Reshape_output_0"),
    ("model", str(FOLDER / "resnet18.onnx"), "--layers"),
    ("paths", "paths", str(FOLDER / "resnet18.onnx"), "--list", "2", "--joint"),
    ("paths", "paths", str(EXPORTS / "causal_ts.onnx")),
    (
        "unit",
        "unit",
        str(FOLDER / "unet_nearest.onnx"),
        "--tensor",
        "head",
        "--index",
        "0,*,2:9,-1",
    ),
    ("erf", "erf", str(FOLDER / "resnet18.onnx")),
    ("erf", "erf", str(FOLDER / "rpn_zf.onnx")),
    ("erf", "erf", str(FOLDER / "toy_aligned.onnx"), "--map", "stored"),
    ("erf_layers", "erf", str(FOLDER / "vgg16.onnx"), "--layers"),
    ("tiles", "tiles", str(FOLDER / "unet_nearest.onnx"), "--image", "640"),
    ("tiles", "tiles", str(FOLDER / "efficientnet_b0.onnx")),
    ("stream", "stream", str(FOLDER / "wav2vec2.onnx"), "--rate", "16000"),
    ("stream", "stream", str(EXPORTS / "attending_ts.onnx")),
    ("tiles", "tiles", str(FOLDER / "espcn.onnx"), "--verify"),
    ("stream", "stream", str(FOLDER / "tcn.onnx"), "--verify"),
    ("check", "check", str(FOLDER / "resnet18.onnx"), "--select", "RF001,RF006"),
    ("check", "check", str(FOLDER / "tcn.onnx"), "--min-rf", "70", "--stat", "union", "--suggest"),
    ("zoo", "zoo", str(FOLDER / "tcn.onnx"), str(FOLDER / "siamese.onnx")),
    ("model", "whatif", str(FOLDER / "vgg16.onnx"), "--set", "conv5_1.dilations=2,2"),
    ("diff", "diff", str(FOLDER / "resnet50_v1.onnx"), str(FOLDER / "resnet50.onnx")),
    ("diff", "diff", str(FOLDER / "tcn.onnx"), str(FOLDER / "wavenet_block.onnx")),
    ("ops", "ops"),
    ("explain", "explain", "RF003"),
]


def validator(name):
    return Draft202012Validator({**SCHEMA, "anyOf": [{"$ref": f"#/$defs/{name}_report"}]})


def report(capsys, arguments):
    assert main([*arguments, "--format", "json"]) in (0, 1)
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("asked", REPORTS, ids=lambda asked: " ".join(asked)[-60:])
def test_a_report_is_as_described(asked, capsys):
    name, *arguments = asked
    document = report(capsys, arguments)
    validator(name).validate(document)
    Draft202012Validator(SCHEMA).validate(document)
    assert not undescribed(document, SCHEMA["$defs"][f"{name}_report"], name)


def undescribed(value, schema, where):
    """Yield the keys of a document that the schema says nothing of, by their place."""
    return list(_undescribed(value, [schema], where))


def _undescribed(value, schemas, where):
    shapes = [shape for schema in schemas for shape in _shapes(schema)]
    if isinstance(value, dict):
        for key, inner in value.items():
            told = [
                shape["properties"][key] for shape in shapes if key in shape.get("properties", ())
            ]
            free = [
                shape["additionalProperties"] for shape in shapes if "additionalProperties" in shape
            ]
            if not told and not free:
                yield f"{where}.{key}"
            yield from _undescribed(inner, told + free, f"{where}.{key}")
    elif isinstance(value, list):
        items = [shape["items"] for shape in shapes if "items" in shape]
        for inner in value if items else ():
            yield from _undescribed(inner, items, f"{where}[]")


def _shapes(schema):
    """Yield a schema and those that it stands for."""
    yield schema
    if "$ref" in schema:
        yield from _shapes(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]])
    for part in (*schema.get("anyOf", ()), *schema.get("allOf", ())):
        yield from _shapes(part)


@pytest.mark.parametrize("name", models.EVERY)
def test_hostile_and_odd_models_too(name, tmp_path, capsys):
    path = models.saved(models.EVERY[name](), tmp_path / "model.onnx")
    validator("model").validate(report(capsys, [path]))


def test_a_wrong_report_is_refused():
    good = {"schema": 1, "version": "1", "count": "routes", "paths": []}
    assert validator("paths").is_valid(good)
    assert not validator("paths").is_valid({**good, "schema": 2})
    assert not validator("paths").is_valid({**good, "paths": [{"input": "x"}]})


def test_every_command_that_writes_json_is_described():
    asked = {words[1] for words in REPORTS}
    for command in COMMANDS:
        forms = importlib.import_module(f"rfgraph.cli.{command}").FORMATS
        if "json" in forms and command != "plot":
            assert command in asked, command
