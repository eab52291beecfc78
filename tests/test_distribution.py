"""The Python side of the distribution: arrays, quantiles, dictionaries, and paths one by one."""

import dataclasses
import itertools
import json
import math
from fractions import Fraction

import numpy as np
import pytest
from onnx import helper

import rfgraph
from exported import HERE as EXPORTS
from fixtures.make import build
from reports import models
from rfgraph.errors import BoundError

# "HighRes3DNet" of reference/published.md: x^3 ((1 + x^4)(1 + x^8)(1 + x^16))^3.
HIGHRES = {
    3: 1, 7: 3, 11: 6, 15: 10, 19: 15, 23: 21, 27: 28, 31: 36, 35: 42, 39: 46, 43: 48,
    47: 48, 51: 46, 55: 42, 59: 36, 63: 28, 67: 21, 71: 15, 75: 10, 79: 6, 83: 3, 87: 1,
}  # fmt: skip
BINOMIAL_9 = {1 + 2 * k: math.comb(9, k) for k in range(10)}


@pytest.fixture(scope="module")
def highres():
    return rfgraph.analyze(build("highres3dnet"))


@pytest.fixture(scope="module")
def distribution(highres):
    return rfgraph.path_histogram(highres)


def doubling(blocks):
    """Residual blocks whose 3-wide windows have dilations 1, 2, 4, ...: any sum of 2, 4, 8, ..."""
    nodes = []
    for k in range(blocks):
        before = f"a{k - 1}" if k else "x"
        pads, dilation = [2**k, 2**k], [2**k]
        nodes.append(
            helper.make_node("Conv", [before, "w"], [f"c{k}"], pads=pads, dilations=dilation)
        )
        nodes.append(helper.make_node("Add", [before, f"c{k}"], [f"a{k}"]))
    last = f"a{blocks - 1}"
    return models.model(nodes, {"x": [1, 1, 64]}, {last: None}, {"w": models.weights(1, 1, 3)})


def crossed():
    """A 1 x 7 window beside a 7 x 1 one, and SiLU after them."""
    nodes = [
        helper.make_node("Conv", ["x", "wide"], ["a"], name="wide", pads=[0, 3, 0, 3]),
        helper.make_node("Conv", ["x", "tall"], ["b"], name="tall", pads=[3, 0, 3, 0]),
        helper.make_node("Add", ["a", "b"], ["c"], name="add"),
        helper.make_node("Sigmoid", ["c"], ["s"], name="sigmoid"),
        helper.make_node("Mul", ["c", "s"], ["y"], name="mul"),
    ]
    weights = {"wide": models.weights(1, 1, 1, 7), "tall": models.weights(1, 1, 7, 1)}
    return models.model(nodes, {"x": [1, 1, 7, 9]}, {"y": None}, weights)


# -- numbers ---------------------------------------------------------------------------------------


def test_counts_are_the_published_ones(distribution):
    assert distribution.total == 512
    assert {axis: dict(found.counts) for axis, found in distribution.axes.items()} == {
        2: HIGHRES, 3: HIGHRES, 4: HIGHRES,
    }  # fmt: skip
    assert dict(distribution.depth) == BINOMIAL_9


def test_moments_are_the_published_ones(distribution):
    axis = distribution.axes[2]
    assert (axis.min, axis.max, axis.mean, axis.variance) == (3, 87, 45, 252)
    assert axis.std == math.sqrt(252)
    assert axis.median == 43


@pytest.mark.parametrize(
    ("share", "size"),
    [(0, 3), (Fraction(1, 512), 3), (Fraction(4, 512), 7), (Fraction(5, 512), 11), (1, 87)],
)
def test_a_quantile_is_the_smallest_size_with_that_share_at_or_below_it(distribution, share, size):
    assert distribution.axes[3].quantile(share) == size


@pytest.mark.parametrize("share", [-0.1, 1.5, math.nan])
def test_a_quantile_of_no_share_is_refused(distribution, share):
    with pytest.raises(rfgraph.UsageError, match="share from 0 to 1"):
        distribution.axes[2].quantile(share)


