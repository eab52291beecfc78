"""Pictures of results for a notebook: what is drawn is what was found."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import rfgraph
from rfgraph.domains.effective.statistics import coarse_means

FIXTURES = Path(__file__).parents[2] / "fixtures"
SVG = "{http://www.w3.org/2000/svg}"


def pictures(value):
    drawn = re.findall("<svg.*?</svg>", value._repr_html_(), re.DOTALL)
    return [ElementTree.fromstring(text) for text in drawn]


def rects(picture):
    return [
        {key: one.get(key) for key in ("x", "y", "width", "height")}
        for one in picture.iter(f"{SVG}rect")
    ]


def test_a_histogram_has_a_bar_for_each_size():
    found = rfgraph.path_histogram(rfgraph.analyze(FIXTURES / "highres3dnet.onnx"))
    (picture,) = pictures(found)  # the same along its three axes
    drawn = rects(picture)
    assert len(drawn) == 22
    heights = [float(one["height"]) for one in drawn]
    counts = np.array(list(found.axes[2].counts.values()), float)
    assert heights == pytest.approx(np.maximum(counts / counts.max() * 110, 1), abs=0.06)


def test_a_result_shows_the_distributions_of_its_outputs():
    result = rfgraph.analyze(FIXTURES / "highres3dnet.onnx")
    html = rfgraph.path_histogram(result)._repr_html_()
    assert html in result._repr_html_()
    assert len(pictures(result)) == 1


def test_counts_over_many_decades_are_drawn_by_their_logarithm():
    found = rfgraph.path_histogram(rfgraph.analyze(FIXTURES / "densenet121.onnx"))
    heights = [float(one["height"]) for one in rects(pictures(found)[0])]
    assert min(heights) > 0.5
    assert sum(height > 20 for height in heights) > len(heights) / 2


def test_a_unit_is_a_box_and_what_it_is_without_borders():
    found = rfgraph.unit(FIXTURES / "alexnet.onnx", "conv2", (0, None, 0, 13))
    (picture,) = pictures(found)
    around, box = rects(picture)
    region = found.regions[0].to_dict()
    tall = region["size"][2]
    inside = region["clipped"][2][1] - region["clipped"][2][0] + 1
    assert float(around["height"]) == pytest.approx(180)
    assert float(box["height"]) == pytest.approx(180 * inside / tall, abs=0.1)
    assert float(box["width"]) == pytest.approx(180)


def test_one_axis_and_nothing_at_all():
    tcn = rfgraph.analyze(FIXTURES / "tcn.onnx")
    (picture,) = pictures(rfgraph.unit(tcn, "network.3.relu", (0, None, 9)))
    assert len(rects(picture)) == 2
    (band,) = pictures(rfgraph.erf(tcn))
    assert {one["height"] for one in rects(band)} == {"40.3"}


def test_a_map_is_darkest_in_the_middle():
    (picture,) = pictures(rfgraph.erf(FIXTURES / "resnet18.onnx"))
    shades = [float(one.get("fill-opacity")) for one in picture.iter(f"{SVG}rect")]
    assert len(shades) == 24 * 24
    assert max(shades) == 1
    assert abs(shades.index(1.0) // 24 - 10) <= 2


def test_coarse_means_are_means():
    values = np.arange(12.0).reshape(3, 4)
    assert coarse_means(values, 1, 2).tolist() == [[0.5, 2.5], [4.5, 6.5], [8.5, 10.5]]
    assert coarse_means(values, 0, 9).tolist() == values.tolist()
