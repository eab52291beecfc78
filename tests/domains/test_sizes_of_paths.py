"""One path of each size: those of the histogram, each the first that the listing has of it."""

from __future__ import annotations

from pathlib import Path

import pytest

import rfgraph
from rfgraph.analysis.paths import walks_by_size
from rfgraph.domains.paths import listing
from rfgraph.errors import BoundError

FIXTURES = Path(__file__).parents[2] / "fixtures"
ENDS = {"highres3dnet": "classifier", "unet_transposed": "head", "tcn": "network.3.relu"}


@pytest.mark.parametrize("name", ENDS)
def test_each_size_has_the_first_path_of_the_listing(name):
    result = rfgraph.analyze(FIXTURES / f"{name}.onnx")
    (source,) = (item.name for item in result.model.inputs)
    for axis in result.forms[source].spatial_axes:
        walks = walks_by_size(result, ENDS[name], source, axis, 1000)
        counts = rfgraph.path_histogram(result, tensor=ENDS[name]).axes[axis].counts
        assert sorted(walks) == sorted(counts)
        first = {}
        for path in rfgraph.paths(result, ENDS[name], order="smallest"):
            first.setdefault(path.axes[axis], path.nodes)
        labels = {
            size: tuple(result.receptive_field(tensor, source).node for tensor in walk[1:])
            for size, walk in walks.items()
        }
        assert labels == first


def test_of_many_sizes_so_many_are_chosen_with_both_ends():
    result = rfgraph.analyze(FIXTURES / "highres3dnet.onnx")
    walks = walks_by_size(result, "classifier", "input", 2, 5)
    assert len(walks) == 5
    assert (min(walks), max(walks)) == (3, 87)


def test_too_many_sizes_on_the_way_are_refused(monkeypatch):
    monkeypatch.setattr(listing, "MAX_TO_COME", 10)
    result = rfgraph.analyze(FIXTURES / "highres3dnet.onnx")
    with pytest.raises(BoundError, match="sizes of paths on the way exceed MAX_TO_COME"):
        walks_by_size(result, "classifier", "input", 2, 5)


def test_where_nothing_leads_there_is_no_path():
    result = rfgraph.analyze(FIXTURES / "resnet18.onnx")
    assert walks_by_size(result, "fc_out", "input", 2, 5) == {}
