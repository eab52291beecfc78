"""The gate on the effective field: --stat erfNN, and the note RF011."""

from __future__ import annotations

import numpy as np
import pytest

import rfgraph
from effective.nets import Net, stack
from fixtures.make import build
from rfgraph.checks.settings import make_settings


def findings(model, **settings):
    return rfgraph.check(model, **settings)


def test_a_share_of_the_effective_field_is_a_statistic():
    model = rfgraph.analyze(build("resnet18"))
    # 246 positions without borders hold 95 %, of a theoretical field of 435.
    assert not findings(model, stat="erf95", min_rf=246)
    found = findings(model, stat="erf95", min_rf=247)
    assert [item.code for item in found] == ["RF001"]
    assert "required 247, found 246 (erf95)" in found[0].message
    assert (found[0].axes, found[0].required, found[0].found) == ((2, 3), 247, 246)
    assert findings(model, stat="erf50", min_rf=246)


@pytest.mark.parametrize("stat", ["erf0", "erf100", "erf", "erf-5", "erf5x"])
def test_a_share_lies_between_none_and_all(stat):
    with pytest.raises(rfgraph.UsageError, match="erf1 to erf99"):
        make_settings(stat=stat)


def test_where_borders_are_everywhere_the_field_inside_is_asked():
    net = Net((1, 2, 16, 16))
    scales = net.const(np.array([1, 1, 2, 2], np.float32))
    x = net.node("Resize", net.conv("x", 2), "", scales, mode="linear")
    model = net.model(net.conv(x, 2))
    (axis, *_) = rfgraph.erf(model).axes.values()
    assert axis.unclipped is None
    assert axis.endless_size == axis.size
    assert not findings(model, stat="erf95", min_rf=axis.size)
    assert findings(model, stat="erf95", min_rf=axis.size + 1)


def test_an_effective_field_that_cannot_be_told_does_not_pass():
    net = Net((1, 1, 6, 6))
    model = net.model(net.conv("x", 1, k=1, s=3, pad=0, kind="ConvTranspose"))
    # Of the 16 outputs every third is written, so that number 8 in the middle reads nothing.
    (first, *_) = findings(model, stat="erf95", min_rf=1)
    assert "found could not be determined (erf95)" in first.message
    assert not findings(model, select="RF011")


def test_a_small_effective_field_is_a_note():
    plain = stack(83, [(1, 1)] * 40)
    found = findings(plain, select="RF011")
    assert [(item.code, item.severity) for item in found] == [("RF011", "note")]
    # 81 positions on paper, of which the map of `numbers.STACKS` needs 29.
    assert found[0].message.endswith("has 29 positions, 36 % of the theoretical 81")
    assert not findings(stack(13, [(1, 1)] * 5), select="RF011")


def test_a_number_that_is_asked_for_is_held_against_it():
    model = stack(13, [(1, 1)] * 5)
    assert not findings(model, select="RF011", min_rf=9)
    (only,) = findings(model, select="RF011", min_rf=(9, 10))
    assert "axis 3: the effective field (95 %) has 9 positions, 10 are asked for" in only.message
    assert (only.stat, only.required, only.found) == ("erf95", 10, 9)


def test_it_is_never_asked_by_default():
    assert "RF011" not in make_settings().select
