"""The index of operators is what the decorators say."""

import runpy
from pathlib import Path

import rfgraph.ops.__main__ as command
from rfgraph.ops.index import OPERATORS
from rfgraph.ops.registry import all_rules, find_rule


def test_the_index_is_not_stale():
    written = Path(command.__file__).with_name("index.py").read_text(encoding="utf-8")
    assert written == command.index_text(), "the rules have changed: run python -m rfgraph.ops"


def test_the_command_writes_the_index(monkeypatch):
    written = {}
    monkeypatch.setattr(
        Path, "write_text", lambda path, text, **_: written.update({path.name: text})
    )
    runpy.run_path(command.__file__, run_name="__main__")
    assert written == {"index.py": command.index_text()}


def test_a_rule_stands_where_the_index_says():
    assert "Conv" in OPERATORS["standard.windows"][""].split()
    assert find_rule("", "Conv").function.__module__ == "rfgraph.ops.standard.windows"
    assert all(
        entry.function.__module__.removeprefix("rfgraph.ops.") in OPERATORS
        for entry in all_rules().values()
    )
