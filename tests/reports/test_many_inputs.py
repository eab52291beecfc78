"""Thousands of inputs and outputs: what is the same is said once, and nobody waits for the rest."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

import rfgraph
from reports import models
from rfgraph.analysis.view import view
from rfgraph.checks.named import MAX_PAIRS
from rfgraph.cli import main
from rfgraph.errors import BoundError
from rfgraph.reports.formats.style import Style
from rfgraph.reports.html import effective
from rfgraph.reports.html.effective import effective_fields
from rfgraph.reports.model.fields import as_csv
from rfgraph.reports.model.text import as_text


def crossed(inputs, outputs, windows=None):
    """Inputs through a window each, their sum, and outputs through a window each of 3."""
    stored = {f"w{k}": np.ones((1, 1, k, k), np.float32) for k in (3, 5)}
    names = [f"x{k}" for k in range(inputs)]
    nodes = []
    for k, name in enumerate(names):
        size = (windows or {}).get(k, 3)
        pads = [size // 2] * 4
        nodes.append(helper.make_node("Conv", [name, f"w{size}"], [f"c{k}"], pads=pads))
    nodes.append(helper.make_node("Sum", [f"c{k}" for k in range(inputs)], ["sum"]))
    nodes += [
        helper.make_node("Conv", ["sum", "w3"], [f"y{k}"], pads=[1] * 4) for k in range(outputs)
    ]
    shape = [1, 1, 16, 16]
    made = {f"y{k}": shape for k in range(outputs)}
    return models.model(nodes, dict.fromkeys(names, shape), made, stored)


def text_of(model):
    return as_text(view(rfgraph.analyze(model), None, None), Style())


def test_inputs_and_outputs_that_are_alike_are_one_paragraph():
    text = text_of(crossed(2000, 2000))
    assert len(text.splitlines()) < 100
    assert "2000 outputs are alike but for names and positions: y0 to y1999." in text
    assert "on input x0, x1, x2, x3, x4 and 1995 more:" in text
    assert "receptive field    5 x 5 " in text  # 3 + 3 - 1


def test_an_input_that_differs_is_told_apart():
    text = text_of(crossed(40, 40, {7: 5}))
    assert "on input x0, x1, x2, x3, x4 and 34 more:" in text
    assert "on input x7:" in text
    said = text[text.index("on input x7:") :]
    assert "receptive field    7 x 7 " in said  # 5 + 3 - 1


def test_more_fields_than_a_report_lists_are_refused_before_the_work(monkeypatch):
    result = rfgraph.analyze(crossed(8, 9))
    asked = view(result, None, None)
    asked.require_listable()
    # Of every input itself, what is behind it, the sum and the outputs, and paths to these.
    monkeypatch.setattr("rfgraph.analysis.view.MAX_FIELDS", 8 * (3 + 9) + 8 * 9 - 1)
    said = r"168 pairs of .* MAX_FIELDS .167., .* --tensor or --input"
    with pytest.raises(BoundError, match=said):
        result.to_dict()
    with pytest.raises(BoundError, match="MAX_FIELDS"):
        as_csv(asked)
    view(result, "x0", None).require_listable()
    assert len(result.to_dict(["y3"])["receptive_fields"]) == 8


def test_findings_name_one_of_each_kind_and_how_many_there_are():
    model = crossed(70, 70, {7: 5})
    assert MAX_PAIRS < 70 * 70
    found = rfgraph.check(model, stat="union")
    assert [(item.input, item.tensor, item.found) for item in found] == [
        ("x0", "y0", 5),
        ("x7", "y0", 7),
    ]
    assert found[0].message.endswith("; the same of 68 more inputs and 69 more outputs")
    assert found[1].message.endswith("; the same of 69 more outputs")
    asked = rfgraph.check(model, stat="union", inputs=["x3"])
    assert {item.input for item in asked} == {"x3"}


def test_few_are_each_named():
    found = rfgraph.check(crossed(3, 2), stat="union")
    assert len(found) == 6
    assert not any("the same of" in item.message for item in found)


def test_a_process_is_started_for_each_twenty_files(tmp_path, monkeypatch, capsys):
    asked = []

    def pool(workers):
        asked.append(workers)
        raise KeyboardInterrupt

    monkeypatch.setattr("rfgraph.cli.many.pool", pool)
    paths = [tmp_path / f"{k}.onnx" for k in range(45)]
    for path in paths:
        path.write_bytes(crossed(1, 1).SerializeToString())
    few, many = list(map(str, paths[:39])), list(map(str, paths))
    assert main(["check", *few, "--stat", "union", "--exit-zero", "--jobs", "8", "--quiet"]) == 0
    assert asked == []
    assert main(["check", *many, "--jobs", "8", "--quiet"]) == 130
    assert asked == [2]


def test_the_maps_of_all_inputs_are_within_one_bound(monkeypatch):
    result = rfgraph.analyze(crossed(6, 1))
    layers = {f"x{k}": [f"c{k}", "y0"] for k in range(6)}
    assert len(dict(effective_fields(result, layers))) == 12
    # Six maps of 5 x 5 positions, over the edges of 6 convolutions, their sum and one more.
    monkeypatch.setattr(effective, "MAX_WEIGHED", 6 * (6 + 6 + 1) * (effective.LEAST + 5 * 5))
    found = [pair for pair, _ in effective_fields(result, layers)]
    assert found == [(f"x{k}", "y0") for k in range(6)]
