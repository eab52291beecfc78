"""The table of operators says what the rules' docstrings say."""

import csv
import io
import json

import pytest

from rfgraph.ops.node import Outcome
from rfgraph.ops.registry import RuleEntry, all_rules
from rfgraph.reports import operators
from rfgraph.reports.formats.style import Style

ROWS = operators.operator_rows(all_rules().values())


def entry(doc):
    def rule(node):
        return Outcome(())

    rule.__doc__ = doc
    return RuleEntry("", "Op", rule, frozenset())


@pytest.mark.parametrize(
    ("doc", "modelled"),
    [
        ("An output reads itself.\n\nExact. All versions.", "exact"),
        ("Batch axes broadcast. Exact.\n\nUnknown: where the axis depends on data.", "exact"),
        ("All of it.\n\nUpper bound: zeros count. Unknown: never.", "upper bound"),
        ("Depends on data.\n\nUnknown. All versions.", "unknown"),
        ("An output reads exact copies, unknown to others.", "not stated"),
    ],
)
def test_the_first_word_decides(doc, modelled):
    (row,) = operators.operator_rows([entry(doc)])
    assert row.modelled == modelled


def test_every_rule_says_how_exact_it_is():
    assert {row.modelled for row in ROWS} == {"exact", "upper bound", "unknown"}
    assert len(ROWS) == len(all_rules())


def test_every_rendering_has_every_operator():
    names = [row.operator for row in ROWS]
    found = json.loads(operators.as_json(ROWS))
    assert [item["operator"] for item in found["operators"]] == names
    read = list(csv.DictReader(io.StringIO(operators.as_csv(ROWS), newline="")))
    assert [row["operator"] for row in read] == names
    lines = operators.as_text(ROWS, Style()).splitlines()
    assert [line.split()[0] for line in lines[1 : 1 + len(names)]] == names
    assert all(len(line) <= 80 for line in lines)
    assert operators.as_markdown(ROWS).count("\n") == len(names) + 2


def test_known_rows():
    found = {(row.domain, row.operator): row.modelled for row in ROWS}
    assert found["", "Conv"] == "exact"
    assert found["", "NonZero"] == "unknown"
