"""Maps against published numbers, closed forms, and an implementation of its own."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

import rfgraph
from effective.nets import Net, stack
from effective.numbers import FILES, STACKS
from rfgraph.domains.effective.statistics import area, as_floats
from rfgraph.reports.erf import sides_text

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


def check_row(found, row, tolerance):
    sigma, mean, interval, luo, boxes = row
    first = next(iter(found.axes.values()))
    assert first.sigma == pytest.approx(sigma, rel=tolerance)
    assert first.mean == pytest.approx(mean, rel=tolerance)
    assert first.interval == interval
    floats = as_floats(found.map)
    assert tuple(area(floats, t).side for t in (0.2, 0.3, 0.5, 0.95, 0.99)) == boxes
    assert round(found.luo_size**floats.ndim) == pytest.approx(luo, rel=5e-4)


@pytest.mark.parametrize("kind", ["uniform", "random"])
@pytest.mark.parametrize("name", STACKS)
def test_stacks_are_as_computed_elsewhere(name, kind):
    side, layers, skip, rows = STACKS[name]
    found = rfgraph.erf(rfgraph.load(stack(side, layers, skip=skip)), map=kind)
    check_row(found, rows[kind], 1e-5)


@pytest.mark.parametrize("kind", ["uniform", "random"])
@pytest.mark.parametrize("name", FILES)
def test_files_are_as_computed_elsewhere(name, kind):
    tensor, rows = FILES[name]
    found = rfgraph.erf(FIXTURES / f"{name}.onnx", tensor, map=kind)
    # Maxima and activations other than Relu are integrated numerically, here as there.
    exact = kind == "uniform" or name in ("vgg16", "tcn", "highres3dnet")
    check_row(found, rows[kind], 1e-5 if exact else 6e-5)


# -- counts ----------------------------------------------------------------------------------------


def test_two_windows_of_three_count_one_two_three_two_one():
    found = rfgraph.erf(stack(5, [(1, 1)] * 2, channels=1, relu=False, data=1), map="paths")
    line = np.array([1, 2, 3, 2, 1])
    assert found.map.tolist() == np.outer(line, line).tolist()
    assert all(type(count) is int for count in found.map.flat)
    assert (found.map.sum(), found.map[2, 2], found.map[0, 0]) == (81, 9, 1)


@pytest.mark.parametrize(
    ("side", "layers", "options", "total"),
    [
        # The central coefficient of (1 + x + x^2)^5 is 51.
        (11, [(1, 1)] * 5, {"channels": 1, "data": 1}, 59049),
        (15, [(1, 1), (2, 1), (4, 1)], {"channels": 2}, 17496),
        (9, [(1, 1)] * 4, {"channels": 3, "skip": "all"}, 1843968),
        (23, [(1, 2), (1, 1), (1, 2), (1, 1)], {"channels": 2}, 314928),
    ],
)
def test_counts_equal_the_gradients_of_torch_with_weights_of_one(side, layers, options, total):
    if options.get("skip") == "all":
        net = Net((1, 3, side, side))
        x = "x"
        for _ in layers:
            x = net.node("Add", x, net.conv(x, 3))
        model = net.model(x)
    else:
        model = stack(side, layers, relu=False, **options)
    found = rfgraph.erf(model, map="paths")
    assert found.map.sum() == total
    if total == 59049:
        assert found.map[5, 5] == 51**2


def test_counts_beyond_floats_stay_integers():
    found = rfgraph.erf(stack(83, [(1, 1)] * 40, channels=1, relu=False, data=1), map="paths")
    line = np.polynomial.polynomial.polypow([1, 1, 1], 1)
    line = [1]
    for _ in range(40):
        line = [sum(line[max(i - 2, 0) : i + 1]) for i in range(len(line) + 2)]
    assert sum(line) == 3**40
    assert found.map.sum() == 3**80
    assert found.map[41, 41] == max(line) ** 2
    assert found.map[1, 1] == 1


# -- closed forms ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "layers", "variance"),
    [
        (13, [(1, 1)] * 5, 5 * 2 / 3),
        (83, [(1, 1)] * 40, 40 * 2 / 3),
        (45, [(2, 1)] * 10, 10 * 4 * 2 / 3),
        (45, [(1, 2)] + [(1, 1)] * 9, 2 / 3 * (1 + 9 * 4)),
    ],
)
def test_variances_of_windows_add_up(side, layers, variance):
    model = rfgraph.load(stack(side, layers))
    found = rfgraph.erf(model, map="uniform")
    assert found.axes[2].sigma == pytest.approx(math.sqrt(variance), rel=1e-12)
    assert found.axes[2].unclipped.sigma == pytest.approx(math.sqrt(variance), rel=1e-12)
    squares = rfgraph.erf(model).map.astype(float) ** 2
    part = squares.sum(axis=0) / squares.sum()
    at = np.arange(side)
    assert part @ (at - part @ at) ** 2 == pytest.approx(variance, rel=1e-12)


def test_each_skip_weighs_its_branch_by_what_was_added_before():
    squares = rfgraph.erf(stack(25, [(1, 1)] * 10, relu=False, skip=True)).map ** 2
    part = squares.sum(axis=0) / squares.sum()
    at = np.arange(25)
    sigma = math.sqrt(part @ (at - part @ at) ** 2)
    assert sigma == pytest.approx(math.sqrt(2 / 3 * sum(1 / n for n in range(1, 11))), rel=1e-12)


def test_the_field_of_a_plain_stack_grows_as_luo_et_al_found():
    depths = (5, 10, 20, 40)
    found = [rfgraph.erf(stack(2 * n + 3, [(1, 1)] * n)) for n in depths]
    slope = np.polyfit(np.log(depths), np.log([item.luo_size for item in found]), 1)[0]
    assert slope == pytest.approx(0.539, abs=5e-4)
    ratio = [item.luo_size / (2 * n + 1) for item, n in zip(found, depths, strict=True)]
    assert np.polyfit(np.log(depths), np.log(ratio), 1)[0] == pytest.approx(-0.421, abs=5e-4)


@pytest.mark.parametrize(
    ("options", "sigma"),
    [
        ({}, 3.4956),
        ({"dropout": True}, 3.4956),
        ({"relu": False}, 3.4956),
        ({"layers": [(2, 1)] * 10}, 6.9912),
        ({"layers": [(1, 2)] + [(1, 1)] * 9}, 6.6880),
        ({"skip": True}, 2.2390),
    ],
)
def test_what_luo_et_al_varied(options, sigma):
    options = {"layers": [(1, 1)] * 10, **options}
    found = rfgraph.erf(stack(45, **options))
    assert found.axes[2].sigma == pytest.approx(sigma, abs=5e-5)


# -- trained networks ------------------------------------------------------------------------------


def test_a_resnet_is_near_the_measured_spread_of_a_trained_one():
    # OpenERF's public map of ResNet-50 (ImageNet, 224 x 224): sigma 51.6 and 51.7 positions.
    found = rfgraph.erf(FIXTURES / "resnet50.onnx")
    assert found.axes[2].sigma == pytest.approx(51.65, rel=0.05)
    uniform = rfgraph.erf(FIXTURES / "resnet50.onnx", map="uniform")
    assert uniform.axes[2].sigma < 0.75 * 51.65


def test_shares_within_a_radius_are_near_those_of_trained_maps():
    # OpenERF, ResNet-50 trained on ImageNet, and what another implementation gives of the graph.
    trained = (0.0039, 0.0150, 0.0598, 0.1308, 0.2199, 0.4343, 0.6477)
    static = (0.0038, 0.0149, 0.0576, 0.1257, 0.2143, 0.4283, 0.6518)
    entry = rfgraph.erf(FIXTURES / "resnet50.onnx").to_dict()["radial"]
    assert [item["radius"] for item in entry] == [5, 10, 20, 30, 40, 60, 80]
    shares = [item["share"] for item in entry]
    assert shares == pytest.approx(trained, rel=0.05)
    assert shares == pytest.approx(static, abs=6e-5)


def test_the_json_has_six_digits_and_no_weights():
    entry = rfgraph.erf(FIXTURES / "resnet18.onnx").to_dict()
    text = json.dumps(entry)
    assert json.loads(text) == entry
    assert entry["axes"][0]["interval"] == [2, 190]
    assert entry["axes"][0]["theoretical"] == 435
    assert entry["axes"][0]["unclipped"]["size"] == 246
    assert entry["axes"][0]["unclipped"]["ratio"] == 0.565517
    assert entry["area_ratio"][0] == {"share": 0.2, "side": 69, "ratio": 0.094886}
    assert entry["approximate"] == ["MaxPool"]


def test_the_area_of_a_square_is_what_of_it_lies_inside():
    """Of 8 x 2 the middle is at (4, 1): 5 rows of 2 are the first half or more, 10 of 16."""
    found = area(np.ones((8, 2)), 0.5)
    assert (found.side, found.ratio) == (5, 10 / 16)
    net = Net((1, 1, 8, 2))
    made = rfgraph.erf(net.model(net.node("GlobalAveragePool", "x")))
    assert sides_text(made).startswith("within 5 x 2 (62 % of the input)")
