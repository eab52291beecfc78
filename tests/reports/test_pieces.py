"""Long reports are written as they are made: the same bytes, and nothing of all that in memory."""

from __future__ import annotations

import io
import json
import sys

import pytest

import rfgraph
from fixtures.make import build
from rfgraph.analysis.document import parts
from rfgraph.analysis.view import view
from rfgraph.cli import main, output
from rfgraph.reports.formats.json import chunks, dumps


def test_pieces_are_what_json_itself_makes_of_the_whole():
    result = rfgraph.analyze(build("siamese"))
    text = "".join(chunks(parts(view(result, None, None))))
    assert json.loads(text) == json.loads(json.dumps(result.to_dict()))
    assert sum(1 for _ in chunks(parts(view(result, None, None)))) > len(result.graph)


def test_an_iterator_is_a_list_of_which_no_entry_is_made_before_it_is_taken():
    made = []

    def entries():
        for number in range(3):
            made.append(number)
            yield {"n": number}

    pieces = chunks({"first": 1, "list": entries(), "none": iter(())})
    assert [next(pieces) for _ in range(3)] == ['{"first": ', "1", ',\n "list": ']
    assert made == []
    assert next(pieces) == '[\n  {"n": 0}'
    assert made == [0]
    whole = '{"first": 1,\n "list": [\n  {"n": 0},\n  {"n": 1}],\n "none": []}\n'
    listed = {"first": 1, "list": [{"n": 0}, {"n": 1}], "none": []}
    assert dumps({**listed, "list": iter(listed["list"]), "none": iter(())}) == whole
    assert dumps(listed) == whole


@pytest.mark.parametrize("block", [1, 1000, 1 << 20])
def test_blocks_of_any_size_make_the_same_file_and_the_same_output(block, tmp_path, monkeypatch):
    path = tmp_path / "m.onnx"
    path.write_bytes(build("siamese").SerializeToString())
    whole = dumps(parts(view(rfgraph.analyze(str(path)), None, None))).encode()
    monkeypatch.setattr(output, "BLOCK", block)
    assert main([str(path), "-o", str(tmp_path / "r.json"), "--quiet"]) == 0
    assert (tmp_path / "r.json").read_bytes() == whole
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", stream)
    assert main([str(path), "--format", "json"]) == 0
    assert stream.buffer.getvalue() == whole
