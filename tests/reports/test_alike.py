"""What is alike but for names and positions is said once, and nothing else is left out."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

import rfgraph
from reports import models
from rfgraph.analysis.view import view
from rfgraph.reports.formats.style import Style
from rfgraph.reports.model import alike
from rfgraph.reports.model.text import as_text
from rfgraph.wording.names import cells


def text_of(model):
    return as_text(view(rfgraph.analyze(model), None, None), Style())


def unrolled(steps, width=3):
    """y[t] = relu(x[t] W + y[t - 1] U), as tracing writes a loop over time."""
    nodes, stored = [], {"W": models.weights(width, width), "one": np.array([1])}
    for t in range(steps):
        stored[f"i{t}"] = np.array(t)
        nodes += [
            helper.make_node("Gather", ["x", f"i{t}"], [f"x{t}"], axis=1),
            helper.make_node("MatMul", [f"x{t}", "W"], [f"a{t}"]),
        ]
        if t:
            nodes.append(helper.make_node("MatMul", [f"h{t - 1}", "W"], [f"b{t}"]))
        reads = [f"a{t}", f"b{t}"] if t else ["a0"]
        nodes += [
            helper.make_node("Sum", reads, [f"h{t}"]),
            helper.make_node("Unsqueeze", [f"h{t}", "one"], [f"u{t}"]),
        ]
    nodes.append(helper.make_node("Concat", [f"u{t}" for t in range(steps)], ["y"], axis=1))
    shape = [1, steps, width]
    return models.model(nodes, {"x": shape}, {"y": shape}, stored)


@pytest.mark.parametrize("steps", [12, 300])
def test_an_unrolled_loop_fits_a_screen(steps):
    text = text_of(unrolled(steps))
    lines = text.splitlines()
    assert len(lines) <= 60
    assert max(map(cells, lines)) <= 80
    said = " ".join(text.split())
    assert f"Axis 1: local, receptive field 1..{steps}, 0 after;" in said
    assert f"maps before it, {steps} alike but for names and positions, x0 to x{steps - 1}:" in said


def heads(*kernels):
    """One convolution for each kernel, each an output, after a shared one."""
    nodes = [helper.make_node("Conv", ["x", "w3"], ["stem"], pads=[1, 1])]
    stored = {"w3": models.weights(1, 1, 3)}
    outputs = {}
    for number, kernel in enumerate(kernels):
        stored[f"w{kernel}"] = models.weights(1, 1, kernel)
        nodes.append(
            helper.make_node("Conv", ["stem", f"w{kernel}"], [f"y{number}"], pads=[kernel // 2] * 2)
        )
        outputs[f"y{number}"] = [1, 1, 40]
    return models.model(nodes, {"x": [1, 1, 40]}, outputs, stored)


def test_each_of_several_answers_is_given_once():
    text = text_of(heads(3, 5, 3, 7, 5, 3))
    assert text.count("Output  ") == 3
    for name, size in (("y0", 5), ("y1", 7), ("y3", 9)):
        part = text.split(f"Output  {name}")[1].split("Output")[0]
        assert f"receptive field    {size} " in part
    assert "3 outputs are alike but for names and positions: y0 to y5." in text
    assert "2 outputs are alike but for names and positions: y1 to y4." in text


def test_beyond_a_dozen_different_answers_it_says_how_many_there_are():
    text = text_of(heads(*range(3, 33, 2), 3, 31))
    assert text.count("Output  ") == 12
    assert "4 more outputs: --tensor NAME shows one, --format json all." in text


def test_the_same_field_over_other_paths_is_another_answer():
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["one"], pads=[1, 1]),
        helper.make_node("Identity", ["one"], ["a"]),
        helper.make_node("Conv", ["x", "w"], ["two"], pads=[1, 1]),
        helper.make_node("Add", ["one", "two"], ["b"]),
    ]
    shape = [1, 1, 9]
    proto = models.model(
        nodes, {"x": shape}, {"a": shape, "b": shape}, {"w": models.weights(1, 1, 3)}
    )
    text = text_of(proto)
    assert text.count("Output  ") == 2
    assert "1 route" in text
    assert "2 routes" in text


def test_what_is_not_counted_is_not_taken_for_alike(monkeypatch):
    monkeypatch.setattr(alike, "ALWAYS_COUNTED", 2)
    monkeypatch.setattr(alike, "MAX_BEHIND", 0)
    text = text_of(heads(3, 3, 3))
    assert "2 outputs are alike" in text
    last = text.split("Output  y2")[1]
    assert "not counted here: it takes long (rfgraph paths)" in last


def many_inputs(number):
    inputs = {f"in{k}": [1, 2, 8] for k in range(number)}
    nodes = [helper.make_node("Sum", list(inputs), ["y"])]
    return models.model(nodes, inputs, {"y": [1, 2, 8]})


@pytest.mark.parametrize(("number", "counted"), [(2, True), (500, False)])
def test_inputs_that_are_alike_are_one_paragraph(number, counted):
    text = text_of(many_inputs(number))
    assert f"Inputs  in0 to in{number - 1}  {number} alike, 1 x 2 x 8" in text
    assert text.count("receptive field  ") == text.count("on input ") == 1
    assert ("1 route" in text) == counted
    assert ("not counted here: it takes long (rfgraph paths)" in text) != counted


def test_maps_that_were_shown_are_named_together():
    steps = [
        helper.make_node("Conv", ["x", "w"], ["f"], pads=[1, 1]),
        helper.make_node("Conv", ["x", "v"], ["g"], pads=[2, 2]),
        *(helper.make_node("GlobalAveragePool", [name], [f"p{name}"]) for name in "fg"),
        helper.make_node("Sum", ["pf", "pg"], ["y"]),
        helper.make_node("Concat", ["pf", "pg"], ["z"], axis=1),
        *(helper.make_node("ReduceSum", [name], [f"r{name}"], keepdims=1) for name in ("x", "o")),
        helper.make_node("Sum", ["rx", "ro"], ["last"]),
    ]
    shape = [1, 1, 16]
    outputs = {"y": [1, 1, 1], "z": [1, 2, 1], "last": [1, 1, 1]}
    stored = {"w": models.weights(1, 1, 3), "v": models.weights(1, 1, 5)}
    text = text_of(models.model(steps, {"x": shape, "o": shape}, outputs, stored))
    assert "The last local feature maps before it are f, g, shown above." in text
    assert "No feature map lies before it: the input itself feeds it." in text
