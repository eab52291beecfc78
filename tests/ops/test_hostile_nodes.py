"""Nodes as no exporter writes them: a rule answers, or it raises an error of ours, and soon.

Whatever a rule answers must hold together: its steps lead from the input's shape to the output's.
"""

from __future__ import annotations

import math
import random
import time
from collections import defaultdict

import numpy as np
import onnx
import pytest

import rfgraph.ops  # noqa: F401 - registers the rules
from rfgraph.errors import RfgraphError
from rfgraph.ops.node import OpNode, Value, broadcast
from rfgraph.ops.registry import all_rules
from rfgraph.relations.relation import Relation
from rfgraph.relations.steps import Permute, Pointwise, Regroup, step_shape
from rfgraph.wording.names import MAX_LINE

RUNS = 60
SECONDS = 2.0  # of this process
LENGTHS = [0, 1, 1, 1, 2, 2, 2, 3, 4, 6, 8]
HUGE = [1 << 31, 1 << 62, (1 << 63) - 1]
SMALL = [-2, -1, 0, 0, 1, 1, 2, 3, 4]
EXTREME = [-(1 << 63), -(1 << 62), -7, 1 << 31, 1 << 62, (1 << 63) - 1]
TEXTS = ["", "constant", "edge", "wrap", "CRD", "add", "mean", "sum", "ij,jk->ik", "ii->i", "...i"]
TEXTS += ["->", "a,b", "SAME_UPPER", "VALID", "linear", "align_corners", "bidirectional", "\x00\n"]

ATTRIBUTES, VERSIONS = defaultdict(set), defaultdict(set)
for schema in onnx.defs.get_all_schemas_with_history():
    ATTRIBUTES[schema.domain, schema.name] |= set(schema.attributes)
    VERSIONS[schema.domain, schema.name].add(schema.since_version)


class Maker:
    """Random parts of a node."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.pick = self.random.choice

    def chance(self, share):
        return self.random.random() < share

    def shape(self):
        lengths = [self.pick(LENGTHS) for _ in range(self.pick([0, 1, 1, 2, 2, 3, 3, 4, 4, 5]))]
        if lengths and self.chance(0.05):
            lengths[self.random.randrange(len(lengths))] = self.pick(HUGE)
        return tuple(lengths)

    def integer(self, extreme=0.1):
        return self.pick(EXTREME if self.chance(extreme) else SMALL)

    def integers(self):
        return [self.integer() for _ in range(self.pick([0, 1, 2, 2, 3, 4, 4, 6, 8]))]

    def array(self):
        shape = [self.pick([0, 1, 1, 2, 2, 3, 4]) for _ in range(self.pick([0, 1, 1, 1, 2, 3]))]
        count = math.prod(shape)
        kind = self.pick(["int64"] * 7 + ["bool", "float64", "uint8", "object"])
        if kind == "int64":
            values = [self.integer(0.2) for _ in range(count)]
        elif kind == "float64":
            values = [self.pick([0, 1.5, np.nan, np.inf, -np.inf, 1e300]) for _ in range(count)]
        else:
            values = [self.random.randrange(2) for _ in range(count)]
        return np.array(values, dtype=kind).reshape(shape)

    def value(self, base):
        kind = self.random.random()
        if kind < 0.08:
            return None
        if kind < 0.4:
            return Value(base if self.chance(0.7) else self.shape())
        if kind < 0.5:
            return Value(None if kind < 0.45 else self.shape(), constant=True)
        data = self.array()
        return Value(data.shape, True, data)

    def attribute(self):
        makers = [
            *[self.integer] * 4,
            *[self.integers] * 4,
            *[lambda: self.pick(TEXTS)] * 2,
            lambda: self.pick([0.5, float("nan"), float("inf")]),
            lambda: b"\xff",
            lambda: [1.5],
            self.array,
        ]
        return self.pick(makers)()

    def node(self, key):
        base = self.shape()
        count = self.pick([0, 1, 1, 2, 2, 3, 3, 4, 5, 8])
        names = sorted(ATTRIBUTES[key])
        return OpNode(
            key[1],
            [self.value(base) for _ in range(count)],
            [self.chance(0.9) for _ in range(self.pick([0, 1, 1, 1, 2, 3, 5]))],
            {name: self.attribute() for name in names if self.chance(0.5)},
            version=self.pick([1, 5, 7, 11, 13, 18, 22, *sorted(VERSIONS[key]) * 3]),
            domain=key[0],
        )


def steps_hold_together(relation):
    for step, before in zip(relation.steps, relation.shapes, strict=False):
        if isinstance(step, Pointwise):
            assert broadcast(before, step.shape) == step.shape
        elif isinstance(step, Regroup):
            assert math.prod(step.shape) == math.prod(before)
        elif isinstance(step, Permute):
            assert sorted(step.perm) == list(range(len(before)))
        elif hasattr(step, "rules"):
            assert all(rule.in_len == before[axis] for axis, rule in step.rules)
        assert all(type(n) is int and n >= 0 for n in step_shape(step, before))


def outcome_holds_together(node, outcome):
    for shape in outcome.shapes:
        assert shape is None or all(type(n) is int and n >= 0 for n in shape)
    for value, shape in zip(outcome.values, outcome.shapes, strict=False):
        assert value is None or value.shape == shape
    for link in outcome.links:
        relation = Relation(node.shape(link.input), link.steps, link.spatial)
        steps_hold_together(relation)
        assert relation.out_shape == (outcome.shapes[link.output] or ())
        assert all(0 <= axis < len(relation.in_shape) for axis in link.spatial)


def answers_or_refuses(node, rule):
    """A rule answers in time, or says in one line of ours why not."""
    start = time.process_time()
    try:
        outcome_holds_together(node, rule(node))
    except RfgraphError as error:
        text = str(error)
        assert "\n" not in text
        assert len(text) <= MAX_LINE
    assert time.process_time() - start < SECONDS


@pytest.mark.parametrize("key", sorted(all_rules()), ids=lambda key: ".".join(filter(None, key)))
def test_a_rule_answers_or_raises_an_error_of_ours(key):
    make = Maker(f"{key}")
    for _ in range(RUNS):
        answers_or_refuses(make.node(key), all_rules()[key].function)
