"""Every statistic of the distribution is in every format, and is what its name says."""

import csv
import io
import json
import re
import statistics

import pytest

import rfgraph
from checks.nets import bound
from fixtures.make import build
from reports import models
from rfgraph.analysis.distributions import all_distributions
from rfgraph.analysis.statistics import STATISTICS
from rfgraph.analysis.view import view
from rfgraph.reports import paths
from rfgraph.reports.formats.style import Style
from rfgraph.reports.pictures.panels import panels

# "HighRes3DNet" of reference/published.md: x^3 ((1 + x^4)(1 + x^8)(1 + x^16))^3.
SIZES = [
    3 + 4 * fours + 8 * eights + 16 * sixteens
    for fours in (0, 1, 1, 1, 2, 2, 2, 3)
    for eights in (0, 1, 1, 1, 2, 2, 2, 3)
    for sixteens in (0, 1, 1, 1, 2, 2, 2, 3)
]
LENGTH = 63
MODEL = bound(build("highres3dnet"), LENGTH)
EXPECTED = {
    "min": min(SIZES),
    "mean": statistics.fmean(SIZES),  # 45, exactly
    "median": statistics.median_low(SIZES),
    "max": max(SIZES),
    "std": statistics.pstdev(SIZES),
    "covering": str(sum(size >= LENGTH for size in SIZES)),
}
by_key = pytest.mark.parametrize("item", STATISTICS, ids=lambda item: item.key)


@pytest.fixture(scope="module")
def shown():
    return all_distributions(view(rfgraph.analyze(MODEL), None, None))


@pytest.fixture(scope="module")
def axis(shown):
    return shown[0].histogram.axes[2]


@by_key
def test_its_value(item, axis):
    assert item.json(axis) == EXPECTED[item.key]


@by_key
def test_json_has_it(item, shown):
    (entry,) = json.loads(paths.as_json(models.NAMED, shown, "routes"))["paths"]
    for axis in entry["axes"]:
        assert axis[item.key] == EXPECTED[item.key]


@by_key
def test_json_has_it_not_where_it_would_need_sizes_that_are_not_listed(item, axis):
    assert (axis.to_dict(listed=False)[item.key] is None) == item.needs_sizes


@by_key
def test_markdown_has_it(item, shown):
    header, _, row = [
        re.split(r" (?<!\\)\| ", line.strip("| "))
        for line in paths.as_markdown(models.NAMED, shown, "routes").splitlines()
        if line.startswith("|")
    ][:3]
    assert row[header.index(item.column)] == item.text(shown[0].histogram.axes[2])


@by_key
def test_a_notebook_has_it(item, shown, axis):
    html = shown[0].histogram._repr_html_()
    if item.row:
        assert f"<th>{item.column}</th>" in html
    ends = f"<td>{axis.min}..{axis.max}</td>"
    assert ends in html if item.is_end else not item.row or f"<td>{item.text(axis)}</td>" in html


@by_key
def test_a_text_has_it(item, shown, axis):
    text = paths.as_text(models.NAMED, shown, "routes", Style())
    if item.row:
        said = re.escape(item.sentence.format(item.text(axis)))
        assert re.search(rf"^    {item.row} .*{said}(,|$)", text, re.MULTILINE)
    elif item.is_end:
        assert re.search(rf"^    sizes +{axis.min} to {axis.max},", text, re.MULTILINE)


@by_key
def test_a_picture_has_it_if_it_is_drawn(item, shown, axis):
    (panel,) = panels(shown)
    said = f"{item.column} {item.text(axis, 4)}"
    assert (said in panel.facts[1]) == item.is_drawn


def test_csv_has_what_they_are_taken_of(shown):
    rows = csv.DictReader(io.StringIO(paths.as_csv(models.NAMED, shown, "routes")))
    counts = {int(row["size"]): int(row["count"]) for row in rows if row["axis"] == "2"}
    assert counts == {size: SIZES.count(size) for size in SIZES}


def test_keys_and_columns_are_told_apart():
    for names in ([item.key for item in STATISTICS], [item.column for item in STATISTICS]):
        assert len(set(names)) == len(names)
