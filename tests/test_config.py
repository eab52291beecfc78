"""Settings in a file: where it is found, what it may say, and which model each setting is for."""

from __future__ import annotations

import inspect
from fractions import Fraction
from pathlib import Path

import pytest

import rfgraph
from rfgraph import config
from rfgraph.checks.settings import make_settings


def written(tmp_path, text, name="rfgraph.toml"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_every_key_is_read(tmp_path):
    path = written(
        tmp_path,
        """
        select = ["RF001", "rf003"]
        ignore = "RF003"
        min-rf = [31, 15]
        stat = "p90"
        at = "features"
        min-covering = 0.3
        input = "x"
        count = "paths"
        input-shape = { x = [1, 3, 32, 16] }
        input-value = { rate = 16000, size = [1, 2], map = "@map.npy" }
        baseline = "stored/net.json"
        tensor = ["features", "y"]
        fail-on = "error"
        format = "junit"
        jobs = 4
        exit-zero = true
        """,
    )
    found = config.read(path)
    assert found.run == {"format": "junit", "jobs": 4, "exit_zero": True}
    values = found.for_model("net.onnx")
    assert values.pop("baseline") == str(tmp_path / "stored/net.json")
    assert values["input_values"].pop("map") == f"@{tmp_path / 'map.npy'}"
    settings = make_settings(**values)
    assert settings.select == ("RF001",)
    assert settings.min_rf == (31, 15)
    assert (settings.stat, settings.at, settings.count) == ("p90", "features", "paths")
    assert settings.min_covering == Fraction(3, 10)
    assert settings.inputs == ("x",)
    assert settings.input_shapes == {"x": (1, 3, 32, 16)}
    assert settings.input_values == {"rate": 16000, "size": [1, 2]}
    assert settings.tensors == ("features", "y")
    assert settings.fail_on == "error"


def test_the_only_input_needs_no_name(tmp_path):
    found = config.read(written(tmp_path, "input-shape = [1, 3, 8]\nmin-rf = 'input'"))
    assert found.settings == {"input_shapes": {"": (1, 3, 8)}, "min_rf": "input"}
    assert make_settings(**found.settings).min_rf is None


PATTERNS = """
[tool.rfgraph]
stat = "min"
min-rf = 10

[[tool.rfgraph.models]]
pattern = "nets/*.onnx"
stat = "union"

[[tool.rfgraph.models]]
pattern = "tiny-?.onnx"
min-rf = 1

[[tool.rfgraph.models]]
pattern = "**/old/**"
ignore = "RF001"
"""


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("net.onnx", {"stat": "min", "min_rf": (10,)}),
        ("nets/net.onnx", {"stat": "union", "min_rf": (10,)}),
        ("nets/deep/net.onnx", {"stat": "min", "min_rf": (10,)}),
        ("nets/tiny-1.onnx", {"stat": "union", "min_rf": (1,)}),
        ("any/where/tiny-2.onnx", {"stat": "min", "min_rf": (1,)}),
        ("tiny-22.onnx", {"stat": "min", "min_rf": (10,)}),
        ("old/net.onnx", {"stat": "min", "min_rf": (10,), "ignore": ("RF001",)}),
        ("a/old/b/net.onnx", {"stat": "min", "min_rf": (10,), "ignore": ("RF001",)}),
        ("nets/netXonnx", {"stat": "min", "min_rf": (10,)}),
    ],
)
def test_patterns_are_of_the_files_below_the_configuration(tmp_path, monkeypatch, model, expected):
    found = config.read(written(tmp_path, PATTERNS, "pyproject.toml"))
    assert found.for_model(str(tmp_path / model)) == expected
    monkeypatch.chdir(tmp_path)
    assert found.for_model(model) == expected
    assert found.for_model(f"./{model}") == expected


def test_patterns_hold_for_paths_that_step_up(tmp_path, monkeypatch):
    written(tmp_path, PATTERNS, "pyproject.toml")
    (tmp_path / "nets").mkdir()
    monkeypatch.chdir(tmp_path / "nets")
    found = config.read(Path("../pyproject.toml"))
    for model in ("net.onnx", "../nets/net.onnx", str(tmp_path / "old" / ".." / "nets/net.onnx")):
        assert found.for_model(model) == {"stat": "union", "min_rf": (10,)}


def test_a_model_elsewhere_is_matched_by_name_or_whole_path(tmp_path):
    (tmp_path / "project").mkdir()
    path = written(tmp_path / "project", PATTERNS, "pyproject.toml")
    outside = str(tmp_path / "other" / "tiny-1.onnx")
    assert config.read(path).for_model(outside) == {"stat": "min", "min_rf": (1,)}


def test_the_nearest_section_upward_counts(tmp_path):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert config.find(inner) is None
    outer = written(tmp_path, "[tool.rfgraph]\nstat = 'max'\n", "pyproject.toml")
    assert config.find(inner) == outer
    written(tmp_path / "a", "[tool.other]\nstat = 1\n", "pyproject.toml")
    assert config.find(inner) == outer
    nearer = written(tmp_path / "a", "[tool.rfgraph]\n", "pyproject.toml")
    assert config.find(inner) == nearer
    assert config.read(nearer).settings == {}
    assert config.empty().for_model("x") == {}


