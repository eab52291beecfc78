"""A finding is one file: put it there, and every format, the settings and explain know it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

import rfgraph
import rfgraph.checks
from checks import nets
from rfgraph.checks.registry import SEVERITIES, all_codes, check_of, explanation
from rfgraph.cli import main
from rfgraph.pytest_plugin import assert_receptive_field

ROOT = Path(__file__).resolve().parents[2]
ADDED = '''"""The model has inputs.

It has some, whatever reads them.

Why it matters: it does not.

How to fix it: leave them out.

How to silence it: --ignore RF999.
"""

from rfgraph.checks.registry import Check

CHECK = Check("RF999", "warning", "The model has inputs")


def findings(subject):
    """Yield a finding for each input."""
    for item in subject.inputs():
        yield subject.finding(CHECK, f"input {item.name} is one", item.name, input=item.name)
'''


@pytest.fixture
def added(tmp_path, monkeypatch):
    """A folder with a model, and one more finding in the package."""
    package = tmp_path / "more"
    package.mkdir()
    (package / "rf999.py").write_text(ADDED)
    monkeypatch.setattr(rfgraph.checks, "__path__", [*rfgraph.checks.__path__, str(package)])
    model = nets.chain((1, 1))
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("rfgraph.checks.rf999", None)
    vars(rfgraph.checks).pop("rf999", None)


def said(capsys, *arguments):
    code = main([*arguments])
    printed = capsys.readouterr()
    assert printed.err == ""
    return code, printed.out


def test_every_file_declares_its_own_code():
    codes = all_codes()
    assert codes == tuple(sorted(codes))
    assert [f"{code.lower()}.py" for code in codes] == sorted(
        path.name for path in (ROOT / "rfgraph" / "checks").glob("rf[0-9]*.py")
    )
    for code in codes:
        check = check_of(code)
        assert check.code == code
        assert check.severity in SEVERITIES
        assert not check.title.endswith(".")


@pytest.mark.parametrize("code", all_codes())
def test_an_explanation_says_why_how_to_fix_and_how_to_silence(code):
    parts = re.findall(
        r"^(Why it matters|How to fix it|How to silence it): ", explanation(code), re.M
    )
    assert parts == ["Why it matters", "How to fix it", "How to silence it"]


def test_the_contract_lists_the_findings():
    text = (ROOT / "docs/contract.md").read_text("utf-8")
    assert re.findall(r"^\| (RF\d{3}) \| ", text, re.M) == list(all_codes())


def test_the_rule_without_a_code_of_its_own_is_that_of_the_analysis():
    (found,) = rfgraph.analyze(nets.sampled()).findings
    assert (found.code, found.severity) == check_of("RF005")[:2]


# -- a finding that is added -----------------------------------------------------------------------


@pytest.mark.usefixtures("added")
@pytest.mark.parametrize("asked", ["RF999", "rf999", "all"])
def test_it_can_be_selected(asked):
    assert "RF999" in rfgraph.make_settings(select=asked).select
    assert rfgraph.make_settings(select=asked, ignore="RF999").select == tuple(
        code for code in rfgraph.make_settings(select=asked).select if code != "RF999"
    )


@pytest.mark.usefixtures("added")
def test_it_is_not_asked_by_default():
    assert rfgraph.make_settings().select == ("RF001",)


@pytest.mark.usefixtures("added")
def test_it_can_be_configured(tmp_path, capsys):
    (tmp_path / "pyproject.toml").write_text('[tool.rfgraph]\nselect = ["RF999"]\n')
    code, out = said(capsys, "check", "net.onnx")
    assert code == 1
    assert out.startswith("net.onnx: RF999 warning: input x is one")


@pytest.mark.usefixtures("added")
def test_it_is_in_every_format(capsys):
    shown = {}
    for form in ("text", "json", "sarif", "junit", "github"):
        code, shown[form] = said(
            capsys, "check", "net.onnx", "--select", "RF001,RF999", "--format", form, "--quiet"
        )
        assert code == 1
    assert "RF999 warning: input x is one" in shown["text"]
    assert "title=rfgraph RF999::input x is one" in shown["github"]
    (model,) = json.loads(shown["json"])["models"]
    assert [item["code"] for item in model["findings"]] == ["RF001", "RF999"]
    (run,) = json.loads(shown["sarif"])["runs"]
    rule = run["tool"]["driver"]["rules"][run["results"][-1]["ruleIndex"]]
    assert rule["id"] == "RF999"
    assert rule["shortDescription"]["text"] == "The model has inputs."
    assert rule["fullDescription"]["text"] == "It has some, whatever reads them."
    assert rule["defaultConfiguration"]["level"] == "warning"
    cases = [case.get("name") for case in ElementTree.fromstring(shown["junit"]).iter("testcase")]
    assert cases[-1] == "RF999 The model has inputs"


@pytest.mark.usefixtures("added")
def test_it_is_explained(capsys):
    _, text = said(capsys, "explain", "RF999")
    assert "It has some, whatever reads them." in text
    _, document = said(capsys, "explain", "rf999", "--format", "json")
    (entry,) = json.loads(document)["explanations"]
    assert entry["title"] == "RF999"
    assert entry["text"].startswith("The model has inputs.\n\nIt has some")


@pytest.mark.usefixtures("added")
def test_it_fails_a_test():
    with pytest.raises(AssertionError, match="RF999 warning: input x is one"):
        assert_receptive_field("net.onnx", select="RF999")


@pytest.mark.usefixtures("added")
def test_what_needs_a_setting_is_selected_by_it_and_not_by_all(added):
    text = ADDED.replace('inputs")\n', 'inputs", needs="baseline")\n', 1)
    (added / "more" / "rf999.py").write_text(text)
    assert "RF999" not in rfgraph.make_settings(select="all").select
    stored = rfgraph.analyze("net.onnx").to_dict()
    assert rfgraph.make_settings(baseline=stored).select == ("RF001", "RF007", "RF999")


# -- start-up --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "imported"),
    [
        ([], ["rf001"]),
        (["--select", "RF005"], ["rf005"]),
        (["--select", "RF002,RF006", "--format", "junit"], ["rf002", "rf006"]),
    ],
)
def test_a_check_that_is_not_selected_is_not_imported(arguments, imported):
    command = ["check", nets.fixture("alexnet"), "--exit-zero", "--quiet", *arguments]
    script = (
        f"import sys\nfrom rfgraph.cli import main\nmain({command})\n"
        "print('\\n', *(name for name in sys.modules if name.startswith('rfgraph.checks.rf')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    names = done.stdout.splitlines()[-1].split()
    assert sorted(name.rpartition(".")[2] for name in names) == imported
