"""The closed form against sets of positions counted out unit by unit, and walk by walk."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings

import rfgraph
from domains.brute import (
    NUMBERS,
    UNITS,
    described,
    expected,
    has_holes,
    has_single_sample,
    hulls,
    lengths,
    plain_carrier,
    walk_numbers,
)
from oracle import random_models, sets, walks

MANY_WALKS = 40


def numbers_of(axis):
    return {key: getattr(axis, key) for key in ("scope", *NUMBERS, "regular")}


# -- the union over all paths ----------------------------------------------------------------------


def wrong_numbers(model, graph):
    """What differs from the brute force, over every tensor and local axis, and how many were seen."""
    wrong, seen = [], 0
    for field in rfgraph.analyze(model).receptive_fields():
        for axis, found in field.axes.items():
            carrier = plain_carrier(graph, field.tensor, field.input, axis)
            if found.scope != "local" or carrier is None:
                continue
            seen += 1
            if carrier < 2:
                wrong.extend(wrong_sizes(graph, field, axis, found))
                continue
            period = found.period[0] if found.period else None
            want = expected(graph, field.tensor, field.input, axis, carrier, period)
            have = numbers_of(found)
            wrong.extend(
                f"{field.tensor} axis {axis} {key}: {want[key]} != {have[key]}"
                for key in have
                if want[key] != have[key]
            )
    return wrong, seen


def wrong_sizes(graph, field, axis, found):
    """On batch and channels there is nothing beyond the units that exist."""
    sizes = lengths(hulls(graph, field.tensor, field.input, axis))
    if (max(sizes), min(sizes)) != (found.size, found.size_min):
        yield f"{field.tensor} axis {axis}: {sizes} != {found.size}, {found.size_min}"


def check_numbers(model):
    graph = sets.Graph(model)
    # On other axes, what is read of holes counts only where units exist.
    assume(not has_single_sample(model, graph))
    assume(len(graph.shape(model.graph.output[0].name)) == 3 or not has_holes(model))
    wrong, _ = wrong_numbers(model, graph)
    assert not wrong, "\n".join([*wrong[:10], described(model)])


@given(random_models.models())
@settings(max_examples=60)
def test_numbers_are_those_of_brute_force(model):
    check_numbers(model)


@pytest.mark.slow
@given(random_models.models(nodes=10))
@settings(max_examples=3000)
def test_numbers_are_those_of_brute_force_at_length(model):
    check_numbers(model)


# -- single paths ----------------------------------------------------------------------------------


def wrong_paths(model, graph):
    """Where shortest, longest or aligned differ from what the walks say one by one."""
    result = rfgraph.analyze(model)
    for field in result.receptive_fields():
        found = walks.walks(graph, field.tensor, field.input)
        axes = sorted(graph.spatial[field.input])
        carriers = [plain_carrier(graph, field.tensor, field.input, axis) for axis in axes]
        if None in carriers or len(found) > MANY_WALKS:
            continue
        agree = []
        for axis, carrier in zip(axes, carriers, strict=True):
            units = max(UNITS, graph.shape(field.tensor)[carrier])
            single = [walk_numbers(graph, walk, axis, carrier, units) for walk in found]
            if not all(item["regular"] for item in single):
                break
            agree.append(len({(item["stride"], item["mean_center"]) for item in single}) == 1)
            sizes = [item["size"] for item in single]
            have = field.axes[axis]
            if (min(sizes), max(sizes)) != (have.shortest, have.longest):
                yield f"{field.tensor} axis {axis}: {sizes} != {have.shortest}..{have.longest}"
        else:
            if all(agree) != field.aligned:
                yield f"{field.tensor}: aligned is {field.aligned}, the walks say {agree}"


def check_paths(model):
    graph = sets.Graph(model)
    assume(not has_single_sample(model, graph))
    wrong = list(wrong_paths(model, graph))
    assert not wrong, "\n".join([*wrong[:10], described(model)])


@given(random_models.models(nodes=6))
@settings(max_examples=50)
def test_single_paths_are_those_of_the_walks(model):
    check_paths(model)


@pytest.mark.slow
@given(random_models.models())
@settings(max_examples=3000)
def test_single_paths_are_those_of_the_walks_at_length(model):
    check_paths(model)
