"""Which distributions are shown, and that their text fits."""

import pytest

import rfgraph
from reports import models
from reports.published import FILES, analysed
from rfgraph.analysis.distributions import alike_axes, all_distributions, distribution_of, pairs
from rfgraph.analysis.document import parts
from rfgraph.analysis.histogram import path_histogram
from rfgraph.analysis.view import View
from rfgraph.errors import BoundError
from rfgraph.reports import paths
from rfgraph.reports.formats.json import dumps
from rfgraph.reports.formats.style import Style
from rfgraph.reports.model.text import as_text
from rfgraph.wording.names import cells


def viewed(proto, tensors=None):
    result = rfgraph.analyze(proto)
    return View(result, tuple(item.name for item in result.model.inputs), tensors)


def first_paths(result, **pair):
    return tuple(rfgraph.paths(result, **pair))[:3]


@pytest.mark.parametrize("make", models.EVERY.values(), ids=models.EVERY)
@pytest.mark.parametrize("width", [40, 80])
def test_every_model_fits(make, width):
    entries = all_distributions(viewed(make()), first=first_paths)
    text = paths.as_text(models.NAMED, entries, "routes", Style(width=width))
    assert [line for line in text.splitlines() if cells(line) > width] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_fixture_fits_80_columns(path):
    result = analysed(path)
    view = View(result, tuple(item.name for item in result.model.inputs))
    text = paths.as_text(models.NAMED, all_distributions(view), "routes", Style())
    assert [line for line in text.splitlines() if cells(line) > 80] == []


def test_axes_that_are_alike_are_shown_once():
    (entry,) = all_distributions(viewed(models.anisotropic(), ("c",)))
    assert [[axis.axis for axis in axes] for axes in alike_axes(entry)] == [[2], [3]]
    assert [axis.max for axis in entry.histogram.axes.values()] == [3, 5]


def test_axes_of_different_length_are_told_apart():
    # The same 3 x 3 window reaches all of an axis of 3, and not of one of 9.
    conv = models.helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])
    proto = models.model(
        [conv], {"x": [1, 1, 3, 9]}, {"y": None}, {"w": models.weights(1, 1, 3, 3)}
    )
    (entry,) = all_distributions(viewed(proto))
    assert len(alike_axes(entry)) == 2
    assert [axis.covering for axis in entry.histogram.axes.values()] == [1, 0]


def test_one_sided_paths_are_explained():
    text = paths.as_text(
        models.NAMED, all_distributions(viewed(models.cumulative(), ("y",))), "routes", Style()
    )
    assert "none local, 1 one-sided" in text
    assert "all that came before" in text


def test_inputs_that_do_not_reach_an_output_have_empty_entries():
    nodes = [
        models.helper.make_node("Conv", ["a", "w"], ["y"]),
        models.helper.make_node("Relu", ["b"], ["z"]),
    ]
    shape = [1, 1, 9]
    proto = models.model(
        nodes, {"a": shape, "b": shape}, {"y": None, "z": None}, {"w": models.weights(1, 1, 3)}
    )
    view = viewed(proto)
    assert pairs(view) == [("a", "y"), ("b", "y"), ("a", "z"), ("b", "z")]
    assert [entry.histogram.total for entry in all_distributions(view)] == [1, 0, 0, 1]


# -- bounds ----------------------------------------------------------------------------------------


def refusing(tensors):
    def count(result, *, tensor, input):
        if tensor in tensors:
            raise BoundError("the states exceed the bound of 200000")
        return path_histogram(result, tensor=tensor, input=input)

    return count


def test_what_exceeds_a_bound_says_so_beside_the_rest():
    view = viewed(models.anisotropic(), ("c", "y"))
    entries = all_distributions(view, refusing({"y"}))
    assert entries[1].to_dict() == {
        "input": "x", "tensor": "y", "total": None, "listed": False, "axes": None, "depth": None,
        "bound": "the states exceed the bound of 200000",
    }  # fmt: skip
    assert "not counted from input x: the states exceed" in paths.as_text(
        models.NAMED, entries, "routes", Style()
    )
    assert "Not counted: the states exceed" in paths.as_markdown(models.NAMED, entries, "routes")


def test_where_nothing_can_be_counted_the_bound_is_the_answer():
    view = viewed(models.anisotropic(), ("c", "y"))
    with pytest.raises(BoundError, match="200000"):
        all_distributions(view, refusing({"c", "y"}))


def test_a_report_of_a_model_survives_a_bound(monkeypatch):
    def counted_nothing(result, source, tensor):
        return distribution_of(result, source, tensor, refusing({tensor}))

    monkeypatch.setattr("rfgraph.analysis.document.quick_distribution", counted_nothing)
    monkeypatch.setattr("rfgraph.reports.model.distribution.quick_distribution", counted_nothing)
    view = viewed(models.anisotropic())
    assert '"bound": "the states exceed the bound of 200000"' in dumps(parts(view))
    assert "not counted here" in as_text(view, Style())
