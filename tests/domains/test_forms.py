"""Fused and decomposed forms of one function have the same fields, findings and routes.

All of the random search: `pytest -m slow -n 0 tests/domains/test_forms.py` (3 minutes).
"""

from __future__ import annotations

import random

import numpy as np
import pytest

import rfgraph
from exported import analysed
from oracle import perturb
from oracle.builder import Builder
from oracle.examples import builder, output
from oracle.twins import twins
from rfgraph.domains import regions as exact

# -- random nets -----------------------------------------------------------------------------------


def bare(entry):
    """A report's entry without the names, which differ between the forms."""
    if isinstance(entry, dict):
        named = ("tensor", "node", "op_type", "through")
        return {key: bare(value) for key, value in entry.items() if key not in named}
    return [bare(value) for value in entry] if isinstance(entry, list) else entry


def facts(model):
    """Field, distribution, findings, and what some units read."""
    result, tensor = rfgraph.analyze(model), output(model)
    draw = random.Random(0)
    shape = result.graph.nodes[tensor]["shape"]
    units = [tuple(draw.randrange(n) for n in shape) for _ in range(3)]
    return (
        bare(result.receptive_field(tensor).to_dict()),
        bare(rfgraph.path_histogram(result, tensor=tensor).to_dict()),
        sorted((f.code, f.severity) for f in rfgraph.check(result, select="all", stat="max")),
        [read_by(result, tensor, unit) for unit in units],
    )


def read_by(result, tensor, unit):
    """What a unit reads. One that reads nothing may be said to be touched on too many sides."""
    entry = bare(rfgraph.unit(result, tensor, unit).to_dict())
    for region in entry["regions"]:
        if region["empty"]:
            del region["padding"]
    return entry


def check_twins(seeds, *, later):
    for seed in seeds:
        fused, decomposed = twins(seed, later=later)
        assert facts(decomposed) == facts(fused), f"twins({seed}, later={later})"


@pytest.mark.parametrize("later", [False, True])
def test_both_forms_of_random_nets_say_the_same(later):
    check_twins(range(25), later=later)


@pytest.mark.slow
@pytest.mark.parametrize("later", [False, True])
def test_both_forms_of_many_random_nets_say_the_same(later):
    check_twins(range(1000, 1300), later=later)


def check_regions(model):
    tensor = output(model)
    tables = exact.clipped_tables(rfgraph.load(model).graph, "x0", [tensor])[tensor]
    lo, hi = perturb.Prober(model, [tensor]).tables("x0")[tensor]
    found = (lo <= hi).all(axis=-1)
    for axis, table in enumerate(tables):
        for have, want in ((table.lo, lo), (table.hi, hi)):
            wide = np.broadcast_to(have, found.shape)
            assert (wide == want[..., axis])[found].all()
    assert (np.broadcast_to(tables[0].lo <= tables[0].hi, found.shape) == found).all()


@pytest.mark.parametrize("seed", range(12))
def test_regions_of_both_forms_are_what_perturbation_shows(seed):
    for model in twins(seed):
        # What saturates hides what it reads.
        if not {"HardSwish", "HardSigmoid"}.intersection(node.op_type for node in model.graph.node):
            check_regions(model)


# -- every second pixel ----------------------------------------------------------------------------


def stem(*, fused):
    build, x = builder(1, 3, 64, 64)
    if fused:
        x = build.one("SpaceToDepth", [x], (1, 12, 32, 32), blocksize=2)
    else:
        starts = ((0, 0), (1, 0), (0, 1), (1, 1))
        x = build.concat([build.slice(x, [2, 3], at, [64, 64], [2, 2]) for at in starts])
    return build.model(build.same_conv(x, 4, 3))


def test_a_stem_of_every_second_pixel():
    """Three steps of two pixels each: 6, from 2 before to 3 after. The channels' order differs."""
    made = facts(stem(fused=False))
    assert made[:3] == facts(stem(fused=True))[:3]
    field, paths, findings, _ = made
    for axis in (2, 3):
        found = field["axes"][axis]
        assert (found["size"], found["stride"], found["before"], found["after"]) == (6, 2, 2, 3)
        assert paths["axes"][axis - 2]["histogram"] == [[6, "1"]]
    assert not any(code == "RF002" for code, _ in findings)
    assert rfgraph.path_histogram(stem(fused=False), count="paths").total == 4


