"""RF001: what is required against what is found, by every statistic, and the message."""

from __future__ import annotations

from fractions import Fraction

import pytest

import rfgraph
from checks import nets
from fixtures.make.net import Net
from rfgraph.checks import rf001
from rfgraph.checks.settings import make_settings, share
from rfgraph.checks.subject import subject_of
from rfgraph.domains.fields.axis import Axis
from rfgraph.errors import BoundError
from rfgraph.wording.numbers import join, ranges, rational_text

# Li et al. 2017: paths of HighRes3DNet by size, as printed.
HIGHRES = [1, 3, 6, 10, 15, 21, 28, 36, 42, 46, 48, 48, 46, 42, 36, 28, 21, 15, 10, 6, 3, 1]
SIZES = range(3, 88, 4)


def messages(model, **settings):
    return [found.message for found in rfgraph.check(model, **settings)]


def test_a_residual_network_fails_by_min_and_is_told_what_passes():
    found = rfgraph.check(nets.fixture("resnet50"))
    (only,) = found
    assert (only.code, only.severity, only.axes) == ("RF001", "error", (2, 3))
    assert (only.tensor, only.node) == ("layer4.2.relu_out", "layer4.2.relu")
    # Published: smallest 11, largest 427, mean 219; the fixture's input is 224 long.
    assert only.message.startswith(
        "tensor 'layer4.2.relu_out' on input 'input', axes 2, 3: required 224, found 11 (min); "
        "--stat union and max (427) would pass, mean or median (219) would not; "
    )
    assert "\n" not in only.message


@pytest.mark.parametrize("stat", ["union", "max", "p100"])
def test_statistics_that_resnet50_passes(stat):
    assert rfgraph.check(nets.fixture("resnet50"), stat=stat) == []


@pytest.mark.parametrize("stat", ["min", "mean", "p0", "p10"])
def test_statistics_that_resnet50_fails(stat):
    assert len(rfgraph.check(nets.fixture("resnet50"), stat=stat)) == 1


def quantile(part):
    """The smallest size with at least this part of the 512 published paths at or below it."""
    below = 0
    for size, count in zip(SIZES, HIGHRES, strict=True):
        below += count
        if below >= part * 512:
            return size
    raise AssertionError


@pytest.mark.parametrize("stat", ["p1", "p25", "median", "p75", "p99.5"])
def test_quantiles_against_the_published_counts(stat):
    size = quantile(Fraction(1, 2) if stat == "median" else Fraction(stat[1:]) / 100)
    assert messages(nets.fixture("highres3dnet"), min_rf=size, stat=stat) == []
    failing = messages(nets.fixture("highres3dnet"), min_rf=size + 1, stat=stat)
    assert len(failing) == 1
    assert f"axes 2, 3, 4: required {size + 1}, found {size} ({stat})" in failing[0]


@pytest.mark.parametrize("required", [3, 4, 43, 45, 87, 88])
def test_the_share_of_paths_is_exact(required):
    covering = sum(n for size, n in zip(SIZES, HIGHRES, strict=True) if size >= required)
    model = nets.fixture("highres3dnet")
    exactly = str(Fraction(covering, 512))
    assert rfgraph.check(model, min_rf=required, min_covering=exactly) == []
    if covering < 512:
        more = Fraction(covering * 1000 + 1, 512000)
        assert len(rfgraph.check(model, min_rf=required, min_covering=str(more))) == 1


def test_a_float_share_means_its_decimals():
    assert share(0.3) == Fraction(3, 10)
    assert Fraction(0.3) != Fraction(3, 10)


def test_share_and_statistic_are_asked_together_where_both_are_given():
    model = nets.residual()
    # Sizes 1, 5, 5, 9: three of four paths reach 5.
    assert rfgraph.check(model, min_rf=5, min_covering=0.75) == []
    both = messages(model, min_rf=5, min_covering=0.76, stat="min")
    assert len(both) == 2
    assert "found 1 (min)" in both[0]
    assert "required 76 % of local paths to cover 5, found 75 %" in both[1]