def test_arrays_hold_exact_counts():
    found = rfgraph.path_histogram(build("densenet201"), tensor="relu5")
    sizes, counts = found.axes[2].to_arrays()
    assert sizes.dtype == np.int64
    assert (sizes[0], sizes[-1]) == (39, 3863)
    assert sum(counts) == 2**98  # one choice for each of its 98 dense layers
    assert {type(count) for count in counts} == {int}


def test_a_covering_path_is_as_long_as_the_input():
    found = rfgraph.path_histogram(build("toy_aligned"), tensor="add").axes[2]
    assert found.counts == {1: 1, 3: 1}
    assert found.covering == 0
    assert rfgraph.path_histogram(crossed()).axes[2].covering == 1  # 7 of 7, and 1


# -- kinds of counting -----------------------------------------------------------------------------


def test_routes_leave_out_what_is_pointwise():
    assert rfgraph.path_histogram(crossed()).total == 2
    assert rfgraph.path_histogram(crossed(), count="paths").total == 4


def test_the_joint_distribution_tells_the_axes_apart():
    found = rfgraph.path_histogram(crossed(), joint=True)
    assert found.joint == {(1, 7): 1, (7, 1): 1}
    assert found.to_dict()["joint"] == [[[1, 7], "1"], [[7, 1], "1"]]
    assert "joint" not in rfgraph.path_histogram(crossed()).to_dict()


def test_cubic_windows_make_cubic_paths(highres):
    # All windows are cubes, so each of the 512 paths is as large on every axis.
    joint = rfgraph.path_histogram(highres, joint=True).joint
    assert {len(set(sizes)) for sizes in joint} == {1}
    assert {sizes[0]: count for sizes, count in joint.items()} == HIGHRES


def test_through_and_avoiding_divide_the_paths(highres):
    # Half of the nine choices' combinations take a block; they are 4 larger than those that do not.
    taken = rfgraph.path_histogram(highres, through=["stage1.1.conv1"])
    left = rfgraph.path_histogram(highres, avoiding=["stage1.1.conv1"])
    assert (taken.total, left.total) == (256, 256)
    assert dict(taken.axes[2].counts) == {k + 4: n for k, n in left.axes[2].counts.items()}


def test_no_path_is_an_empty_distribution():
    found = rfgraph.path_histogram(build("siamese"), tensor="right.relu1", input="left")
    assert found.total == 0
    for axis in found.axes.values():
        assert (axis.counts, axis.min, axis.mean, axis.median, axis.std) == (
            {},
            None,
            None,
            None,
            None,
        )
    assert "no local path" in repr(found)


def test_beyond_the_bound_the_rest_stays_exact():
    # 1 + any sum of 2, 4, ..., 2^20: every odd number up to 2^21 - 1, once.
    found = rfgraph.path_histogram(doubling(20))
    axis = found.axes[2]
    assert not found.listed
    assert (found.total, axis.counts, axis.covering, axis.median) == (2**20, None, None, None)
    assert (axis.min, axis.max, axis.mean) == (1, 2**21 - 1, 2**20)
    assert axis.variance == Fraction(4**20 - 1, 3)
    entry = found.to_dict()
    assert (entry["listed"], entry["depth"], entry["axes"][0]["histogram"]) == (False, None, None)
    with pytest.raises(rfgraph.UsageError, match="in full"):
        axis.to_arrays()


def test_full_lists_all_the_same():
    found = rfgraph.path_histogram(doubling(14), full=True)
    assert found.listed
    assert found.axes[2].counts == {1 + 2 * k: 1 for k in range(2**14)}


# -- how it is shown -------------------------------------------------------------------------------


def test_the_entry_is_that_of_the_contract():
    found = rfgraph.path_histogram(build("toy_aligned"), tensor="add")
    length = rfgraph.load(build("toy_aligned")).inputs[0].shape[2]
    assert length > 3
    assert found.to_dict() == {
        "input": "input",
        "tensor": "add",
        "total": "2",
        "listed": True,
        "axes": [
            {"axis": 2, "local": "2", "one_sided": "0", "global": "0", "unknown": "0",
             "histogram": [[1, "1"], [3, "1"]], "min": 1, "max": 3, "mean": 2.0, "median": 1,
             "std": 1.0, "covering": "0"}
        ],
        "depth": [[0, "1"], [1, "1"]],
    }  # fmt: skip
    assert json.loads(json.dumps(found.to_dict())) == found.to_dict()


