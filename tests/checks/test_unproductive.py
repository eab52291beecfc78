"""RF004 against brute force over all units and taps of random windows."""

from __future__ import annotations

import random

import numpy as np
import pytest

import rfgraph
from checks import nets
from oracle import perturb
from oracle.builder import Builder
from rfgraph.checks import rf004
from rfgraph.relations.axis_rules import Transposed, Window

SAMPLE, MANY = 40, 2000


def lands(rule, tap):
    """Whether some unit lands a tap on data: every unit tried."""
    if isinstance(rule, Transposed):
        outputs = (
            i * rule.stride + tap * rule.dilation - rule.pad_begin for i in range(rule.in_len)
        )
        return any(0 <= o < rule.out_len for o in outputs)
    first = tap * rule.dilation - rule.pad_begin
    return any(0 <= first + o * rule.stride < rule.in_len for o in range(rule.out_len))


def random_rule(choose):
    kind = choose.choice([Window, Transposed])
    return kind(
        kernel=choose.randint(1, 6),
        stride=choose.randint(1, 9),
        dilation=choose.randint(1, 9),
        pad_begin=choose.randint(-4, 30),
        in_len=choose.randint(1, 12),
        out_len=choose.randint(1, 12),
    )


def test_live_taps_are_those_that_some_unit_lands_on_data():
    choose = random.Random(4)
    for _ in range(5000):
        rule = random_rule(choose)
        wanted = [tap for tap in range(rule.kernel) if lands(rule, tap)]
        assert list(rf004.live_taps(rule)) == wanted, rule


# -- dilation on a map of 32 -----------------------------------------------------------------------


def dilated(dilation, length=32):
    """A 3-wide window that keeps its map, dilated."""
    build = Builder(18, 0)
    x = build.input((1, 1, length))
    return build.model(build.same_conv(x, 1, 3, dilation))


@pytest.mark.parametrize(("dilation", "pairs"), [(18, 28), (24, 16), (31, 2), (32, 0), (40, 0)])
def test_a_dilated_window_is_unproductive_once_its_outer_taps_meet_padding_only(dilation, pairs):
    # Of the 64 pairs of a row and an outer tap, those that the runtime shows to depend: 2 (32 - d).
    model = dilated(dilation)
    (name,) = [value.name for value in model.graph.input]
    (output,) = [value.name for value in model.graph.output]
    read = perturb.elements(model, output, name).reshape(32, 32)
    assert np.count_nonzero(read & ~np.eye(32, dtype=bool)) == pairs
    found = rfgraph.check(model, select="RF004")
    assert bool(found) == (pairs == 0)
    for item in found:
        assert "of the 3 taps of its window 1 lands on its map of 32" in item.message


def test_a_dense_window_wider_than_its_map_sees_data_with_every_tap():
    assert rfgraph.check(nets.chain((1, 1), length=5, kernel=7), select="RF004") == []


def test_a_window_that_slides_over_its_padding_alone_is_unproductive():
    build = Builder(18, 0)
    x = build.input((1, 1, 4))
    # Reads -8, -5 and -2, -6, -3 and 0, ...: strides of 6 skip the data but for one position.
    y = build.conv(x, 1, [2], strides=[6], dilations=[3], pads=[8, 0])
    (only,) = rfgraph.check(build.model(y), select="RF004")
    assert only.message.endswith("axis 2: of the 2 taps of its window 1 lands on its map of 4")


def test_taps_that_cannot_be_told_in_time_are_said_to_be():
    # Units land the taps 5 positions apart on a map of 1, and never meet it for very long.
    rule = Window(1 << 40, 1 << 41, 1, 1 << 40, 1, 2)
    with pytest.raises(rfgraph.BoundError, match="MAX_TAPS"):
        list(rf004.live_taps(rule))


def test_a_layer_that_cannot_be_told_is_a_finding(monkeypatch):
    monkeypatch.setattr(rf004, "MAX_TAPS", 0)
    (only,) = rfgraph.check(dilated(40), select="RF004")
    assert "could not be determined: the dead taps of a window exceed MAX_TAPS (0)" in only.message


# -- random networks -------------------------------------------------------------------------------


def axis_reason(rule, length, before, own):
    """Whether a window gathers nothing along an axis, by the definition."""
    extent = (rule.kernel - 1) * rule.dilation + 1
    if rule.pad_begin == 0 and rule.out_len == 1 and rule.in_len == extent:
        return False
    live = sum(lands(rule, tap) for tap in range(rule.kernel))
    return live <= 1 or (before >= length and own > length)


def random_net(seed):
    """A network of windows, some beside an identity, and which of them are unproductive."""
    choose = random.Random(seed)
    rank = choose.choice([1, 1, 2])
    build = Builder(18, seed)
    shape = (1, 2, *(choose.randint(2, 24) for _ in range(rank)))
    x = build.input(shape)
    # The paths to x, each as size and jump by axis.
    paths = [tuple((1, 1) for _ in range(rank))]
    unproductive = set()
    for _ in range(choose.randint(1, 5)):
        lengths = build.shapes[x][2:]
        skip = choose.random() < 0.3
        rules = []
        for length in lengths:
            kernel, dilation = choose.randint(1, 4), choose.choice([1, 1, 2, 5, length, length + 1])
            stride = 1 if skip else choose.randint(1, 3)
            extent = (kernel - 1) * dilation + 1
            before = choose.randint(0, extent - 1)
            after = extent - 1 - before if skip else choose.randint(0, extent - 1)
            units = (length + before + after - extent) // stride + 1
            rules.append((Window(kernel, stride, dilation, before, length, units), after))
        if any(rule.out_len < 1 for rule, _ in rules):
            continue
        y = build.conv(
            x,
            2,
            [rule.kernel for rule, _ in rules],
            strides=[rule.stride for rule, _ in rules],
            dilations=[rule.dilation for rule, _ in rules],
            pads=[*(rule.pad_begin for rule, _ in rules), *(after for _, after in rules)],
        )
        through = [
            tuple(
                (size + (rule.kernel - 1) * rule.dilation * jump, jump * rule.stride)
                for (size, jump), (rule, _) in zip(path, rules, strict=True)
            )
            for path in paths
        ]
        wide = [axis for axis in range(rank) if rules[axis][0].kernel > 1]
        reasons = [
            axis_reason(
                rules[axis][0],
                shape[2 + axis],
                min(path[axis][0] for path in paths),
                min(path[axis][0] for path in through),
            )
            for axis in wide
        ]
        if wide and all(reasons):
            unproductive.add(y)
        paths = paths + through if skip else through
        x = build.same("Add", x, y) if skip else y
    return build.model(x), unproductive


def compare(seeds):
    flagged = 0
    for seed in seeds:
        model, unproductive = random_net(seed)
        if not model.graph.node:
            continue
        found = {item.tensor for item in rfgraph.check(model, select="RF004")}
        assert found == unproductive, f"seed {seed}: {sorted(found)} != {sorted(unproductive)}"
        flagged += len(found)
    return flagged


def test_unproductive_layers_are_those_of_the_definition():
    first = random.randrange(10**9)
    assert compare(range(first, first + SAMPLE))


@pytest.mark.slow
def test_unproductive_layers_are_those_of_the_definition_in_many_networks():
    """`python -m pytest -m slow tests/checks/test_unproductive.py`: 2,000 networks, 10 s."""
    assert compare(range(MANY)) > MANY // 10