def test_one_number_for_each_axis():
    model = nets.fixture("resnet50")
    assert rfgraph.check(model, min_rf=(11, 11)) == []
    (only,) = messages(model, min_rf="11,12")
    assert "axis 3: required 12, found 11 (min)" in only
    with pytest.raises(rfgraph.UsageError, match="each of the 2 spatial axes of input 'input'"):
        rfgraph.check(model, min_rf=(1, 2, 3))


def test_a_tensor_may_be_asked():
    assert rfgraph.check(nets.fixture("alexnet"), at="conv1", min_rf=11) == []
    assert "found 11 (min)" in messages(nets.fixture("alexnet"), at="conv1", min_rf=12)[0]
    with pytest.raises(rfgraph.UsageError, match="no tensor 'conv'; the nearest names are"):
        rfgraph.check(nets.fixture("alexnet"), at="conv")


def test_a_global_output_has_no_local_path_to_be_met():
    model = nets.pooled()
    assert len(rfgraph.check(model)) == 1
    for at in ("output", "fc"):
        (first,) = messages(model, at=at)
        assert (
            "required 32, found no local path (min); --stat union (the whole axis) would" in first
        )


def test_where_nothing_passes_the_output_is_offered():
    (first,) = messages(nets.pooled())
    assert first.endswith("; --at output --stat union (the whole axis) would pass")
    assert rfgraph.check(nets.pooled(), at="output", stat="union") == []


def test_the_union_of_a_global_output_must_read_everything():
    # Stride 2 without padding leaves the last of 8 rows unread, whatever pools it afterwards.
    net = nets.Net("strided", "arithmetic only")
    x = net.conv(net.input("x", [1, 2, 8, 8]), "conv", 4, 3, 2)
    net.head(x, "fc")
    found = messages(net.model(), at="output", stat="union")
    assert len(found) == 1
    assert "found global, but some positions are never read (union)" in found[0]


def test_gates_leave_the_local_paths_to_be_asked():
    (first,) = messages(nets.fixture("se_gate"))
    assert "required 16, found 5 (min); --stat union (the whole axis) would pass" in first


def test_every_statistic_is_of_the_paths_that_are_local_along_the_axis():
    # Coordinate attention: a 5-wide convolution, gated by what is pooled along either axis. Along
    # an axis the paths are the convolution's (5), one gate's (1) and the other's, which is global.
    net = nets.Net("coordinate attention", "arithmetic only")
    x = net.input("x", [1, 2, 9, 9])
    y = net.conv(x, "conv", 2, 5, 1, 2)
    for axis in (2, 3):
        pooled = net.node("ReduceMean", [x], f"pool{axis}", axes=[axis], keepdims=1)
        y = net.node("Mul", [y, net.conv(pooled, f"gate{axis}", 2, 1)], f"gated{axis}")
    net.output(y, [1, 2, 9, 9])
    for stat in ("min", "p0", "median"):
        found = messages(net.model(), min_rf=4, stat=stat)
        assert [f"found 1 ({stat})" in text for text in found] == [True]
    assert messages(net.model(), min_rf=5, stat="max") == []
    assert len(messages(net.model(), min_rf=6, stat="max")) == 1


def test_where_no_path_is_local_no_share_of_them_is_told():
    net = nets.Net("cumulative", "arithmetic only")
    x = net.conv(net.input("x", [1, 2, 16]), "conv", 2, 3, 1, 1)
    axis = net.constant("axis", 2)
    net.output(net.node("CumSum", [x, axis], "sum"), [1, 2, 16])
    (message,) = messages(net.model(), at="output", stat="union")
    assert "required 16, found one-sided (union)" in message
    assert "max, min, mean or median (no local path) would not" in message
    assert "%" not in message


def test_an_unknown_axis_fails_whatever_is_asked():
    for settings in ({}, {"stat": "union"}, {"at": "output"}, {"min_rf": 1, "min_covering": 0}):
        found = messages(nets.sampled(), **settings)
        assert len(found) == 1, settings
        assert "found unknown: what is read is not known, through 'sample'" in found[0]


