"""The gate fails closed: what it was told and cannot use is an error, never a rule that holds."""

from __future__ import annotations

import inspect
import json

import pytest

import rfgraph
from checks import nets
from rfgraph.checks.registry import all_codes
from rfgraph.domains.fields import spread

SOURCE = nets.residual()
MODEL = rfgraph.load(SOURCE)
RESULT = rfgraph.analyze(MODEL)
VERBS = (
    "analyze",
    "check",
    "check_many",
    "load",
    "make_settings",
    "path_histogram",
    "paths",
    "unit",
)


def saved(path, model):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return path


def stored(path, model):
    path.write_text(json.dumps(rfgraph.analyze(model).to_dict()), encoding="utf-8")
    return path


# -- keywords --------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [SOURCE, MODEL, RESULT], ids=["source", "model", "result"])
def test_an_unknown_keyword_names_the_function_and_the_nearest(model):
    for verb, wrong, nearest in (
        (rfgraph.check, "stta", "stat"),
        (rfgraph.check, "min_rff", "min_rf"),
        (rfgraph.path_histogram, "tensr", "tensor"),
        (rfgraph.paths, "ordr", "order"),
    ):
        expected = (
            rf"{verb.__name__}\(\) got an unexpected keyword argument '{wrong}'\. "
            rf"Did you mean '{nearest}'\?"
        )
        with pytest.raises(TypeError, match=expected):
            verb(model, **{wrong: "union"})


def test_a_keyword_near_none_is_told_the_known():
    with pytest.raises(TypeError, match=r"keyword argument 'zzz'\. Known are input_shapes, "):
        rfgraph.load(SOURCE, zzz=1)


@pytest.mark.parametrize("name", VERBS)
def test_public_verbs_spell_out_their_keywords(name):
    parameters = inspect.signature(getattr(rfgraph, name)).parameters.values()
    assert not [item for item in parameters if item.kind is inspect.Parameter.VAR_KEYWORD]
    assert all(item.annotation not in ("Any", inspect.Parameter.empty) for item in parameters)


@pytest.mark.parametrize("model", [MODEL, RESULT], ids=["model", "result"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("input_shapes", {"x": (1, 2, 7)}),
        ("input_values", {"x": 3}),
        ("masks", True),
        ("rules", {("", "Conv"): None}),
    ],
)
def test_what_binds_a_file_is_refused_for_a_model_that_is_loaded(model, name, value):
    message = f"{name} is said when a model is loaded, and this one is: give it to rfgraph.load"
    with pytest.raises(rfgraph.UsageError, match=message):
        rfgraph.check(model, **{name: value})
    if model is MODEL:
        with pytest.raises(rfgraph.UsageError, match=message):
            rfgraph.analyze(model, **{name: value})


def test_a_source_is_bound_by_check_and_analyze_as_by_load():
    path = nets.fixture("dilated")
    shapes = {"input": (1, 1, 15, 15)}
    assert rfgraph.check(path, input_shapes=shapes) == []
    assert rfgraph.analyze(path, input_shapes=shapes).model.inputs[0].shape == (1, 1, 15, 15)


# -- baselines -------------------------------------------------------------------------------------


def test_a_baseline_adds_its_rule_and_removes_none(here, tmp_path):
    # By hand: sizes 1, 5, 5, 9 on an input of 32, so RF001 fails with a baseline and without.
    net = saved(tmp_path / "net.onnx", SOURCE)
    base = stored(tmp_path / "base.json", SOURCE)
    code, out, _ = here(net, "--baseline", base)
    assert (code, out.splitlines()[-1]) == (1, "1 model: 1 fails (RF001)")
    assert here(net, "--baseline", base, "--min-rf", "1") == (
        0,
        "1 model: every rule holds (RF001, RF007)\n",
        "",
    )
    assert [item.code for item in rfgraph.check(SOURCE, baseline=base)] == ["RF001"]
    config = tmp_path / "rf.toml"
    config.write_text("[[models]]\npattern = 'net.onnx'\nbaseline = 'base.json'\n", "utf-8")
    assert here(net, "--config", config)[0] == 1
    assert rfgraph.make_settings(baseline=base, ignore="RF001").select == ("RF007",)


def test_a_comparison_without_a_baseline_is_an_error_that_names_the_model(here, tmp_path):
    net = saved(tmp_path / "net.onnx", SOURCE)
    other = saved(tmp_path / "other.onnx", SOURCE)
    for select in ("RF007", "RF001,RF007"):
        code, out, err = here(net, "--select", select, "--stat", "max", "--min-rf", "9")
        assert (code, out) == (2, "1 model: 1 could not be checked\n")
        assert err == (
            f"rfgraph: {net}: RF007 compares with a baseline, and there is none: "
            "give one (--baseline FILE)\n"
        )
    with pytest.raises(rfgraph.UsageError, match="RF007 compares with a baseline"):
        rfgraph.check(SOURCE, select=["RF001", "RF007"], min_rf=1)
    stored(tmp_path / "base.json", SOURCE)
    config = tmp_path / "rf.toml"
    config.write_text(
        "select = ['RF001', 'RF007']\nmin-rf = 1\n"
        "[[models]]\npattern = 'net.onnx'\nbaseline = 'base.json'\n",
        "utf-8",
    )
    code, out, err = here(net, other, "--config", config)
    assert (code, out) == (2, "2 models: 1 could not be checked, 1 holds\n")
    assert err.startswith(f"rfgraph: {other}: RF007 compares with a baseline")


