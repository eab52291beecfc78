"""onnxruntime's own operators: no attribute is forgotten, and no hostile node gets through."""

from __future__ import annotations

import importlib
import pkgutil
import random
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from onnxruntime.capi import onnxruntime_pybind11_state

from ops.evaluate import Case, op_node
from ops.test_hostile_nodes import HUGE, Maker, answers_or_refuses
from ops.test_parity import recorded, words
from rfgraph.ops.node import OpNode, Value
from rfgraph.ops.registry import all_rules

DOMAINS = ("com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc")
RULES = {key: entry for key, entry in all_rules().items() if key[0] in DOMAINS}
STANDARD = {name: entry for (domain, name), entry in all_rules().items() if domain == ""}
SCHEMAS = defaultdict(list)
for schema in onnxruntime_pybind11_state.get_all_operator_schema():
    if schema.domain in DOMAINS:
        SCHEMAS[schema.domain, schema.name].append(schema)
RUNS = 80


def attributes(key):
    return set().union(*(schema.attributes for schema in SCHEMAS[key]))


def known(key):
    """Return the attributes that a rule, or a standard one it asks, names or has no use for."""
    entry = RULES[key]
    found = words(entry.function) | recorded(key, entry) | entry.ignored
    for name in [name for name in found | {key[1]} if name in STANDARD]:
        found |= words(STANDARD[name].function) | STANDARD[name].ignored
    return found


@pytest.mark.parametrize("key", sorted(RULES), ids=".".join)
def test_every_attribute_is_read_or_declared_irrelevant(key):
    assert attributes(key) - known(key) == set()


@pytest.mark.parametrize("key", sorted(RULES), ids=".".join)
def test_nothing_is_declared_irrelevant_that_does_not_exist(key):
    shared = [other for other in RULES if RULES[other].function is RULES[key].function]
    assert RULES[key].ignored - set().union(*map(attributes, shared)) == set()


class Sized(Maker):
    """Random nodes whose inputs fit each other more often than chance has it."""

    def node(self, key):
        node = super().node(key)
        lengths = [self.pick([1, 2, 4, 8]) for _ in range(3)]
        count = max((schema.max_input for schema in SCHEMAS[key]), default=1)
        named = {name: self.named(name) for name in attributes(key) if self.chance(0.6)}
        inputs = [
            self.fitting(lengths) if self.chance(0.8) else None for _ in range(min(count, 20))
        ]
        chosen = inputs if self.chance(0.8) else node.inputs
        outputs = [self.chance(0.9) for _ in range(self.pick([1, 1, 2, 3, 4, 6]))]
        return OpNode(
            key[1], chosen, outputs, named, version=self.pick([1, 11, 13, 17]), domain=key[0]
        )

    def fitting(self, lengths):
        if self.chance(0.15):
            return self.value(self.shape())
        rank = self.pick([0, 1, 1, 2, 2, 3, 3, 3, 4, 4, 5])
        shape = tuple(self.pick(lengths) for _ in range(rank))
        return Value(shape if self.chance(0.95) else None, constant=self.chance(0.2))

    def named(self, name):
        modes = {"update_rule": "linear", "mode": "linear", "policy_mode": "qsa"}
        if name in modes and self.chance(0.8):
            return modes[name]
        counted = ("heads", "size", "group", "block", "dim", "N", "K", "axis", "ratio", "order")
        if any(part in name for part in counted) and self.chance(0.8):
            return self.pick([1, 1, 2, 2, 4])
        return self.attribute()


@pytest.mark.parametrize("key", sorted(RULES), ids=".".join)
def test_a_rule_answers_or_raises_an_error_of_ours(key):
    make = Sized(f"{key}")
    for _ in range(RUNS):
        answers_or_refuses(make.node(key), RULES[key].function)


def cases():
    """Return every case that a test of these operators has in a table of its module."""
    folder = Path(__file__).parent
    names = [info.name for info in pkgutil.iter_modules([str(folder)])]
    own = [name for name in names if name.startswith("test_contrib_") and name != __name__[4:]]
    tables = [
        value
        for name in own
        for value in vars(importlib.import_module(f"ops.{name}")).values()
        if isinstance(value, list)
    ]
    entries = [entry for table in tables for entry in table]
    found = [entry[0] if isinstance(entry, tuple) else entry for entry in entries]
    return [case for case in found if isinstance(case, Case)]


def spoiled(node, chance):
    """Return the node with one input or attribute changed."""
    inputs, named = list(node.inputs), dict(node.attributes)
    if named and chance.random() < 0.3:
        name = chance.choice(sorted(named))
        named[name] = chance.choice([0, -1, 1, 3, 1 << 62, "", [1, 2], [], 0.5, None])
    elif inputs:
        slot = chance.randrange(len(inputs))
        value = inputs[slot]
        shape = list((value and value.shape) or ())
        if shape and chance.random() < 0.7:
            shape[chance.randrange(len(shape))] = chance.choice([0, 1, 2, 3, 5, 16, *HUGE])
        else:
            shape = shape[1:] if chance.random() < 0.5 else [*shape, 2]
        keep = value is not None and value.data is not None and chance.random() < 0.5
        other = (
            Value(tuple(np.shape(value.data)), True, value.data * 2)
            if keep
            else Value(tuple(shape))
        )
        inputs[slot] = None if chance.random() < 0.1 else other
    outputs = [True] * chance.choice([1, 2, 3, 4, 5]) if chance.random() < 0.5 else node.outputs
    return OpNode(node.op_type, inputs, outputs, named, version=node.version, domain=node.domain)


def test_a_node_that_is_almost_valid_is_answered_or_refused():
    chance = random.Random(0)
    found = [case for case in cases() if (case.domain, case.op) in RULES]
    assert len(found) > 200
    for case in found:
        for _ in range(20):
            answers_or_refuses(spoiled(op_node(case), chance), RULES[case.domain, case.op].function)