def test_an_output_that_is_unknown_fails_though_what_feeds_it_holds():
    net = Net("sampled at a second input", "arithmetic only")
    x = net.conv(net.input("x", [1, 2, 8, 8]), "conv", 2, 3, 1, 1)
    grid = net.input("grid", [1, 8, 8, 2])
    net.output(net.node("GridSample", [x, grid], "sample"), [1, 2, 8, 8])
    # The convolution, before_global of the output, reads the 3 positions that are required.
    found = messages(net.model(), min_rf=3, inputs=["x"])
    assert [text.partition(":")[0] for text in found] == ["tensor 'sample' on input 'x', axes 2, 3"]
    assert all("found unknown" in text and "through 'sample'" in text for text in found)
    assert messages(net.model(), min_rf=3, inputs=["x"], at="conv") == []


def test_an_open_length_is_named_with_what_to_bind():
    message = r"input 'input': axis 2 \('height'\) has no length: bind it with --input-shape input="
    for settings in ({}, {"stat": "union"}, {"select": "RF003"}, {"select": "RF006"}):
        with pytest.raises(rfgraph.UsageError, match=message):
            rfgraph.check(nets.fixture("dilated"), **settings)
    # Published: 15. A required number needs no length.
    assert rfgraph.check(nets.fixture("dilated"), min_rf=15) == []
    shapes = {"input": (1, 1, 15, 16)}
    (only,) = messages(nets.fixture("dilated"), input_shapes=shapes)
    assert "axis 3 ('width'): required 16, found 15 (min)" in only


def test_each_input_is_asked_and_one_may_be_chosen():
    # By hand: left 5-wide blur, then right's 8; 8 + 4 = 12.
    found = messages(nets.fixture("siamese"))
    assert ["'left'" in text for text in found] == [True, False]
    assert "required 32, found 12 (min)" in found[0]
    assert "required 32, found 8 (min)" in found[1]
    assert rfgraph.check(nets.fixture("siamese"), inputs=["left"], min_rf=12) == []
    with pytest.raises(rfgraph.UsageError, match="no input 'up'"):
        rfgraph.check(nets.fixture("siamese"), inputs=["up"])


def test_inputs_without_spatial_axes_are_left_out_unless_there_is_no_other():
    net = nets.Net("gated", "arithmetic only")
    x = net.conv(net.input("x", [1, 2, 9]), "conv", 2, 9, 1, 4)
    scale = net.input("scale", [1, 2, 1])
    net.output(net.node("Mul", [x, scale], "y"), [1, 2, 9])
    assert rfgraph.check(net.model()) == []
    assert "on input 'scale'" in messages(net.model(), inputs=["scale"], min_rf=2)[0]
    lone = nets.Net("lone", "arithmetic only")
    lone.output(lone.relu(lone.input("x", [1, 2, 3]), "y"), [1, 2, 3])
    assert len(rfgraph.check(lone.model())) == 2


def test_nothing_to_ask_is_a_finding_not_a_pass():
    net = nets.Net("constant", "arithmetic only")
    x = net.input("x", [1, 2, 9])
    net.output(net.conv(x, "y", 2, 3, 1, 1), [1, 2, 9])
    model = net.model()
    del model.graph.node[:]
    model.graph.node.append(nets.constant_node("y", [1, 2, 9]))
    (found,) = rfgraph.check(model)
    assert found.message == "the outputs read nothing of the inputs to check ('x')"


def test_one_sided_paths_do_not_cover_by_union():
    # A cumulative sum reads all that came before: bounded on one side, so never the whole input.
    net = nets.Net("running", "arithmetic only")
    x = net.conv(net.input("x", [1, 2, 9]), "conv", 2, 3, 1, 1)
    axis = net.constant("axis", 2)
    net.output(net.node("CumSum", [x, axis], "y"), [1, 2, 9])
    (text,) = messages(net.model(), at="y", stat="union")
    assert "required 9, found one-sided (union)" in text


def test_count_paths_weighs_what_pointwise_edges_double():
    # y = x + relu(x) is one route and two paths; beside it a 5-wide branch is one of each.
    net = nets.Net("doubled", "arithmetic only")
    x = net.input("x", [1, 2, 8])
    doubled = net.add(x, net.relu(x, "relu"), "doubled")
    net.output(net.add(doubled, net.conv(x, "wide", 2, 5, 1, 2), "y"), [1, 2, 8])
    assert rfgraph.check(net.model(), min_rf=5, min_covering="1/2") == []
    (text,) = messages(net.model(), min_rf=5, min_covering="1/2", count="paths")
    assert "found 33.33 %" in text