def test_all_is_every_rule_that_can_be_asked_and_the_summary_says_of_how_many(here, tmp_path):
    net = saved(tmp_path / "net.onnx", SOURCE)
    other = saved(tmp_path / "other.onnx", SOURCE)
    stored(tmp_path / "base.json", SOURCE)
    config = tmp_path / "rf.toml"
    ignored = ",".join(code for code in all_codes() if code not in ("RF001", "RF005", "RF007"))
    config.write_text(
        f"select = 'all'\nignore = '{ignored}'\nmin-rf = 1\n"
        "[[models]]\npattern = 'net.onnx'\nbaseline = 'base.json'\n",
        "utf-8",
    )
    assert here(net, "--config", config)[1] == ("1 model: every rule holds (RF001, RF005, RF007)\n")
    assert here(net, other, "--config", config)[1] == (
        "2 models: every rule holds (RF001, RF005, RF007 of 1)\n"
    )


def test_tensors_to_compare_without_a_baseline_are_an_error(here, tmp_path):
    net = saved(tmp_path / "net.onnx", SOURCE)
    code, _, err = here(net, "--tensor", "add0", "--min-rf", "1")
    assert code == 2
    assert f"{net}: tensor compares with a baseline, and there is none" in err
    with pytest.raises(rfgraph.UsageError, match="tensor compares with a baseline"):
        rfgraph.check(SOURCE, tensors="add0")


# -- statistics over nothing -----------------------------------------------------------------------


@pytest.mark.parametrize("stat", ["min", "max", "mean", "median", "p10"])
def test_a_statistic_over_no_local_path_is_not_met(here, tmp_path, stat):
    net = saved(tmp_path / "net.onnx", nets.pooled())
    code, out, _ = here(net, "--at", "output", "--stat", stat)
    assert code == 1
    assert f"required 32, found no local path ({stat}); --stat union (the whole axis) would" in out
    assert here(net, "--at", "output", "--stat", "union")[0] == 0


@pytest.mark.parametrize("share", ["0", "0.5", "1"])
def test_a_share_of_no_local_path_is_not_met(share):
    found = rfgraph.check(nets.pooled(), at="output", min_covering=share)
    assert len(found) >= 1
    assert all("of local paths to cover 32, found no local path; " in f.message for f in found)


# -- patterns --------------------------------------------------------------------------------------


def configured(tmp_path, *patterns):
    tables = [f"[[tool.rfgraph.models]]\npattern = '{item}'\nmin-rf = 1\n" for item in patterns]
    text = "[tool.rfgraph]\nstat = 'max'\n" + "".join(tables)
    (tmp_path / "pyproject.toml").write_text(text, "utf-8")


@pytest.mark.parametrize(
    "pattern",
    ["nets/nett.onnx", "net/*.onnx", "other.onnx", "../net.onnx", "/nowhere/*.onnx", "/*.onnx"],
)
def test_a_pattern_that_matches_nothing_is_an_error_that_names_it(here, tmp_path, pattern):
    saved(tmp_path / "nets" / "net.onnx", SOURCE)
    configured(tmp_path, "nets/*.onnx", pattern)
    code, out, err = here("nets")
    assert (code, out) == (2, "")
    assert err == (
        f"rfgraph: {tmp_path / 'pyproject.toml'}: tool.rfgraph.models, table 2: pattern "
        f"'{pattern}' matches no model that is given, and no file\n"
    )


@pytest.mark.parametrize("pattern", ["nets/**/net.onnx", "net.onnx", "nets/**", "**/deep/*.onnx"])
def test_a_pattern_of_a_model_that_is_not_asked_this_time_is_none(here, tmp_path, pattern):
    # A hook before a commit asks the files that changed, and the configuration speaks of all.
    saved(tmp_path / "nets" / "deep" / "net.onnx", SOURCE)
    saved(tmp_path / "other.onnx", nets.chain((1, 1), length=3))
    configured(tmp_path, pattern)
    assert here("other.onnx")[0] == 0
    (tmp_path / "nets" / "deep" / "net.onnx").unlink()
    assert here("other.onnx")[0] == 2


def test_a_pattern_of_a_model_elsewhere_is_matched_by_its_path(here, tmp_path, tmp_path_factory):
    folder = tmp_path_factory.mktemp("elsewhere")
    net = saved(folder / "net.onnx", SOURCE)
    other = saved(tmp_path / "other.onnx", nets.chain((1, 1), length=3))
    configured(tmp_path, f"{folder.as_posix()}/*.onnx")
    assert here(net)[0] == 0
    assert here(other)[0] == 0
    net.unlink()
    assert here(other)[0] == 2


# -- what a rule could not determine ---------------------------------------------------------------


def test_alignment_that_cannot_be_told_is_a_finding(monkeypatch):
    assert rfgraph.check(SOURCE, select="RF002") == []
    monkeypatch.setattr(spread, "MAX_SCATTERED", 0)
    monkeypatch.setattr(spread, "MAX_EXTENTS", 0)
    (found,) = rfgraph.check(SOURCE, select="RF002")
    assert found.message == (
        "tensor 'branch0' on input 'x', axis 2: whether paths are aligned could not be determined: "
        "their patterns are too many to follow one by one"
    )
    assert found.severity == "warning"


def test_a_baseline_without_the_numbers_of_an_output_is_an_error():
    net = nets.Net("two outputs", "arithmetic only")
    x = net.input("x", [1, 2, 16])
    for name in ("a", "b"):
        net.output(net.conv(x, name, 2, 3, 1, 1), [1, 2, 16])
    model = net.model()
    whole = rfgraph.analyze(model).to_dict()
    some = rfgraph.analyze(model).to_dict(["a"])
    assert rfgraph.check(model, baseline=whole, min_rf=1) == []
    with pytest.raises(rfgraph.UsageError, match="the baseline has no numbers of 'b'"):
        rfgraph.check(model, baseline=some, min_rf=1)
    assert rfgraph.check(model, baseline=some, tensors="a", min_rf=1) == []
