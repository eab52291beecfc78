"""Pictures: exact heights, whatever the counts; names that act on nothing; the same bytes."""

import io
import math
import xml.etree.ElementTree as ET

import pytest
from onnx import helper

import rfgraph
from fixtures.make import build
from reports import models
from rfgraph.analysis.distributions import Distribution, all_distributions
from rfgraph.analysis.view import View
from rfgraph.errors import UsageError
from rfgraph.reports.formats import picture
from rfgraph.reports.pictures import histogram as plot
from rfgraph.reports.pictures.panels import Bars, heights, panels, power_of_ten, spans_decades
from test_distribution import HIGHRES, doubling


def draw(shown, form, log=None, title=None):
    return picture.compose(plot.parts(shown, log=log), form, title)


def entries(proto, tensors=None):
    result = rfgraph.analyze(proto)
    return all_distributions(
        View(result, tuple(item.name for item in result.model.inputs), tensors)
    )


def named(name, windows=(3,)):
    """One convolution, or several side by side, of these widths; `name` is the output's."""
    nodes = [
        helper.make_node("Conv", ["x", f"w{k}"], [f"c{k}"], pads=[k // 2, k // 2]) for k in windows
    ]
    nodes.append(helper.make_node("Sum", [f"c{k}" for k in windows], [name]))
    weights = {f"w{k}": models.weights(1, 1, k) for k in windows}
    return models.model(nodes, {"x": [1, 1, 9]}, {name: None}, weights)


def svg_texts(data):
    root = ET.fromstring(data)
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))
    return [item.text for item in root.iter("{http://www.w3.org/2000/svg}text")]


# -- what is drawn ---------------------------------------------------------------------------------


def test_bars_are_the_published_counts():
    (panel,) = panels(entries(build("highres3dnet")))
    middles = [left + panel.bars.width / 2 for left in panel.bars.lefts]
    assert dict(zip(middles, panel.bars.counts, strict=True)) == pytest.approx(HIGHRES)
    assert panel.bars.width < 4  # the sizes are 4 apart
    assert (panel.span, panel.length) == ((3, 87), 96)
    assert panel.facts == ("512 routes", "mean 45, std 15.87, none covers the input")
    assert panel.label == "receptive field size along axes 2, 3, 4"


def test_a_global_output_is_drawn_before_it():
    (panel,) = panels(entries(build("resnet50")))
    assert panel.tensor == "layer4.2.relu_out"
    assert panel.span == (11, 427)


def test_axes_and_tensors_that_differ_have_panels_of_their_own():
    found = panels(entries(models.anisotropic(), ("c", "x")))
    assert [(panel.tensor, panel.span) for panel in found] == [
        ("c", (3, 3)), ("c", (5, 5)), ("x", (1, 1)), ("x", (1, 1)),
    ]  # fmt: skip
    assert [panel.tensor for panel in panels(entries(build("siamese")))] == [
        "distance from left", "distance from right",
    ]  # fmt: skip


def test_paths_that_are_not_local_are_said():
    (panel,) = panels(entries(build("se_gate"), ("conv2",)))
    assert panel.facts[0] == "2 routes: 1 local, 1 global"
    (panel,) = panels(entries(models.cumulative(), ("y",)))
    assert panel.bars is None
    assert panel.facts == ("1 route: 1 one-sided", "no path is local")


def test_more_sizes_than_can_be_drawn_are_said():
    (panel,) = panels(entries(doubling(20)))
    assert panel.bars is None
    assert panel.facts[1] == f"too many sizes to draw: 1 to {2**21 - 1}"


def test_neighbouring_sizes_share_a_bar_and_none_is_lost():
    # 1 + any sum of 2, 4, ..., 2^10: 1024 sizes, once each, in at most 300 bars.
    (panel,) = panels(entries(doubling(10)))
    assert panel.bars.sizes == 4
    assert list(panel.bars.counts) == [4] * 256
    assert "per 4 sizes" in heights(panel.bars, "routes", log=False).label


