"""The page as bytes: its data, what is escaped in it, what it may load, its size."""

from __future__ import annotations

import html
import json
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from onnx import helper

import rfgraph
from hostile.names import NAMES, everywhere
from reports import models
from reports.models import hostile
from rfgraph.reports.html.data import page_data
from rfgraph.reports.html.report import html_report

FIXTURES = Path(__file__).parents[2] / "fixtures"
KILOBYTES = {"resnet50": 400, "unet_transposed": 400, "exports/detector_ts": 300}


@cache
def result(name):
    return rfgraph.analyze(FIXTURES / f"{name}.onnx")


@cache
def page(name):
    return html_report(result(name))


class Parsed(HTMLParser):
    """Elements with their attributes, and the text in scripts."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.scripts, self.policy = [], [], None
        self._in_script = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._in_script = tag == "script"

    def handle_endtag(self, tag):
        self._in_script = False

    def handle_data(self, data):
        if self._in_script:
            self.scripts.append(data)


def data_of(text):
    (held,) = re.findall(
        r'<script type="application/json" id="rfgraph-data">(.*?)</script>', text, re.DOTALL
    )
    return held


@pytest.mark.parametrize("name", KILOBYTES)
def test_the_data_is_the_result(name):
    held = json.loads(data_of(page(name)))
    assert held["result"] == json.loads(json.dumps(result(name).to_dict()))


@pytest.mark.parametrize("name", KILOBYTES)
def test_the_page_is_small_and_the_same_twice(name):
    text = page(name)
    assert len(text.encode()) < KILOBYTES[name] * 1000
    assert html_report(rfgraph.analyze(FIXTURES / f"{name}.onnx")) == text


def test_nothing_is_loaded_and_no_other_script_runs():
    parsed = Parsed(page("resnet50"))
    linked = [attrs.get(key) for _, attrs in parsed.elements for key in ("src", "href", "style")]
    assert {link for link in linked if link} == {"#graph"}
    assert not any(key.startswith("on") for _, attrs in parsed.elements for key in attrs)
    (policy,) = [
        attrs["content"]
        for _, attrs in parsed.elements
        if attrs.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert "img-src data: blob:" in policy
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page("resnet50"))


def test_ids_are_told_apart_and_what_is_labelled_is_there():
    parsed = Parsed(page("exports/detector_ts"))
    ids = [attrs["id"] for _, attrs in parsed.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    labels = {
        attrs["aria-labelledby"] for _, attrs in parsed.elements if "aria-labelledby" in attrs
    }
    assert labels <= set(ids)
    used = set(re.findall(r'\$\("([\w-]+)"\)', page("exports/detector_ts")))
    assert used <= {*ids, "rfgraph-data"}


ACTING = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]"
HOSTILE = ["html", "markdown", "xml", "bidi", "escape", "newlines", "quotes", "null", "long"]


@pytest.mark.parametrize("label", HOSTILE)
def test_a_hostile_name_is_text_everywhere(label):
    name = NAMES[label]
    made = rfgraph.analyze(everywhere(name))
    text = html_report(made)
    held = data_of(text)
    assert not set(held) & set("<>&\u2028\u2029")
    assert json.loads(held)["result"] == json.loads(json.dumps(made.to_dict()))
    assert "<script>alert" not in text
    assert "<img" not in text
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]", text
    )
    plain = Parsed(html_report(rfgraph.analyze(everywhere("plain"))))
    kinds = [tag for tag, _ in Parsed(text).elements]
    assert [tag for tag in kinds if tag in ("script", "img", "iframe", "svg")] == [
        tag for tag, _ in plain.elements if tag in ("script", "img", "iframe", "svg")
    ]


def test_every_name_an_attack():
    text = html_report(rfgraph.analyze(hostile()))
    assert "<script>alert(1)" not in text
    assert text.count("<script") == 2


def test_what_the_answer_says():
    said = html.unescape(re.sub("<[^>]*>", " ", page("resnet50")))
    assert "In theory: its field is 427 \u00d7 427, more than the input's 224 \u00d7 224." in said
    assert "47.55 % cover the input" in said
    said = re.sub("<[^>]*>", " ", page("unet_transposed"))
    assert (
        "Not all of it: a unit reads 188..204 \u00d7 188..204 of 572 \u00d7 572 positions." in said
    )
    assert "Tiles are exact" in said


def test_an_output_that_not_all_inputs_reach():
    nodes = [
        helper.make_node("Relu", ["a"], ["first"]),
        helper.make_node("Relu", ["b"], ["second"]),
        helper.make_node("Shape", ["a"], ["constant"]),
    ]
    shape = [1, 1, 8, 8]
    outputs = {"first": shape, "second": shape, "constant": [4]}
    said = html_report(rfgraph.analyze(models.model(nodes, {"a": shape, "b": shape}, outputs)))
    cards = re.findall(r"<h3>(.*?) <button", said)
    assert [card.split(",")[0] for card in cards] == ["first", "second"]
    assert "Constant: no input reaches it." in said


def test_a_card_has_the_rows_of_the_text():
    said = page("resnet50")
    assert "<dt>off-centre</dt>" in said
    assert "<dt>padding touches</dt>" in said


def test_beyond_the_bound_the_fields_of_ends_stay(monkeypatch):
    monkeypatch.setattr("rfgraph.reports.html.data.MAX_RESULT", 1000)
    held = page_data(result("exports/detector_ts"), (), {}, ())["result"]
    whole = result("exports/detector_ts").to_dict()
    kept = held.pop("receptive_fields")
    assert held.pop("left_out") == {"receptive_fields": len(whole["receptive_fields"]) - len(kept)}
    assert {field["tensor"] for field in kept} == {"y"}
    del whole["receptive_fields"]
    assert held == whole


def test_it_is_written_where_it_is_asked_for(tmp_path):
    path = tmp_path / "report.html"
    assert rfgraph.report(result("exports/detector_ts"), path) is None
    assert path.read_text(encoding="utf-8") == page("exports/detector_ts")
    with pytest.raises(rfgraph.RfgraphError, match="No such file or directory"):
        rfgraph.report(result("exports/detector_ts"), tmp_path / "none" / "report.html")
    with pytest.raises(rfgraph.RfgraphError, match=r"^a\\x00b.html: not a file name$"):
        rfgraph.report(result("exports/detector_ts"), "a\0b.html")
    with pytest.raises(
        rfgraph.UsageError, match="requires a Result, as analyze returns, found str"
    ):
        rfgraph.report("model.onnx", path)


def test_where_all_paths_are_local_none_is_said_to_be_beside_them():
    assert "beside local paths" not in page("exports/detector_ts")
    assert "beside local paths" in page("se_gate")


@pytest.mark.slow
def test_what_counts_is_set_against_paths_that_cover():
    said = re.sub("<[^>]*>", " ", page("efficientnet_b0"))
    assert "and of single paths all cover the input. But 95 % of what counts lies within" in said
