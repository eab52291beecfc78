"""Every kind of field is said in words, with the numbers that it has and no others."""

from fractions import Fraction

import pytest

from reports import models
from rfgraph.analysis.field import ReceptiveField
from rfgraph.analysis.unit import Region, Unit
from rfgraph.domains.fields.axis import Axis
from rfgraph.relations.graph import ModelInput
from rfgraph.reports.formats.style import Style
from rfgraph.reports.model.rows import field_rows, scope_sentence
from rfgraph.reports.unit import as_text

LOCAL = {
    "size": 5, "size_min": 3, "stride": Fraction(1, 2), "start": -2, "center": Fraction(0),
    "before": Fraction(5, 2), "after": Fraction(2), "period": (2, 1), "shortest": 1, "longest": 5,
}  # fmt: skip


def field(*axes, aligned=None):
    return ReceptiveField("t", "n", "Op", (1, 9), "x", aligned, {axis.axis: axis for axis in axes})


def rows(*axes, aligned=None, probed=()):
    item = ModelInput("x", (9,) * 4, {}, dict.fromkeys(probed, 9))
    found = field_rows(field(*axes, aligned=aligned), [axis.axis for axis in axes], item)
    return {label: (value, note) for label, value, note in found}


def test_what_is_not_read():
    assert rows(Axis(2, "none"))["receptive field"] == ("none", "reads nothing of the input")
    assert scope_sentence(field(Axis(2, "none")), [2]) == "Nothing of the input is read."


def test_phases_and_fractions():
    found = rows(Axis(2, "local", **LOCAL, covers_input=False))
    assert found["receptive field"] == ("3..5", "smallest..largest over the units")
    assert found["stride (jump)"][0] == "0.5"
    assert found["effective padding"][0] == "2"
    assert found["reach"][0] == "3 before, 2 after"
    assert found["covers the input"][0] == "no: 3..5 of 9 positions"
    assert found["single paths"][0] == "1 (shortest) to 5 (longest)"
    assert "alignment" not in found


def test_absent_numbers_are_said_to_be_absent():
    found = rows(Axis(2, "local", regular=False))
    assert found["receptive field"][0] == "local, but its size could not be determined"
    sized = rows(Axis(2, "local", size=5, size_min=3, regular=False))
    assert sized["single paths"][0] == "not followed one by one"
    assert sized["stride (jump)"][0] == "none"
    assert sized["covers the input"][0] == "not known"
    assert "effective padding" not in sized


def test_open_lengths():
    found = rows(Axis(2, "local", **LOCAL), Axis(3, "local", **LOCAL), probed=(2,))
    assert found["covers the input"][0].startswith("depends on axis 2, open in the file")
    mixed = rows(
        Axis(2, "local", **LOCAL), Axis(3, "local", **LOCAL, covers_input=False), probed=(2,)
    )
    assert mixed["covers the input"][0] == "no: 3..5 of 9 positions on axis 3"


def test_axes_of_different_kind_have_rows_each():
    found = rows(Axis(2, "local", **LOCAL), Axis(3, "unknown", through=("where",)))
    assert found["axis 2"] == ("", "")
    assert found["axis 3"] == ("", "")
    assert found["receptive field"][0].startswith("unknown through where: ")


def test_paths_beside_a_gate():
    found = rows(Axis(2, "global", local=Axis(2, "local", **LOCAL), through=("a", "b", "c")))
    assert found["receptive field"][0] == "global through a, b and others: the whole input"
    assert found["local paths"][0] == "3..5"


@pytest.mark.parametrize(
    ("axis", "words"),
    [
        (Axis(2, "one-sided", after=Fraction(3)), "all that came before; look-ahead 3"),
        (Axis(2, "one-sided", before=Fraction(3)), "all that follows, and 3 before"),
        (Axis(2, "one-sided"), "all that lies on one side of it"),
        (Axis(2, "global"), "reads the whole input, whatever its size."),
        (Axis(2, "global", covers_input=False), "size, except positions that no window reaches."),
        (Axis(2, "unknown"), "could not be followed."),
    ],
)
def test_sentences(axis, words):
    assert words in scope_sentence(field(axis), [2])


def test_a_unit_that_reads_nothing():
    assert "reads no input: it is constant" in as_text(
        models.NAMED, Unit("t", (0, None), ()), Style()
    )
    region = Region("x", None, (None,), ("none",), (None,))
    text = as_text(models.NAMED, Unit("t", (0, None), (region,)), Style())
    assert "reads nothing of input x" in text


def test_axes_share_words_only_where_they_are_the_same():
    found = rows(
        Axis(2, "one-sided", after=Fraction(3)),
        Axis(3, "one-sided", after=Fraction(4)),
        Axis(1, "local", size=5, size_min=5, regular=False),
        Axis(0, "local", regular=False),
    )
    assert {"axis 0", "axis 1", "axis 2", "axis 3"} <= set(found)


def test_the_time_of_a_recurrent_layer_that_is_no_spatial_axis_is_said():
    time = Axis(0, "one-sided", after=Fraction(0), through=("lstm",))
    found = field(time, Axis(1, "local", **LOCAL), Axis(2, "global", through=("lstm",)))
    item = ModelInput("x", (9,) * 3, {}, {})
    rows_ = {label: value for label, value, _ in field_rows(found, [1, 2], item)}
    said = "one-sided through lstm: each unit reads all that came before; look-ahead 0"
    assert rows_["axis 0"] == said
    assert scope_sentence(found, [1, 2]).startswith(f"Axis 0: {said}; axis 1: local")


@pytest.mark.parametrize(
    ("period", "note"),
    [((2, 1), "they read 1 further"), ((16, 16), "tiles at multiples of 16")],
)
def test_a_period_says_where_tiles_may_start(period, note):
    found = rows(Axis(2, "local", **{**LOCAL, "period": period}))
    assert found["period"] == (f"{period[0]} units", note)