# -- heights ---------------------------------------------------------------------------------------


def test_linear_heights_of_small_counts():
    found = heights(Bars([0, 1, 2], 1, [1, 20, 48]), "routes", log=False)
    assert list(found.values) == [1, 20, 48]
    assert found.bottom == 0
    assert [text for _, text in found.ticks] == ["0", "10", "20", "30", "40"]


def test_linear_heights_of_counts_that_no_float_holds():
    found = heights(Bars([0, 1], 1, [10**400, 25 * 10**399]), "paths", log=False)
    assert list(found.values) == [1, 2.5]
    assert found.label == f"number of paths (\N{MULTIPLICATION SIGN} {power_of_ten(400)})"


def test_logarithmic_heights():
    found = heights(Bars([0, 1, 2], 1, [1, 10**29, 10**400]), "routes", log=True)
    assert list(found.values) == pytest.approx([0, 29, 400])
    assert found.bottom < 0  # so that a single path is seen
    ticks = dict(found.ticks)
    assert ticks[0] == "1"
    assert ticks[100] == "10\N{SUPERSCRIPT ONE}\N{SUPERSCRIPT ZERO}\N{SUPERSCRIPT ZERO}"


@pytest.mark.parametrize(
    ("counts", "log"), [([1, 99_999], False), ([1, 100_000], True), ([10**99, 10**100], False)]
)
def test_counts_that_span_decades_are_logarithmic(counts, log):
    assert spans_decades(Bars([0, 1], 1, counts)) == log


@pytest.mark.parametrize("number", [1, 2, 7, 48, 99, 1234, 16384, 99999])
def test_ticks_are_few_and_whole(number):
    found = heights(Bars([0], 1, [number]), "routes", log=False)
    assert 2 <= len(found.ticks) <= 7
    assert all(at == int(at) for at, _ in found.ticks)
    assert found.ticks[-1][0] <= number
    logarithmic = heights(Bars([0], 1, [number]), "routes", log=True)
    assert all(at >= logarithmic.bottom for at, _ in logarithmic.ticks)
    assert logarithmic.ticks


# -- files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_the_same_bytes_each_time(form):
    found = entries(build("resnet18"))
    first = draw(found, form, title="ResNet-18")
    assert draw(found, form, title="ResNet-18") == first
    assert b"CreationDate" not in first
    assert b"dc:date" not in first


def test_the_users_settings_change_nothing():
    import matplotlib as mpl

    found = entries(named("y"))
    plain = draw(found, "svg")
    with mpl.rc_context({"axes.facecolor": "red", "font.size": 30, "svg.hashsalt": "other"}):
        assert draw(found, "svg") == plain
        assert mpl.rcParams["font.size"] == 30


def test_the_picture_says_what_it_shows():
    texts = svg_texts(draw(entries(build("resnet50")), "svg", title="ResNet-50"))
    for text in ("ResNet-50", "layer4.2.relu_out", "65,536 routes", "input 224",
                 "receptive field size along axes 2, 3", "number of routes"):  # fmt: skip
        assert text in texts
    assert any(text.startswith("mean 219, std") and "% cover" in text for text in texts)


def test_an_input_far_beyond_the_sizes_is_pointed_at():
    texts = svg_texts(draw(entries(build("bagnet9")), "svg"))
    assert "input 224 \N{RIGHTWARDS ARROW}" in texts
    assert {"3", "5", "7", "9"} <= set(texts)  # few sizes: each is written


def test_logarithms_are_as_asked():
    found = entries(build("resnet18"))
    assert "number of routes (log scale)" in svg_texts(draw(found, "svg", log=True))
    assert "number of routes" in svg_texts(draw(found, "svg", log=False))
    dense = svg_texts(draw(entries(build("densenet201")), "svg"))
    assert "number of routes (log scale)" in dense
    times = "\N{MULTIPLICATION SIGN}"
    assert f"3.17 {times} {power_of_ten(29)} routes" in dense
    assert any(text.endswith("> 99.99 % cover the input (dark)") for text in dense)


