"""--fail-on: what is found below it is reported in every format, and fails nothing."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

import rfgraph
from checks import nets
from rfgraph import cli
from rfgraph.pytest_plugin import assert_receptive_field

# By arithmetic: stride 2 on 64 leaves the map half a stride off-centre; the field of 3 is local.
OFF_CENTRE = nets.chain((1, 2))


@pytest.fixture
def here(capsys, tmp_path, monkeypatch):
    """Run a command line beside a net whose only finding is a note: exit code and stdout."""
    (tmp_path / "net.onnx").write_bytes(OFF_CENTRE.SerializeToString())
    monkeypatch.chdir(tmp_path)

    def run_it(*arguments):
        code = cli.main(
            ["check", "net.onnx", "--min-rf", "3", "--select", "RF001,RF006", *arguments]
        )
        return code, capsys.readouterr().out

    return run_it


def test_a_note_is_reported_and_does_not_fail(here):
    code, out = here()
    assert code == 0
    first, last = out.splitlines()
    assert first.startswith("net.onnx: RF006 note: tensor 'conv0' on input 'x', axis 2: off-centre")
    assert last == "1 model: 1 holds; reported below --fail-on: RF006"


@pytest.mark.parametrize(
    ("fail_on", "note", "warning", "error"),
    [("note", 1, 1, 1), ("warning", 0, 1, 1), ("error", 0, 0, 1)],
)
def test_each_severity_fails_from_its_own_level_on(tmp_path, capsys, fail_on, note, warning, error):
    # A window of 3 on dilation 2 has gaps (a warning); no path of size 3 covers 64 (an error).
    (tmp_path / "note.onnx").write_bytes(OFF_CENTRE.SerializeToString())
    (tmp_path / "gaps.onnx").write_bytes(nets.chain((2, 1)).SerializeToString())
    for name, select, expected in (
        ("note", "RF006", note),
        ("gaps", "RF003", warning),
        ("gaps", "RF001", error),
    ):
        path = str(tmp_path / f"{name}.onnx")
        assert cli.main(["check", path, "--select", select, "--fail-on", fail_on]) == expected
        assert capsys.readouterr().out.count(f"{select} ") == 1


def test_the_formats_report_what_does_not_fail(here):
    code, out = here("--format", "json")
    (model,) = json.loads(out)["models"]
    assert (code, model["ok"]) == (0, True)
    assert [item["severity"] for item in model["findings"]] == ["note"]
    (suite,) = ElementTree.fromstring(here("--format", "junit")[1])
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "0", "0")
    (said,) = [case.findtext("system-out") for case in suite.iter("testcase") if len(case)]
    assert said.startswith("note: tensor 'conv0'")
    assert '"level": "note"' in here("--format", "sarif")[1]
    assert here("--format", "github")[1].startswith("::notice ")
    code, out = here("--format", "junit", "--fail-on", "note")
    assert code == 1
    assert ElementTree.fromstring(out)[0].get("failures") == "1"


def test_the_configuration_may_say_it(here, tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.rfgraph]\nfail-on = 'note'\n", "utf-8")
    assert here()[0] == 1
    assert here("--fail-on", "error")[0] == 0
    (tmp_path / "pyproject.toml").write_text("[tool.rfgraph]\nfail-on = 'never'\n", "utf-8")
    assert here() == (2, "")


def test_python_may_say_it():
    for fail_on, ok in (("note", False), ("warning", True), ("error", True)):
        settings = rfgraph.make_settings(select="RF006", fail_on=fail_on)
        (report,) = rfgraph.check_many([OFF_CENTRE], settings)
        assert (report.ok, len(report.findings)) == (ok, 1)
    with pytest.raises(rfgraph.UsageError, match="fail-on requires note, warning or error, found"):
        rfgraph.make_settings(fail_on="never")
    assert_receptive_field(OFF_CENTRE, select="RF006")
    with pytest.raises(AssertionError, match="RF006 note: "):
        assert_receptive_field(OFF_CENTRE, select="RF006", fail_on="note")