KEYS = (
    "select, ignore, min-rf, stat, at, min-covering, input, count, input-shape, input-value, dim, "
    "baseline, tensor, halo, rdf, causal, max-lookahead, rate, axis, fail-on, masks"
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("min_rf = 3", f"no key 'min_rf'; known are {KEYS}, format, jobs, exit-zero, models"),
        (
            "[[models]]\npattern = 'a'\njobs = 2",
            f"table 1: no key 'jobs'; known are pattern, {KEYS}",
        ),
        ("[[models]]\nstat = 'min'", "table 1: the key pattern is required"),
        ("[[models]]\npattern = 3", "pattern requires a text, found 3"),
        ("[[models]]\npattern = 'a'\nstat = 'x'", "models, table 1: stat requires min, max,"),
        ("models = [1]", "models requires tables: [[tool.rfgraph.models]], found [1]"),
        (
            "stat = 3",
            "stat requires min, max, union, median, mean, p0 to p100 or erf1 to erf99, found 3",
        ),
        ("min-rf = 'all'", "min-rf requires input, N or N,N..."),
        ("min-rf = 1.5", "min-rf requires input, N or N,N..."),
        ("min-covering = 2", "min-covering requires a share from 0 to 1, found 2"),
        ("select = 3", "select requires a text or a list of codes, found 3"),
        ("select = ['RF099']", "select requires codes of RF001,"),
        ("ignore = [[]]", "ignore requires codes of RF001,"),
        ("at = ''", "at requires a text, found ''"),
        ("input = [1]", "input requires a name or a list of names, found [1]"),
        ("count = 'edges'", "count requires one of routes, paths, found 'edges'"),
        ("input-shape = [1, 0]", "input-shape requires a list of lengths, or a table"),
        ("input-shape = { x = 'a' }", "input-shape requires a list of lengths, or a table"),
        ("input-shape = [true]", "input-shape requires a list of lengths, or a table"),
        ("input-value = 3", "input-value requires a table of numbers"),
        ("input-value = { x = 'file' }", "input-value requires a table of numbers"),
        ("input-value = { x = [[1]] }", "input-value requires a table of numbers"),
        ("baseline = true", "baseline requires a text, found True"),
        ("format = 'xml'", "format requires one of text, json, sarif, junit, github, found 'xml'"),
        ("format = ['xml']", "format requires one of text, json"),
        ("jobs = 0", "jobs requires a number from 1 to 1024, found 0"),
        ("jobs = 1025", "jobs requires a number from 1 to 1024, found 1025"),
        ("jobs = true", "jobs requires a number from 1 to 1024, found True"),
        ("exit-zero = 1", "exit-zero requires true or false, found 1"),
        ("stat = ", "not valid TOML"),
        ("[tool]\nrfgraph = 3", "tool.rfgraph requires a table"),
        ("tool = 3\nstat = 'min'", "a section [tool.rfgraph] is required"),
        ("[tool.other]", "a section [tool.rfgraph] is required"),
    ],
)
def test_what_is_wrong_is_named_with_the_file_and_the_key(tmp_path, text, words):
    path = written(tmp_path, text)
    with pytest.raises(rfgraph.UsageError) as caught:
        config.read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert words in message
    assert "\n" not in message


def test_what_is_no_text_is_refused(tmp_path):
    path = tmp_path / "rfgraph.toml"
    for content in (
        b"\xff\xfe",
        b"a = " + b"[" * 5000 + b"]" * 5000,
        b"#" * (config.MAX_BYTES + 1),
    ):
        path.write_bytes(content)
        with pytest.raises(rfgraph.UsageError, match=r"rfgraph.toml: (not valid TOML|required at)"):
            config.read(path)
    with pytest.raises(rfgraph.UsageError, match="No such file"):
        config.read(tmp_path / "missing")
    with pytest.raises(rfgraph.UsageError, match="directory"):
        config.read(Path(tmp_path))


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("halo = [64, 32]", "halo", (64, 32)),
        ("halo = '64,32'", "halo", (64, 32)),
        ("causal = true", "causal", True),
        ("max-lookahead = '40ms'", "max_lookahead", "40ms"),
        ("max-lookahead = 12", "max_lookahead", 12),
        ("rate = 16000", "rate", 16000),
        ("axis = 2", "axis", 2),
    ],
)
def test_what_tiles_and_streams_may_use(tmp_path, line, key, value):
    assert config.read(written(tmp_path, line)).settings == {key: value}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("halo = 'x'", "halo requires N or N,N"),
        ("causal = 1", "causal requires true or false"),
        ("max-lookahead = true", "max-lookahead requires a number, or a text such as 40ms"),
        ("rate = 0", "rate requires a number above 0"),
        ("axis = -1", "axis requires the number of an axis"),
    ],
)
def test_what_they_may_not(tmp_path, line, said):
    with pytest.raises(rfgraph.UsageError, match=said):
        config.read(written(tmp_path, line))


def test_the_keys_are_what_python_calls_the_settings():
    assert {config.parameter(key) for key in config.SETTINGS} == set(
        inspect.signature(make_settings).parameters
    )