HOSTILE = {
    "mathtext": (r"$\frac{1}{0}$", r"$\\frac{1}{0}$"),
    "unbalanced": ("a$b_{", "a$b_{"),
    "markup": ("</text><script>alert(1)</script>", "</text><script>alert(1)</script>"),
    "comment": ("--><x>", "--><x>"),
    "control": ("a\x1b[31m\nb", r"a\x1b[31m\x0ab"),
    "bidi": ("\u202eevil", r"\u202eevil"),
    "no glyph": ("\u4e2d", r"\u4e2d"),
}


@pytest.mark.parametrize(("name", "shown"), HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_names_are_shown_as_they_are(name, shown, form):
    data = draw(entries(named(name)), form, title=name)
    if form == "svg":
        assert svg_texts(data).count(shown) == 2


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_no_path_is_said_in_a_picture_as_well(form):
    nodes = [helper.make_node("Relu", ["w"], ["y"]), helper.make_node("Relu", ["x"], ["z"])]
    proto = models.model(nodes, {"x": [1, 1, 9]}, {"y": [1, 1, 3]}, {"w": models.weights(1, 1, 3)})
    data = draw(entries(proto), form)
    if form == "svg":
        assert [text for text in svg_texts(data) if text] == ["y", "no path leads there"]


def test_a_blank_name_is_drawn():
    texts = svg_texts(draw(entries(named(" ")), "svg", title=" \u2003"))
    assert "1 route" in texts


def test_a_long_name_is_shortened_to_the_panel():
    texts = svg_texts(draw(entries(named("W" * 3000)), "svg", title="W" * 3000))
    title, name = sorted((text for text in texts if "WW" in text), key=len, reverse=True)
    assert "…" in title
    assert "…" in name
    assert len(name) * 7 < 72 * plot.WIDE  # a W is wider than seven points at this size


@pytest.mark.parametrize(
    "proto",
    [models.scalar, models.huge, models.dense, models.cumulative, lambda: doubling(20),
     lambda: named("y", (1, 3)), lambda: models.many_outputs(7)],
)  # fmt: skip
@pytest.mark.parametrize("log", [True, False, None])
def test_whatever_there_is_can_be_drawn(proto, log):
    assert draw(entries(proto()), "png", log=log).startswith(b"\x89PNG")


def test_bars_cover_from_the_input_on():
    """Windows of 3 and 9 on an input of 9: the first does not cover it and is hatched."""
    data = draw(entries(named("y", (3, 9))), "svg").decode()
    texts = svg_texts(data)
    assert "mean 6, std 3, 50 % cover the input (dark)" in texts
    assert data.count("<pattern ") == 1


def test_too_many_panels_are_refused():
    with pytest.raises(UsageError, match="at most 24 histograms, found 50"):
        draw(entries(models.many_outputs(25)), "png")
    with pytest.raises(UsageError, match="no inputs"):
        draw([], "png")


def test_what_was_not_counted_is_said():
    found = Distribution("x", "y", None, {2: 9}, None, "the bound of 7 is exceeded")
    texts = svg_texts(draw([found], "svg"))
    assert {"not counted", "the bound of 7 is exceeded"} <= set(texts)


def test_a_png_is_as_large_as_said():
    from matplotlib.image import imread

    image = imread(io.BytesIO(draw(entries(named("y")), "png")))
    (part,) = plot.parts(entries(named("y")))
    wanted = (part.tall(plot.WIDE) * picture.DPI, plot.WIDE * picture.DPI)
    assert math.dist(image.shape[:2], wanted) <= 2
    assert image[..., :3].min() < 0.2  # something is drawn


@pytest.mark.parametrize("name", ["", " "])
def test_a_text_without_ink_fits(name):
    assert picture.fit(name, 1, 8).strip() == ""
