"""Tables are released behind their last reader: what large networks need at once is little."""

import pytest

import rfgraph
from oracle import large
from oracle.perturb import Prober
from rfgraph.domains import read_units
from rfgraph.relations import bounds


def entries(monkeypatch):
    """Count tables of any size and return how many entries lived at once, at most, and in all."""
    most = {"alive": 0, "made": 0}
    hold = bounds._Tables.hold

    def watched(tables, array):
        hold(tables, array)
        most["alive"] = max(most["alive"], tables.alive)
        most["made"] = max(most["made"], tables.made)

    monkeypatch.setattr(bounds, "SMALL_TABLE", 0)
    monkeypatch.setattr(bounds._Tables, "hold", watched)
    return most


NETWORKS = {
    "detector": (large.detector(96), [(0, 0, 0), (0, 3, 100), (0, 30, 170), (0, 83, 188)]),
    "cells": (large.cells(48, 2, 1), [(0, 0, 0, 0), (0, 7, 1, 2), (0, 13, 3, 4), (0, 15, 5, 5)]),
    "circular": (large.circular(300, 4), [(0, 0, 0), (0, 1, 131), (0, 0, 299)]),
}


@pytest.mark.parametrize("network", NETWORKS)
def test_units_are_answered_within_what_is_needed_at_once(network, monkeypatch):
    (model, y), indices = NETWORKS[network]
    result = rfgraph.analyze(model)
    # Where what is read takes too many products, tables tell.
    monkeypatch.setattr(read_units, "MAX_PRODUCTS", 0)
    most = entries(monkeypatch)
    prober = Prober(model, [y])
    (name,) = prober.inputs
    for index in indices:
        (region,) = rfgraph.unit(result, y, index).regions
        assert [tuple(span) for span in prober.hull(y, index, name)] == list(region.clipped)
    assert 2 * most["alive"] < most["made"]
    monkeypatch.setattr(bounds, "MAX_TABLED", most["made"] // 2)
    assert rfgraph.unit(result, y, indices[0]).regions[0].clipped


def test_a_detector_at_640_is_answered_whole():
    model, y = large.detector(640)
    result = rfgraph.analyze(model)
    prober = Prober(model, [y])
    (name,) = prober.inputs
    (region,) = rfgraph.unit(result, y, (0, 0, 7)).regions
    assert [tuple(span) for span in prober.hull(y, (0, 0, 7), name)] == list(region.clipped)
    assert result.receptive_field(y).axes[2].scope == "local"


def test_blocks_of_160_layers_that_join_all_before_them_are_answered():
    model, y = large.dense(224, (6, 12, 36, 24), 16)
    (region,) = rfgraph.unit(model, y, (0, 0, 0, 0)).regions
    # Windows of 7 by 2 and of 3 by 2 leave no position between them, and the pooling reads all.
    assert region.clipped == ((0, 0), (0, 2), (0, 223), (0, 223))