def rolled_and_mirrored(*, fused):
    build, x = builder(1, 1, 12)
    rolled = build.one("Gather", [x, build.ints([*range(5, 12), *range(5)])], (1, 1, 12), axis=2)
    x = build.same("Add", rolled, build.same_conv(rolled, 1, 3))
    if fused:
        x = build.pad(x, [0, 0, 1], [0, 0, 0], "reflect")
    else:
        x = build.concat([build.slice(x, [2], [1], [2]), x], axis=2)
    return build.model(build.conv(x, 1, [3]))


def test_parts_of_a_rearrangement_are_no_merge_of_their_own():
    fused, decomposed = (facts(rolled_and_mirrored(fused=fused)) for fused in (True, False))
    assert decomposed == fused
    assert sum(code == "RF002" for code, _ in fused[2]) == 1


# -- groups of channels ----------------------------------------------------------------------------


def branches_with_groups(channels, groups, length, *, fused):
    """Windows of 3 and of 7, side by side, a GroupNorm over both, and a window of 3."""
    build, x = builder(1, 1, length, length, opset=21)
    parts = [build.same_conv(x, channels, kernel) for kernel in (3, 7)]
    x, shape = build.concat(parts), (1, 2 * channels, length, length)
    if fused:
        scale, bias = build.floats(shape[1:2]), build.floats(shape[1:2])
        x = build.one("GroupNormalization", [x, scale, bias], shape, num_groups=groups)
    else:
        scale, bias = build.floats((groups,)), build.floats((groups,))
        flat = (1, groups, 2 * channels // groups * length * length)
        x = build.one("InstanceNormalization", [build.reshape(x, flat), scale, bias], flat)
        x = build.reshape(x, shape)
    return build.model(build.same_conv(x, 1, 3))


# 2 x 32 channels of 256 x 256 are 2^22 elements, 2 x 64 of 512 x 512 eight times as many.
@pytest.mark.parametrize(
    ("channels", "groups", "length"),
    [*((4, g, 16) for g in (1, 2, 4, 8)), (32, 8, 256), (64, 2, 512), (64, 8, 512)],
)
def test_groups_that_a_reshape_makes(channels, groups, length):
    """Local paths read 3 or 7, then 3: 5 and 9, centred on the unit; beside the norm, all of it."""
    made = facts(branches_with_groups(channels, groups, length, fused=False))
    assert made == facts(branches_with_groups(channels, groups, length, fused=True))
    field, paths, findings, units = made
    for axis in (2, 3):
        local = field["axes"][axis]["local"]
        assert (field["axes"][axis]["scope"], field["aligned"]) == ("global", True)
        assert (local["size"], local["before"], local["after"]) == (9, 4, 4)
        assert paths["axes"][axis - 2]["histogram"] == [[5, "1"], [9, "1"]]
        assert all(unit["regions"][0]["clipped"][axis] == [0, length - 1] for unit in units)
    assert not any(code == "RF002" for code, _ in findings)


def two_images_with_groups(channels, groups, form):
    """As exporters write it: images apart, images and groups on one axis, or by means."""
    build, x = builder(2, 1, 12, 12, opset=21)
    x = build.concat([build.same_conv(x, channels, kernel) for kernel in (3, 7)])
    shape, size = build.shapes[x], 2 * channels // groups
    if form == "means":
        y = build.reshape(x, (2, groups, size, 12, 12))
        mean = build.one("ReduceMean", [y, build.ints([2, 3, 4])], (2, groups, 1, 1, 1))
        return build.model(build.same_conv(build.reshape(build.same("Sub", y, mean), shape), 1, 3))
    flat = (2, groups, size * 144) if form == "apart" else (1, 2 * groups, size * 144)
    own = shape[1:2] if form == "fused" else flat[1:2]
    scale, bias = build.floats(own), build.floats(own)
    if form == "fused":
        x = build.one("GroupNormalization", [x, scale, bias], shape, num_groups=groups)
    else:
        x = build.one("InstanceNormalization", [build.reshape(x, flat), scale, bias], flat)
        x = build.reshape(x, shape)
    return build.model(build.same_conv(x, 1, 3))


@pytest.mark.parametrize("form", ["apart", "together", "means"])
@pytest.mark.parametrize(("channels", "groups"), [(4, 1), (4, 2), (4, 4), (3, 2)])
def test_groups_of_two_images(channels, groups, form):
    want = facts(two_images_with_groups(channels, groups, "fused"))
    assert facts(two_images_with_groups(channels, groups, form)) == want


@pytest.mark.parametrize("groups", [1, 2, 4, 8])
def test_groups_read_what_perturbation_shows(groups):
    check_regions(branches_with_groups(4, groups, 12, fused=False))


def normed_in_a_row(count, tail, *, fused):
    """As many GroupNorms as `count` after a window of 3, and the mean of each map."""
    build, x = builder(1, 2, 6, 8, opset=21)
    x = build.same_conv(x, 4, 3)
    for _ in range(count):
        if fused:
            parameters = [build.floats((4,)) for _ in range(2)]
            x = build.one("GroupNormalization", [x, *parameters], (1, 4, 6, 8), num_groups=2)
        else:
            parameters = [build.floats((2,)) for _ in range(2)]
            flat = build.reshape(x, (1, 2, 96))
            flat = build.one("InstanceNormalization", [flat, *parameters], (1, 2, 96))
            x = build.same("Relu", build.reshape(flat, (1, 4, 6, 8)))
    return build.model(build.one("GlobalAveragePool", [x], (1, 4, 1, 1)) if tail else x)


@pytest.mark.parametrize(("count", "tail", "routes"), [(1, 0, 2), (2, 0, 2), (1, 1, 1), (2, 1, 1)])
@pytest.mark.parametrize("fused", [True, False])
def test_reductions_of_reductions_add_no_route(count, tail, routes, *, fused):
    """By itself, and by statistics, whatever these were made of; a mean of maps has these alone."""
    model = normed_in_a_row(count, tail, fused=fused)
    found = [
        rfgraph.path_histogram(model, tensor=output(model), count=way)
        for way in ("routes", "paths")
    ]
    assert [item.total for item in found] == [routes, 2**count]
    assert found[0].axes[2].global_ == 1


def test_each_group_that_is_one_branch_is_global_where_it_is_normalised():
    """Two groups, each all of one branch, before anything mixes them."""
    model = branches_with_groups(4, 2, 16, fused=False)
    result = rfgraph.analyze(model)
    flat, normed = (
        result.receptive_field(node.output[0])
        for node in model.graph.node
        if node.op_type in ("Reshape", "InstanceNormalization")
        and result.graph.nodes[node.output[0]]["shape"] == (1, 2, 1024)
    )
    for axis in (2, 3):
        assert (flat.axes[axis].scope, flat.axes[axis].size_min, flat.axes[axis].size) == (
            *("local", 3, 7),
        )
        assert normed.axes[axis].scope == "global"
        assert (normed.axes[axis].local.size_min, normed.axes[axis].local.size) == (3, 7)
    assert flat.aligned
    assert normed.aligned


# -- what goes round -------------------------------------------------------------------------------


def rounds(layers, length, *, fused, residual=False):
    """Windows of 3 at dilations 2, 4, 8, ...: each padded with what lies at the other end."""
    build, x = Builder(19, 0), "x0"
    build.input((1, 2, length))
    for layer in range(layers):
        d = 2 << layer
        if fused:
            padded = build.pad(x, [0, 0, d], [0, 0, d], "wrap")
        else:
            before = build.slice(x, [2], [length - d], [length])
            padded = build.concat([before, x, build.slice(x, [2], [0], [d])], axis=2)
        made = build.conv(padded, 2, [3], dilations=[d])
        x = build.same("Add", x, made) if residual else made
    return build.model(x)


@pytest.mark.parametrize("fused", [False, True])
def test_padding_that_goes_round(fused):
    result = rfgraph.analyze(rounds(12, 7500, fused=fused))
    axis = result.receptive_field().axes[2]
    half = sum(2 << layer for layer in range(12))
    assert (axis.size, axis.before, axis.after, axis.stride) == (2 * half + 1, half, half, 1)
    assert rfgraph.path_histogram(result).total == 1


def test_padding_that_goes_round_beside_a_residual():
    model = rounds(4, 100, fused=False, residual=True)
    assert facts(model) == facts(rounds(4, 100, fused=True, residual=True))
    paths = rfgraph.path_histogram(model)
    # Each subset of the four dilations is a route of its own size.
    assert paths.axes[2].counts == {1 + 4 * k: 1 for k in range(16)}
    # Over the residual, from the whole axis and from either end.
    single = rounds(1, 100, fused=False, residual=True)
    assert rfgraph.path_histogram(single, count="paths").total == 4


def test_exporters_that_write_circular_padding_differently():
    ours = [facts_of_export(name) for name in ("pads_ts", "pads_dynamo")]
    assert ours[0] == ours[1]
    assert ours[0][1]["total"] == "1"


def facts_of_export(name):
    result = analysed(name)
    return (
        bare(result.receptive_field().to_dict()),
        bare(rfgraph.path_histogram(result).to_dict()),
        [(f.code, f.severity) for f in rfgraph.check(result, min_rf=9, select="all")],
    )


# -- paths through the parts -----------------------------------------------------------------------


def test_parts_of_a_rearrangement_are_told_apart_where_one_is_asked_for():
    build, x = builder(1, 1, 8)
    first, second, third = (build.slice(x, [2], [at], [at + 2]) for at in (0, 2, 4))
    model = build.model(build.concat([third, first, second], axis=2))
    result = rfgraph.analyze(model)
    assert rfgraph.path_histogram(result).total == 1
    assert rfgraph.path_histogram(result, count="paths").total == 3
    assert rfgraph.path_histogram(result, through=[first]).total == 1
    assert rfgraph.path_histogram(result, avoiding=[first]).total == 1
    assert rfgraph.path_histogram(result, avoiding=[first], count="paths").total == 2
    assert [path.nodes for path in rfgraph.paths(result)] == [("n3",)]


def test_parts_of_two_tensors_are_no_rearrangement():
    build, x = builder(1, 1, 8)
    y = build.same_conv(x, 1, 1)
    parts = [build.slice(x, [2], [0], [4]), build.slice(y, [2], [4], [8])]
    assert rfgraph.path_histogram(build.model(build.concat(parts, axis=2))).total == 2


def test_a_part_that_nothing_fills():
    """The first position comes from a stored value, the others are moved by one."""
    build, x = builder(1, 1, 6)
    x = build.same_conv(x, 1, 1)
    zero = build.floats((1, 1, 1))
    build.shapes[zero] = (1, 1, 1)
    parts = [zero, build.slice(x, [2], [3], [6]), build.slice(x, [2], [0], [3])]
    model = build.model(build.concat(parts, axis=2))
    check_regions(model)
    result = rfgraph.analyze(model)
    assert rfgraph.path_histogram(result).total == 1
    assert (result.receptive_field().axes[2].size_min, result.receptive_field().axes[2].size) == (
        *(0, 1),
    )


def test_parts_that_are_padded_go_on_past_the_border():
    """Some channels come from the step before, some from the one after: a temporal shift."""
    build, x = builder(1, 3, 10)
    first, second, third = build.split(x, [1, 1, 1])
    late = build.pad(build.slice(first, [2], [0], [9]), [0, 0, 1], [0, 0, 0], "constant")
    early = build.pad(build.slice(second, [2], [1], [10]), [0, 0, 0], [0, 0, 1], "constant")
    model = build.model(build.same_conv(build.concat([late, early, third]), 1, 1))
    check_regions(model)
    axis = rfgraph.analyze(model).receptive_field().axes[2]
    assert (axis.size, axis.stride, axis.before, axis.after) == (3, 1, 1, 1)


def padded_in_channels(*, fused):
    """Three units a position, every second in a channel of its own, and windows of 3 over those."""
    build, x = builder(1, 1, 24, 24)
    made = build.resize(x, [72, 72], [3, 3], mode="nearest", nearest_mode="floor",
                        coordinate_transformation_mode="asymmetric")  # fmt: skip
    made = build.one("SpaceToDepth", [made], (1, 4, 36, 36), blocksize=2)
    if fused:
        return build.model(build.conv(made, 1, [3, 3], pads=[1, 1, 1, 1]))
    made = build.pad(made, [0, 0, 1, 1], [0, 0, 1, 1], "constant")
    return build.model(build.conv(made, 1, [3, 3]))


def test_a_pad_goes_on_where_channels_differ():
    """Unit u reads rows 2u - 2 to 2u + 3 of those in threes: of unit 0 the positions -1 to 1."""
    axes = [
        rfgraph.analyze(padded_in_channels(fused=fused)).receptive_field().axes
        for fused in (True, False)
    ]
    assert axes[0] == axes[1]
    axis = axes[1][2]
    reads = [((2 * u - 2) // 3, (2 * u + 3) // 3) for u in range(3)]
    assert reads == [(-1, 1), (0, 1), (0, 2)]
    assert (axis.size, axis.size_min, axis.start, axis.period) == (3, 2, -1, (3, 2))
