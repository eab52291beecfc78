from __future__ import annotations

from collections import Counter
from fractions import Fraction

import numpy as np
from hypothesis import HealthCheck, given, settings

from oracle import measures, random_models, sets, walks
from oracle.examples import builder, chain, highres3dnet, output, unet

# reference: Li et al. 2017, all 512 paths of HighRes3DNet by size.
HIGHRES = {
    3: 1, 7: 3, 11: 6, 15: 10, 19: 15, 23: 21, 27: 28, 31: 36, 35: 42, 39: 46, 43: 48,
    47: 48, 51: 46, 55: 42, 59: 36, 63: 28, 67: 21, 71: 15, 75: 10, 79: 6, 83: 3, 87: 1,
}  # fmt: skip


def last_sizes(model, **options):
    """Histogram over the last axis of the only input."""
    found = walks.histogram(model, output(model), "x0", **options)
    return Counter({size[-1]: count for size, count in found.items()})


def test_a_residual_block_has_two_paths():
    build, x = builder(1, 1, 9)
    model = build.model(build.same("Add", x, build.same_conv(build.same_conv(x, 1, 3), 1, 3)))
    assert last_sizes(model) == {1: 1, 5: 1}


def test_parallel_edges_are_distinct_paths_but_pointwise_ones_one_route():
    build, x = builder(1, 1, 9)
    y = build.same_conv(x, 1, 3)
    twice = build.model(build.same("Add", y, y))
    assert last_sizes(twice, count="paths") == {3: 2}
    assert last_sizes(twice) == {3: 1}
    silu = build.model(build.same("Mul", y, build.same("Sigmoid", y)))
    assert last_sizes(silu, count="paths") == {3: 2}
    assert last_sizes(silu) == {3: 1}
    doubled = build.model(build.concat([y, y]))
    assert last_sizes(doubled, count="paths") == {3: 2}
    assert last_sizes(doubled) == {3: 1}


def test_what_the_other_half_of_a_split_gets_is_no_path():
    build, x = builder(1, 1, 9)
    both = build.concat([build.same_conv(x, 1, 3), build.same_conv(x, 1, 5)])
    first, second = build.split(both, [1, 1])
    assert last_sizes(build.model(first)) == {3: 1}
    assert last_sizes(build.model(build.same("Add", first, second))) == {3: 1, 5: 1}


def test_a_path_whose_phases_never_meet_is_no_path():
    # Zeros between, then a stride that reads only the zeros.
    build, x = builder(1, 1, 5)
    y = build.transposed(x, 1, [1], strides=[2])
    odd = build.slice(y, [2], [1], [9], [2])
    assert last_sizes(build.model(odd)) == {}
    even = build.slice(y, [2], [0], [9], [2])
    assert last_sizes(build.model(even)) == {1: 1}


def test_softmax_over_channels_adds_no_route_and_over_positions_one():
    build, x = builder(1, 2, 5)
    y = build.same_conv(x, 2, 3)
    over_channels = build.model(build.same_conv(build.same("Softmax", y, axis=1), 1, 3))
    assert last_sizes(over_channels, count="paths") == {5: 2}
    assert last_sizes(over_channels) == {5: 1}
    over_positions = build.model(build.same_conv(build.same("Softmax", y, axis=2), 1, 3))
    assert last_sizes(over_positions) == {5: 1, None: 1}


def test_a_decomposed_channel_norm_adds_no_route():
    build, x = builder(1, 2, 5)
    y = build.same_conv(x, 2, 3)
    mean = build.one("ReduceMean", [y, build.ints([1])], (1, 1, 5), keepdims=1)
    model = build.model(build.same("Sub", y, mean))
    assert last_sizes(model, count="paths") == {3: 2}
    assert last_sizes(model) == {3: 1}


def test_a_gate_is_a_path_of_its_own():
    build, x = builder(1, 2, 5)
    y = build.same_conv(x, 2, 3)
    pooled = build.one("GlobalAveragePool", [y], (1, 2, 1))
    model = build.model(build.same("Mul", y, build.same("Sigmoid", build.same_conv(pooled, 2, 1))))
    assert last_sizes(model) == {3: 1, None: 1}
    graph = sets.Graph(model)
    assert measures.measure(graph, output(model), "x0", 2, 8) == {"scope": "global"}
    local = measures.measure(graph, output(model), "x0", 2, 8, local={2})
    assert (local["size"], local["start"]) == (3, -1)


def test_highres3dnet_has_512_paths_and_22_sizes():
    model = highres3dnet(9)
    assert last_sizes(model) == HIGHRES
    graph = sets.Graph(model)
    blocks = Counter(route.depth for route in walks.routes(graph, output(model), "x0"))
    assert blocks == {1 + 2 * k: n for k, n in enumerate([1, 9, 36, 84, 126, 126, 84, 36, 9, 1])}


