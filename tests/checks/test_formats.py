"""The formats that pipelines read, against their schemas, and against names that would forge."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlparse
from xml.etree import ElementTree

import jsonschema
import pytest
import xmlschema

import rfgraph
from checks import nets
from rfgraph.checks.registry import all_codes, check_of
from rfgraph.reports.findings import github, junit, sarif
from rfgraph.reports.findings import json as findings_json
from rfgraph.reports.findings import text as findings_text
from rfgraph.reports.formats.style import Style

ASKED = [f"RF00{number}" for number in range(1, 7)]
SCHEMAS = Path(__file__).parent / "schemas"
HOSTILE = [
    "a\n::error file=x::forged",
    "b\r\n::set-output name=x::forged",
    "c%0A::error::forged",
    "d]]><failure message='forged'/>",
    "e\x1b[31m\x00\x07\ufffe\u202e",
    "f[click](https://forged.example) {0} {x}",
    'g"&<>\\',
    "##[error]forged",
    "\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace"),
]


def report_of(path, **settings):
    (report,) = rfgraph.check_many([path], rfgraph.make_settings(**settings))
    return report


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory):
    """Reports of a model that fails, one that holds, and one that cannot be read."""
    broken = tmp_path_factory.mktemp("models") / "broken.onnx"
    broken.write_bytes(b"not a model")
    return [
        report_of(nets.fixture("bagnet9"), select=ASKED),
        report_of(nets.fixture("alexnet"), select=ASKED),
        report_of(broken, select=ASKED),
    ]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Reports of models whose tensors, nodes and files have names that would do harm."""
    folder = tmp_path_factory.mktemp("models")
    found = []
    for number, name in enumerate(HOSTILE):
        file = name.replace("/", "").replace("\x00", "")
        path = folder / f"{number}{file}.onnx"
        path.write_bytes(nets.joined_branches(name, f"other {name}").SerializeToString())
        found.append(report_of(path, select="all"))
        found.append(report_of(folder / f"missing{number}{file}"))
    assert all(report.findings or report.error for report in found)
    named = [report for report in found if report.findings]
    assert all({"RF001", "RF002"} <= {item.code for item in r.findings} for r in named)
    return found


@pytest.fixture(scope="module")
def advised(tmp_path_factory):
    """Reports that say what would do, of windows with names that would do harm."""
    folder = tmp_path_factory.mktemp("advised")
    found = []
    for number, name in enumerate(HOSTILE):
        model = nets.chain((1, 1))
        model.graph.node[0].name = name
        path = folder / f"{number}.onnx"
        path.write_bytes(model.SerializeToString())
        asked = rfgraph.make_settings(select="RF001", min_rf=7, stat="union")
        found.extend(rfgraph.check_many([path], replace(asked, suggest=True)))
    return found


def advice_of(report):
    """One line for each suggestion, of which a window alone has two: larger, or once more."""
    kinds = {item.kind: item.text for item in report.advice.suggestions}
    assert kinds.keys() == {"kernel", "layer"}
    return [f"try: {item.text}" for item in report.advice.suggestions]


