"""Exported transformers with shifted windows, by sets of tokens along one axis."""

from __future__ import annotations

import pytest

from exported import analysed, cases, feature_map, model
from rfgraph.domains import regions as exact


def attended(tokens: set[int], side: int, shift: int) -> set[int]:
    """All tokens of the rolled windows of 7 that hold these; the mask is data and cuts nothing."""
    windows = {(token - shift) % side // 7 for token in tokens}
    return {(7 * w + place + shift) % side for w in windows for place in range(7)}


def swin_rows(token: int, stages: int) -> tuple[int, int]:
    """Rows of a 112-row image that a token reads after so many stages of two blocks each."""
    tokens = {token}
    for stage in reversed(range(stages)):
        side = 56 >> stage
        tokens = attended(attended(tokens, side, 3), side, 0)
        if stage:
            tokens = {2 * t + half for t in tokens for half in (0, 1)}
    return 2 * min(tokens), 2 * max(tokens) + 1


# After the two blocks of each stage.
STAGES = [f"/stages/stages.{number}/Add_1_output_0" for number in (1, 4, 7)]


@pytest.mark.parametrize("name", cases("swin", ways=("ts", "ts_dynamic")))
def test_shifted_windows(name):
    found = exact.clipped_tables(model(name).graph, "x")
    for stages, tensor in enumerate(STAGES, 1):
        side = 56 >> (stages - 1)
        for row in range(side):
            column = (3 * row + 1) % side
            box = exact.region(found[tensor], (0, side * row + column, 0))
            assert box is not None
            assert box[2:] == (swin_rows(row, stages), swin_rows(column, stages))
    # 14 tokens, but all of them where the roll wraps.
    assert {swin_rows(t, 1) for t in range(56)} == {
        *((14 * k, 14 * k + 27) for k in range(7)), (0, 111),
    }  # fmt: skip


@pytest.mark.parametrize("name", cases("swin", ways=("ts", "ts_dynamic")))
def test_windows_stay_local_and_their_sizes_differ_from_unit_to_unit(name):
    for stages, tensor in enumerate(STAGES, 1):
        sizes = {hi - lo + 1 for lo, hi in (swin_rows(t, stages) for t in range(112 >> stages))}
        for axis in (2, 3):
            found = analysed(name).receptive_field(tensor).axes[axis]
            assert (found.scope, found.regular) == ("local", False)
            assert (found.size_min, found.size) == (min(sizes), max(sizes))


@pytest.mark.parametrize("name", cases("swin"))
def test_the_mean_over_tokens_makes_a_transformer_of_windows_global(name):
    field = feature_map(name)
    assert (field.shape, field.op_type) == ((1, 196, 16), "LayerNormalization")
    assert [field.axes[axis].scope for axis in (2, 3)] == ["local", "local"]
    axes = analysed(name).receptive_field().axes
    assert [(axes[axis].scope, axes[axis].local) for axis in (2, 3)] == [("global", None)] * 2