def test_paths_of_the_unet_are_exact_by_phase():
    # Published: 140 at the bottleneck, 188 or 204 by phase here.
    model, bottleneck = unet(572, 4)
    graph = sets.Graph(model)
    assert graph.shape(output(model)) == (1, 1, 388)
    assert measures.measure(graph, bottleneck, "x0", 2, 4)["size"] == 140
    deepest = max(walks.walks(graph, output(model), "x0"), key=lambda walk: len(walk.edges))
    found = measures.measure_walk(graph, deepest, 2, 64)
    assert (found["size"], found["size_min"], found["period"]) == (204, 188, (16, 16))
    assert len(walks.walks(graph, output(model), "x0")) == 5
    # Without descending: two convolutions, the crop, two convolutions.
    assert min(last_sizes(model)) == 9


def test_measures_of_the_alexnet_layers():
    # The AlexNet calculator: size, jump and start - 0.5 after each layer.
    model = chain(227, (11, 4, 1, 0), (3, 2, 1, 0), (5, 1, 1, 2), (3, 2, 1, 0), (3, 1, 1, 1))
    graph = sets.Graph(model)
    expected = [(11, 4, 5), (19, 8, 9), (51, 8, 9), (67, 16, 17), (99, 16, 17)]
    for number, numbers in enumerate(expected):
        found = measures.measure(graph, f"t{number}_0", "x0", 2, 4)
        assert (found["size"], found["stride"], found["center"]) == numbers


def test_measures_of_a_doubling():
    build, x = builder(1, 1, 8)
    linear = build.resize(x, [16], None, mode="linear")
    # Units 0, 1, 2, ... read [-1, 0], [0, 1], [0, 1], [1, 2], ...
    found = measures.measure(build.model(linear), linear, "x0", 2, 12)
    assert found == {
        "scope": "local",
        "regular": True,
        "size": 2,
        "size_min": 2,
        "stride": Fraction(1, 2),
        "start": -1,
        "center": Fraction(-1, 2),
        "before": 1,
        "after": Fraction(1, 2),
        "period": (2, 1),
        "mean_center": Fraction(-1, 4),
    }


def test_measures_of_phases_that_read_nothing():
    build, x = builder(1, 1, 4)
    y = build.transposed(x, 1, [1], strides=[3])
    found = measures.measure(build.model(y), y, "x0", 2, 12)
    assert (found["size"], found["size_min"], found["period"]) == (1, 0, (3, 1))
    assert (found["before"], found["after"], found["start"]) == (0, 0, 0)


def test_measures_of_the_unaligned_toy():
    # Araujo et al.: {k5 s2, pads 2 and 1} beside {two k3, s1 p0 then s2 p0}: unions of 7, 6, 5.
    build, x = builder(1, 1, 7)
    left = build.conv(x, 1, [5], strides=[2], pads=[2, 1])
    right = build.conv(build.conv(x, 1, [3]), 1, [3])
    graph = sets.Graph(build.model(build.same("Add", left, right)))
    end = f"t{len(build.nodes) - 1}_0"
    boxes = [graph.read(end, (0, 0, o))["x0"][2] for o in range(3)]
    assert [sets.hull(box) for box in boxes] == [(-2, 4), (0, 5), (2, 6)]
    found = measures.measure(graph, end, "x0", 2, 12)
    assert not found["regular"]
    assert found["stride"] is None


def test_a_reversed_axis_has_a_negative_stride():
    build, x = builder(1, 1, 6)
    y = build.slice(build.same_conv(x, 1, 3), [2], [5], [-9], [-1])
    found = measures.measure(build.model(y), y, "x0", 2, 6)
    assert (found["stride"], found["start"], found["period"]) == (-1, 4, (1, -1))


def test_channels_of_a_concat_differ_in_size():
    build, x = builder(1, 1, 9)
    y = build.concat([build.same_conv(x, 1, 1), build.same_conv(x, 1, 5)])
    found = measures.measure(build.model(y), y, "x0", 2, 4)
    assert (found["size"], found["size_min"], found["start"]) == (5, 1, -2)


def test_patches_and_back_are_regular_again():
    build, x = builder(1, 1, 12)
    y = build.reshape(x, (1, 4, 3))
    y = build.one("MatMul", [y, build.floats((3, 3))], (1, 4, 3))
    y = build.reshape(y, (1, 1, 12))
    model = build.model(y)
    assert last_sizes(model) == {3: 1}
    found = measures.measure(model, y, "x0", 2, 12, along=2)
    assert (found["size"], found["period"], found["before"], found["after"]) == (3, (3, 3), 2, 2)


@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
@given(random_models.models(rank=1))
def test_walks_together_read_what_the_graph_reads(model):
    graph = sets.Graph(model)
    tensor = output(model)
    for name in graph.inputs:
        every = walks.walks(graph, tensor, name)
        for index in np.ndindex(*graph.shape(tensor)):
            boxes = [walks.read(graph, walk, index) for walk in every]
            found = [box for box in boxes if box is not None]
            alone = sets.union(found) if found else None
            assert graph.read(tensor, index).get(name) == alone


@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
@given(random_models.models(rank=1))
def test_routes_hold_every_walk_once(model):
    graph = sets.Graph(model)
    tensor = output(model)
    for name in graph.inputs:
        folded = [walk.keys for route in walks.routes(graph, tensor, name) for walk in route.walks]
        listed = [walk.keys for walk in walks.walks(graph, tensor, name)]
        assert sorted(folded) == sorted(listed)
        assert len(set(listed)) == len(listed)