def test_suggestions_stand_in_every_format(advised, sarif_schema):
    xmlschema.XMLSchema(str(SCHEMAS / "junit-10.xsd")).validate(junit.as_junit(advised))
    log = json.loads(sarif.as_sarif(advised))
    sarif_schema.validate(log)
    notices = log["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    suites = list(ElementTree.fromstring(junit.as_junit(advised)))
    said = [line for report in advised for line in advice_of(report)]
    assert [item["level"] for item in notices] == ["note"] * len(said)
    assert not any(re.search(r"(?<!\\)[][]", item["message"]["text"]) for item in notices)
    written = [line for suite in suites for line in suite.find("system-out").text.split("\n")]
    assert written == said
    assert findings_text.as_text(advised, Style()).count("\n  try: ") == len(said)
    found = commands(github.as_github(advised))
    assert len(found) == len(said) + sum(len(report.findings) for report in advised)
    assert sum("title=rfgraph suggests::try: " in line for line in found) == len(said)


def every(ordinary, hostile):
    return [*ordinary, *hostile]


# -- SARIF -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sarif_schema():
    schema = json.loads((SCHEMAS / "sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
    return jsonschema.Draft7Validator(schema)


def test_sarif_is_valid(ordinary, hostile, sarif_schema):
    for reports in ([], ordinary, hostile):
        document = json.loads(sarif.as_sarif(reports))
        assert [error.message for error in sarif_schema.iter_errors(document)] == []
    document["runs"][0]["results"][0]["level"] = "fatal"
    assert not sarif_schema.is_valid(document)


def test_sarif_says_what_was_found(ordinary):
    (run,) = json.loads(sarif.as_sarif(ordinary))["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(all_codes())
    for rule in rules:
        assert rule["shortDescription"]["text"] == f"{check_of(rule['id']).title}."
        assert f"ignore {rule['id']}" in rule["help"]["text"]
    results = run["results"]
    assert len(results) == len(ordinary[0].findings)
    for result, finding in zip(results, ordinary[0].findings, strict=True):
        assert result["ruleId"] == finding.code == rules[result["ruleIndex"]]["id"]
        assert result["level"] == finding.severity
        assert result["level"] == rules[result["ruleIndex"]]["defaultConfiguration"]["level"]
        (location,) = result["locations"]
        names = [item["name"] for item in location.get("logicalLocations", [])]
        assert names == [name for name in (finding.node, finding.tensor) if name]
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    (notification,) = invocation["toolExecutionNotifications"]
    assert "broken.onnx: not an ONNX model" in notification["message"]["text"]
    prints = [result["partialFingerprints"]["primaryLocationLineHash"] for result in results]
    assert len(set(prints)) == len(prints)
    # Nothing says where rfgraph is to be found, so no address is given.
    assert "informationUri" not in run["tool"]["driver"]
    assert run["automationDetails"] == {"id": "rfgraph/"}


def line_hashes(*findings, file="net.onnx"):
    report = rfgraph.Report(file, tuple(findings), codes=("RF001",))
    (run,) = json.loads(sarif.as_sarif([report]))["runs"]
    return [item["partialFingerprints"]["primaryLocationLineHash"] for item in run["results"]]


def test_a_fingerprint_is_of_code_tensor_input_and_axis():
    base = rfgraph.Finding("RF001", "error", "found 3", "conv", "y", "x", (2,), "min", 9, 3)
    (first,) = line_hashes(base)
    assert re.fullmatch(r"[0-9a-f]{16}:1", first)
    # What changes from run to run leaves it: words, numbers, severity, the node's name, the file.
    alike = replace(base, message="found 4", found=4, required=5, severity="note", node="c1")
    assert line_hashes(alike, file="moved/net.onnx") == [first]
    for change in ({"code": "RF003"}, {"tensor": "z"}, {"input": "w"}, {"axes": (3,)}):
        assert line_hashes(replace(base, **change))[0] != first
    # Two findings at one place are told apart by their number.
    assert line_hashes(base, replace(base, stat="covering")) == [first, f"{first[:-1]}2"]


@pytest.mark.parametrize(("marker", "run_in"), [(".git", "models/deep"), (".git", ".")])
def test_sarif_names_files_from_the_root_of_the_repository(tmp_path, monkeypatch, marker, run_in):
    root = tmp_path / "repository"
    (root / "models" / "deep").mkdir(parents=True)
    (root / marker).mkdir()
    outside = (tmp_path / "elsewhere.onnx").as_posix()
    monkeypatch.chdir(root / run_in)
    inside = root / "models" / "a b.onnx"
    for given, expected in (
        (os.path.relpath(inside), {"uri": "models/a%20b.onnx", "uriBaseId": "%SRCROOT%"}),
        (str(inside), {"uri": "models/a%20b.onnx", "uriBaseId": "%SRCROOT%"}),
        (os.path.relpath(outside), {"uri": f"file://{outside}"}),
        (outside, {"uri": f"file://{outside}"}),
    ):
        report = rfgraph.Report(given, error="x", codes=("RF001",))
        (run,) = json.loads(sarif.as_sarif([report]))["runs"]
        (notice,) = run["invocations"][0]["toolExecutionNotifications"]
        assert notice["locations"][0]["physicalLocation"]["artifactLocation"] == expected
        base = run["originalUriBaseIds"]["%SRCROOT%"]
        assert base == {"description": {"text": "The root of the repository."}}


def test_sarif_in_no_repository_names_files_from_the_folder_of_the_run(tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path / "models")
    monkeypatch.setattr(sarif, "REPOSITORY", ".no-such-marker")
    report = rfgraph.Report("net.onnx", error="x")
    (run,) = json.loads(sarif.as_sarif([report]))["runs"]
    (notice,) = run["invocations"][0]["toolExecutionNotifications"]
    place = notice["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": "net.onnx", "uriBaseId": "%SRCROOT%"}
    base = run["originalUriBaseIds"]["%SRCROOT%"]
    assert base == {"description": {"text": "The folder that rfgraph was run in."}}


def test_sarif_names_files_by_uri(hostile):
    (run,) = json.loads(sarif.as_sarif(hostile))["runs"]
    found = [
        item["locations"][0]["physicalLocation"]["artifactLocation"] for item in run["results"]
    ]
    files = [report.file for report in hostile for _ in report.findings]
    for place, file in zip(found, files, strict=True):
        assert re.fullmatch(r"[A-Za-z0-9._~:/%-]+", place["uri"])
        parsed = urlparse(place["uri"])
        assert (parsed.scheme, parsed.query, parsed.fragment) == ("file", "", "")
        assert unquote(parsed.path) == file
    relative = rfgraph.Report("a b/c:d#e.onnx", error="x", codes=("RF001",))
    (run,) = json.loads(sarif.as_sarif([relative]))["runs"]
    (notice,) = run["invocations"][0]["toolExecutionNotifications"]
    place = notice["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": "a%20b/c%3Ad%23e.onnx", "uriBaseId": "%SRCROOT%"}


def test_sarif_messages_hold_no_link_and_no_placeholder(hostile):
    (run,) = json.loads(sarif.as_sarif(hostile))["runs"]
    texts = [item["message"]["text"] for item in run["results"]]
    assert any("click" in text for text in texts)
    for text in texts:
        assert not re.search(r"(?<!\\)[][]", text)
        assert not re.search(r"(?<!\{)\{(?!\{)", text)
        assert text.isprintable()


# -- JUnit -----------------------------------------------------------------------------------------


def test_junit_is_valid(ordinary, hostile):
    schema = xmlschema.XMLSchema(str(SCHEMAS / "junit-10.xsd"))
    for reports in ([], ordinary, hostile):
        schema.validate(junit.as_junit(reports))
    assert not schema.is_valid("<testsuites><testcase/></testsuites>")


def test_junit_has_a_case_for_each_model_and_rule(ordinary):
    root = ElementTree.fromstring(junit.as_junit(ordinary))
    suites = root.findall("testsuite")
    assert [suite.get("name") for suite in suites] == [report.file for report in ordinary]
    # Beside Jenkins' schema, that of Ant requires these of a suite, in this order of children.
    for number, suite in enumerate(suites):
        assert suite.get("id") == str(number)
        for key in ("timestamp", "hostname", "package", "time", "tests", "failures", "errors"):
            assert suite.get(key)
        tags = [child.tag for child in suite]
        assert tags[0] == "properties"
        assert tags[-2:] == ["system-out", "system-err"]
    cases = [[case.get("name")[:5] for case in suite.iter("testcase")] for suite in suites]
    assert cases[:2] == [ASKED] * 2
    failing = {
        case.get("name")[:5]: case.find("failure")
        for case in suites[0].iter("testcase")
        if case.find("failure") is not None
    }
    assert set(failing) == {finding.code for finding in ordinary[0].failing}
    assert suites[0].get("failures") == str(len(failing))
    for code, failure in failing.items():
        said = [item.message for item in ordinary[0].findings if item.code == code]
        assert all(text in failure.text for text in said)
    assert not list(suites[1].iter("failure"))
    # A file that cannot be read is one error, however many rules are selected.
    (case,) = suites[2].iter("testcase")
    assert case.get("name") == "The model can be checked"
    assert "not an ONNX model" in case.find("error").get("message")
    assert (suites[2].get("tests"), suites[2].get("errors")) == ("1", "1")


def test_junit_holds_what_hostile_names_say_as_text(hostile):
    root = ElementTree.fromstring(junit.as_junit(hostile))
    failures = list(root.iter("failure"))
    assert len(failures) == sum(len({f.code for f in r.failing}) for r in hostile)
    assert all(failure.get("message").isprintable() for failure in failures)


# -- GitHub ----------------------------------------------------------------------------------------


def commands(text):
    """What the runner would take for commands: lines that begin with two colons, or hold ##[."""
    return [line for line in text.split("\n") if line.lstrip().startswith("::") or "\r" in line]


def test_github_has_one_annotation_for_each_finding(ordinary):
    text = github.as_github(ordinary)
    found = commands(text)
    assert len(found) == len(ordinary[0].findings) + 1
    levels = [line.split(" ")[0] for line in found]
    assert levels.count("::notice") == sum(f.severity == "note" for f in ordinary[0].findings)
    assert f"::error file={ordinary[0].file},title=rfgraph RF001::tensor 'layer4" in found[0]
    assert "0 %25 of local paths" in found[0]


def test_no_name_can_forge_a_second_annotation(hostile):
    text = github.as_github(hostile)
    found = commands(text)
    assert len(found) == sum(len(r.findings) + (r.error is not None) for r in hostile)
    assert len(text.split("\n")) == len(found) + 2  # the summary, and the end of its line
    for line in found:
        match = re.fullmatch(r"::(error|warning|notice) file=([^,:]*),title=([^,:]*)::(.*)", line)
        assert match, line
        assert match[3].startswith("rfgraph")
        assert not re.search(r"%(?!25|0A|0D|3A|2C)", line)
        assert line.isprintable()


def test_escapes_are_undone_by_the_runner(hostile):
    """Decode a property as the runner does: the file is the one that was checked."""
    report = next(r for r in hostile if "%0A" in r.file and r.findings)
    line = github.as_github([report]).split("\n")[0]
    value = re.search(r"file=([^,]*),", line)[1]
    for code, char in (("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        value = value.replace(code, char)
    assert value == report.file


# -- text and JSON ---------------------------------------------------------------------------------


def test_json_is_as_documented(ordinary, hostile):
    document = json.loads(findings_json.as_json(every(ordinary, hostile)))
    assert (document["schema"], document["version"]) == (1, rfgraph.__version__)
    bad, good, broken = document["models"][:3]
    assert (bad["file"], bad["ok"], bad["error"]) == (nets.fixture("bagnet9"), False, None)
    assert bad["findings"] == [finding.to_dict() for finding in ordinary[0].findings]
    assert (good["ok"], good["error"], good["findings"]) == (True, None, [])
    assert (broken["ok"], broken["findings"]) == (False, [])
    assert "not an ONNX model" in broken["error"]
    assert findings_json.as_json(hostile).isascii()


def test_json_findings_carry_their_numbers():
    (report,) = rfgraph.check_many([nets.residual()], rfgraph.make_settings(min_rf=3, at="add0"))
    (found,) = json.loads(findings_json.as_json([report]))["models"][0]["findings"]
    # By hand: an identity beside a 5-wide window, so 1 of the 3 that are required.
    numbers = {"input": "x", "axis": 2, "axes": [2], "stat": "min", "required": 3, "found": 1}
    assert found.items() >= {**numbers, "code": "RF001", "tensor": "add0"}.items()
    settings = rfgraph.make_settings(min_rf=5, min_covering="3/5", at="add0")
    (found,) = rfgraph.check_many([nets.residual()], settings)
    shares = {"stat": "covering", "required": "3/5", "found": "1/2"}
    assert found.findings[0].to_dict().items() >= shares.items()
    (found,) = rfgraph.check(nets.sampled())
    numbers = {"axis": None, "required": 16, "found": None}
    assert found.to_dict().items() >= numbers.items()
    assert found.to_dict()["axes"] == [2, 3]


@pytest.mark.parametrize(
    ("model", "code", "axes"),
    [
        (nets.joined_branches("a", "b"), "RF002", [2]),
        (nets.chain((2, 1)), "RF003", [2]),
        (nets.chain((1, 2)), "RF006", [2]),
        (nets.pooled(length=1), "RF004", None),
    ],
)
def test_every_finding_says_its_input_and_axes(model, code, axes):
    found = [item.to_dict() for item in rfgraph.check(model, select=code)]
    assert found
    for item in found:
        assert item["input"] == "x"
        assert axes is None or item["axes"] == axes


def test_text_has_one_printable_line_for_each_finding(ordinary, hostile):
    text = findings_text.as_text(every(ordinary, hostile), Style())
    lines = text.splitlines()
    assert len(lines) == 1 + sum(len(r.findings) for r in every(ordinary, hostile))
    assert all(line.isprintable() for line in lines)
    assert findings_text.as_text(ordinary, Style()).splitlines()[-1] == (
        "3 models: 1 fails (RF001, RF002, RF003), 1 could not be checked, 1 holds; "
        "reported below --fail-on: RF006"
    )
    coloured = findings_text.as_text(ordinary, Style(color=True))
    assert "\x1b[31merror\x1b[0m" in coloured


def test_the_summary_counts():
    holds = rfgraph.Report("a", codes=("RF001",))
    nothing = rfgraph.Report("a")
    assert findings_text.summary([holds]) == "1 model: every rule holds (RF001)"
    assert findings_text.summary([holds, holds]) == "2 models: every rule holds (RF001)"
    assert findings_text.summary([nothing]) == "1 model: no rule is selected"
