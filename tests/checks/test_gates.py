"""RF008, RF009 and RF010: the halo in use, what is read ahead, uneven overlap."""

import itertools
from pathlib import Path

import pytest
from onnx import helper

import rfgraph
from analysis import nets
from reports import models
from rfgraph.checks import rf010
from rfgraph.errors import UsageError
from rfgraph.relations.axis_rules import Transposed

FIXTURES = Path(__file__).parents[2] / "fixtures"
UNET = str(FIXTURES / "unet_nearest.onnx")
WAV2VEC2 = str(FIXTURES / "wav2vec2.onnx")


def messages(model, code, **asked):
    found = rfgraph.check(model, select=code, **asked)
    assert {finding.code for finding in found} <= {code}
    return [finding.message for finding in found]


@pytest.mark.parametrize(
    ("halo", "said"),
    [
        (112, []),
        ("128,112", []),
        (96, ["required a halo of at least 112, found 96"]),
        ((112, 115), ["required a halo on the grid, a multiple of 16 (112), found 115"]),
        (0, ["required a halo of at least 112, found 0"]),
    ],
)
def test_the_halo_in_use(halo, said):
    found = messages(UNET, "RF008", halo=halo)
    assert [text.partition(": ")[2] for text in found] == said


def test_a_halo_of_one_number_serves_both_sides():
    """188 behind and none before, on a grid of 16: one number must be 192."""
    assert messages(nets.valid_unet(), "RF008", halo=192) == []
    assert "at least 192" in messages(nets.valid_unet(), "RF008", halo=187)[0]
    assert "a multiple of 16 (192)" in messages(nets.valid_unet(), "RF008", halo=188)[0]


def test_no_halo_is_enough_beside_a_gate():
    (found,) = messages(str(FIXTURES / "se_gate.onnx"), "RF008", halo=64)
    assert found.endswith(
        "no halo is enough: 'se.avgpool' (GlobalAveragePool) reads the whole axis"
    )


def test_what_is_read_ahead():
    assert messages(str(FIXTURES / "tcn.onnx"), "RF009", causal=True) == []
    assert messages(WAV2VEC2, "RF009", max_lookahead=399) == []
    assert messages(WAV2VEC2, "RF009", max_lookahead="25ms", rate=16000) == []
    (found,) = messages(WAV2VEC2, "RF009", max_lookahead="24ms", rate="16000")
    assert "at most 384 positions (24 ms), found a look-ahead of 399 positions" in found
    (found,) = messages(WAV2VEC2, "RF009", causal=True)
    assert (
        "required causal (nothing past a unit's own step), found a look-ahead of 399 positions"
        in found
    )
    gate = str(FIXTURES / "se_gate.onnx")
    (found,) = messages(gate, "RF009", max_lookahead=10**6, axis=2)
    assert "found GlobalAveragePool 'se.avgpool': reads the whole axis" in found


def test_a_step_of_its_own_is_what_a_strided_unit_waits_for_anyway():
    """Kernel 2 at stride 3 reads one position ahead, and the next unit begins two after that."""
    node = helper.make_node("Conv", ["x", "w"], ["y"], strides=[3])
    gap = models.model([node], {"x": [1, 1, 30]}, {"y": None}, {"w": models.weights(1, 1, 2)})
    assert messages(gap, "RF009", causal=True) == []
    (found,) = messages(gap, "RF009", max_lookahead=0)
    assert "found a look-ahead of 1 position" in found


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"halo": "x"}, "halo requires N or N,N"),
        ({"halo": (True, 1)}, "halo requires N or N,N"),
        ({"halo": ()}, "halo requires N or N,N"),
        ({"max_lookahead": "40ms"}, "requires a rate"),
        ({"max_lookahead": -1}, "max-lookahead requires a number above 0"),
        ({"causal": True, "rate": 0}, "rate requires a number above 0"),
        ({"select": "RF008"}, "RF008 compares with the halo in use"),
        ({"select": "RF009"}, "RF009 compares with what may be read ahead"),
    ],
)
def test_settings_that_cannot_be(asked, said):
    with pytest.raises(UsageError, match=said):
        rfgraph.check(UNET, **asked)


def test_nothing_ahead_at_all_is_a_limit():
    assert messages(str(FIXTURES / "tcn.onnx"), "RF009", max_lookahead=0) == []


def test_a_gate_is_asked_beside_others():
    found = rfgraph.check(WAV2VEC2, min_rf=401, max_lookahead=10)
    assert [finding.code for finding in found] == ["RF001", "RF009"]


@pytest.mark.parametrize(
    ("kernel", "stride", "taps"), [(3, 2, "1..2"), (4, 2, None), (5, 3, "1..2"), (2, 3, "0..1")]
)
def test_uneven_overlap(kernel, stride, taps):
    net = nets.plane(16, 16)
    found = messages(net.model(net.up("x", kernel, stride)), "RF010")
    if taps is None:
        assert found == []
    else:
        (text,) = found
        assert f"kernel {kernel} is no multiple of stride {stride}" in text
        assert f"sum {taps} taps by turns" in text
        assert text.startswith("axes 2, 3:")


def test_what_is_wrong_has_its_numbers():
    (found,) = rfgraph.check(UNET, select="RF008", halo=96)
    assert (found.input, found.axes, found.required, found.found) == ("input", (2, 3), 112, 96)
    (found,) = rfgraph.check(WAV2VEC2, select="RF009", max_lookahead=10)
    assert (found.axes, found.required, found.found) == ((2,), 10, 399)


def test_the_taps_of_phases_are_those_that_are_counted_one_by_one():
    for kernel, stride, dilation, pad in itertools.product(
        range(1, 8), range(2, 7), range(1, 6), (0, 1)
    ):
        rule = Transposed(kernel, stride, dilation, pad, 10, 30)
        counts = [len(rule.taps(o)) for o in range(stride)]
        assert rf010._taps(rule) == (min(counts), max(counts))