def test_a_global_path_is_counted_apart():
    # An SE gate: the path beside it, and the one through its global pooling.
    (axis, _) = rfgraph.path_histogram(build("se_gate"), tensor="conv2").to_dict()["axes"]
    assert (axis["local"], axis["global"], axis["one_sided"], axis["unknown"]) == (
        "1",
        "1",
        "0",
        "0",
    )


def test_a_repr_is_short_and_says_how_many(distribution):
    assert repr(distribution) == (
        "PathHistogram('classifier' on 'input', 512 routes, {2: 3..87, 3: 3..87, 4: 3..87})"
    )
    assert "about 2^98 routes" in repr(rfgraph.path_histogram(build("densenet201"), tensor="relu5"))


def test_a_notebook_shows_a_table(distribution):
    assert distribution._repr_html_().count("<tr>") == 4  # a header and three axes


# -- paths -----------------------------------------------------------------------------------------


def test_paths_come_by_size(highres):
    largest = [path.sizes for path in rfgraph.paths(highres)]
    assert largest == sorted(largest, reverse=True)
    smallest = [path.sizes for path in rfgraph.paths(highres, order="smallest")]
    assert smallest == sorted(largest)
    assert [size[0] for size in smallest] == [k for k, n in HIGHRES.items() for _ in range(n)]


def test_paths_are_lazy():
    path = next(rfgraph.paths(doubling(60)))
    assert path.sizes == (2**61 - 1,)
    assert len(path.nodes) == 120


def test_a_path_names_its_nodes():
    first, second = rfgraph.paths(crossed())
    assert (first.sizes, second.sizes) == ((7, 1), (1, 7))
    assert first.nodes[:2] == ("tall", "add")
    assert first.nodes[-1] == "mul"
    assert first.to_dict() == {"size": [7, 1], "nodes": list(first.nodes)}


def test_paths_can_be_filtered(highres):
    sizes = [p.sizes[0] for p in rfgraph.paths(highres, avoiding=["stage3.1.conv1"])]
    assert (len(sizes), sizes[0]) == (256, 87 - 16)
    through = rfgraph.paths(highres, through=["stage3.1.conv1"], order="smallest")
    assert [p.sizes[0] for p in itertools.islice(through, 2)] == [3 + 16, 7 + 16]


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ({"tensor": "clasifier"}, "'classifier'"),
        ({"input": "image"}, "'input'"),
        ({"count": "walks"}, "'routes' or 'paths'"),
        ({"through": ["stage1.1.conv9"]}, "'stage1.1.conv1'"),
        ({"avoiding": ["nothing"]}, "no node or tensor 'nothing'"),
    ],
)
def test_names_that_do_not_exist_are_refused_with_the_nearest(highres, question, words):
    with pytest.raises(rfgraph.UsageError) as caught:
        rfgraph.path_histogram(highres, **question)
    assert words in str(caught.value)


def test_an_unknown_order_is_refused(highres):
    with pytest.raises(rfgraph.UsageError, match="'largest' or 'smallest'"):
        rfgraph.paths(highres, order="longest")


def test_the_bound_on_patterns_is_named_and_can_be_moved():
    result = rfgraph.analyze(str(EXPORTS / "swin_computed_ts.onnx"))
    (target,) = result.outputs[0].before_global
    with pytest.raises(BoundError, match=r"more entries than MAX_PATTERNS \(1000\)"):
        rfgraph.path_histogram(result, tensor=target, max_patterns=1000)
    found = rfgraph.path_histogram(result, tensor=target)
    assert all(sum(axis.counts.values()) == axis.local for axis in found.axes.values())


def test_a_histogram_whose_parts_do_not_add_up_is_noticed_in_any_test(distribution):
    with pytest.raises(AssertionError):
        dataclasses.replace(distribution, total=distribution.total + 1)