def doubling(blocks):
    """Residual blocks of windows 3, 5, 9, 17, ...: 2^blocks paths, all of different sizes."""
    net = nets.Net("doubling", "arithmetic only")
    x = net.input("x", [1, 1, 64])
    for number in range(blocks):
        x = net.add(
            x, net.conv(x, f"conv{number}", 1, 2**number + 1, 1, "SAME_UPPER"), f"a{number}"
        )
    net.output(x, [1, 1, 64])
    return net.model()


def test_what_is_beyond_the_bounds_on_listing_fails_and_the_rest_stays_exact():
    # Sizes 1 to 2^14, one path each: the mean is (2^14 + 1) / 2.
    model = doubling(14)
    (text,) = messages(model, stat="median", min_rf=64)
    assert "required 64, found beyond the bounds on listing (median); --stat union, " in text
    assert "max (16384) and mean (8192.5) would pass, min (1) would not" in text
    (text,) = messages(model, min_covering=0, min_rf=64)
    assert "required 0 % of local paths to cover 64, found could not be determined; " in text


def test_where_counting_exceeds_a_bound_statistics_fail(monkeypatch):
    def refuse(*_, **__):
        raise BoundError("too many states")

    monkeypatch.setattr(rf001, "path_histogram", refuse)
    (text,) = messages(nets.residual(), stat="mean", min_rf=5)
    assert "found could not be determined (mean); --stat union and max (9) would pass" in text
    assert text.endswith("; counting paths: too many states")
    assert rfgraph.check(nets.residual(), stat="max", min_rf=9) == []


def test_a_size_that_is_not_known_is_not_enough(monkeypatch):
    known = Axis(2, "local", covers_input=None)
    result = rfgraph.analyze(nets.residual())
    subject = subject_of(result, make_settings(min_rf=5))
    place = rf001.Place(subject, subject.result.model.inputs[0], "add1", "add1", {2: 5, 3: 5})
    # Without it the distribution answers; by hand 1, 5, 5, 9.
    monkeypatch.setattr(rf001, "single_sizes", lambda *_: (None, None))
    assert rf001._value(place, known, "min", 5) == ("min", "1", False, 1)
    assert rf001._value(place, known, "max", 5) == ("max", "9", True, 9)
    assert rf001._value(place, known, "union", 5)[:3] == ("union", "could not be determined", False)
    lost = Axis(2, "global", covers_input=None)
    assert rf001._value(place, lost, "union", 5)[:3] == ("union", "could not be determined", False)
    monkeypatch.setattr(rf001.Place, "histogram", lambda *_: None)
    assert rf001._value(place, known, "min", 5)[:3] == ("min", "could not be determined", False)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("min_rf", 0),
        ("min_rf", "5,x"),
        ("min_rf", []),
        ("min_rf", True),
        ("stat", "p101"),
        ("stat", "average"),
        ("min_covering", 1.5),
        ("min_covering", "nan"),
        ("min_covering", "1e999999999"),
        ("min_covering", True),
        ("select", "RF000"),
        ("ignore", ["RF01"]),
        ("count", "edges"),
        ("at", ""),
    ],
)
def test_what_is_not_valid_is_named(setting, value):
    with pytest.raises(rfgraph.UsageError, match=rf"^{setting.replace('_', '-')} requires .*found"):
        rfgraph.check(nets.fixture("alexnet"), **{setting: value})


def test_numbers_never_look_larger_than_they_are():
    assert rational_text(Fraction(2239999, 10000)) == "223.999"
    assert rational_text(Fraction(-1, 2)) == "-0.5"
    assert rational_text(Fraction(1, 10000)) == "0.0"
    assert rational_text(1 << 5000) == "about 2^5000"
    assert ranges([0, 1, 2, 5, 7, 8]) == "0..2, 5, 7..8"
    assert ranges(range(0, 40, 2)) == "0, 2, 4, 6, 8, 10 and 14 more"
    assert (join([]), join(["a"]), join(["a", "b", "c"])) == ("", "a", "a, b and c")
